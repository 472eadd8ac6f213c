"""Parallel files: line i of one is the translation of line i of the other.

    train.en:train.fr          two files, in one string
    a folder                   train.en train.fr valid.en valid.fr test.en test.fr, gzipped or not
    a folder:en-fr             from which to which; English is the source if nothing is said

The files must have as many lines.  Where they have not, pairing them up to the shorter would train
on wrong pairs without a word; the error says where the two most likely part:

    k = argmin_k  Σ_{i<k} c(s_i, t_i) + Σ_{i≥k} c(s_i, t_{i+d})       d = lines of t − lines of s
    c(s, t) = |log (|s| + 1) − log (|t| + 1) − r|       r: its median over the pairs (0 ≤ i < n)

with the longer file as t: the place after which the lengths of lines fit only if d lines of the
longer one are passed over (after Gale & Church 1993, who align by lengths alone).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from malmoi.data.examples import Pair
from malmoi.data.formats import read_lines
from malmoi.data.languages import code, is_language
from malmoi.data.lines import check_file
from malmoi.data.pairs import Languages, chosen
from malmoi.errors import DataError

SPLIT = re.compile(
    r"(?:^|[._\- ])(train(?:ing)?|valid(?:ation)?|val|dev|test(?:ing)?)(?=[^a-z]|$)", re.IGNORECASE
)
NAMES = {"tr": "train", "va": "valid", "de": "valid", "te": "test"}
TOLD = re.compile(r"([A-Za-z]{2,8}(?:_[A-Za-z]+)?)-([A-Za-z]{2,8}(?:_[A-Za-z]+)?)")


def languages_of(name: str) -> tuple[str, Languages | None]:
    """`name:en-fr` in its parts."""
    place, colon, said = name.rpartition(":")
    found = TOLD.fullmatch(said)
    if colon and place and found and is_language(found[1]) and is_language(found[2]):
        return place, (found[1], found[2])
    return name, None


def two_files(name: str) -> tuple[Path, Path] | None:
    """`train.en:train.fr` in its parts, if that is what it is."""
    for colon in re.finditer(":", name):
        first, second = Path(name[: colon.start()]), Path(name[colon.end() :])
        if name[: colon.start()] and name[colon.end() :] and (first.is_file() or second.is_file()):
            return first, second
    return None


@dataclass(frozen=True)
class Parallel:
    """Two files of as many lines; call it and read their pairs from the first."""

    source: Path
    target: Path

    def __call__(self) -> Iterator[Pair]:
        """Raises DataError at the end if one has more lines."""
        for s, t in zip_longest(read_lines(self.source), read_lines(self.target)):
            if s is None or t is None:
                raise self._unequal()
            yield Pair(s, t)

    def check(self) -> None:
        """Raises DataError unless they have as many lines."""
        for path in (self.source, self.target):
            check_file(path)
        one, other = (sum(1 for _ in read_lines(path)) for path in (self.source, self.target))
        if one != other:
            raise self._unequal()

    def _unequal(self) -> DataError:
        sizes = [
            np.array([len(line) for line in read_lines(path)])
            for path in (self.source, self.target)
        ]
        where = [f"{path}: {len(n):,} lines" for path, n in zip(self._files, sizes, strict=True)]
        shorter, longer = sorted(sizes, key=len)
        k = parting(shorter, longer)
        where.append(f"by the lengths of the lines, they part at about line {k + 1:,}")
        return DataError(
            "source and target have different numbers of lines",
            where=where,
            hint="look there for a line that was split, dropped or doubled",
        )

    @property
    def _files(self) -> tuple[Path, Path]:
        return self.source, self.target


def parting(shorter: np.ndarray, longer: np.ndarray) -> int:
    """The index of the first line after which the files fit only if shifted (the module's head)."""
    n, d = len(shorter), len(longer) - len(shorter)
    s, t = np.log(shorter + 1.0), np.log(longer + 1.0)
    r = float(np.median(np.r_[t[:n] - s, t[d:] - s]))
    straight, shifted = np.abs(t[:n] - s - r), np.abs(t[d:] - s - r)
    before = np.r_[0.0, np.cumsum(straight)]
    after = np.r_[np.cumsum(shifted[::-1])[::-1], 0.0]
    return int(np.argmin(before + after))


def has_parallel(folder: Path) -> bool:
    """Whether there are training texts in two languages or more."""
    return len(_files(folder).get("train", {})) > 1


def _files(folder: Path) -> dict[str, dict[str, list[Path]]]:
    """The files whose names end in a language, by split and by that, the plainest name first."""
    there: dict[str, dict[str, list[Path]]] = {}
    for path in sorted(folder.iterdir(), key=lambda p: (len(p.name), p.name)):
        stem, dot, language = path.name.removesuffix(".gz").rpartition(".")
        said = SPLIT.search(stem)
        if path.is_file() and dot and said and is_language(language):
            split = NAMES[said[1].lower()[:2]]
            there.setdefault(split, {}).setdefault(language, []).append(path)
    return there


def find_parallel(
    folder: Path, languages: Languages | None = None
) -> tuple[dict[str, Parallel], list[str]] | None:
    """The parallel files of a folder by split, and what to say; None if there are none.

    Of several files of one split and language, the one with the plainest name is read.
    Raises DataError if it cannot be told which languages are meant, or a side is missing.
    """
    there = _files(folder)
    if len(there.get("train", {})) < 2:
        return None
    found = chosen(sorted(there["train"]), languages, str(folder))
    assert found is not None
    if languages is None and code(found[1]) == "en":
        found = found[1], found[0]
    views, notes = {}, [f"{folder.name}: from {found[0]} to {found[1]}"]
    for split, files in there.items():
        absent = [language for language in found if language not in files]
        if len(absent) == 2:
            continue
        if absent:
            (other,) = (files[language][0] for language in found if language in files)
            raise DataError(
                f"the {split} split has no {absent[0]} side",
                where=f"{other} has none beside it",
                hint=f"put its translation beside it: {other.with_suffix('.' + absent[0]).name}",
            )
        views[split] = Parallel(files[found[0]][0], _beside(files[found[0]][0], files[found[1]]))
        notes.append(f"{folder.name}: {split} is {views[split].source.name}, its target beside it")
        if more := [path.name for path in files[found[0]][1:]]:
            notes.append(f"{folder.name}: not read: {', '.join(more)}")
    for parallel in views.values():
        parallel.check()
    return views, notes


def _beside(source: Path, targets: list[Path]) -> Path:
    """The target whose name is the source's but for the language."""
    stem = source.name.removesuffix(".gz").rpartition(".")[0]
    return next((t for t in targets if t.name.startswith(stem + ".")), targets[0])
