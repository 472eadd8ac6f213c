"""A person's own text: one file that malmoi splits, or a folder that is split already.

A file: blank lines are dropped, the rest is cut into 100 blocks of neighbouring lines (fewer lines,
fewer blocks), and the seed chooses a tenth of the blocks for valid and a tenth for test.  Blocks
keep neighbours together, so that a test line's own paragraph is not in the training text, and are
small enough that no split is a single chapter.  Which blocks: those whose SHA-256 of (seed, block)
is smallest, the same on every machine.

Tables of labelled texts and columns of tagged sentences are annotated.py's, pairs paired.py's.

A folder: one file a split, told by its name, gzipped or not.

    train, training      valid, validation, val, dev      test, testing
    train.txt · ptb.train.txt · wiki.valid.tokens · dev.txt.gz · my-test

If valid or test is missing it is taken from train as above, and announced.
"""

import hashlib
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from malmoi.data.annotated import (
    KINDS,
    from_annotated_file,
    from_annotated_folder,
    kind_by_name,
    kind_of,
)
from malmoi.data.dataset import DataSet, Source, Splits, yours
from malmoi.data.formats import read_lines
from malmoi.data.moses import has_parallel
from malmoi.data.paired import from_paired_file, from_paired_folder, is_memory
from malmoi.data.pairs import holds_texts, tells_pairs
from malmoi.data.shares import SPLITS, TENTH
from malmoi.data.table import TOLD, Columns
from malmoi.errors import DataError, EmptyText

BLOCKS = 100
SPELLINGS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
}
TEXT = re.compile(r"^[^.]+$|\.(txt|text|tokens|raw|train|valid|dev|test)$")


def from_file(path: Path, seed: int, columns: Columns = TOLD, *, pairs: bool = False) -> DataSet:
    """A file, split by malmoi.  columns: which to read, if it is a table.

    pairs: a table is one of pairs, even if it could be one of labels.
    """
    kind = kind_of(path)
    if pairs or is_memory(path) or (kind and columns == TOLD and tells_pairs(path, kind)):
        return from_paired_file(path, seed)
    if kind:
        data = from_annotated_file(path, kind, seed, columns)
        texts = kind == "tsv" and columns == TOLD and data.form == "lines" and holds_texts(path)
        return from_paired_file(path, seed) if texts else data
    splits, said = divide(partial(read_lines, path), str(path), seed)
    return yours(path, splits, said)


def from_folder(
    folder: Path, seed: int, columns: Columns = TOLD, *, pairs: bool = False
) -> DataSet:
    """A folder with a file a split.  Raises DataError if it cannot be told which is which."""
    if pairs or has_parallel(folder):
        parallel = has_parallel(folder)
        return from_paired_folder(folder, {} if parallel else files_of(folder), seed)
    found = files_of(folder)
    if "train" not in found:
        there = sorted(p.name for p in folder.iterdir())[:10]
        raise DataError(
            "this folder has no training text",
            where=f"{folder}: {', '.join(there) or 'empty'}",
            hint="name its files train.txt, valid.txt and test.txt",
        )
    kind = kind_of(found["train"])
    if is_memory(found["train"]) or (kind and tells_pairs(found["train"], kind)):
        return from_paired_folder(folder, found, seed)
    if kind:
        return from_annotated_folder(folder, found, seed, columns)
    lines: dict[str, Source] = {
        split: partial(without_blanks, partial(read_lines, found[split]))
        for split in SPLITS
        if split in found
    }
    said = tuple(f"{folder.name}: {split} is {path.name}" for split, path in found.items())
    missing = tuple(split for split in SPLITS if split not in found)
    if missing:
        taken, announcement = divide(lines["train"], str(found["train"]), seed, missing)
        lines = {split: taken[split] if split in taken else lines[split] for split in SPLITS}
        said += announcement
    said += (f"{folder.name}: blank lines are dropped",)
    return yours(folder, lines, said)


def files_of(folder: Path) -> dict[str, Path]:
    """Which file of a folder is which split.  Raises DataError if two claim to be the same.

    Where there are plain texts beside tables or tagged sentences (as in UD), the texts are left.
    """
    claims: list[tuple[str, Path]] = []
    for path in sorted(folder.iterdir()):
        name = path.name.lower().removesuffix(".gz")
        said = {SPELLINGS[word] for word in re.split(r"[._\- ]", name) if word in SPELLINGS}
        if (
            path.is_file()
            and len(said) == 1
            and (TEXT.search(name) or kind_by_name(path) or is_memory(path))
        ):
            claims.append((said.pop(), path))
    kinds = {kind_by_name(path) for split, path in claims if split == "train"}
    richest = next((kind for kind in KINDS.values() if kind in kinds), None)
    found: dict[str, Path] = {}
    for split, path in claims:
        if kind_by_name(path) != richest:
            continue
        if split in found:
            what = f"two files claim to be the {split} split"
            where = f"{folder}: {found[split].name}, {path.name}"
            raise DataError(what, where=where, hint="rename one, or give a file")
        found[split] = path
    return found


def without_blanks(lines: Source) -> Iterator[str]:
    return (line for line in lines() if line.strip())


def divide(
    lines: Source, name: str, seed: int, wanted: tuple[str, ...] = ("valid", "test")
) -> tuple[Splits, tuple[str, ...]]:
    """Split lines by blocks: a tenth for each of `wanted`, the rest for train; and what to say.

    Reads the lines once, to count them.  Raises EmptyText if there are too few to split.
    """
    n = blank = 0
    for line in lines():
        if line.strip():
            n += 1
        else:
            blank += 1
    if n < 1 + len(wanted):
        raise EmptyText(
            "too little text to split",
            where=f"{name}: lines that are not blank: {n}",
            hint="put a sentence or a paragraph on each line, a thousand of them or more",
        )
    blocks = min(BLOCKS, n)
    tenth = max(blocks // TENTH, 1)
    drawn = sorted(range(blocks), key=lambda b: hashlib.sha256(f"{seed}:{b}".encode()).digest())
    owner = ["train"] * blocks
    for i, split in enumerate(wanted):
        for block in drawn[i * tenth : (i + 1) * tenth]:
            owner[block] = split
    kept = [split for split in SPLITS if split in owner]
    splits = {split: partial(_blocks, lines, owner, split, n) for split in kept}
    counts = {s: sum(_size(n, blocks, b) for b in range(blocks) if owner[b] == s) for s in kept}
    said = [
        f"{name}: {n:,} lines split by malmoi into "
        + ", ".join(f"{counts[split]:,} {split}" for split in kept)
        + f" ({blocks} blocks of neighbouring lines, seed {seed})"
    ]
    said += [f"{name}: {blank:,} blank lines dropped"] if blank else []
    return splits, tuple(said)


def _size(n: int, blocks: int, b: int) -> int:
    return (b + 1) * n // blocks - b * n // blocks


def _blocks(lines: Source, owner: list[str], split: str, n: int) -> Iterator[str]:
    """The lines of the blocks that belong to `split`; block b is lines bn/B up to (b+1)n/B."""
    block, blocks = 0, len(owner)
    for i, line in enumerate(without_blanks(lines)):
        while i >= (block + 1) * n // blocks and block + 1 < blocks:
            block += 1
        if owner[block] == split:
            yield line
