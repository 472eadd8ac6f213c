"""`check` passes what is right and finds what is broken."""

import math

import pytest
import torch

from malmoi.carry import tree_map
from malmoi.use.language_model import LanguageModel
from malmoi.use.laws import apart, check
from malmoi.use.laws.writing import LAWS

NAMES = [name for name, *_ in LAWS]


@pytest.mark.parametrize("kind", ["words", "jamo"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", ["nplm", "elman", "gru", "lstm", "charcnn", "gpt"])
def test_networks_keep_the_laws(name, dtype, kind, make):
    findings = list(check(make(name, kind, dtype)))
    assert [f.law for f in findings] == NAMES
    assert [f for f in findings if not f.ok] == []
    assert all(f.limit <= 1e-5 for f in findings)
    assert all(f.limit <= 1e-9 for f in findings if dtype == torch.float64)


@pytest.mark.parametrize("name", ["ngram", "mle"])
def test_count_tables_keep_the_laws(name, make):
    findings = list(check(make(name)))
    assert [f.law for f in findings] == NAMES
    assert [f for f in findings if not f.ok] == []
    assert all(f.limit <= 1e-9 for f in findings)


def test_what_claims_no_perplexity_is_not_asked_to_sum_to_one(make):
    findings = list(check(make("stupid-backoff")))
    assert {f.law for f in findings} == set(NAMES) - {"normalisation", "counting"}
    assert [f for f in findings if not f.ok] == []


class Broken:
    """A right model with one fault."""

    context = None

    def __init__(self, lm, fault):
        self.right, self.fault = lm.model, fault
        self.calls = 0
        self.state_dict = lm.model.state_dict

    def load_state_dict(self, state):
        if self.fault != "save–load":
            self.right.load_state_dict(state)

    def parameters(self):
        return self.right.parameters()

    def begin(self, batch):
        self.rows = batch
        return self.right.begin(batch)

    def __call__(self, x, carry):
        self.calls += 1
        if self.fault == "chunking":
            carry = self.right.begin(len(x))
        if self.fault == "re-ordering" and len(x) == 4:
            carry = tree_map(lambda c: c.flip(0), carry)
        logits, carry = self.right(x, carry)
        if self.fault == "causality":
            logits = logits + 1e-3 * x.float().mean(1)[:, None, None] * logits
        if self.fault == "padding":
            logits = logits * (1 + 1e-2 * len(x))
        if self.fault == "determinism":
            logits = logits + 0.1 * self.calls * torch.arange(logits.size(-1)) % 3
        if self.fault == "search" and x.size(1) == 1:
            logits = logits + 0.1 * self.calls * torch.arange(logits.size(-1))
        return logits, carry

    def log_prob(self, x, y, carry):
        logits, carry = self(x, carry)
        logp = logits.log_softmax(-1).gather(-1, y[..., None]).squeeze(-1)
        if self.fault == "normalisation":
            logp = logp + 1e-3
        if self.fault == "log_prob":
            logp = logp + 1e-3 * (y == 2)
        if self.fault == "counting":
            logp = logp * (1 + 1e-2 * len(x))
        return logp, carry


@pytest.mark.parametrize("law", NAMES)
def test_every_law_finds_the_model_that_breaks_it(law, make):
    lm = make("lstm")
    broken = LanguageModel(Broken(lm, law), lm.text)
    assert law not in {f.law for f in check(LanguageModel(Broken(lm, ""), lm.text)) if not f.ok}
    if law == "save–load":
        state = dict(lm.model.state_dict())
        broken.model.state_dict = lambda: {k: v + 0.1 for k, v in state.items()}
        broken.model.load_state_dict = lm.model.load_state_dict
    findings = {f.law: f for f in check(broken)}
    assert not findings[law].ok
    assert findings[law].difference > findings[law].limit
    assert findings[law].explanation


def test_findings_come_as_they_are_made(make):
    findings = check(make("lstm"))
    assert next(findings).law == NAMES[0]
    assert torch.is_grad_enabled()


def test_what_only_one_side_forbids_is_infinitely_apart():
    inf = -math.inf
    assert apart(torch.tensor([inf, 1.0]), torch.tensor([inf, 1.0])) == 0
    assert apart(torch.tensor([inf]), torch.tensor([-3.0])) == math.inf
    assert apart(torch.tensor([math.nan]), torch.tensor([math.nan])) == math.inf
    assert apart(torch.tensor([-100.0]), torch.tensor([-101.0])) == pytest.approx(0.01)
    assert apart(torch.tensor([-0.1]), torch.tensor([-0.2])) == pytest.approx(0.1)
