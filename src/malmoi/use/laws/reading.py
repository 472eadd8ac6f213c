"""The laws that every classifier and every tagger obeys.

Random sentences of unequal lengths, from a seed, are read in two ways that must give the same.
"""

import copy
import math
from collections.abc import Iterator
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from malmoi.layers.distributions import Categorical, Several
from malmoi.layers.tap import Tap
from malmoi.sentences import Sentences, Spelling
from malmoi.use.classifier import Classifier
from malmoi.use.laws.finding import CELLS, Finding, Laws, Measured, apart, findings
from malmoi.use.tagger import Tagger

Reader: TypeAlias = Classifier | Tagger
LENGTHS = (7, 1, 12, 0, 3, 20)
PATHS = 4096  # answers that are all asked for


class _Bench:
    """A model on the bench, and random sentences for it."""

    def __init__(self, reader: Reader, seed: int) -> None:
        self.reader, self.model = reader, reader.model
        self.tags = isinstance(reader, Tagger)
        text = reader.lexicon.text if isinstance(reader, Tagger) else reader.text
        letters = reader.lexicon.letters if isinstance(reader, Tagger) else None
        self.text, self.V, self.K = text, len(text.vocabulary), len(reader.labels)
        self.characters = len(letters) if letters is not None else 0
        self.chance = np.random.default_rng(seed)
        self.rows = [self.sentence(n) for n in LENGTHS if n or not self.tags]
        wide = next(self.model.parameters()).dtype == torch.float64
        self.close = 1e-10 if wide else 1e-5

    def sentence(self, n: int) -> list[int]:
        found: list[int] = self.chance.integers(1, self.V, n).tolist()
        return found

    def sentences(self, rows: list[list[int]], *, left: int = 0, right: int = 0) -> Sentences:
        """Rows side by side, something between them and either edge that is masked."""
        longest = max(map(len, rows))
        T = left + max(1, longest) + right
        ids = torch.from_numpy(self.chance.integers(0, self.V, (len(rows), T)))
        mask = torch.zeros(len(rows), T, dtype=torch.bool)
        ends = torch.zeros_like(mask)
        for i, row in enumerate(rows):
            ids[i, left : left + len(row)] = torch.tensor(row, dtype=torch.long)
            mask[i, left : left + len(row)] = True
            ends[i, left + 2 : left + len(row) : 3] = True
        if not isinstance(self.reader, Classifier) or not self.reader.config.sentences:
            return Sentences(ids, mask, self._spelt(ids)).to(self.reader.device)
        return Sentences(ids, mask, ends=ends).to(self.reader.device)

    def _spelt(self, ids: Tensor) -> Spelling | None:
        """Every word has letters of its own, the same wherever it stands."""
        if not self.characters:
            return None
        forms, places = np.unique(ids.numpy(), return_inverse=True)
        different, index = torch.from_numpy(forms), torch.from_numpy(places.reshape(ids.shape))
        wide = 1 + torch.arange(6)
        letters = 1 + (different[:, None] * wide + wide**2) % (self.characters - 1)
        there = wide <= 1 + (different % 6)[:, None]
        return Spelling(letters, there, index)

    def said(self, x: Sentences) -> Any:
        return self.model(x)

    def p(self, x: Sentences, left: int = 0) -> list[Tensor]:
        """What is said of each row, as probabilities."""
        p: Tensor = self.said(x).marginals()
        if not self.tags:
            return list(p)
        return [row[left : left + n] for row, n in zip(p, x.mask.sum(1).tolist(), strict=True)]

    def apart(self, a: list[Tensor], b: list[Tensor]) -> float:
        return max(map(apart, a, b))


def check(reader: Reader, *, seed: int = 0) -> Iterator[Finding]:
    """One finding for each law, as they are made."""
    yield from findings(LAWS, _Bench(reader, seed))


def padding(bench: _Bench) -> Measured:
    plain, worst = bench.p(bench.sentences(bench.rows)), 0.0
    for left, right in ((0, 5), (4, 0), (3, 9)):
        padded = bench.sentences(bench.rows, left=left, right=right)
        worst = max(worst, bench.apart(plain, bench.p(padded, left)))
    return worst, bench.close


def alone(bench: _Bench) -> Measured:
    together = bench.p(bench.sentences(bench.rows))
    single = [bench.p(bench.sentences([row]))[0] for row in bench.rows]
    return bench.apart(together, single), bench.close


def neighbours(bench: _Bench) -> Measured:
    order = [2, 0, 0, *range(len(bench.rows) - 1, 0, -1)]
    plain = bench.p(bench.sentences(bench.rows))
    other = bench.p(bench.sentences([bench.rows[i] for i in order]))
    return bench.apart([plain[i] for i in order], other), bench.close


