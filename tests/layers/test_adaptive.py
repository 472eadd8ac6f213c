"""The adaptive softmax against `torch.nn.AdaptiveLogSoftmaxWithLoss` with the same weights."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from malmoi.config import Sizes
from malmoi.errors import UsageError
from malmoi.layers.adaptive import Adaptive, output
from malmoi.layers.softmax import Softmax
from malmoi.models.gpt import Config as GPTConfig
from malmoi.models.rnn import GRUConfig, LSTMConfig

V, D, B, T = 40, 64, 3, 17
every_cut = pytest.mark.parametrize("cutoffs", [(5,), (5, 17), (1, 2, 39)])


def pair(cutoffs, dtype=torch.float64):
    """Ours and torch's, with the same weights."""
    torch.manual_seed(0)
    ours = Adaptive(D, V, cutoffs).to(dtype)
    peer = nn.AdaptiveLogSoftmaxWithLoss(D, V, list(cutoffs), div_value=4.0).to(dtype)
    for weight in ours.parameters():
        nn.init.normal_(weight, std=0.3)
    peer.load_state_dict(ours.state_dict())
    return ours, peer


def text(seed=0):
    torch.manual_seed(seed)
    return torch.randn(B, T, D, dtype=torch.float64), torch.randint(V, (B, T))


@every_cut
def test_it_is_torchs_adaptive_softmax_and_sums_to_one(cutoffs):
    ours, peer = pair(cutoffs)
    h, _ = text()
    logp = ours(h)
    assert_close(logp.flatten(0, 1), peer.log_prob(h.flatten(0, 1)), atol=1e-13, rtol=0)
    assert_close(logp.exp().sum(-1), torch.ones(B, T, dtype=torch.float64), atol=1e-13, rtol=0)


@every_cut
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("rare", [True, False])
def test_what_was_said_and_its_gradient_are_torchs_whether_rare_words_were_said_or_not(
    cutoffs, training, rare
):
    ours, peer = pair(cutoffs)
    h, y = text()
    y = y if rare else y % cutoffs[0]
    h.requires_grad_()
    G = torch.randn(B, T, dtype=torch.float64)
    logp = ours.train(training).log_prob(h, y)
    truth, _ = peer(h.flatten(0, 1), y.flatten())
    assert_close(logp, truth.view(B, T), atol=1e-13, rtol=0)
    assert_close(logp, ours(h).gather(-1, y[..., None]).squeeze(-1), atol=1e-13, rtol=0)
    mine = torch.autograd.grad((logp * G).sum(), [h, *ours.parameters()])
    theirs = torch.autograd.grad(
        (truth.view(B, T) * G).sum(), [h, *peer.parameters()], allow_unused=True
    )
    for name, a, b in zip(["h", *dict(ours.named_parameters())], mine, theirs, strict=True):
        b = torch.zeros_like(a) if b is None else b
        assert_close(a, b, atol=1e-12, rtol=0, msg=name)


def test_in_bfloat16_it_errs_no_more_than_bfloat16_does():
    ours, _ = pair((5, 17), torch.float32)
    h, y = text()
    h = h.float()
    with torch.autocast("cpu", torch.bfloat16):
        low, whole = ours.log_prob(h, y), ours(h)
    assert low.dtype == whole.dtype == torch.float32
    assert_close(low, ours.log_prob(h, y), atol=0.1, rtol=0)
    assert_close(whole, ours(h), atol=0.1, rtol=0)


def test_a_config_asks_for_it_and_for_nothing_that_it_cannot_be():
    model = LSTMConfig(d=8, layers=1, adaptive=(5, 20)).build(Sizes(V))
    assert isinstance(model.out, Adaptive)
    assert isinstance(GPTConfig(tied=False, adaptive=(5,)).build(Sizes(V)).out, Adaptive)
    assert isinstance(GRUConfig().build(Sizes(V)).out, Softmax)
    assert isinstance(output(D, V, samples=3), Softmax)
    with pytest.raises(ValueError, match="rise"):
        LSTMConfig(adaptive=(20, 5))
    with pytest.raises(ValueError, match="choose one"):
        LSTMConfig(adaptive=(5,), samples=10)
    with pytest.raises(ValueError, match="tied = false"):
        GPTConfig(adaptive=(5,))
    with pytest.raises(UsageError, match="no words"):
        LSTMConfig(adaptive=(5, V)).build(Sizes(V))
