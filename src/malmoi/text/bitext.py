"""The two texts of a translator: what is read, and what is written.

    bitext = Bitext.learn(sources, targets, kind="bpe", size=8_000)
    bitext = Bitext.learn(sources, targets, kind="bpe", size=8_000, joint=True)    one for both
    bitext.save(folder);  Bitext.load(folder)

A folder has `source/` and `target/`, each a `Text`; a joint text stands in the folder itself.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from malmoi.errors import RunError
from malmoi.text.door import Text
from malmoi.text.store import NAME

Lines = Callable[[], Iterable[str]]
SIDES = ("source", "target")
LETTERS = ("characters", "jamo")


@dataclass(frozen=True)
class Bitext:
    """source, target: one and the same where the vocabulary is joint."""

    source: Text
    target: Text

    @classmethod
    def learn(
        cls,
        sources: Lines,
        targets: Lines,
        *,
        kind: str = "bpe",
        source_kind: str = "",
        size: int | None = None,
        source_size: int | None = None,
        min_count: int = 1,
        joint: bool = False,
    ) -> "Bitext":
        """A text for each side, each of `size` types at most; joint: one, learnt from both.

        source_kind, source_size: of the source's tokens, if not as the target's.
        """
        if joint:
            both = Text.learn(
                lambda: chain(sources(), targets()), kind=kind, size=size, min_count=min_count
            )
            return cls(both, both)
        return cls(
            Text.learn(
                sources, kind=source_kind or kind, size=source_size or size, min_count=min_count
            ),
            Text.learn(targets, kind=kind, size=size, min_count=min_count),
        )

    @property
    def joint(self) -> bool:
        return self.source is self.target

    def limit(self, source: int) -> int:
        """The most tokens that the translation of a source of so many may have, `</s>` counted."""
        finer = self.target.kind in LETTERS and self.source.kind not in LETTERS
        return (12 if finer else 2) * source + 20

    def save(self, folder: Path) -> None:
        """Write both; the target is written last.  Raises SaveError."""
        if self.joint:
            self.target.save(folder)
            return
        for side, text in zip(SIDES, (self.source, self.target), strict=True):
            text.save(folder / side)

    @staticmethod
    def saved(folder: Path) -> bool:
        """Whether `save` has come to its end here."""
        return any((place / NAME).is_file() for place in (folder, folder / SIDES[1]))

    @classmethod
    def load(cls, folder: Path) -> "Bitext":
        """Read what `save` wrote.  Raises RunError if it is not as written."""
        if (folder / NAME).is_file():
            if any((folder / side).exists() for side in SIDES):
                raise RunError("there is a text too many", where=str(folder))
            both = Text.load(folder)
            return cls(both, both)
        source, target = (Text.load(folder / side) for side in SIDES)
        return cls(source, target)
