"""A person's own pairs of texts: one file that malmoi splits, two parallel files, or a folder.

    pairs.tsv .csv .jsonl .tmx · train.en:train.fr · a folder with a file, or two, a split

What is not split is dealt out by the SHA-256 of the sources (shares.py), so that no source is in
two parts; in valid and test a source stands once, with all that is right (`pairs.grouped`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

from malmoi.data.dataset import DataSet, yours
from malmoi.data.examples import Pair
from malmoi.data.moses import Parallel, find_parallel
from malmoi.data.pairs import Languages, held_out, open_pairs, whole
from malmoi.data.shares import SPLITS, Items, deal, plain
from malmoi.data.tmx import open_tmx
from malmoi.errors import DataError

Kind: TypeAlias = Literal["tsv", "csv", "jsonl", "tmx"]
KINDS: dict[str, Kind] = {".tmx": "tmx", ".jsonl": "jsonl", ".csv": "csv", ".tsv": "tsv"}


def kind_by_name(path: Path) -> Kind:
    """How pairs stand in a file, by its name; what has another name is lines with tabs."""
    return KINDS.get(Path(path.name.lower().removesuffix(".gz")).suffix, "tsv")


def is_memory(path: Path) -> bool:
    """Whether a file is a translation memory, by its name."""
    return kind_by_name(path) == "tmx"


def open_paired(
    path: Path, languages: Languages | None = None, *, blank: bool = False
) -> tuple[Items[Pair], tuple[str, ...]]:
    """The pairs of a file that have two sides, and what to say.

    blank: keep those of which a side is blank, so that a line of the file is a pair.
    Raises DataError, TextError or EmptyText if there are none to be read.
    """
    kind = kind_by_name(path)
    table = open_tmx(path, languages) if kind == "tmx" else open_pairs(path, kind, languages)
    items, said = (table, ()) if blank else whole(table, str(path))
    return items, (*table.said, *said)


def from_paired_file(path: Path, seed: int, languages: Languages | None = None) -> DataSet:
    """A file of pairs, split by malmoi."""
    items, said = open_paired(path, languages)
    views, dealt = deal(items, str(path), seed)
    return _data_set(path, views, (*said, *dealt))


def open_both(
    source: Path, target: Path, *, blank: bool = False
) -> tuple[Items[Pair], tuple[str, ...]]:
    """The pairs of two parallel files that have two sides, and what to say.

    blank: keep those of which a side is blank.
    """
    parallel = Parallel(source, target)
    parallel.check()
    return (parallel, ()) if blank else whole(parallel, f"{source}, {target}")


def from_two_files(source: Path, target: Path, seed: int) -> DataSet:
    """Two parallel files, split by malmoi."""
    items, said = open_both(source, target)
    views, dealt = deal(items, source.name, seed)
    data = _data_set(source, views, (*said, *dealt))
    return replace(data, name=f"{source}:{target}", description="two parallel files")


def from_paired_folder(
    folder: Path, files: Mapping[str, Path], seed: int, languages: Languages | None = None
) -> DataSet:
    """A folder of parallel files, or else with a file of pairs a split.

    files: by split, for the latter.  What the folder lacks is taken from its training pairs.
    """
    views: dict[str, Items[Pair]] = {}
    found = find_parallel(folder, languages)
    said = found[1] if found else [f"{folder.name}: {s} is {p.name}" for s, p in files.items()]
    parts = found[0] if found else files
    if "train" not in parts:
        there = sorted(path.name for path in folder.iterdir())[:10]
        raise DataError(
            "this folder has no training pairs",
            where=f"{folder}: {', '.join(there) or 'empty'}",
            hint="name its files train.en and train.fr, or train.tsv",
        )
    for split, part in parts.items():
        if isinstance(part, Parallel):
            views[split], told = whole(part, f"{folder.name}, {split}")
        else:
            views[split], told = open_paired(part, languages)
        said += told
    if missing := tuple(split for split in SPLITS if split not in views):
        dealt, announced = deal(views["train"], f"{folder.name}, train", seed, missing)
        views, said = {**views, **dealt}, [*said, *announced]
    return _data_set(folder, views, said)


def _data_set(path: Path, views: Mapping[str, Items[Pair]], said: Iterable[str]) -> DataSet:
    views = {split: views[split] for split in SPLITS}
    return replace(yours(path, plain(views), said), pairs=held_out(views), tokens="bpe")
