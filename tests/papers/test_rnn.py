"""Elman, GRU and LSTM against loops over scalars' worth of NumPy float64, written from the papers,
forward and, by hand, backward through time; and against torch.nn with the same weights."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from malmoi.config import Sizes
from malmoi.layers.recurrent import (
    GRU,
    LSTM,
    Elman,
    Hidden,
    HiddenCell,
    ResetBeforeGRU,
    swap_update_gate,
)
from malmoi.models.rnn import ElmanConfig, GRUConfig, LSTMConfig

B, T, L, D_IN, D = 3, 5, 2, 4, 6


def σ(a):
    return 1 / (1 + np.exp(-a))


def elman(x, h, W, U, b, G):
    """h_t = tanh(W x_t + U h_{t-1} + b) and the gradients of Σ_t G_t · h_t, for one row."""
    hs = [h]
    for x_t in x:
        hs.append(np.tanh(W @ x_t + U @ hs[-1] + b))
    dW, dU, db, dx, dh = W * 0, U * 0, b * 0, x * 0, h * 0
    for t in reversed(range(len(x))):
        da = (G[t] + dh) * (1 - hs[t + 1] ** 2)
        dW += np.outer(da, x[t])
        dU += np.outer(da, hs[t])
        db += da
        dx[t] = W.T @ da
        dh = U.T @ da
    return np.array(hs[1:]), (dx, dh, dW, dU, db)


def lstm(x, h, c, W, U, b, G):
    """Hochreiter & Schmidhuber with a forget gate; and the gradients of Σ_t G_t · h_t."""
    d = len(h)
    hs, cs, gates = [h], [c], []
    for x_t in x:
        a = W @ x_t + U @ hs[-1] + b
        i, f, g, o = σ(a[:d]), σ(a[d : 2 * d]), np.tanh(a[2 * d : 3 * d]), σ(a[3 * d :])
        cs.append(f * cs[-1] + i * g)
        hs.append(o * np.tanh(cs[-1]))
        gates.append((i, f, g, o))
    dW, dU, db, dx, dh, dc = W * 0, U * 0, b * 0, x * 0, h * 0, c * 0
    for t in reversed(range(len(x))):
        i, f, g, o = gates[t]
        dh = dh + G[t]
        tanh_c = np.tanh(cs[t + 1])
        dc = dc + dh * o * (1 - tanh_c**2)
        da = np.concatenate(
            [
                dc * g * i * (1 - i),
                dc * cs[t] * f * (1 - f),
                dc * i * (1 - g**2),
                dh * tanh_c * o * (1 - o),
            ]
        )
        dW += np.outer(da, x[t])
        dU += np.outer(da, hs[t])
        db += da
        dx[t], dh, dc = W.T @ da, U.T @ da, dc * f
    return np.array(hs[1:]), cs[-1], (dx, dh, dc, dW, dU, db)


def gru(x, h, W, U, b, b_hidden=None, *, z_keeps="old"):
    """Cho et al. 2014; reset after the product with U where it has a bias of its own."""
    d, hs = len(h), []
    for x_t in x:
        rz = σ(W[: 2 * d] @ x_t + U[: 2 * d] @ h + b[: 2 * d])
        r, z = rz[:d], rz[d:]
        if b_hidden is None:
            n = np.tanh(W[2 * d :] @ x_t + U[2 * d :] @ (r * h) + b[2 * d :])
        else:
            n = np.tanh(W[2 * d :] @ x_t + b[2 * d :] + r * (U[2 * d :] @ h + b_hidden))
        h = z * h + (1 - z) * n if z_keeps == "old" else (1 - z) * h + z * n
        hs.append(h)
    return np.array(hs)


def weights_of(layer):
    """W, U and the sum of its biases, as the papers write them."""
    w = {name: p.detach().numpy() for name, p in layer.named_parameters()}
    return w["weight_ih_l0"], w["weight_hh_l0"], w["bias_ih_l0"] + w.get("bias_hh_l0", 0.0)


def random(*shape):
    return torch.randn(*shape, dtype=torch.float64)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(1)


def test_elman_is_the_papers_loop_forward_and_backward():
    net = Elman(D_IN, D, 1).double()
    x, h, G = (random(*s).requires_grad_() for s in ((B, T, D_IN), (B, 1, D), (B, T, D)))
    y, end = net(x, Hidden(h))
    (y * G.detach()).sum().backward()
    W, U, b = weights_of(net.layers[0])
    total = 0.0, 0.0, 0.0
    for row in range(B):
        hs, (dx, dh, *dw) = elman(
            x[row].detach().numpy(), h[row, 0].detach().numpy(), W, U, b, G[row].detach().numpy()
        )
        assert_allclose(y[row].detach(), hs, atol=1e-14)
        assert_allclose(end.h[row, 0].detach(), hs[-1], atol=1e-14)
        assert_allclose(x.grad[row], dx, atol=1e-13)
        assert_allclose(h.grad[row, 0], dh, atol=1e-13)
        total = tuple(a + b for a, b in zip(total, dw, strict=True))
    layer = net.layers[0]
    assert_allclose(layer.weight_ih_l0.grad, total[0], atol=1e-13)
    assert_allclose(layer.weight_hh_l0.grad, total[1], atol=1e-13)
    assert_allclose(layer.bias_ih_l0.grad, total[2], atol=1e-13)
    assert_allclose(layer.bias_hh_l0.grad, total[2], atol=1e-13)


def test_lstm_is_the_papers_loop_forward_and_backward():
    net = LSTM(D_IN, D, 1).double()
    shapes = (B, T, D_IN), (B, 1, D), (B, 1, D), (B, T, D)
    x, h, c, G = (random(*s).requires_grad_() for s in shapes)
    y, end = net(x, HiddenCell(h, c))
    (y * G.detach()).sum().backward()
    W, U, b = weights_of(net.layers[0])
    total = 0.0, 0.0, 0.0
    for row in range(B):
        x_r, h_r, c_r, G_r = (a.detach().numpy()[row] for a in (x, h[:, 0], c[:, 0], G))
        hs, c_T, (dx, dh, dc, *dw) = lstm(x_r, h_r, c_r, W, U, b, G_r)
        assert_allclose(y[row].detach(), hs, atol=1e-14)
        assert_allclose(end.c[row, 0].detach(), c_T, atol=1e-14)
        assert_allclose(x.grad[row], dx, atol=1e-13)
        assert_allclose(h.grad[row, 0], dh, atol=1e-13)
        assert_allclose(c.grad[row, 0], dc, atol=1e-13)
        total = tuple(a + b for a, b in zip(total, dw, strict=True))
    layer = net.layers[0]
    assert_allclose(layer.weight_ih_l0.grad, total[0], atol=1e-13)
    assert_allclose(layer.weight_hh_l0.grad, total[1], atol=1e-13)
    assert_allclose(layer.bias_ih_l0.grad, total[2], atol=1e-13)
    assert_allclose(layer.bias_hh_l0.grad, total[2], atol=1e-13)


@pytest.mark.parametrize("reset", ["before", "after"])
def test_gru_is_the_papers_loop_forward_and_by_finite_differences_backward(reset):
    net = GRU(D_IN, D, 1, reset=reset).double()
    x, h, G = random(1, T, D_IN), random(1, 1, D), random(1, T, D)
    y, _ = net(x, Hidden(h))
    (y * G).sum().backward()
    layer, (W, U, b) = net.layers[0], weights_of(net.layers[0])
    W, U, b_hidden = W.copy(), U.copy(), None
    if reset == "after":
        b = np.concatenate([b[: 2 * D], layer.bias_ih_l0.detach().numpy()[2 * D :]])
        b_hidden = layer.bias_hh_l0.detach().numpy()[2 * D :].copy()
    read, before, g = x[0].numpy(), h[0, 0].numpy(), G[0].numpy()
    assert_allclose(y[0].detach(), gru(read, before, W, U, b, b_hidden), atol=1e-14)

    def slope(weight):
        """Central differences of Σ_t G_t · h_t, one weight at a time."""
        out = np.empty_like(weight)
        for at in np.ndindex(weight.shape):
            was, ends = weight[at], []
            for step in (1e-5, -1e-5):
                weight[at] = was + step
                ends.append((gru(read, before, W, U, b, b_hidden) * g).sum())
            weight[at] = was
            out[at] = (ends[0] - ends[1]) / 2e-5
        return out

    assert_allclose(layer.weight_ih_l0.grad, slope(W), atol=1e-8)
    assert_allclose(layer.weight_hh_l0.grad, slope(U), atol=1e-8)
    assert_allclose(layer.bias_ih_l0.grad, slope(b), atol=1e-8)
    if b_hidden is not None:
        assert_allclose(layer.bias_hh_l0.grad[2 * D :], slope(b_hidden), atol=1e-8)


PEERS = {
    "elman": (Elman(D_IN, D, L), nn.RNN(D_IN, D, L, batch_first=True)),
    "gru": (GRU(D_IN, D, L, reset="after"), nn.GRU(D_IN, D, L, batch_first=True)),
    "lstm": (LSTM(D_IN, D, L), nn.LSTM(D_IN, D, L, batch_first=True)),
}


@pytest.mark.parametrize("kind", PEERS)
def test_layers_stacked_are_torchs_with_the_same_weights_and_gradients(kind):
    ours, theirs = (net.double() for net in PEERS[kind])
    pairs = []
    for name, weight in ours.named_parameters():
        _, layer, base = name.split(".")
        peer = theirs.get_parameter(base.replace("l0", f"l{layer}"))
        pairs.append((weight, peer))
        peer.data.copy_(weight)
    assert len(pairs) == len(list(theirs.parameters()))
    x, states = random(B, T, D_IN), [random(B, L, D) for _ in range(2 if kind == "lstm" else 1)]
    y, end = ours(x, HiddenCell(*states) if kind == "lstm" else Hidden(*states))
    first = tuple(s.transpose(0, 1).contiguous() for s in states)
    y2, end2 = theirs(x, first if kind == "lstm" else first[0])
    assert_allclose(y.detach(), y2.detach(), atol=1e-14)
    for s, s2 in zip(end, end2 if kind == "lstm" else (end2,), strict=True):
        assert_allclose(s.detach(), s2.detach().transpose(0, 1), atol=1e-14)
    for out in (y, y2):
        (out * torch.linspace(-1, 1, D, dtype=torch.float64)).sum().backward()
    for weight, peer in pairs:
        assert_allclose(weight.grad, peer.grad, atol=1e-12)


def test_the_two_places_of_the_reset_gate_agree_where_u_is_diagonal():
    before, after = GRU(D_IN, D, L, reset="before"), GRU(D_IN, D, L, reset="after")
    before.double(), after.double()
    for mine, other in zip(before.layers, after.layers, strict=True):
        other.bias_hh_l0.data.zero_()
        other.weight_hh_l0.data[2 * D :] = torch.diag(random(D))
        for name, weight in mine.named_parameters():
            weight.data.copy_(other.get_parameter(name))
    x, h = random(B, T, D_IN), Hidden(random(B, L, D))
    assert_allclose(before(x, h)[0].detach(), after(x, h)[0].detach(), atol=1e-14)
    after.layers[0].weight_hh_l0.data[2 * D :] = random(D, D)
    before.layers[0].weight_hh_l0.data.copy_(after.layers[0].weight_hh_l0)
    assert (before(x, h)[0] - after(x, h)[0]).abs().max() > 1e-3


def test_swapping_the_update_gate_turns_one_convention_for_z_into_the_other():
    layer = ResetBeforeGRU(D_IN, D).double()
    x, h = random(1, T, D_IN), random(1, 1, D)
    layer.load_state_dict(swapped := swap_update_gate(layer.state_dict()))
    W, U, b = (w.numpy() for w in swap_update_gate(swapped).values())
    new = gru(x[0].numpy(), h[0, 0].numpy(), W, U, b, z_keeps="new")
    assert_allclose(layer(x, h)[0][0].detach(), new, atol=1e-14)
    assert (
        layer(x, h)[0][0] - torch.tensor(gru(x[0].numpy(), h[0, 0].numpy(), W, U, b))
    ).abs().max() > 1e-3


V = 11
MODELS = {
    "untied": LSTMConfig(d=6, d_word=4),
    "tied": LSTMConfig(d=6, tied=True),
    "projected": LSTMConfig(d=6, d_word=4, tied=True),
    "elman": ElmanConfig(d=6, d_word=4),
    "gru": GRUConfig(d=6, d_word=4, reset="before"),
}


@pytest.mark.parametrize("kind", MODELS)
def test_the_language_model_is_embedding_layers_and_softmax(kind):
    model = MODELS[kind].build(Sizes(V)).double().eval()
    for bias in (p for p in model.parameters() if p.dim() == 1):
        nn.init.normal_(bias)
    words = torch.randint(V, (1, T))
    logits, _ = model(words, model.begin(1))
    w = {name: p.detach().numpy() for name, p in model.named_parameters()}
    h = w["embed.weight"][words[0]]
    for layer in model.recurrent.layers:
        weights, zero = weights_of(layer), np.zeros(6)
        if isinstance(layer, nn.LSTM):
            h, _, _ = lstm(h, zero, zero, *weights, np.zeros((T, 6)))
        elif isinstance(layer, nn.RNN):
            h, _ = elman(h, zero, *weights, np.zeros((T, 6)))
        else:
            h = gru(h, zero, *weights)
    if kind == "projected":
        h = h @ w["project.weight"].T + w["project.bias"]
    W_y = w["out.weight" if "out.weight" in w else "embed.weight"]
    assert ("out.weight" in w) == (not MODELS[kind].tied)
    assert_allclose(logits[0].detach(), h @ W_y.T + w["out.bias"], atol=1e-13)


def test_the_forget_gate_begins_open_and_the_rest_as_the_config_says():
    model = LSTMConfig(d=50, init=0.05, forget_bias=1.5).build(Sizes(V))
    for layer in model.recurrent.layers:
        bias = (layer.bias_ih_l0 + layer.bias_hh_l0).detach()
        assert torch.equal(bias[50:100], torch.full((50,), 1.5))
        assert not bias[:50].any()
        assert not bias[100:].any()
        largest = layer.weight_hh_l0.abs().max()
        assert 0.045 < largest <= 0.05


def test_dropout_falls_on_what_comes_from_below_and_on_the_end_only_if_asked():
    def said(**dropout):
        """What of each place the embedding's vector, layer 2's input and the output layer see."""
        model = ElmanConfig(d=40, **dropout).build(Sizes(V)).double().train()
        seen = []
        for module in (*model.recurrent.layers, model.out):
            module.register_forward_pre_hook(lambda _m, args: seen.append(args[0]))
        model(torch.randint(V, (8, T)), model.begin(8))
        return [float((s == 0).double().mean()) for s in seen]

    assert said() == [0.0, 0.0, 0.0]
    below, between, after = said(dropout=0.4)
    assert abs(below - 0.4) < 0.06
    assert abs(between - 0.4) < 0.06
    assert after == 0.0
    assert abs(said(dropout_out=0.3)[2] - 0.3) < 0.06
