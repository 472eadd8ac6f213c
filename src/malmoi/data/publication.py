"""What is known of a data set that others made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from malmoi.data.dataset import Source
from malmoi.data.examples import Examples, Pairs, TaggedSentences


@dataclass(frozen=True)
class Published:
    """A data set that others made.  files: the SHA-256 of the contents, None where unknown.

    splits: its lines, where they are more than the texts that are labelled or tagged.
    column: of the tags, the one that is meant.  folder: on the shelf, if not its name.
    source_tokens: of pairs, what the source is read in, if in other tokens than the target.
    """

    description: str
    licence: str
    language: str
    tokens: str
    source: str
    files: Mapping[str, str | None]
    splits: Callable[[Path], dict[str, Source]] | None = None
    announcements: tuple[str, ...] = ()
    labelled: Callable[[Path], dict[str, Examples]] | None = None
    tagged: Callable[[Path], dict[str, TaggedSentences]] | None = None
    column: str = ""
    folder: str = ""
    pairs: Callable[[Path], Mapping[str, Pairs]] | None = None
    source_tokens: str = ""

    @property
    def form(self) -> Literal["tagged", "labelled", "pairs", "lines"]:
        if self.tagged:
            return "tagged"
        return "labelled" if self.labelled else "pairs" if self.pairs else "lines"
