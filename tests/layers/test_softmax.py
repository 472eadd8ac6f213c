"""The output layer's short cuts against the long way: every word's probability, then a gather."""

import copy
import itertools
import math

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck
from torch.testing import assert_close

from malmoi.layers import softmax
from malmoi.layers.softmax import Softmax

V, D, B, T = 13, 5, 3, 7
kinds = pytest.mark.parametrize(("tied", "bias"), [(True, True), (False, True), (False, False)])


def layer(*, tied=False, bias=True, samples=0, smoothing=0.0, V=V, D=D, dtype=torch.float64):
    torch.manual_seed(0)
    table = nn.Embedding(V, D).to(dtype) if tied else None
    out = Softmax(D, V, tied=table, bias=bias, samples=samples, smoothing=smoothing).to(dtype)
    for weight in (*out.parameters(), *(table.parameters() if table else ())):
        nn.init.normal_(weight)
    return out, table


def plain(out, h, y):
    return out(h).log_softmax(-1).gather(-1, y[..., None]).squeeze(-1)


def gradients(logp, weights):
    """Of a sum whose places weigh differently, some nothing: as a mask and a mean would."""
    g = torch.arange(logp.numel()).view_as(logp) % 4 / logp.numel()
    return torch.autograd.grad((logp * g).sum(), weights)


@kinds
@pytest.mark.parametrize("rows", [4, 100])
def test_a_text_is_scored_by_a_layout_made_once_and_only_where_nothing_is_learnt(
    tied, bias, rows, monkeypatch
):
    """Whether something is learnt, grad mode says: weights that want a gradient do not."""
    laid_out = []
    monkeypatch.setattr(softmax, "CHUNK", rows * V)
    monkeypatch.setattr(softmax, "MANY", 1)
    monkeypatch.setattr(softmax, "LARGE", 1)
    monkeypatch.setattr(softmax, "is_of_use", lambda W: True)
    made = softmax.times
    monkeypatch.setattr(softmax, "times", lambda *a, **k: laid_out.append(k) or made(*a, **k))
    out, _ = layer(tied=tied, bias=bias, dtype=torch.float32)
    h, y = torch.randn(B, T, D), torch.randint(V, (B, T))
    learnt = out.log_prob(h, y)
    assert learnt.requires_grad
    assert not laid_out
    with torch.no_grad():
        said = out.log_prob(h, y)
    assert len(laid_out) == 1
    assert not said.requires_grad
    assert_close(said, plain(out, h, y).detach(), atol=1e-5, rtol=0)


@kinds
@pytest.mark.parametrize("rows", [1, 4, 100])
def test_log_prob_and_its_gradients_are_the_long_ways_whatever_the_chunk(
    tied, bias, rows, monkeypatch
):
    monkeypatch.setattr(softmax, "CHUNK", rows * V)
    out, table = layer(tied=tied, bias=bias)
    h = torch.randn(B, T, D, dtype=torch.float64, requires_grad=True)
    y = torch.randint(V, (B, T))
    weights = [h, *out.parameters(), *(table.parameters() if table else ())]
    assert len(weights) == 2 + bias
    ours, long = out.log_prob(h, y), plain(out, h, y)
    assert_close(ours, long, atol=1e-13, rtol=0)
    for mine, other in zip(gradients(ours, weights), gradients(long, weights), strict=True):
        assert_close(mine, other, atol=1e-13, rtol=0)
    with torch.no_grad():
        assert_close(out.log_prob(h, y), long, atol=1e-13, rtol=0)


def test_only_what_is_asked_for_gets_a_gradient():
    out, _ = layer()
    h, y = torch.randn(B, T, D, dtype=torch.float64), torch.randint(V, (B, T))
    (dW,) = gradients(out.log_prob(h, y), [out.weight])
    assert_close(dW, gradients(plain(out, h, y), [out.weight])[0], atol=1e-13, rtol=0)
    out.requires_grad_(False)
    h.requires_grad_()
    (dh,) = gradients(out.log_prob(h, y), [h])
    assert_close(dh, gradients(plain(out, h, y), [h])[0], atol=1e-13, rtol=0)


def test_logits_of_a_thousand_overflow_nothing():
    out, _ = layer(bias=False)
    h = torch.randn(B, T, D, dtype=torch.float64).mul(1000).requires_grad_()
    y = torch.randint(V, (B, T))
    ours, long = out.log_prob(h, y), plain(out, h, y)
    assert_close(ours, long, atol=1e-9, rtol=0)
    assert ours.min() < -1000
    assert_close(gradients(ours, [h]), gradients(long, [h]), atol=1e-9, rtol=0)


