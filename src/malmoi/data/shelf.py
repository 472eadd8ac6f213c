"""How the lines of each published data set are read from its files, as published.

Every reader takes the folder of its data set and gives its splits; nothing is read before it is
asked for.  Labelled texts and tagged sentences are read in shelf_examples.py.
"""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from malmoi.data.dataset import Source
from malmoi.data.formats import read_lines
from malmoi.errors import TextError


def locate(folder: Path, name: str) -> Path | None:
    """The file, plain or gzipped, if it is there."""
    return next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)


def read(folder: Path, name: str) -> Iterator[str]:
    return read_lines(locate(folder, name) or folder / name)


def _stripped(folder: Path, name: str) -> Iterator[str]:
    """WikiText and PTB put a space at both ends of a line; lines of nothing else are dropped."""
    return (line.strip() for line in read(folder, name) if line.strip())


def word_files(folder: Path, names: Mapping[str, str]) -> dict[str, Source]:
    return {split: partial(_stripped, folder, name) for split, name in names.items()}


MONTHS = {
    "train": ("2017-08", "2019-04", "2019-05", "2019-06"),
    "valid": ("2019-07",),
    "test": ("2019-08",),
}


class Petition(NamedTuple):
    category: str
    title: str
    body: str


def read_petitions(folder: Path, months: tuple[str, ...]) -> Iterator[Petition]:
    for month in months:
        name = f"petitions_{month}.jsonl"
        for number, row in enumerate(read(folder, name), start=1):
            try:
                found = json.loads(row)
                yield Petition(*(str(found[key]) for key in ("category", "title", "content")))
            except (ValueError, KeyError, TypeError) as error:
                where = f"{folder / name}:{number}: {error}"
                raise TextError("a row is no petition in JSON", where=where) from error


def _bodies(folder: Path, months: tuple[str, ...]) -> Iterator[str]:
    for petition in read_petitions(folder, months):
        yield from (line.strip() for line in petition.body.split("\n") if line.strip())


def petitions(folder: Path) -> dict[str, Source]:
    """By month, so that near duplicates of one campaign are on one side."""
    return {split: partial(_bodies, folder, months) for split, months in MONTHS.items()}


def _part(folder: Path, name: str, start: float, end: float, whole_lines: bool) -> Iterator[str]:
    """The share of a text from `start` to `end`, in characters; blank lines are kept.

    One line ends where the text has a newline, so events are characters, newlines included.
    """
    text = "".join(line + "\n" for line in read(folder, name))
    cuts = []
    for share in (start, end):
        cut = int(share * len(text))
        if whole_lines and 0 < cut < len(text):
            cut = text.index("\n", cut) + 1
        cuts.append(cut)
    part = text[cuts[0] : cuts[1]]
    yield from part.removesuffix("\n").split("\n")


def tiny_shakespeare(folder: Path) -> dict[str, Source]:
    """nanoGPT's: the first 90 % of the characters, cut in the middle of a line, and the rest."""
    part = partial(_part, folder, "input.txt", whole_lines=False)
    return {
        "train": partial(part, 0.0, 0.9),
        "valid": partial(part, 0.9, 1.0),
        "test": partial(part, 0.9, 1.0),
    }


def war_and_peace(folder: Path) -> dict[str, Source]:
    """80, 10 and 10 % of the characters (Karpathy, Johnson & Fei-Fei 2015), at line ends."""
    part = partial(_part, folder, "warpeace_input.txt", whole_lines=True)
    return {
        "train": partial(part, 0.0, 0.8),
        "valid": partial(part, 0.8, 0.9),
        "test": partial(part, 0.9, 1.0),
    }
