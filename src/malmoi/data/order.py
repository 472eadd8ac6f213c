"""In which order a stream of tokens is read: batches as pure functions of (settings, epoch, k).

    Lanes     lane b of batch k+1 goes on where lane b of batch k ended      truncated BPTT
    Windows   shuffled windows at a phase that moves from epoch to epoch     training a GPT
    Lines     whole lines, each alone, of like length and by a token budget  sentences

Every order scores every event of the stream exactly once: what does not fill a batch is there and
the mask says so.  Nothing is kept between batches, so a training resumes from two integers, the
epoch and k, without replaying anything.  `tokens` may be a memory map: only the batch is read.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar, overload

import numpy as np
import torch
from jaxtyping import Int64, Integer

from malmoi.data.batches import LanguageBatch
from malmoi.data.corpus import BOUNDARY
from malmoi.errors import EmptyText

T = TypeVar("T")


class Lazy(Sequence[T], Generic[T]):
    """A finite sequence whose items are made when they are asked for: `len`, `[k]`, `for`."""

    @abstractmethod
    def batch_at(self, k: int) -> T:
        """The k-th item, 0 ≤ k < len(self)."""

    @overload
    def __getitem__(self, k: int) -> T: ...
    @overload
    def __getitem__(self, k: slice) -> list[T]: ...
    def __getitem__(self, k: int | slice) -> T | list[T]:
        there = range(len(self))[k]
        if isinstance(there, int):
            return self.batch_at(there)
        return [self.batch_at(i) for i in there]


class Order(Lazy[LanguageBatch]):
    """The batches of a stream of tokens."""

    tokens: Integer[np.ndarray, "N"]

    @property
    def events(self) -> int:
        """How many tokens all the batches together score: every one but the first."""
        return len(self.tokens) - 1


def cut(
    tokens: Integer[np.ndarray, "N"],
    start: Int64[np.ndarray, "B"],
    end: Int64[np.ndarray, "B"],
    *,
    fresh: bool = True,
    length: int | None = None,
) -> LanguageBatch:
    """Row b reads tokens[start[b] : end[b]], padded on the right.

    Event i of the stream is: having read token i, say token i + 1.
    """
    T = int((end - start).max()) if length is None else length
    at = start[:, None] + np.arange(T)  # [B, T]
    inside = at < end[:, None]
    at[~inside] = 0
    x = np.where(inside, tokens[at], 0).astype(np.int64)
    y = np.where(inside, tokens[at + 1], 0).astype(np.int64)
    return LanguageBatch(torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(inside), fresh)


def events_of(tokens: Integer[np.ndarray, "N"]) -> int:
    """A stream of N tokens asks N - 1 questions."""
    if len(tokens) < 2:
        raise EmptyText("there is nothing to read in this text", hint="give it at least one line")
    return len(tokens) - 1


def shuffled(n: int, *key: int) -> Int64[np.ndarray, "n"]:
    """A permutation of n that depends on the key alone."""
    return np.random.default_rng(key).permutation(n)


def _positive(**settings: int) -> None:
    for name, value in settings.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, not {value}")


@dataclass(frozen=True, eq=False)
class Lanes(Order):
    """The text cut into `lanes` contiguous lanes, read side by side, `length` tokens a batch.

    Lengths of lanes differ by one at most; `fresh` only at the beginning.  All lanes but the first
    begin in the middle of a text, without its history: with lanes = 1 nothing is approximated.
    """

    tokens: Integer[np.ndarray, "N"]
    lanes: int
    length: int

    def __post_init__(self) -> None:
        _positive(lanes=self.lanes, length=self.length)
        events_of(self.tokens)

    def __len__(self) -> int:
        return -(-self.events // (self.lanes * self.length))

    def batch_at(self, k: int) -> LanguageBatch:
        short, longer = divmod(self.events, self.lanes)  # `longer` lanes have one event more
        bounds = np.arange(self.lanes + 1) * short + np.minimum(np.arange(self.lanes + 1), longer)
        start = bounds[:-1] + k * self.length
        end = np.minimum(start + self.length, bounds[1:])
        return cut(self.tokens, start, end, fresh=k == 0)


@dataclass(frozen=True, eq=False)
class Windows(Order):
    """Windows of `length` tokens in shuffled order, each begun anew, `batch` of them a batch.

    The cuts between windows lie at another phase in every epoch, so that no token is for ever the
    first of its window.  The pieces before the first cut and after the last are windows too,
    padded.
    """

    tokens: Integer[np.ndarray, "N"]
    batch: int
    length: int
    seed: int = 0
    epoch: int = 0
    _start: Int64[np.ndarray, "W"] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _positive(batch=self.batch, length=self.length)
        phase = int(np.random.default_rng((self.seed, self.epoch, 1)).integers(self.length))
        start = np.arange(phase - self.length, events_of(self.tokens), self.length)
        start = start[start > -self.length]  # phase 0: there is no piece before the first cut
        object.__setattr__(self, "_start", start[shuffled(len(start), self.seed, self.epoch, 2)])

    def __len__(self) -> int:
        return -(-len(self._start) // self.batch)

    def batch_at(self, k: int) -> LanguageBatch:
        start = self._start[k * self.batch : (k + 1) * self.batch]
        end = np.minimum(start + self.length, self.events)
        return cut(self.tokens, np.maximum(start, 0), end, length=self.length)


@dataclass(frozen=True, eq=False)
class Lines(Order):
    """Lines alone: x = [0, w…], y = [w…, 0], padded on the right, rows × length ≤ `budget`.

    With an epoch: lines of like length together, shuffled by (seed, epoch).  epoch None: in the
    order of the text.  Lines of more than `longest` events are cut into pieces that know nothing
    of one another; a line longer than the budget is a batch of its own.
    """

    tokens: Integer[np.ndarray, "N"]
    budget: int
    seed: int = 0
    epoch: int | None = None
    longest: int | None = None
    _start: Int64[np.ndarray, "L"] = field(init=False, repr=False, compare=False)
    _length: Int64[np.ndarray, "L"] = field(init=False, repr=False, compare=False)
    _batches: Int64[np.ndarray, "K 2"] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _positive(budget=self.budget, longest=1 if self.longest is None else self.longest)
        events_of(self.tokens)
        start, length = self._pieces()
        n = len(start)
        if self.epoch is not None:
            mixed = shuffled(n, self.seed, self.epoch, 3)  # lines of one length: in any order
            mixed = mixed[np.argsort(length[mixed], kind="stable")]
            start, length = start[mixed], length[mixed]
        bounds = np.array(_packed(length, self.budget))
        batches = np.stack([bounds[:-1], bounds[1:]], axis=1)
        if self.epoch is not None:  # batches of short lines and of long ones in turn
            batches = batches[shuffled(len(batches), self.seed, self.epoch, 4)]
        object.__setattr__(self, "_start", start)
        object.__setattr__(self, "_length", length)
        object.__setattr__(self, "_batches", batches)

    def _pieces(self) -> tuple[Int64[np.ndarray, "L"], Int64[np.ndarray, "L"]]:
        ends = np.flatnonzero(self.tokens == BOUNDARY)
        if ends[:1].tolist() != [0] or ends[-1] != len(self.tokens) - 1:
            raise ValueError("a stream of lines begins and ends with a boundary")
        start, length = ends[:-1], np.diff(ends)
        if self.longest is None:
            return start, length
        pieces = -(-length // self.longest)
        line = np.repeat(np.arange(len(start)), pieces)
        piece = np.arange(len(line)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        done = piece * self.longest
        return start[line] + done, np.minimum(length[line] - done, self.longest)

    def __len__(self) -> int:
        return len(self._batches)

    def batch_at(self, k: int) -> LanguageBatch:
        rows = slice(*self._batches[k])
        start = self._start[rows]
        return cut(self.tokens, start, start + self._length[rows])


def _packed(length: Int64[np.ndarray, "L"], budget: int) -> list[int]:
    """Where to cut a list of lines so that rows × longest row stays within the budget."""
    bounds = [0]
    while bounds[-1] < len(length):
        i = bounds[-1]
        some = length[i : i + max(budget // int(length[i]), 1)]
        area = np.maximum.accumulate(some) * np.arange(1, len(some) + 1)  # grows with every row
        bounds.append(i + max(int(np.searchsorted(area, budget, side="right")), 1))
    return bounds