def test_in_bfloat16_it_errs_no_more_than_the_long_way_in_bfloat16():
    out, _ = layer(V=500, D=64, dtype=torch.float32)
    out.weight.data.mul_(0.3)
    h, y = torch.randn(8, 32, 64, requires_grad=True), torch.randint(500, (8, 32))
    weights = [h, *out.parameters()]
    with torch.autocast("cpu", torch.bfloat16):
        ours, low = out.log_prob(h, y), plain(out, h, y)
    true = plain(out, h, y)
    assert ours.dtype == torch.float32

    def error(a, b):
        return float((a - b).detach().norm() / b.detach().norm())

    assert error(ours, true) < 0.01
    assert error(ours, true) < 1.2 * error(low, true)
    for mine, theirs, exact in zip(
        *(gradients(p, weights) for p in (ours, low, true)), strict=True
    ):
        assert mine.dtype == torch.float32
        assert error(mine, exact) < 0.01
        assert error(mine, exact) < 1.2 * error(theirs, exact)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert error(out.log_prob(h, y), true) < 0.01


def test_a_gradient_of_its_gradient_is_refused_not_wrong():
    h = torch.randn(1, 3, 4, dtype=torch.float64, requires_grad=True)
    logp = Softmax(4, 7).double().log_prob(h, torch.tensor([[1, 2, 3]]))
    (dh,) = torch.autograd.grad(logp.square().sum(), h, create_graph=True)
    with pytest.raises(RuntimeError, match="twice"):
        dh.sum().backward()


def test_a_tied_table_is_not_saved_again():
    out, table = layer(tied=True)
    assert list(out.state_dict()) == ["bias"]
    assert out.W is table.weight


def test_a_copy_is_tied_to_its_own_table():
    out, table = layer(tied=True)
    both = copy.deepcopy(nn.ModuleDict({"out": out, "table": table}))
    assert both["out"].W is both["table"].weight
    assert both["out"].W is not table.weight


def test_the_sampled_sum_is_the_true_sum_on_average():
    """Over every set S that can be drawn, the mean of Ẑ, so of 1 / p, is exact."""
    out, _ = layer(samples=6)
    out.train()
    h, y = torch.randn(1, 2, D, dtype=torch.float64), torch.tensor([[1, 9]])
    sure, free = {0, 1, 2, 9}, 3
    rest = [v for v in range(V) if v not in sure]
    inverse = []
    for drawn in itertools.combinations(range(len(rest)), free):
        order = [*drawn, *(i for i in range(len(rest)) if i not in drawn)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch, "randperm", lambda n, *, device, order=order: torch.tensor(order))
            words, log_weight, place = out.sample(y.flatten(), V)
            assert set(words.tolist()) == sure | {rest[i] for i in drawn}
            assert words[place].tolist() == [1, 9]
            assert log_weight.exp().sum() == pytest.approx(V, rel=1e-6)
            inverse.append(out.log_prob(h, y).neg().exp().detach())
    assert len(inverse) == math.comb(9, 3)
    mean = torch.stack(inverse).mean(0)
    assert_close(mean, plain(out, h, y).neg().exp().detach(), atol=0, rtol=1e-6)
    assert float(torch.stack(inverse).std(0).min()) > 0.1


def test_the_sampled_gradient_is_that_of_the_sampled_words_alone():
    out, _ = layer(samples=6)
    h = torch.randn(B, 1, D, dtype=torch.float64, requires_grad=True)
    y = torch.tensor([[1], [9], [9]])
    torch.manual_seed(5)
    ours = out.log_prob(h, y)
    torch.manual_seed(5)
    words, log_weight, place = out.sample(y.flatten(), V)
    some = h @ out.weight[words].T + out.bias[words] + log_weight
    long = some.log_softmax(-1).gather(-1, place.view(B, 1, 1)).squeeze(-1)
    assert_close(ours, long, atol=1e-12, rtol=0)
    weights = [h, *out.parameters()]
    for mine, other in zip(gradients(ours, weights), gradients(long, weights), strict=True):
        assert_close(mine, other, atol=1e-12, rtol=0)


@pytest.mark.parametrize("samples", [V, V + 5, 0])
def test_a_sample_of_everything_is_no_sample(samples):
    out, _ = layer(samples=samples)
    h, y = torch.randn(B, T, D, dtype=torch.float64), torch.randint(V, (B, T))
    assert_close(out.train().log_prob(h, y), plain(out, h, y), atol=1e-13, rtol=0)


def test_a_batch_that_says_every_word_leaves_nothing_to_sample():
    out, _ = layer(samples=4)
    h, y = torch.randn(1, V, D, dtype=torch.float64), torch.arange(V)[None]
    assert_close(out.train().log_prob(h, y), plain(out, h, y), atol=1e-13, rtol=0)


def test_scoring_never_samples():
    out, _ = layer(samples=4)
    h, y = torch.randn(B, T, D, dtype=torch.float64), torch.randint(V, (B, T))
    assert_close(out.eval().log_prob(h, y), plain(out, h, y), atol=1e-13, rtol=0)
    assert (out.train().log_prob(h, y) - plain(out, h, y)).abs().max() > 0.01


