"""Many short sequences in two arrays, and batches of those that are of like length.

ragged = Ragged.of([[5, 2], [7], [3, 3, 3]])
ids, mask = ragged.padded([2, 0])              [2, 3], padded on the right

for rows in Buckets(ragged.lengths, batch=32, seed=1, epoch=0): ...
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Int, Int64, Integer
from torch import Tensor

from malmoi.data.order import Lazy, shuffled

T = TypeVar("T")
Rows: TypeAlias = Int64[np.ndarray, "B"]

POOL = 64  # batches whose texts are sorted by length together: like lengths, yet mixed


def digest(*parts: str | bytes) -> str:
    """SHA-256 of several things that are kept together."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part.encode() if isinstance(part, str) else part)
    return found.hexdigest()


@dataclass(frozen=True)
class Ragged:
    """Sequence i is flat[start[i] : start[i + 1]]."""

    flat: Integer[np.ndarray, "N"]
    start: Int64[np.ndarray, "n"]

    @classmethod
    def of(cls, sequences: Iterable[Sequence[int]]) -> "Ragged":
        flat: list[int] = []
        start = [0]
        for sequence in sequences:
            flat.extend(sequence)
            start.append(len(flat))
        return cls(np.array(flat, dtype=np.int32), np.array(start, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.start) - 1

    def __getitem__(self, i: int) -> Integer[np.ndarray, "T"]:
        return self.flat[self.start[i] : self.start[i + 1]]

    @property
    def lengths(self) -> Int64[np.ndarray, "n"]:
        return np.diff(self.start)

    @property
    def digest(self) -> str:
        """SHA-256 of all of it."""
        return digest(self.start.tobytes(), self.flat.tobytes())

    def padded(
        self, rows: Sequence[int] | Rows, *, multiple: int = 1
    ) -> tuple[Int[Tensor, "B T"], Bool[Tensor, "B T"]]:
        """Some of the sequences side by side, and where they are; T is a multiple, 1 at least."""
        rows = np.asarray(rows, dtype=np.int64)
        start, end = self.start[rows], self.start[rows + 1]
        T = max(1, int((end - start).max(initial=0)))
        T += -T % multiple
        at = start[:, None] + np.arange(T)
        inside = at < end[:, None]
        at[~inside] = 0
        ids = np.where(inside, self.flat[at], 0) if len(self.flat) else np.zeros_like(at)
        return torch.from_numpy(ids.astype(np.int64)), torch.from_numpy(inside)


@dataclass(frozen=True, eq=False)
class Buckets(Lazy[Rows]):
    """Rows of like length, `batch` of them at a time; with an epoch, in an order drawn anew.

    area: rows × longest stays within it, so that one long text does not fill the memory (0: no
    limit).  epoch None: from the shortest to the longest, for evaluation.
    """

    lengths: Int64[np.ndarray, "n"]
    batch: int
    area: int = 0
    seed: int = 0
    epoch: int | None = None
    _order: Int64[np.ndarray, "n"] = field(init=False, repr=False)
    _bounds: Int64[np.ndarray, "K 2"] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n = len(self.lengths)
        if self.epoch is None:
            order = np.argsort(self.lengths, kind="stable")
        else:
            order = shuffled(n, self.seed, self.epoch, 5)
            pools = [order[i : i + POOL * self.batch] for i in range(0, n, POOL * self.batch)]
            sorted_ = [pool[np.argsort(self.lengths[pool], kind="stable")] for pool in pools]
            order = np.concatenate(sorted_) if sorted_ else order
        cuts = [0]
        while cuts[-1] < n:
            i = cuts[-1]
            some = self.lengths[order[i : i + self.batch]]
            size = len(some)
            if self.area:
                longest = np.maximum.accumulate(np.maximum(some, 1))
                fits = longest * np.arange(1, size + 1) <= self.area
                size = max(1, int(fits.sum()))
            cuts.append(i + size)
        bounds = np.stack([cuts[:-1], cuts[1:]], 1).astype(np.int64)
        if self.epoch is not None:
            bounds = bounds[shuffled(len(bounds), self.seed, self.epoch, 6)]
        object.__setattr__(self, "_order", order)
        object.__setattr__(self, "_bounds", bounds.reshape(-1, 2))

    def __len__(self) -> int:
        return len(self._bounds)

    def batch_at(self, k: int) -> Rows:
        return self._order[slice(*self._bounds[k])]


@dataclass(frozen=True, eq=False)
class Made(Lazy[T]):
    """What `make` makes of each of the rows, when it is asked for."""

    rows: Sequence[Int64[np.ndarray, "_"]]  # batches need not be of one size
    make: Callable[[Rows], T]

    def __len__(self) -> int:
        return len(self.rows)

    def batch_at(self, k: int) -> T:
        return self.make(self.rows[k])
