"""Bahdanau's translator against loops in NumPy float64, forward and by finite differences backward,
and the weights that its tap tells."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from translating import agrees, batch, built, gru, rows_of, scores_of_words, softmax, words_of, σ

from malmoi.explain.listen import listen
from malmoi.models.bahdanau import Config

D = 6


def annotations(w, source, reset, layers):
    h = [words_of(w, "source")[j] for j in source]
    for l in range(layers):
        ahead, back = [np.zeros(D)], [np.zeros(D)]
        for x in h:
            ahead.append(gru(w, f"encoder.forwards.{l}.layers.0", x, ahead[-1], reset))
        for x in reversed(h):
            back.append(gru(w, f"encoder.backwards.{l}.layers.0", x, back[-1], reset))
        h = [np.concatenate(both) for both in zip(ahead[1:], back[:0:-1], strict=True)]
    return np.array(h)


def steps(w, source, x, reset="before", maxout=False, layers=1):
    """Of each step, the scores of words and α."""
    memory = annotations(w, source, reset, layers)
    s = np.tanh(w["W_s.weight"] @ memory[0, D:] + w["W_s.bias"])
    a = {name: w[f"attention.score.{name}"] for name in ("W.weight", "U.weight", "U.bias", "v")}
    W, b = np.split(w["decoder.W.weight"], 3), np.split(w["decoder.W.bias"], 3)
    U, C = np.split(w["decoder.U"], 3), np.split(w["decoder.C.weight"], 3)
    for i in x:
        y = words_of(w, "target")[i]
        e = [a["v"] @ np.tanh(a["W.weight"] @ s + a["U.weight"] @ h + a["U.bias"]) for h in memory]
        alpha = softmax(np.array(e))
        c = sum(weight * h for weight, h in zip(alpha, memory, strict=True))
        r = σ(W[0] @ y + U[0] @ s + C[0] @ c + b[0])
        z = 1 - σ(W[1] @ y + U[1] @ s + C[1] @ c + b[1])
        old = U[2] @ (r * s) if reset == "before" else r * (U[2] @ s)
        s = (1 - z) * s + z * np.tanh(W[2] @ y + C[2] @ c + old + b[2])
        t = w["U_o.weight"] @ s + w["U_o.bias"] + w["V_o.weight"] @ y + w["C_o.weight"] @ c
        t = t.reshape(-1, 2).max(1) if maxout else np.tanh(t)
        yield scores_of_words(w, t), alpha


def loop(**how):
    return lambda w, source, x: np.array([logits for logits, _ in steps(w, source, x, **how)])


@pytest.mark.parametrize("reset", ["before", "after"])
@pytest.mark.parametrize("maxout", [False, True])
@pytest.mark.parametrize(
    "sizes",
    [{"d_word": 4, "d_alpha": 5, "d_out": 3}, {"d_word": 4, "d_out": 5, "tied": True}],
    ids=["untied", "projected"],
)
def test_the_translator_is_the_papers_loop_forward_and_backward(reset, maxout, sizes):
    how = {"reset": reset, "maxout": maxout}
    agrees(Config(d=D, **how, **sizes), loop(**how))


def test_sources_may_be_read_by_several_layers():
    agrees(Config(d=D, layers=2), loop(layers=2))


@torch.no_grad()
def test_the_tap_tells_alpha_and_words_that_are_not_there_have_none_of_it():
    model, w = built(Config(d=D))
    source, x, _ = batch()
    with listen(model, "alpha") as heard:
        model(x, model.begin(source))
    (alpha,) = heard["attention.alpha"]
    assert alpha.shape == (*x.shape, source.ids.size(1))
    for row, (ids, said) in enumerate(rows_of(source, x)):
        expected = [a for _, a in steps(w, ids, said)]
        assert_allclose(alpha[row, :, : len(ids)], expected, atol=1e-12)
        assert (alpha[row, :, len(ids) :] == 0).all()
