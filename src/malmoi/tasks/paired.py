"""Pairs as numbers, what their targets cost a translator, and what it writes itself.

    Paired.of(bitext, pairs)        both sides as ids, each text with its `</s>`
    forced(model, some)             −Σ log p of the targets, the right words as history
    written(model, bitext, some)    the model's own translations

Neither measure depends on how pairs are batched: evaluation has no dropout, and padding no weight.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from malmoi.data import bucketed
from malmoi.data.bucketed import PairBuckets
from malmoi.data.examples import Pair
from malmoi.data.pairs import grouped, swapped
from malmoi.data.ragged import Ragged
from malmoi.decode.hypothesis import LengthPenalty
from malmoi.decode.translation import translations
from malmoi.layers.packed import packed
from malmoi.metrics.perplexity import Report
from malmoi.tasks.evaluating import evaluating
from malmoi.text import Bitext, Vocabulary

BOUNDARY, UNK = Vocabulary.BOUNDARY, Vocabulary.UNK
READ = 2**13  # tokens read at once when evaluating
CELLS = 2**24  # and no more than so many logits: both bound memory and change no result
PENALTY = LengthPenalty("power", 1.0)  # of a beam: the mean per token


def turned(pairs: Sequence[Pair], split: str) -> list[Pair]:
    """The pairs the other way round; in a held-out split, each source once."""
    other = partial(swapped, lambda: iter(pairs))
    return list(other() if split == "train" else grouped(other))


@dataclass(frozen=True)
class Paired:
    """Pairs as numbers, each side with its `</s>`, and all the right answers to each source.

    characters, bytes: of the targets, in NFC, a line end counted as one.
    """

    source: Ragged
    target: Ragged
    references: Sequence[tuple[str, ...]]
    characters: int
    bytes: int

    @classmethod
    def of(cls, bitext: Bitext, pairs: Sequence[Pair]) -> "Paired":
        return cls(
            encoded(bitext.source, (pair.source for pair in pairs)),
            encoded(bitext.target, (pair.target for pair in pairs)),
            [(pair.target, *pair.others) for pair in pairs],
            sum(bitext.target.characters(pair.target) for pair in pairs),
            sum(bitext.target.octets(pair.target) for pair in pairs),
        )

    def __len__(self) -> int:
        return len(self.source)

    @property
    def sources(self) -> list[list[int]]:
        return [self.source[i].tolist() for i in range(len(self))]

    @property
    def longest(self) -> int:
        """Tokens of the longest side."""
        return int(max(self.source.lengths.max(initial=0), self.target.lengths.max(initial=0)))


def encoded(text: Any, lines: Any) -> Ragged:
    """Each line as ids, with its `</s>`."""
    return Ragged.of([*ids, BOUNDARY] for ids in text.encode_lines(lines))


@dataclass(frozen=True)
class Forced:
    """What targets cost with the right words as history.  right: tokens that were likeliest."""

    report: Report
    right: int
    pairs: int

    def measures(self) -> dict[str, float]:
        found = self.report.measures()
        share = self.right / self.report.events
        return {"perplexity": found.pop("perplexity"), "token_accuracy": share, **found}


@torch.no_grad()
def forced(model: Any, some: Paired, *, done: Callable[[int], object] | None = None) -> Forced:
    """Read pairs once and count what their targets cost.  done: told how many more are."""
    device = next(model.parameters()).device
    total, right = Report(characters=some.characters, bytes=some.bytes), 0
    costs: list[float] = []
    oov: list[bool] = []
    with evaluating(model):
        for rows in PairBuckets(some.source.lengths, some.target.lengths, _budget(model)):
            batch = bucketed.pairs(some.source, some.target, rows).to(device)
            logits, _ = model(batch.x, model.begin(batch.source))
            logp = logits.float().log_softmax(-1)
            nll = -logp.gather(-1, batch.y[..., None])[..., 0][batch.mask].double()
            costs += nll.tolist()
            oov += (batch.y[batch.mask] == UNK).tolist()
            right += int((logits.argmax(-1) == batch.y)[batch.mask].sum())
            if done:
                done(len(rows))
    return Forced(total + Report.of(costs, oov), right, len(some))


def _budget(model: Any) -> int:
    """How many tokens may be read at once."""
    widest = max((len(weight) for weight in model.parameters() if weight.dim() > 1), default=1)
    return max(1, min(READ, 2 * CELLS // widest))


def written(
    model: Any,
    bitext: Bitext,
    some: Paired,
    *,
    beam: int = 1,
    done: Callable[[int], object] | None = None,
) -> list[str]:
    """The model's own translation of each source."""
    with evaluating(model), packed(model):
        found = translations(
            model, some.sources, limit=bitext.limit, width=beam, forbid=(UNK,), done=done,
            penalty=PENALTY,
        )  # fmt: skip
    return [bitext.target.decode(best[0].tokens) for best in found]
