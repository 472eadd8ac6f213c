"""Cho's encoder–decoder against loops in NumPy float64, forward and by finite differences
backward: c at every step and in the output, the reset gate inside the decoder, and maxout."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from translating import agrees, batch, built, gru, rows_of, scores_of_words, words_of, σ

from malmoi.models.cho import Config

D = 6


def summary(w, source, reset, layers):
    states = [words_of(w, "source")[j] for j in source]
    for l in range(layers):
        h, below = np.zeros(D), states
        states = []
        for x in below:
            h = gru(w, f"encoder.forwards.{l}.layers.0", x, h, reset)
            states.append(h)
    return np.tanh(w["V.weight"] @ states[-1] + w["V.bias"])


def loop(reset, layers=1):
    def logits(w, source, x):
        c = summary(w, source, reset, layers)
        h = np.tanh(w["V_.weight"] @ c + w["V_.bias"])
        W, b = np.split(w["decoder.W.weight"], 3), np.split(w["decoder.W.bias"], 3)
        U, C = np.split(w["decoder.U"], 3), np.split(w["decoder.C.weight"], 3)
        out = []
        for i in x:
            e = words_of(w, "target")[i]
            r = σ(W[0] @ e + U[0] @ h + C[0] @ c + b[0])
            z = σ(W[1] @ e + U[1] @ h + C[1] @ c + b[1])
            h_new = np.tanh(W[2] @ e + b[2] + r * (U[2] @ h + C[2] @ c))
            h = z * h + (1 - z) * h_new
            s_ = w["O_h.weight"] @ h + w["O_h.bias"] + w["O_y.weight"] @ e + w["O_c.weight"] @ c
            s = [max(s_[2 * j], s_[2 * j + 1]) for j in range(len(s_) // 2)]
            out.append(scores_of_words(w, np.array(s)))
        return np.array(out)

    return logits


@pytest.mark.parametrize("reset", ["before", "after"])
@pytest.mark.parametrize(
    "sizes",
    [{"d_word": 4, "d_out": 3}, {"d_word": 4, "d_out": 3, "tied": True}, {"tied": True}],
    ids=["untied", "projected", "tied"],
)
def test_the_translator_is_the_papers_loop_forward_and_backward(reset, sizes):
    agrees(Config(d=D, reset=reset, **sizes), loop(reset))


def test_sources_may_be_read_by_several_layers():
    agrees(Config(d=D, layers=2), loop("before", 2))


def test_the_summary_of_a_text_is_c_whatever_stands_beside_it():
    model, w = built(Config(d=D, d_word=4))
    source, x, _ = batch()
    with torch.no_grad():
        c = model.summary(source)
    for row, (ids, _) in enumerate(rows_of(source, x)):
        assert_allclose(c[row], summary(w, ids, "before", 1), atol=1e-12)
