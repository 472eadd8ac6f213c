"""The laws that every translator obeys.

Random sources and targets, from a seed, are read in two ways that must give the same.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from malmoi.carry import select, widen
from malmoi.sentences import Sentences
from malmoi.use.laws.finding import CELLS, Finding, Laws, Measured, apart, findings
from malmoi.use.translator import Translator


class _Bench:
    """A translator on the bench: three sources of different lengths, and as many targets."""

    def __init__(self, translator: Translator, seed: int) -> None:
        self.model, device = translator.model, translator.device
        chance = torch.Generator().manual_seed(seed)
        self.V = len(translator.bitext.target.vocabulary)
        S, T = 9, max(2, min(10, CELLS // (3 * self.V)))
        ids = torch.randint(2, len(translator.bitext.source.vocabulary), (3, S), generator=chance)
        length = torch.tensor([S, 5, 2])
        there = torch.arange(S) < length[:, None]
        ids[torch.arange(3), length - 1] = 0
        self.source = Sentences(ids.masked_fill(~there, 0), there).to(device)
        self.length = length.tolist()
        self.x = torch.randint(2, self.V, (3, T), generator=chance).to(device)
        self.x[:, 0] = 0  # as a text begins

    def log_p(self, source: Sentences, x: Tensor) -> Tensor:
        logits, _ = self.model(x, self.model.begin(source))
        return self._wide(logits)

    def _wide(self, logits: Tensor) -> Tensor:
        return logits.to("cpu", torch.float64).log_softmax(-1)

    @property
    def whole(self) -> Tensor:
        return self.log_p(self.source, self.x)


def check(translator: Translator, *, seed: int = 0) -> Iterator[Finding]:
    """One finding for each law, as they are made."""
    with torch.no_grad():
        bench = _Bench(translator, seed)
    yield from findings(LAWS, bench)


CLOSE = 1e-4


def chunking(bench: _Bench) -> Measured:
    carry, parts = bench.model.begin(bench.source), []
    for x in (bench.x[:, :1], bench.x[:, 1:]):
        logits, carry = bench.model(x, carry)
        parts.append(bench._wide(logits))
    return apart(torch.cat(parts, 1), bench.whole), CLOSE


def padding(bench: _Bench) -> Measured:
    alone = [
        bench.log_p(
            Sentences(bench.source.ids[i : i + 1, :S], bench.source.mask[i : i + 1, :S]),
            bench.x[i : i + 1],
        )
        for i, S in enumerate(bench.length)
    ]
    return apart(torch.cat(alone), bench.whole), CLOSE


def causality(bench: _Bench) -> Measured:
    other = bench.x.clone()
    other[:, -1] = (other[:, -1] + 1) % bench.V
    return apart(bench.log_p(bench.source, other)[:, :-1], bench.whole[:, :-1]), 0.0


def selection(bench: _Bench) -> Measured:
    rows = torch.tensor([2, 0, 0], device=bench.x.device)
    carry = select(bench.model.begin(bench.source), rows)
    logits, _ = bench.model(bench.x[rows], carry)
    return apart(bench._wide(logits), bench.whole[rows.cpu()]), CLOSE


def sharing(bench: _Bench) -> Measured:
    carry = widen(bench.model.begin(bench.source), 2)
    logits, _ = bench.model(bench.x.repeat_interleave(2, 0), carry)
    return apart(bench._wide(logits), bench.whole.repeat_interleave(2, 0)), CLOSE


def gathered(bench: _Bench) -> Measured:
    y = bench.x.roll(-1, 1)
    logp, _ = bench.model.log_prob(bench.x, y, bench.model.begin(bench.source))
    return apart(logp, bench.whole.gather(-1, y.cpu()[..., None])[..., 0]), CLOSE


def source(bench: _Bench) -> Measured:
    """Not an equality: a translator that does not hear its source gives no difference at all."""
    turned = Sentences(bench.source.ids.roll(1, 0), bench.source.mask.roll(1, 0))
    return (0.0 if apart(bench.log_p(turned, bench.x), bench.whole) else 1.0), 0.5


LAWS: Laws[_Bench] = (
    ("chunking", chunking, "writing in two goes is writing in one"),
    ("padding", padding, "a source in a batch is the source alone"),
    ("causality", causality, "what is written later changes nothing before"),
    ("re-ordering", selection, "selecting rows of a carry selects rows of the future"),
    ("sharing", sharing, "hypotheses that share a source are as if each had its own"),
    ("log_prob", gathered, "log p of a token is that of the whole distribution"),
    ("source", source, "another source gives another distribution"),
)
