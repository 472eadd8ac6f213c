"""The gradients of decoders that attend at every step, taken by hand, against torch's own of the
plain loop; with dropout, several texts a source, and chunks whose end state goes on."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from malmoi.carry import widen
from malmoi.config import Sizes
from malmoi.layers import conditional, feeding
from malmoi.models import bahdanau, luong
from malmoi.sentences import Sentences

V, SOURCE = 11, 9
DECODERS = {
    "general": luong.Config(d=6, d_word=4),
    "dot": luong.Config(d=6, d_word=4, layers=1, score="dot", scaled=True, bidirectional=True),
    "three layers": luong.Config(d=6, layers=3),
    "before": bahdanau.Config(d=6, d_word=4, d_alpha=5),
    "after": bahdanau.Config(d=6, d_word=4, d_alpha=5, reset="after"),
}


def learnt(model, k):
    """log p and the gradients of it and of the end state, from two chunks."""
    mask = torch.arange(4) < torch.tensor([4, 2, 1])[:, None]
    chance = torch.Generator().manual_seed(0)
    source = Sentences(torch.randint(1, SOURCE, (3, 4), generator=chance) * mask, mask)
    x = torch.randint(0, V, (3 * k, 6), generator=chance)
    torch.manual_seed(1)
    first, carry = model.log_prob(x[:, :2], x[:, 1:3], widen(model.begin(source), k))
    second, carry = model.log_prob(x[:, 2:5], x[:, 3:], carry)
    state = torch.cat([s.flatten() for s in carry[1]]) if len(carry) == 3 else carry[1]
    aim = (torch.cat([first, second], 1) * torch.arange(1.0, 6.0)).sum() + state.sin().sum()
    return aim.detach(), torch.autograd.grad(aim, list(model.parameters()))


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("name", DECODERS)
def test_the_gradient_by_hand_is_torchs(name, dropout, k, monkeypatch):
    torch.manual_seed(0)
    config = replace(DECODERS[name], dropout=dropout)
    model = config.build(Sizes(V, source=SOURCE)).double().train()
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.4)
    aim, by_hand = learnt(model, k)
    monkeypatch.setattr(feeding, "Dot", type(None))
    monkeypatch.setattr(conditional, "Additive", type(None))
    same, by_torch = learnt(model, k)
    torch.testing.assert_close(aim, same, atol=1e-12, rtol=0)
    for a, b in zip(by_hand, by_torch, strict=True):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", DECODERS)
def test_a_gradient_of_its_gradient_is_refused_not_wrong(name):
    model = DECODERS[name].build(Sizes(V, source=SOURCE)).double()
    source = Sentences(torch.tensor([[2, 0]]), torch.ones(1, 2, dtype=torch.bool))
    read, _ = model._read(torch.tensor([[0, 3]]), model.begin(source))
    table = model.words.target.weight
    (slope,) = torch.autograd.grad(read.square().sum(), table, create_graph=True)
    with pytest.raises(RuntimeError, match="twice"):
        slope.sum().backward()


@pytest.mark.parametrize("name", DECODERS)
def test_in_bfloat16_it_learns_nearly_the_same(name):
    torch.manual_seed(0)
    model = replace(DECODERS[name], dropout=0.0).build(Sizes(V, source=SOURCE)).train()
    aim, exact = learnt(model, 2)
    with torch.autocast("cpu", torch.bfloat16):
        near, low = learnt(model, 2)
    assert abs(near - aim) < 0.01 * abs(aim)
    for a, b in zip(exact, low, strict=True):
        assert a.dtype == b.dtype == torch.float32
        assert (a - b).norm() < 0.1 * a.norm() + 1e-3
