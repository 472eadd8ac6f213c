"""Encoders against torch.nn's packed sequences with the same weights; poolers against loops."""

import math

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from malmoi.layers.bidirectional import Encoder, backward, leftward
from malmoi.layers.pooling import Attention, Last, Max, Mean, masked_softmax

LENGTHS = (7, 3, 1, 5)
KINDS = {"elman": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def batch(d=4, seed=0):
    x = torch.randn(4, 7, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    mask = torch.arange(7) < torch.tensor(LENGTHS)[:, None]
    return x, mask


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", KINDS)
def test_an_encoder_is_a_packed_bidirectional_network_of_torch(cell, layers):
    torch.manual_seed(1)
    encoder = Encoder(cell, 4, 5, layers).double()
    theirs = KINDS[cell](4, 5, layers, batch_first=True, bidirectional=True).double()
    with torch.no_grad():
        for i in range(layers):
            for readers, suffix in ((encoder.forwards, ""), (encoder.backwards, "_reverse")):
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                    ours = readers[i].layers[0].get_parameter(f"{name}_l0")
                    ours.normal_(std=0.5)
                    theirs.get_parameter(f"{name}_l{i}{suffix}").copy_(ours)
    x, mask = batch()
    packed = pack_padded_sequence(x, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(theirs(packed)[0], batch_first=True)
    found = encoder(x, mask)
    assert (found - expected).abs().max() < 1e-12
    assert (found[~mask] == 0).all()


def test_what_is_not_there_may_be_anywhere():
    """Padding on the left, and holes: the rest is read as if it stood together."""
    torch.manual_seed(2)
    encoder = Encoder("lstm", 4, 5, 2).double()
    x, _ = batch()
    mask = torch.tensor(
        [[1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 1], [0, 1, 0, 1, 1, 0, 0], [0] * 7]
    ).bool()
    found = encoder(x, mask)
    for i in range(3):
        alone = encoder(x[i][mask[i]][None], torch.ones(1, int(mask[i].sum()), dtype=torch.bool))
        assert (found[i][mask[i]] - alone[0]).abs().max() < 1e-12
    assert (found[~mask] == 0).all()


def test_the_backward_half_begins_at_the_last_word_of_each_sentence():
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]]).bool()
    assert backward(mask).tolist() == [[2, 1, 0, 3], [3, 2, 1, 0], [0, 1, 2, 3]]
    assert leftward(mask) is None
    assert leftward(torch.tensor([[0, 1, 0, 1]]).bool()).tolist() == [[1, 3, 0, 2]]


def test_the_forget_gate_begins_open_and_the_gates_orthogonal():
    encoder = Encoder("lstm", 4, 6, 1)
    layer = encoder.forwards[0].layers[0]
    assert layer.bias_ih_l0.tolist() == [0] * 6 + [1] * 6 + [0] * 12
    for gate in layer.weight_hh_l0.split(6):
        assert (gate @ gate.T - torch.eye(6)).abs().max() < 1e-5


@torch.no_grad()
def test_poolers_do_what_their_equations_say():
    h, mask = batch(d=6)
    h = h * mask[..., None]
    attention = Attention(6, 3).double()
    for i, n in enumerate(LENGTHS):
        row = h[i, :n]
        assert torch.equal(Last(4)(h, mask)[i], torch.cat([row[-1, :4], row[0, 4:]]))
        assert torch.equal(Max()(h, mask)[i], row.amax(0))
        assert (Mean()(h, mask)[i] - row.mean(0)).abs().max() < 1e-14
        u = torch.tanh(row @ attention.W.weight.T + attention.W.bias)
        weights = [math.exp(float(u_t @ attention.u_w)) for u_t in u]
        expected = sum(w * h_t for w, h_t in zip(weights, row, strict=True)) / sum(weights)
        assert (attention(h, mask)[i] - expected).abs().max() < 1e-12


def test_an_empty_sentence_is_the_zero_vector_and_has_a_gradient():
    h = torch.randn(1, 3, 6, requires_grad=True)
    nothing = torch.zeros(1, 3, dtype=torch.bool)
    for pool in (Last(3), Max(), Mean(), Attention(6, 3)):
        v = pool(h, nothing)
        assert (v == 0).all()
        (gradient,) = torch.autograd.grad(v.sum(), h)
        assert (gradient == 0).all()


def test_masked_softmax_ignores_what_is_masked_even_if_it_is_larger():
    e = torch.tensor([[1.0, 2.0, 1e30], [5.0, math.inf, 0.0]])
    mask = torch.tensor([[1, 1, 0], [1, 0, 1]]).bool()
    found = masked_softmax(e, mask)
    assert torch.equal(found[0, :2], torch.tensor([1.0, 2.0]).softmax(0))
    assert found[0, 2] == found[1, 1] == 0
