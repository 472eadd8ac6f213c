"""Pairs side by side: batches of like length within a budget of tokens.

    rows × (longest source + longest target) ≤ budget          padded lengths, `</s>` counted

Pairs are sorted by the padded length of the target, then of the source, up and down in turn, so
that neighbours are alike in both; the ones of a length are shuffled, and so are the batches, by
(seed, epoch).  Lengths are padded to multiples of 4 and rows come in eights: oneDNN keeps a program
for each shape it meets, and where batches are cut depends on lengths alone, so that every epoch
has the shapes of the first.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Int64

from malmoi.data.batches import PairBatch
from malmoi.data.order import Lazy, shuffled
from malmoi.data.ragged import Ragged, Rows
from malmoi.sentences import Sentences

MULTIPLE = 4
ROWS = 8


@dataclass(frozen=True, eq=False)
class PairBuckets(Lazy[Rows]):
    """source, target: how many tokens each has.  epoch None: in one order, for evaluation.

    A pair that is longer than the budget is a batch of its own.
    """

    source: Int64[np.ndarray, "n"]
    target: Int64[np.ndarray, "n"]
    budget: int
    seed: int = 0
    epoch: int | None = None
    _order: Int64[np.ndarray, "n"] = field(init=False, repr=False)
    _bounds: Int64[np.ndarray, "K 2"] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n = len(self.source)
        S, T = _padded(self.source), _padded(self.target)
        order = np.arange(n) if self.epoch is None else shuffled(n, self.seed, self.epoch, 7)
        up_and_down = np.where(T // MULTIPLE % 2 == 0, S, -S)
        order = order[np.lexsort((up_and_down[order], T[order]))]  # stable: by T, then by S
        cuts = [0]
        while cuts[-1] < n:
            i = cuts[-1]
            some = order[i : i + max(1, self.budget // (2 * MULTIPLE))]
            each = np.maximum.accumulate(S[some]) + np.maximum.accumulate(T[some])
            size = int((each * np.arange(1, len(some) + 1) <= self.budget).sum())
            if i + size < n and size > ROWS:
                size -= size % ROWS
            cuts.append(i + max(1, size))
        bounds = np.stack([cuts[:-1], cuts[1:]], 1).astype(np.int64).reshape(-1, 2)
        if self.epoch is not None:
            bounds = bounds[shuffled(len(bounds), self.seed, self.epoch, 8)]
        object.__setattr__(self, "_order", order)
        object.__setattr__(self, "_bounds", bounds)

    def __len__(self) -> int:
        return len(self._bounds)

    def batch_at(self, k: int) -> Rows:
        return self._order[slice(*self._bounds[k])]


def _padded(lengths: Int64[np.ndarray, "n"]) -> Int64[np.ndarray, "n"]:
    return -(-lengths // MULTIPLE) * MULTIPLE


def sources(ragged: Ragged, rows: Rows) -> Sentences:
    """Some of the sources, each with its `</s>`, side by side."""
    return Sentences(*ragged.padded(rows, multiple=MULTIPLE))


def pairs(source: Ragged, target: Ragged, rows: Rows) -> PairBatch:
    """Some of the pairs, side by side; every sequence ends with its `</s>`, which is id 0."""
    y, mask = target.padded(rows, multiple=MULTIPLE)
    x = torch.cat([torch.zeros_like(y[:, :1]), y[:, :-1]], 1)
    return PairBatch(sources(source, rows), x, y, mask)
