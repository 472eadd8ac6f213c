"""What a data set is to the rest of malmoi: lines, by split, that can be read again and again."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

from malmoi.errors import DataError

Source: TypeAlias = Callable[[], Iterator[str]]
"""Call it and read from the first line."""
Splits: TypeAlias = Mapping[str, Source]


class Limit(NamedTuple):
    """What the true probabilities spend on a text; events: words and one end a line."""

    nats: float
    events: int

    @property
    def perplexity(self) -> float:
        return math.exp(self.nats / self.events)


@dataclass(frozen=True)
class DataSet:
    """tokens: the kind of token it is usually read in.  announcements: what a person should be
    told before believing a number: how it was split, what was left out, which edition it is.
    truth: for a made-up language, what its own probabilities spend on lines."""

    name: str
    description: str
    licence: str
    language: str
    tokens: str
    splits: Splits
    announcements: tuple[str, ...] = ()
    truth: Callable[[Iterable[str]], Limit] | None = None

    def lines(self, split: str) -> Iterator[str]:
        """The lines of one split.  Raises DataError if there is no such split."""
        if split not in self.splits:
            what = f"{self.name} has no split {split!r}"
            raise DataError(what, hint=f"choose from {', '.join(self.splits)}")
        return self.splits[split]()

    @cached_property
    def limit(self) -> float | None:
        """The perplexity of the truth on the test lines, by words; None where no one knows it."""
        return self.truth(self.lines("test")).perplexity if self.truth else None
