"""`check` passes readers that are right and finds what is broken in others."""

import pytest
import torch

from malmoi.layers.crf import LinearChain
from malmoi.layers.tap import Tap
from malmoi.use import Tagger
from malmoi.use.laws import check
from malmoi.use.laws.reading import LAWS

NAMES = [name for name, *_ in LAWS]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", ["bow", "lstm", "attention", "selfattentive", "han"])
def test_classifiers_keep_the_laws(name, dtype, make_classifier):
    findings = list(check(make_classifier(name, dtype=dtype)))
    assert [f.law for f in findings] == NAMES
    assert [f for f in findings if not f.ok] == []
    assert all(f.limit <= (1e-10 if dtype == torch.float64 else 1e-5) for f in findings)


@pytest.mark.parametrize("scheme", ["bio", "bioes", "none"])
@pytest.mark.parametrize("name", ["softmax", "crf", "spelt", "plain"])
def test_taggers_keep_the_laws(name, scheme, make_tagger):
    findings = list(check(make_tagger(name, scheme=scheme)))
    assert [f.law for f in findings] == NAMES
    assert [f for f in findings if not f.ok] == []


def test_what_chooses_each_label_for_itself_is_not_asked_for_marginals(make_classifier):
    findings = list(check(make_classifier("bow", several=True)))
    assert {f.law for f in findings} == set(NAMES) - {"marginals"}
    assert [f for f in findings if not f.ok] == []


class Answer(LinearChain):
    """A distribution with one fault."""

    fault = ""

    def marginals(self):
        p = super().marginals()
        return p * (1 + 1e-3) if self.fault == "marginals" else p

    def log_prob(self, tags):
        logp = super().log_prob(tags)
        return logp - 1e-2 if self.fault == "normalisation" else logp

    def best(self):
        best = super().best()
        return best * 0 if self.fault == "best" else best


class Broken(torch.nn.Module):
    """A right tagger with one fault."""

    def __init__(self, right, fault):
        super().__init__()
        self.right, self.fault = right, fault
        self.calls = 0
        self.tap = Tap()

    def load_state_dict(self, state):
        if self.fault != "save–load":
            super().load_state_dict(state)

    def forward(self, x):
        self.calls += 1
        right = self.right(x)
        e = right.emissions
        tilt = torch.arange(e.size(-1), dtype=e.dtype)
        if self.fault == "padding":
            e = e + 1e-3 * x.ids.to(e).mean() * tilt
        if self.fault == "batch":
            e = e * (1 + 1e-2 * len(x))
        if self.fault == "re-ordering":
            e = e * (1 + 1e-2 * x.mask[0].sum())
        if self.fault == "counting":
            e = e * (1 + 1e-2 * len(x))
        if self.fault == "determinism":
            e = e + 1e-2 * self.calls * tilt
        if self.fault == "listening" and self.tap.heard:
            e = e + 1e-2 * tilt
        answer = type("Answer", (Answer,), {"fault": self.fault})
        return answer(e, right.mask, right.transitions, right.start, right.end)


@pytest.mark.parametrize("law", NAMES)
def test_every_law_finds_the_tagger_that_breaks_it(law, make_tagger):
    tagger = make_tagger("crf", scheme="none")
    findings = {}
    for fault in ("", law):
        model = Broken(tagger.model, fault)
        findings[fault] = {f.law: f for f in check(Tagger(model, tagger.lexicon, tagger.config))}
    assert findings[""][law].ok
    assert not findings[law][law].ok
    assert findings[law][law].difference > findings[law][law].limit
    assert findings[law][law].explanation
