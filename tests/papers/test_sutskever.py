"""Sutskever's encoder–decoder against loops in NumPy float64, forward and by finite differences
backward; its encoder against torch.nn."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn
from translating import LENGTHS, agrees, batch, built, lstm, scores_of_words, words_of

from malmoi.config import Sizes
from malmoi.layers.lstm_encoder import LSTMEncoder
from malmoi.models.sutskever import Config

D, L = 6, 2


def loop(reverse):
    def logits(w, source, x):
        h, c = np.zeros((L, D)), np.zeros((L, D))
        for j in reversed(source) if reverse else source:
            below = words_of(w, "source")[j]
            for l in range(L):
                h[l], c[l] = lstm(w, f"encoder.forwards.{l}", below, h[l], c[l])
                below = h[l]
        out = []
        for i in x:
            below = words_of(w, "target")[i]
            for l in range(L):
                h[l], c[l] = lstm(w, f"decoder.layers.{l}", below, h[l], c[l])
                below = h[l]
            out.append(scores_of_words(w, below))
        return np.array(out)

    return logits


@pytest.mark.parametrize("reverse", [True, False])
@pytest.mark.parametrize("d_word", [4, 6])
@pytest.mark.parametrize("tied", [False, True])
def test_the_translator_is_the_papers_loop_forward_and_backward(reverse, d_word, tied):
    agrees(Config(d=D, d_word=d_word, layers=L, reverse=reverse, tied=tied), loop(reverse))


def test_one_table_serves_both_sides_and_the_output_where_the_vocabulary_is_joint():
    config = Config(d=D, layers=L, tied=True, shared=True)
    agrees(config, loop(True), joint=True)
    _, w = built(config, joint=True)
    assert [name for name in w if name.startswith("words")] == ["words.target.weight"]
    assert "out.softmax.weight" not in w


def test_a_table_for_two_vocabularies_is_refused_in_words():
    with pytest.raises(ValueError, match="learn a joint one"):
        Config(shared=True).build(Sizes(vocabulary=9, source=9))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("side", ["behind", "in front"])
def test_the_encoder_ends_where_torchs_packed_lstm_ends(bidirectional, side):
    torch.manual_seed(0)
    ours = LSTMEncoder(4, 2 * D, L, bidirectional=bidirectional).double()
    half = D if bidirectional else 2 * D
    theirs = nn.LSTM(4, half, L, batch_first=True, bidirectional=bidirectional).double()
    for i in range(L):
        for layers, way in ((ours.forwards, ""), (ours.backwards, "_reverse")):
            for name, weight in layers[i].named_parameters() if layers else ():
                peer = theirs.get_parameter(name.replace("l0", f"l{i}{way}"))
                peer.data.copy_(weight)
    x = torch.randn(3, max(LENGTHS), 4, dtype=torch.float64)
    mask = batch()[0].mask
    packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor(LENGTHS), batch_first=True)
    out, ends = theirs(packed)
    out, _ = nn.utils.rnn.pad_packed_sequence(out, batch_first=True)
    if side == "in front":
        moved = torch.full_like(x, 7.0)
        moved[mask.flip(1)] = x[mask]
        h, state = ours(moved, mask.flip(1))
        assert_allclose(h[mask.flip(1)].detach(), out[mask].detach(), atol=1e-14)
    else:
        h, state = ours(x.masked_fill(~mask[..., None], 7.0), mask)
        assert_allclose(h.detach(), out.detach(), atol=1e-14)
    for mine, peer in zip(state, ends, strict=True):
        joined = peer.view(L, -1, 3, half).permute(2, 0, 1, 3).flatten(2)
        assert_allclose(mine.detach(), joined.detach(), atol=1e-14)


def test_an_odd_width_cannot_be_halved():
    with pytest.raises(ValueError, match="d = 5"):
        LSTMEncoder(4, 5, 1, bidirectional=True)
