"""What a data set is to the rest of malmoi: by split, lines that can be read again and again, and
where there are any, texts with labels, sentences with tags, and pairs of texts."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, TypeVar

from malmoi.data.examples import Example, Examples, Pair, Pairs, Tagged, TaggedSentences
from malmoi.errors import DataError

T = TypeVar("T")
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
    truth: for a made-up language, what its own probabilities spend on lines.
    labelled, tagged, pairs: by split, empty where nobody labelled, tagged or translated it.
    column: of the tags that are meant when nobody says which.  source_tokens: of pairs, what the
    source is usually read in, if in other tokens than the target."""

    name: str
    description: str
    licence: str
    language: str
    tokens: str
    splits: Splits
    announcements: tuple[str, ...] = ()
    truth: Callable[[Iterable[str]], Limit] | None = None
    labelled: Mapping[str, Examples] = field(default_factory=dict)
    tagged: Mapping[str, TaggedSentences] = field(default_factory=dict)
    column: str = ""
    pairs: Mapping[str, Pairs] = field(default_factory=dict)
    source_tokens: str = ""

    @property
    def form(self) -> Literal["tagged", "labelled", "pairs", "lines"]:
        """The richest of its views, which is what it was made for."""
        if self.tagged:
            return "tagged"
        return "labelled" if self.labelled else "pairs" if self.pairs else "lines"

    def lines(self, split: str) -> Iterator[str]:
        """The lines of one split.  Raises DataError if there is no such split."""
        return self._view(self.splits, "lines", split)()

    def examples(self, split: str) -> Iterator[Example]:
        """The labelled texts of one split.  Raises DataError if there is none."""
        return self._view(self.labelled, "labelled texts", split)()

    def sentences(self, split: str) -> Iterator[Tagged]:
        """The tagged sentences of one split.  Raises DataError if there is none."""
        return self._view(self.tagged, "tagged sentences", split)()

    def paired(self, split: str) -> Iterator[Pair]:
        """The pairs of texts of one split.  Raises DataError if there is none."""
        return self._view(self.pairs, "pairs of texts", split)()

    def _view(self, view: Mapping[str, T], what: str, split: str) -> T:
        if not view:
            about = f"it is read as {self.form}: {', '.join(self.splits)}"
            raise DataError(f"{self.name} has no {what}", where=about)
        if split not in view:
            hint = f"choose from {', '.join(view)}"
            raise DataError(f"{self.name} has no split {split!r}", hint=hint)
        return view[split]

    @cached_property
    def limit(self) -> float | None:
        """The perplexity of the truth on the test lines, by words; None where no one knows it."""
        return self.truth(self.lines("test")).perplexity if self.truth else None


def yours(path: Path, splits: Splits, announcements: Iterable[str]) -> DataSet:
    """A data set from a person's own file or folder."""
    return DataSet(
        name=str(path),
        description=f"{'a folder' if path.is_dir() else 'a file'}: {path.name}",
        licence="its owner's",
        language="",
        tokens="words",
        splits=splits,
        announcements=tuple(announcements),
    )