def smoothed(out, h, y, epsilon):
    """Σ_v q_v log p_v with every q_v written down."""
    q = torch.full((*y.shape, V), epsilon / V, dtype=torch.float64)
    for place in itertools.product(*map(range, y.shape)):
        q[(*place, int(y[place]))] += 1 - epsilon
    assert_close(q.sum(-1), torch.ones_like(q[..., 0]))
    return (q * out(h).log_softmax(-1)).sum(-1)


@kinds
@pytest.mark.parametrize("rows", [1, 4, 100])
@pytest.mark.parametrize("epsilon", [0.1, 0.9])
def test_smoothing_is_the_mean_under_q_with_its_gradients_whatever_the_chunk(
    tied, bias, rows, epsilon, monkeypatch
):
    monkeypatch.setattr(softmax, "CHUNK", rows * V)
    out, table = layer(tied=tied, bias=bias, smoothing=epsilon)
    h = torch.randn(B, T, D, dtype=torch.float64, requires_grad=True)
    y = torch.randint(V, (B, T))
    weights = [h, *out.parameters(), *(table.parameters() if table else ())]
    ours, long = out.log_prob(h, y), smoothed(out, h, y, epsilon)
    assert_close(ours, long, atol=1e-13, rtol=0)
    for mine, other in zip(gradients(ours, weights), gradients(long, weights), strict=True):
        assert_close(mine, other, atol=1e-13, rtol=0)
    with torch.no_grad():
        assert_close(out.log_prob(h, y), long, atol=1e-13, rtol=0)


class Said(nn.Module):
    def __init__(self, out):
        super().__init__()
        self.out = out

    def forward(self, h, y):
        return self.out.log_prob(h, y)


def test_the_gradient_of_smoothing_is_that_of_finite_differences():
    out, _ = layer(smoothing=0.3)
    y = torch.randint(V, (2, 3))

    def log_prob(h, W, b):
        return torch.func.functional_call(Said(out), {"out.weight": W, "out.bias": b}, (h, y))

    h = torch.randn(2, 3, D, dtype=torch.float64, requires_grad=True)
    W, b = (w.detach().clone().requires_grad_() for w in (out.weight, out.bias))
    assert gradcheck(log_prob, (h, W, b))


def test_scoring_is_never_smoothed():
    out, _ = layer(smoothing=0.1)
    h, y = torch.randn(B, T, D, dtype=torch.float64), torch.randint(V, (B, T))
    assert_close(out.eval().log_prob(h, y), plain(out, h, y), atol=1e-13, rtol=0)
    assert (out.train().log_prob(h, y) - plain(out, h, y)).abs().max() > 0.1


def test_padding_has_no_mass_and_no_loss_under_smoothing():
    """Sentences of 7, 3 and 1 words, side by side behind a mask, weigh what they weigh alone."""
    out, _ = layer(smoothing=0.1)
    h = torch.randn(B, T, D, dtype=torch.float64, requires_grad=True)
    y, lengths = torch.randint(V, (B, T)), torch.tensor([7, 3, 1])
    mask = torch.arange(T) < lengths[:, None]
    together = out.log_prob(h, y.masked_fill(~mask, 0)).masked_fill(~mask, 0.0).sum()
    alone = sum(
        smoothed(out, h[i : i + 1, :n], y[i : i + 1, :n], 0.1).sum() for i, n in enumerate(lengths)
    )
    assert_close(together, alone, atol=1e-12, rtol=0)
    weights = [h, out.weight, out.bias]
    ours, long = (torch.autograd.grad(loss, weights) for loss in (together, alone))
    for mine, other in zip(ours, long, strict=True):
        assert_close(mine, other, atol=1e-12, rtol=0)
    assert not ours[0][~mask].any()


def test_in_bfloat16_smoothing_errs_no_more_than_the_products_do():
    out, _ = layer(D=64, dtype=torch.float32, smoothing=0.1)
    out.weight.data.mul_(0.3)
    h, y = torch.randn(8, 32, 64, requires_grad=True), torch.randint(V, (8, 32))
    weights = [h, *out.parameters()]
    with torch.autocast("cpu", torch.bfloat16):
        ours = out.log_prob(h, y)
    true = smoothed(out, h, y, 0.1)
    assert ours.dtype == torch.float32
    for mine, exact in (
        (ours, true.float()),
        *zip(gradients(ours, weights), gradients(true, weights), strict=True),
    ):
        assert mine.dtype == torch.float32
        assert (mine - exact).norm() / exact.norm() < 0.01


def test_smoothing_and_sampling_together_are_refused():
    with pytest.raises(ValueError, match="choose one of them"):
        Softmax(D, V, samples=4, smoothing=0.1)
