"""Every score of alignment against its equation in NumPy, one pair of vectors at a time; what a
window leaves of it; and sources that several texts share."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from malmoi.explain.listen import listen
from malmoi.layers.alignment import Additive, Alignment, Concat, Dot, General, luongs
from malmoi.layers.sides import maxout

M, K, S, D, WIDTH, A = 2, 3, 5, 4, 6, 7


def random(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


MASK = torch.tensor([[True] * 5, [True, True, True, False, False]])
SCORES = {
    "additive": lambda: (Additive(D, WIDTH, A), WIDTH),
    "concat": lambda: (Concat(D, WIDTH, A), WIDTH),
    "dot": lambda: (Dot(D), D),
    "dot scaled": lambda: (Dot(D, scaled=True), D),
    "general": lambda: (General(D, WIDTH), WIDTH),
    "general scaled": lambda: (General(D, WIDTH, scaled=True), WIDTH),
}


def equation(kind, w, s, h):
    if kind == "additive":
        return w["v"] @ np.tanh(w["W.weight"] @ s + w["U.weight"] @ h + w["U.bias"])
    if kind == "concat":
        W_a = np.concatenate([w["W.weight"], w["U.weight"]], 1)
        return w["v"] @ np.tanh(W_a @ np.concatenate([s, h]))
    e = s @ (w["W.weight"] @ h) if kind.startswith("general") else s @ h
    return e / 2.0 if kind.endswith("scaled") else e  # √D


@pytest.mark.parametrize("kind", SCORES)
def test_a_score_is_its_equation(kind):
    torch.manual_seed(0)
    score, m = SCORES[kind]()
    score = score.double()
    w = {name: p.detach().numpy() for name, p in score.named_parameters()}
    assert ("U.bias" in w) == (kind == "additive")
    s, h = random(M, K, D), random(M, S, m, seed=1)
    for queries in (s, s[:, :1]):
        e = score(queries, score.keys(h)).detach()
        for i, k, j in np.ndindex(*e.shape):
            right = equation(kind, w, s[i, k].numpy(), h[i, j].numpy())
            assert_allclose(e[i, k, j], right, atol=1e-12)


@pytest.mark.parametrize("window", [None, 2])
@pytest.mark.parametrize("kind", SCORES)
def test_the_gradient_is_that_of_finite_differences(kind, window):
    torch.manual_seed(1)
    score, m = SCORES[kind]()
    attention = Alignment(score, D, window=window).double()
    names = [name for name, _ in attention.named_parameters()]
    weights = [p.detach().requires_grad_() for p in attention.parameters()]

    def contexts(s, h, *weights):
        named = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(Both(attention), wrapped(named), (s, h))

    inputs = (random(2 * M, 2, D).requires_grad_(), random(M, S, m, seed=1).requires_grad_())
    assert torch.autograd.gradcheck(contexts, (*inputs, *weights), fast_mode=True)


class Both(torch.nn.Module):
    """Annotate and look, as one function of the weights."""

    def __init__(self, attention):
        super().__init__()
        self.attention = attention

    def forward(self, s, h):
        return self.attention(s, self.attention.annotate(h, MASK))


def wrapped(named):
    return {f"attention.{name}": weight for name, weight in named.items()}


@pytest.mark.parametrize("window", [None, 1, 3])
@torch.no_grad()
def test_what_is_seen_is_the_average_and_nothing_that_is_not_there(window):
    torch.manual_seed(2)
    attention = Alignment(General(D, WIDTH), D, window=window).double()
    s, h = random(2 * M, K, D), random(M, S, WIDTH, seed=1)
    filled = h.masked_fill(~MASK[..., None], 1e6)
    with listen(attention) as heard:
        c = attention(s, attention.annotate(h, MASK))
        loud = attention(s, attention.annotate(filled, MASK))
    alpha, same = heard["alpha"]
    assert alpha.shape == (2 * M, K, S)
    assert torch.equal(alpha, same)
    assert torch.equal(c, loud)
    there = MASK.repeat_interleave(2, 0)[:, None].expand_as(alpha)
    assert (alpha[~there] == 0).all()
    if window is None:
        assert_allclose(alpha.sum(-1), 1.0, atol=1e-14)
        assert (alpha[there] > 0).all()
    else:
        assert ((alpha > 0).sum(-1) <= 2 * window + 1).all()
        assert (alpha.sum(-1) < 1.0).all()
    expected = np.einsum("rts,rsm->rtm", alpha, h.repeat_interleave(2, 0))
    assert_allclose(c, expected, atol=1e-13)


@pytest.mark.parametrize("window", [None, 2])
@pytest.mark.parametrize("kind", SCORES)
@torch.no_grad()
def test_sources_that_texts_share_are_sources_repeated(kind, window):
    score, m = SCORES[kind]()
    attention = Alignment(score, D, window=window).double()
    s, h = random(3 * M, K, D), random(M, S, m, seed=1)
    shared, alpha = attention.look(s, attention.annotate(h, MASK))
    repeated = attention.annotate(h.repeat_interleave(3, 0), MASK.repeat_interleave(3, 0))
    own, alpha2 = attention.look(s, repeated)
    assert_allclose(shared, own, atol=1e-13)
    assert_allclose(alpha, alpha2, atol=1e-14)
    one_by_one = [attention.look(s[:, t : t + 1], attention.annotate(h, MASK))[0] for t in range(K)]
    assert_allclose(torch.cat(one_by_one, 1), shared, atol=1e-13)


@torch.no_grad()
def test_a_window_tells_the_places_of_a_long_source_apart_in_bfloat16():
    """Its weights beside those in float32, where even the centre is at the 389th of 400 words."""
    torch.manual_seed(0)
    attention, S = Alignment(Dot(D), D, window=4), 400
    attention.window.v_p.copy_(
        2.0 * torch.tanh(attention.window.W_p(s := torch.ones(1, 1, D)))[0, 0]
    )
    of = attention.annotate(torch.zeros(1, S, D), torch.ones(1, S, dtype=torch.bool))
    exact = attention.weigh(s, of)
    with torch.autocast("cpu", torch.bfloat16):
        low = attention.weigh(s, of)
    assert low.dtype == torch.float32
    places = torch.arange(S, dtype=torch.float32)
    centres = [float((alpha * places).sum() / alpha.sum()) for alpha in (exact, low)]
    assert centres[0] > 257
    assert abs(centres[0] - centres[1]) < 1
    # each word of the window has its own distance from the centre: no two weigh the same
    weights = low[low > 0]
    assert len(weights.unique()) == len(weights) >= 8


def test_the_names_of_scores_are_those_of_the_paper():
    assert [type(luongs(kind, D, D, scaled=False)) for kind in ("dot", "general", "concat")] == [
        Dot,
        General,
        Concat,
    ]


def test_maxout_takes_the_larger_of_each_two_neighbours():
    t = torch.tensor([[3.0, 1.0, -2.0, -1.0, 5.0, 5.0]])
    assert maxout(t).tolist() == [[3.0, -1.0, 5.0]]
