"""The labels of a reading task, and their file."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from malmoi import files
from malmoi.errors import DataError, RunError
from malmoi.metrics.schemes import Scheme

NAME = "labels.json"
NEW = -1  # the number of a label that training has not seen: no answer is that


@dataclass(frozen=True)
class Labels:
    """types: what label k is called.  several: a text may have any number of them.

    scheme: how tags write entities, "none" where a tag is a tag.
    """

    types: tuple[str, ...]
    several: bool = False
    scheme: Scheme = "none"

    @classmethod
    def learn(
        cls, seen: Iterable[str], *, where: str, several: bool = False, scheme: Scheme = "none"
    ) -> "Labels":
        """Each label once: numbers by size, else by code points.  Raises DataError for less than
        two, with which there is nothing to learn."""
        types = sorted(set(seen), key=_key)
        if len(types) < 2:
            raise DataError(
                "there is nothing to choose between",
                where=f"{where}: {f'every label is {types[0]!r}' if types else 'no labels'}",
                hint="training needs at least two different labels",
            )
        return cls(tuple(types), several, scheme)

    def __len__(self) -> int:
        return len(self.types)

    def ids(self, labels: Iterable[str]) -> list[int]:
        """The numbers of labels, NEW for one that training has not seen."""
        known = {label: k for k, label in enumerate(self.types)}
        return [known.get(label, NEW) for label in labels]

    def save(self, folder: Path) -> None:
        files.write(folder / NAME, files.dumps(asdict(self)))

    @classmethod
    def load(cls, folder: Path) -> "Labels":
        """Read what `save` wrote.  Raises RunError if it is not as written."""
        path = folder / NAME
        try:
            found = json.loads(path.read_bytes())
            return cls(tuple(found["types"]), bool(found["several"]), found["scheme"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                "the labels of this run cannot be read", where=f"{path}: {error}"
            ) from None


def _key(label: str) -> tuple[Literal[0, 1], int, str]:
    return (0, int(label), label) if label.isdecimal() else (1, 0, label)
