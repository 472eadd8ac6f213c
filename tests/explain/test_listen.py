"""Listening: what is heard, by which name, and that nothing is left behind."""

import pytest
import torch
from torch import nn

from malmoi.explain.listen import listen
from malmoi.layers.tap import Tap


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.alpha, self.beta = Tap(), Tap()
        self.inner = nn.ModuleDict({"alpha": Tap()})
        self.w = nn.Linear(2, 2)

    def forward(self, x):
        return self.inner["alpha"](self.w(self.beta(self.alpha(x) * 2) + 1))


def test_each_tap_is_heard_under_its_path_in_the_order_it_spoke():
    model, x = Two(), torch.ones(1, 2)
    with listen(model) as heard:
        y = model(x)
        model(3 * x)
    assert list(heard) == ["alpha", "beta", "inner.alpha"]
    assert torch.equal(heard["beta"][0], 2 * x)
    assert torch.equal(heard["beta"][1], 6 * x)
    assert torch.equal(heard["inner.alpha"][0], y)
    assert not heard["inner.alpha"][0].requires_grad


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("alpha",), ["alpha", "inner.alpha"]),
        (("inner.alpha", "beta"), ["beta", "inner.alpha"]),
        (("gamma",), []),
    ],
)
def test_a_name_chooses_the_taps_whose_path_ends_with_it(names, expected):
    model = Two()
    with listen(model, *names) as heard:
        model(torch.ones(1, 2))
    assert list(heard) == expected


def test_nobody_listens_when_it_is_over_even_after_an_error():
    model = Two()

    def stumble():
        with listen(model):
            assert model.alpha.heard
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        stumble()
    assert not any(tap.heard for tap in (model.alpha, model.beta, model.inner["alpha"]))


def test_a_tap_is_the_identity_and_leaves_no_trace_in_a_checkpoint():
    x = torch.ones(2)
    assert Tap()(x) is x
    assert set(Two().state_dict()) == {"w.weight", "w.bias"}
