"""Weights laid out for reading say what they said before."""

import pytest
import torch
from torch import nn

from malmoi.layers.packed import Packed, packed
from malmoi.layers.softmax import Softmax
from malmoi.layers.times import is_of_use, times

WORDS, D = 70, 24


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(WORDS, D)
        self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(D, 40), nn.ReLU(), nn.Linear(40, D))])
        self.plain = nn.Linear(D, D, bias=False)
        self.out = Softmax(D, WORDS, tied=self.embed)
        nn.init.normal_(self.out.bias)

    def forward(self, x):
        return self.out(self.plain(self.blocks[0](x)))


def layers(model):
    return [type(layer) for layer in model.modules()]


@pytest.mark.parametrize("shape", [(1, 1, D), (5, 1, D), (160, 1, D), (3, 7, D)])
@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 1e-5), (torch.bfloat16, 0.05)])
@torch.no_grad()
def test_a_packed_model_computes_what_it_computed(shape, dtype, limit):
    model = Model().to(dtype)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    exact = model.double()(x.double())
    model.to(dtype)
    with packed(model):
        y = model(x)
    assert y.dtype == dtype
    assert y.shape == exact.shape
    assert float((y - exact).abs().max()) < limit * float(exact.abs().max())
    assert torch.equal(model(x), Model().to(dtype)(x))  # and nothing stays behind


def test_only_linear_layers_are_swapped_and_all_of_them_come_back_also_after_an_error():
    model = Model()
    before, names = list(model.modules()), list(model.state_dict())
    if not is_of_use(model.plain.weight):
        pytest.skip("not run: this PyTorch, or this processor, has no such layout")
    with packed(model):
        assert layers(model).count(Packed) == 4
        assert nn.Linear not in layers(model)
    assert list(model.modules()) == before
    with pytest.raises(TypeError), packed(model):
        model(None)
    assert list(model.modules()) == before
    assert list(model.state_dict()) == names


def test_weights_that_change_are_laid_out_anew():
    model, x = Model(), torch.ones(2, 1, D)
    with torch.no_grad(), packed(model):
        first = model(x)
    with torch.no_grad():
        model.plain.weight.mul_(3.0)
        model.embed.weight.mul_(0.5)
        plain = model(x)
        with packed(model):
            second = model(x)
    assert float((first - second).abs().max()) > 0.01
    torch.testing.assert_close(second, plain, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("reason", ["float64", "autocast", "not there", "another processor"])
def test_where_it_is_of_no_use_a_model_stays_as_it_is(reason, monkeypatch):
    model = Model()
    if reason == "float64":
        model.double()
    if reason == "not there":
        monkeypatch.setattr(torch.ops, "mkldnn", object())
    if reason == "another processor":
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    with torch.autocast("cpu", torch.bfloat16, enabled=reason == "autocast"), packed(model):
        assert Packed not in layers(model)


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 1e-5), (torch.bfloat16, 0.02)])
@pytest.mark.parametrize("rows", [1, 5, 100])
def test_a_loops_product_is_the_product_also_of_a_transposed_matrix(rows, dtype, limit):
    chance = torch.Generator().manual_seed(2)
    W = torch.randn(40, D, generator=chance).to(dtype)
    x, back = (torch.randn(rows, n, generator=chance).to(dtype) for n in (D, 40))
    for given, matrix in ((x, W), (back, W.T)):
        exact = given.double() @ matrix.double().T
        y = times(matrix)(given)
        assert y.dtype == dtype
        assert float((y - exact).abs().max()) < limit * float(exact.abs().max())
