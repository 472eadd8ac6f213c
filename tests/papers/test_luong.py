"""Luong's translators against loops in NumPy float64, forward and by finite differences backward:
every score, input feeding, and local-p."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from translating import agrees, batch, built, lstm, rows_of, scores_of_words, softmax, words_of, σ

from malmoi.explain.listen import listen
from malmoi.models.luong import Config

D, L = 6, 2


def encoded(w, source, bidirectional):
    """h̄_s, and h and c where every layer ended."""
    x, ends = [words_of(w, "source")[j] for j in source], []
    half = D // 2 if bidirectional else D
    for l in range(L):
        out, end = [], []
        for side, order in (("forwards", 1), ("backwards", -1))[: 1 + bidirectional]:
            h, c, hs = np.zeros(half), np.zeros(half), []
            for read in x[::order]:
                h, c = lstm(w, f"encoder.{side}.{l}", read, h, c)
                hs.append(h)
            out.append(hs[::order])
            end.append((h, c))
        x = [np.concatenate(parts) for parts in zip(*out, strict=True)]
        ends.append([np.concatenate(parts) for parts in zip(*end, strict=True)])
    return np.array(x), [h for h, _ in ends], [c for _, c in ends]


def score(w, kind, scaled, h, memory):
    scale = np.sqrt(D) if scaled else 1.0
    if kind == "dot":
        return np.array([h @ m / scale for m in memory])
    if kind == "general":
        return np.array([h @ w["attention.score.W.weight"] @ m / scale for m in memory])
    W_a = np.hstack([w["attention.score.W.weight"], w["attention.score.U.weight"]])
    return np.array(
        [w["attention.score.v"] @ np.tanh(W_a @ np.concatenate([h, m])) for m in memory]
    )


def weights(w, kind, scaled, window, h, memory):
    e, S = score(w, kind, scaled, h, memory), len(memory)
    if window is None:
        return softmax(e)
    v_p, W_p = w["attention.window.v_p"], w["attention.window.W_p.weight"]
    p = S * σ(v_p @ np.tanh(W_p @ h))
    near = [s for s in range(1, S + 1) if p - window <= s <= p + window]
    alpha, sigma = np.zeros(S), window / 2
    for s, a in zip(near, softmax(e[[s - 1 for s in near]]), strict=True):
        alpha[s - 1] = a * np.exp(-((s - p) ** 2) / (2 * sigma**2))
    return alpha


def steps(w, source, x, kind, scaled=False, feeding=True, window=None, bidirectional=False):
    memory, h, c = encoded(w, source, bidirectional)
    seen = np.zeros(D)
    for i in x:
        below = words_of(w, "target")[i]
        if feeding:
            below = np.concatenate([below, seen])
        for l in range(L):
            h[l], c[l] = lstm(w, f"decoder.layers.{l}", below, h[l], c[l])
            below = h[l]
        alpha = weights(w, kind, scaled, window, below, memory)
        context = sum(a * m for a, m in zip(alpha, memory, strict=True))
        seen = np.tanh(w["W_c.weight"] @ np.concatenate([context, below]) + w["W_c.bias"])
        yield scores_of_words(w, seen), alpha


def loop(**how):
    return lambda w, source, x: np.array([logits for logits, _ in steps(w, source, x, **how)])


ATTENTION = [
    ("dot", False),
    ("dot", True),
    ("general", False),
    ("general", True),
    ("concat", False),
]


def config(*, kind, **how):
    return Config(d=D, d_word=4, layers=L, score=kind, **how)


@pytest.mark.parametrize("feeding", [True, False])
@pytest.mark.parametrize("window", [None, 2])
@pytest.mark.parametrize(("kind", "scaled"), ATTENTION)
def test_the_translator_is_the_papers_loop_forward_and_backward(kind, scaled, feeding, window):
    how = {"kind": kind, "scaled": scaled, "feeding": feeding, "window": window}
    agrees(config(**how), loop(**how))


@pytest.mark.parametrize("feeding", [True, False])
def test_the_source_may_be_read_both_ways(feeding):
    how = {"kind": "general", "feeding": feeding, "bidirectional": True}
    agrees(config(**how), loop(**how))


def test_a_tied_table_is_reached_through_a_projection():
    agrees(config(kind="dot", tied=True), loop(kind="dot"))


@pytest.mark.parametrize("feeding", [True, False])
@pytest.mark.parametrize("window", [None, 1])
@torch.no_grad()
def test_the_tap_tells_alpha_and_words_that_are_not_there_have_none_of_it(feeding, window):
    how = {"kind": "general", "feeding": feeding, "window": window}
    model, w = built(config(**how))
    source, x, _ = batch()
    with listen(model, "alpha") as heard:
        model(x, model.begin(source))
    (alpha,) = heard["attention.alpha"]
    assert alpha.shape == (*x.shape, source.ids.size(1))
    for row, (ids, said) in enumerate(rows_of(source, x)):
        expected = [a for _, a in steps(w, ids, said, **how)]
        assert_allclose(alpha[row, :, : len(ids)], expected, atol=1e-12)
        assert (alpha[row, :, len(ids) :] == 0).all()


def test_a_sum_cannot_be_scaled_nor_an_odd_width_halved():
    with pytest.raises(ValueError, match="divides products"):
        Config(score="concat", scaled=True)
    with pytest.raises(ValueError, match="d = 5"):
        Config(d=5, bidirectional=True)
