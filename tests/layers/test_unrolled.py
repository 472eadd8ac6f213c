"""The LSTM unrolled by hand against torch's own: values, gradients, and when it takes its place."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from malmoi.layers import unrolled
from malmoi.layers.recurrent import LSTM, HiddenCell

B, T, D_IN, D = 3, 7, 5, 6


def peers(d_in, d, dtype):
    torch.manual_seed(0)
    layer = nn.LSTM(d_in, d, batch_first=True).to(dtype)
    sizes = (B, T, d_in), (B, d), (B, d)
    return layer, [torch.randn(*size, dtype=dtype, requires_grad=True) for size in sizes]


def by_hand(layer, x, h, c):
    W, U, b, b2 = layer.parameters()
    hs, c = unrolled.lstm(x, (h, c), (W, U, b + b2))
    return hs, hs[:, -1], c


def by_torch(layer, x, h, c):
    hs, (h, c) = layer(x, (h[None], c[None]))
    return hs, h[0], c[0]


def results(read, layer, inputs):
    """Outputs, and gradients of something that every output has a say in."""
    hs, h, c = read(layer, *inputs)
    weights = torch.linspace(-1, 1, hs.numel()).view(hs.shape)
    loss = (hs * weights).sum() + h.square().sum() + c.sin().sum()
    return hs, h, c, *torch.autograd.grad(loss, [*inputs, *layer.parameters()])


def test_it_is_torchs_lstm_with_all_its_gradients():
    layer, inputs = peers(D_IN, D, torch.float64)
    ours, theirs = (results(read, layer, inputs) for read in (by_hand, by_torch))
    assert len(ours) == 3 + 3 + 4
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a, b, atol=1e-13, rtol=0)


def test_a_second_way_back_is_the_first():
    layer, inputs = peers(D_IN, D, torch.float64)
    hs, _, _ = by_hand(layer, *inputs)
    first = torch.autograd.grad(hs.sum(), [*inputs, *layer.parameters()], retain_graph=True)
    again = torch.autograd.grad(hs.sum(), [*inputs, *layer.parameters()])
    for a, b in zip(first, again, strict=True):
        assert torch.equal(a, b)


def test_a_gradient_of_its_gradient_is_refused_not_wrong():
    layer, inputs = peers(D_IN, D, torch.float64)
    hs, _, _ = by_hand(layer, *inputs)
    (dx,) = torch.autograd.grad(hs.square().sum(), inputs[0], create_graph=True)
    with pytest.raises(RuntimeError, match="twice"):
        dx.sum().backward()


def test_in_bfloat16_it_errs_little_more_than_torch_in_bfloat16():
    layer, inputs = peers(48, 96, torch.float32)
    exact = results(by_torch, layer, inputs)
    with torch.autocast("cpu", torch.bfloat16):
        ours, theirs = (results(read, layer, inputs) for read in (by_hand, by_torch))
    for mine, other, true in zip(ours, theirs, exact, strict=True):
        error, torchs = (
            float((a - true).detach().norm() / true.detach().norm()) for a in (mine, other)
        )
        assert error < 0.01
        assert error < 2 * torchs


@pytest.mark.parametrize(
    ("d", "low", "learning", "expected"),
    [
        (512, True, True, True),
        (511, True, True, False),
        (512, False, True, False),
        (512, True, False, False),
    ],
)
def test_a_wide_layer_that_learns_in_bfloat16_is_unrolled(d, low, learning, expected, monkeypatch):
    calls, real = [], unrolled.lstm
    monkeypatch.setattr(unrolled, "lstm", lambda *args: calls.append(1) or real(*args))
    net = LSTM(4, d, 2)
    x, zeros = torch.randn(2, 3, 4), torch.zeros(2, 2, d)
    with torch.autocast("cpu", torch.bfloat16, enabled=low), torch.set_grad_enabled(learning):
        hs, carry = net(x, HiddenCell(zeros, zeros))
        again, _ = net(x, carry)
    assert len(calls) == (4 if expected else 0)
    exact, true_carry = net(x, HiddenCell(zeros, zeros))
    assert_close(hs.float(), exact, atol=0.01, rtol=0)
    for state, true in zip(carry, true_carry, strict=True):
        assert state.shape == (2, 2, d)
        assert_close(state.float(), true, atol=0.01, rtol=0)
    assert_close(again.float(), net(x, true_carry)[0], atol=0.01, rtol=0)
