"""The gradient against distance: by finite differences, and where the answer is a power."""

import copy
import math

import numpy as np
import pytest
import torch

from malmoi.carry import tree_map
from malmoi.errors import UsageError
from malmoi.explain import explain
from malmoi.explain.distance import Distances, Flow, flow, leaves, of_weights, states
from malmoi.explain.picture import as_json
from malmoi.explain.why import from_json

recurrent = pytest.mark.parametrize("name", ["elman", "gru", "gru-before", "lstm", "charcnn"])


def window(lm, K=6, B=2):
    rows = np.random.default_rng(0).integers(1, len(lm.text.vocabulary), (B, K + 1))
    x = torch.from_numpy(rows)
    carry = tree_map(lambda s: s + 0.1 * torch.randn_like(s), lm.model.begin(B))
    return x[:, :-1], x[:, -1], carry


@recurrent
def test_the_norm_at_each_distance_is_that_of_finite_differences(name, language_model_):
    torch.manual_seed(4)
    lm = language_model_(name)
    x, y, carry = window(lm)
    found = states(lm.model, x, y, carry)

    @torch.no_grad()
    def loss(begun, rest):
        said = torch.cat([rest[:, 1:], y[:, None]], 1)
        return -lm.model.log_prob(rest, said, begun)[0][:, -1]

    for k in range(1, 7):
        with torch.no_grad():
            begun = lm.model(x[:, : 6 - k], carry)[1] if k < 6 else carry
        parts = leaves(begun)
        squares = torch.zeros(2, dtype=torch.float64)
        for part in parts:
            for place in np.ndindex(*part.shape[1:]):
                at = (slice(None), *place)
                value = part[at].clone()
                part[at] = value + 1e-5
                more = loss(begun, x[:, 6 - k :])
                part[at] = value - 1e-5
                less = loss(begun, x[:, 6 - k :])
                part[at] = value
                squares += ((more - less) / 2e-5) ** 2
        np.testing.assert_allclose(found[k - 1], squares.sqrt(), rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("a", [0.5, 1.0, 2.0])
def test_a_network_that_multiplies_by_a_has_powers_of_a(a, language_model_):
    """W = 0 and b = 0 keep h at 0, where tanh is the identity: ∂h_T/∂h_{T−k} = aᵏ."""
    lm = language_model_("elman")
    with torch.no_grad():
        for key, weight in lm.model.recurrent.named_parameters():
            weight.zero_()
            if "weight_hh" in key:
                weight.copy_(torch.eye(6))
    lines = ["the list of the words is long 비가 온다"] * 4
    found, windows = flow("elman", lm, lines, distance=12, scale=a, clip=5)
    ratio = np.array(found.state) / found.state[0]
    np.testing.assert_allclose(ratio, a ** np.arange(12.0), rtol=1e-12)
    assert torch.equal(lm.model.recurrent.layers[0].weight_hh_l0, torch.eye(6).double())
    assert 1 < windows <= 32
    assert found.name == ("elman" if a == 1 else f"elman ×{a:g}")


@recurrent
def test_a_scale_is_the_network_with_such_weights(name, language_model_, said):
    lm = language_model_(name)
    other = language_model_(name)
    with torch.no_grad():
        for key, weight in other.model.named_parameters():
            if "weight_hh" in key:
                weight *= 3
    one, _ = flow("x", lm, said, distance=5, scale=3)
    two, _ = flow("x", other, said, distance=5)
    assert (one.state, one.low, one.weights) == (two.state, two.low, two.weights)
    assert one.state != flow("x", lm, said, distance=5)[0].state


@recurrent
def test_the_weights_gradient_of_all_steps_is_that_of_backward(name, language_model_):
    lm = language_model_(name)
    x, y, carry = window(lm)
    found = of_weights(lm.model, x, y, carry, (1, 3, 6))
    model = copy.deepcopy(lm.model)
    for k, norm in zip((1, 3, 6), found, strict=True):
        model.zero_grad()
        # by hand: one step after another, the state cut k steps before the loss
        state = carry
        for t in range(6):
            if t == 6 - k:
                state = tree_map(lambda s: s.detach(), state)
            logits, state = model(x[:, t : t + 1], state)
        torch.nn.functional.cross_entropy(logits[:, -1], y).backward()
        grads = [p.grad for p in model.parameters() if p.grad is not None]
        right = math.sqrt(sum(float((g**2).sum()) for g in grads))
        assert norm == pytest.approx(right, rel=1e-10)


def test_clipping_shortens_what_is_longer_and_nothing_else():
    one = Flow("a", 1.0, 2.0, (1.0,), (1.0,), (1.0,), (1, 2, 3), (0.5, 2.0, 80.0))
    assert one.clipped == (0.5, 2.0, 2.0)
    free = Flow("a", 1.0, 0.0, (1.0,), (1.0,), (1.0,), (1, 2), (0.5, 80.0))
    assert free.clipped == (0.5, 80.0)


def test_the_picture_names_every_network_and_survives_json(language_model_, said):
    flows = []
    for name in ("elman", "lstm"):
        for scale in (1, 4):
            found, windows = flow(
                name, language_model_(name), said, distance=8, scale=scale, clip=1
            )
            flows.append(found)
    picture = Distances(windows, tuple(flows))
    assert from_json(as_json(picture)) == picture
    for width in (350, 760):
        svg = picture.page().svg(width)
        for name in ("elman", "elman ×4", "lstm", "lstm ×4"):
            assert svg.count(f"</title>{name}</text>") == 3  # a chart each
    ratio = flows[0].state[-1] / flows[0].state[0]
    assert (
        f"elman {ratio:.2g}" in picture.finding
        or f"elman {ratio:.0e}" in picture.finding.replace("e-", "e-0")
    )


def test_a_gradient_that_is_nothing_leaves_no_trace_on_a_logarithmic_axis():
    one = Flow("a", 1.0, 0.0, (1.0, 0.1, 0.0), (1.0, 0.0, 0.0), (2.0, 0.2, 0.0), (1, 3), (1.0, 1.0))
    Distances(3, (one,)).page().svg(350)


def test_what_is_not_recurrent_or_too_short_is_refused(language_model_, said):
    with pytest.raises(UsageError, match="it counts"):
        flow("kn", language_model_("ngram"), said)
    for name in ("gpt", "nplm"):
        with pytest.raises(UsageError, match="carries no state"):
            flow(name, language_model_(name), said, distance=3)
    with pytest.raises(UsageError, match="cannot be gone back through 40"):
        explain(language_model_("lstm"), "the list", show="gradient")