def normalisation(bench: _Bench) -> Measured:
    """Of all answers to a short sentence, by `log_prob`; where labels are chosen each for itself
    and there are too many sets of them to ask for, nothing."""
    T = next((n for n in (3, 2, 1) if bench.K**n <= PATHS), 1) if bench.tags else 1
    x = bench.sentences([bench.sentence(T)])
    said = bench.said(x)
    if isinstance(said, Several):
        if 2**bench.K > PATHS:
            return None
        answers = torch.tensor(list(product((0, 1), repeat=bench.K)))
        said = Several(said.logits.expand(len(answers), -1))
    elif isinstance(said, Categorical):
        answers = torch.arange(bench.K)
        said = Categorical(said.logits.expand(len(answers), -1))
    else:
        answers = torch.tensor(list(product(range(bench.K), repeat=T)))
        if len(answers) * T * bench.K > CELLS:
            return None
        x = Sentences(
            x.ids.expand(len(answers), -1),
            x.mask.expand(len(answers), -1),
            x.spelling
            and Spelling(
                x.spelling.ids, x.spelling.mask, x.spelling.index.expand(len(answers), -1)
            ),
        )
        said = bench.said(x)
    total = said.log_prob(answers.to(bench.reader.device)).double().exp().sum()
    return apart(torch.ones(()), total), bench.close


def marginals(bench: _Bench) -> Measured:
    said = bench.said(bench.sentences(bench.rows))
    if isinstance(said, Several):
        return None
    p = said.marginals().sum(-1)
    there = torch.ones_like(p) if isinstance(said, Categorical) else said.mask.to(p)
    return apart(there, p), bench.close


def best(bench: _Bench) -> Measured:
    said = bench.said(bench.sentences(bench.rows))
    first, listed = said.best(), said.nbest(1)
    if not torch.equal(first, listed[0][:, 0]):
        return math.inf, bench.close
    return apart(said.log_prob(first), listed[1][:, 0]), bench.close


def listening(bench: _Bench) -> Measured:
    x = bench.sentences(bench.rows)
    before, heard = bench.p(x), []
    taps = [tap for tap in bench.model.modules() if isinstance(tap, Tap)]
    hooks = [tap.register_forward_hook(lambda *passed: heard.append(passed[2])) for tap in taps]
    try:
        after = bench.p(x)
    finally:
        for hook in hooks:
            hook.remove()
    return bench.apart(before, after), 0.0


def saving(bench: _Bench) -> Measured:
    """Through bytes, as `model.safetensors` is written, into a model that forgot everything."""
    from safetensors.torch import load, save

    state = {name: t.detach().cpu().contiguous() for name, t in bench.model.state_dict().items()}
    if sum(t.numel() for t in state.values()) > 8 * CELLS:
        return None
    x = bench.sentences(bench.rows)
    before, own = bench.p(x), bench.model
    bench.model = copy.deepcopy(own)
    try:
        for weight in bench.model.parameters():
            weight.fill_(math.nan)
        bench.model.load_state_dict(load(save(state)))
        return bench.apart(before, bench.p(x)), 0.0
    finally:
        bench.model = own


def counting(bench: _Bench) -> Measured:
    """Of texts that are made of random words, by the verbs that people use."""
    texts = [bench.text.decode(row) for row in bench.rows]
    reader, pairs = bench.reader, []
    if isinstance(reader, Classifier):
        for whole, text in zip(reader.classify(texts), texts, strict=True):
            one = reader.classify(text)
            pairs.append(([whole.probabilities[k] for k in reader.labels.types],
                          [one.probabilities[k] for k in reader.labels.types]))  # fmt: skip
    else:
        for tagged, text in zip(reader.tag(texts), texts, strict=True):
            alone = reader.tag(text)
            if [t[:3] for t in tagged.tokens] != [t[:3] for t in alone.tokens]:
                return math.inf, bench.close
            pairs.append(([t.probability for t in tagged.tokens],
                          [t.probability for t in alone.tokens]))  # fmt: skip
    return max(apart(torch.tensor(a), torch.tensor(b)) for a, b in pairs), bench.close


def determinism(bench: _Bench) -> Measured:
    x = bench.sentences(bench.rows)
    return bench.apart(bench.p(x), bench.p(x)), 0.0


LAWS: Laws[_Bench] = (
    ("padding", padding, "what is masked, on either side, changes nothing"),
    ("batch", alone, "a batch is its sentences alone"),
    ("re-ordering", neighbours, "other neighbours change nothing"),
    ("normalisation", normalisation, "the probabilities of all answers sum to 1"),
    ("marginals", marginals, "at every place the probabilities of all labels sum to 1"),
    ("best", best, "the best answer is the first of the n best"),
    ("counting", counting, "an answer does not depend on what else was asked"),
    ("listening", listening, "who listens changes nothing"),
    ("save–load", saving, "the loaded model is the model"),
    ("determinism", determinism, "the same sentence, the same answer"),
)
