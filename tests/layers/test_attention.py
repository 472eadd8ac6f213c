"""Attention's three ways of computing one thing: fused, with its weights formed, from a cache."""

import math

import pytest
import torch
from torch.testing import assert_close

from malmoi.explain.listen import listen
from malmoi.layers.attention import CausalSelfAttention, fold, unfold

B, T, D, HEADS = 2, 6, 12, 3


def attention(dtype=torch.float64, dropout=0.0):
    torch.manual_seed(0)
    return CausalSelfAttention(D, HEADS, dropout=dropout).to(dtype).eval()


def nothing(x):
    empty = x.new_zeros(x.size(0), HEADS, 0, D // HEADS)
    return empty, empty


@torch.no_grad()
def test_attention_is_the_papers_formula_one_head_and_place_at_a_time():
    net = attention()
    x = torch.randn(B, T, D, dtype=torch.float64)
    y, _ = net(x, nothing(x))
    W_q, W_k, W_v = net.qkv.weight.chunk(3)
    b_q, b_k, b_v = net.qkv.bias.chunk(3)
    for row in range(B):
        for t in range(T):
            heads = []
            for head in range(HEADS):
                part = slice(head * D // HEADS, (head + 1) * D // HEADS)
                q = W_q[part] @ x[row, t] + b_q[part]
                e = [q @ (W_k[part] @ x[row, s] + b_k[part]) / math.sqrt(4) for s in range(t + 1)]
                z = sum(math.exp(e_s) for e_s in e)
                values = [W_v[part] @ x[row, s] + b_v[part] for s in range(t + 1)]
                heads.append(sum(math.exp(a) / z * v for a, v in zip(e, values, strict=True)))
            expected = net.o.weight @ torch.cat(heads) + net.o.bias
            assert_close(y[row, t], expected, atol=1e-13, rtol=0)


def both(net, x, past):
    """Fused and heard: values and gradients."""
    results = []
    for name in ("alpha", "nobody of this name"):
        with listen(net, name) as heard:
            x = x.detach().requires_grad_()
            y, _ = net(x, past)
            grads = torch.autograd.grad(y.square().sum(), [x, *net.parameters()])
        assert bool(heard) == (name == "alpha")
        results.append((y, *grads))
    return zip(*results, strict=True)


@pytest.mark.parametrize("read", [0, 1, 4])
@pytest.mark.parametrize("more", [1, 2, 6])
def test_fused_and_formed_weights_agree_with_their_gradients_after_any_past(read, more):
    net = attention()
    x = torch.randn(B, read + more, D, dtype=torch.float64)
    _, past = net(x[:, :read], nothing(x)) if read else (None, nothing(x))
    past = tuple(s.detach() for s in past)
    for formed, fused in both(net, x[:, read:], past):
        assert_close(fused, formed, atol=1e-12, rtol=0)


def test_in_bfloat16_the_weights_are_formed_for_learning_and_fused_for_reading():
    net = attention(torch.float32)
    x = torch.randn(B, T, D, requires_grad=True)
    exact, _ = net(x, nothing(x))
    with torch.autocast("cpu", torch.bfloat16):
        formed, _ = net(x, nothing(x))
        with torch.no_grad():
            fused, _ = net(x, nothing(x))
    assert_close(formed.float(), exact, atol=0.02, rtol=0)
    assert_close(fused.float(), exact, atol=0.02, rtol=0)
    dx, dx_exact = (torch.autograd.grad(y.float().square().sum(), x)[0] for y in (formed, exact))
    assert (dx - dx_exact).norm() / dx_exact.norm() < 0.02


def test_the_weights_heard_are_causal_and_sum_to_one():
    net = attention()
    x = torch.randn(B, T, D, dtype=torch.float64)
    with listen(net, "alpha") as heard:
        _, past = net(x[:, :4], nothing(x))
        net(x[:, 4:], past)
    first, second = heard["alpha"]
    assert first.shape == (B, HEADS, 4, 4)
    assert second.shape == (B, HEADS, 2, 6)
    for alpha in (first, second):
        assert_close(alpha.sum(-1), torch.ones_like(alpha[..., 0]), atol=1e-14, rtol=0)
    assert not first.triu(1).any()
    assert not second[..., 0, 5].any()
    assert second[..., 1, 5].min() > 0


@pytest.mark.parametrize("heard", ["alpha", "nobody of this name"])
def test_dropout_falls_on_the_weights_while_training_only(heard):
    net = attention(dropout=0.5)
    x = torch.randn(B, T, D, dtype=torch.float64)
    quiet, _ = net(x, nothing(x))
    net.train()
    torch.manual_seed(0)
    with listen(net, heard):
        many, _ = net(x := x[:1].expand(5000, T, D), nothing(x))
    assert (many[0] - many[1]).abs().max() > 0.01
    assert_close(many.mean(0), quiet[0], atol=0.02, rtol=0)


@pytest.mark.parametrize(("M", "k", "T"), [(2, 3, 4), (5, 1, 1), (1, 4, 0), (0, 1, 2)])
def test_rows_that_share_a_memory_are_folded_to_its_row_and_come_back(M, k, T):
    x = torch.randn(M * k, T, 5)
    folded = fold(x, M)
    assert folded.shape == (M, k * T, 5)
    for m in range(M):
        assert torch.equal(folded[m], torch.cat(list(x[m * k : (m + 1) * k])))
    assert torch.equal(unfold(folded, M * k), x)


def test_rows_that_cannot_share_the_memories_equally_are_refused():
    with pytest.raises(AssertionError, match="5 rows cannot share 2 memories"):
        fold(torch.zeros(5, 1, 3), 2)
