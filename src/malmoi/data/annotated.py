"""A person's own labelled texts and tagged sentences: one file that malmoi splits, or a folder.

    .tsv .csv .jsonl                          texts with labels (table.py)
    .conllu · .conll .bio .iob .iob2 .bioes   sentences with tags (conll.py)

With .gz after it or not.  A .tsv, .txt or nameless file whose rows end in B-…, I-… or O, with blank
lines between, is CoNLL all the same, and a .txt between tabs whose header names a text and a
label is a table.  A file is split by the SHA-256 of its texts (shares.py).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias

from malmoi.data import conll
from malmoi.data.conll import Sentences, open_sentences
from malmoi.data.dataset import DataSet, yours
from malmoi.data.examples import Example, Tagged
from malmoi.data.formats import read_lines
from malmoi.data.shares import SPLITS, Items, deal, plain
from malmoi.data.table import LABELS, TEXTS, TOLD, Columns, Table, open_table
from malmoi.errors import DataError, EmptyText, TextError

Kind: TypeAlias = Literal["tsv", "csv", "jsonl", "conllu", "conll"]
KINDS: dict[str, Kind] = {
    ".conllu": "conllu",
    **dict.fromkeys((".conll", ".bio", ".iob", ".iob2", ".bioes"), "conll"),
    ".jsonl": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
}  # the richest first
LOOK = 300  # lines


def kind_of(path: Path) -> Kind | None:
    """What a file is by its name, or by its first lines where the name says little."""
    suffix, kind = _suffix(path), kind_by_name(path)
    if kind not in (None, "tsv") or suffix not in ("", ".tsv", ".txt", ".train", ".dev", ".test"):
        return kind
    try:
        head = list(islice(read_lines(path), LOOK))
    except TextError:
        return kind  # whoever reads it says what is wrong
    if _is_conll(head):
        return "conll"
    return kind or ("tsv" if _is_table(head) else None)


def kind_by_name(path: Path) -> Kind | None:
    return KINDS.get(_suffix(path))


def _suffix(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _is_conll(head: list[str]) -> bool:
    """Whether rows of as many columns, the last of them entities, stand between blank lines."""
    if len(head) == LOOK:
        head = head[
            : LOOK - 1 - next((i for i, line in enumerate(head[::-1]) if not line.strip()), 0)
        ]
    if any(len(line) > 10_000 for line in head):
        return False  # a paragraph, not a row
    try:
        found = [sentence.columns["-1"] for _, sentence in conll.read_conll(head, "")]
    except TextError:
        return False
    tags = {tag for sentence in found for tag in sentence}
    return len(found) > 1 and len(tags) > 1 and all(map(conll.TAG.fullmatch, tags))


def _is_table(head: list[str]) -> bool:
    names = {cell.strip().casefold() for cell in head[0].split("\t")} if head else set()
    widths = {line.count("\t") for line in head if line.strip()}
    return len(widths) == 1 and bool(names & set(TEXTS)) and bool(names & set(LABELS))


@dataclass(frozen=True)
class Opened:
    """A file that is known to be in order.  labels: how many there are of each, in `column`."""

    path: Path
    items: Table | Sentences
    column: str
    labels: Mapping[str, int]

    @property
    def said(self) -> tuple[str, ...]:
        return self.items.said


def opened(path: Path, kind: Kind, asked: Columns = TOLD, header: bool | None = None) -> Opened:
    """Read a file to the end.  Raises DataError, TextError or EmptyText where it cannot be used."""
    if kind == "conllu" or kind == "conll":
        sentences = open_sentences(path, kind)
        column = sentences.column
        return Opened(
            path, sentences, column, Counter(t for s in sentences() for t in s.columns[column])
        )
    table = open_table(path, kind, asked, header)
    labels: Counter[str] = Counter()
    texts = 0
    for texts, example in enumerate(table(), start=1):  # noqa: B007
        labels.update(example.labels)
    if not texts:
        raise EmptyText("no row of this table has a text", where=str(path))
    if blank := table.size - texts:
        table = replace(table, said=(*table.said, f"{path}: {blank:,} rows without a text dropped"))
    return Opened(path, table, ", ".join(table.columns.labels), labels)


def from_annotated_file(path: Path, kind: Kind, seed: int, asked: Columns = TOLD) -> DataSet:
    """A file, split by malmoi."""
    found = opened(path, kind, asked)
    _check_labels(found)
    if isinstance(found.items, Sentences):
        tagged, said = deal(found.items, str(path), seed)
        return _tagged(path, found, tagged, (*found.said, *said))
    labelled, said = deal(found.items, str(path), seed)
    return _labelled(path, found, labelled, (*found.said, *said))


def from_annotated_folder(
    folder: Path, files: Mapping[str, Path], seed: int, asked: Columns = TOLD
) -> DataSet:
    """A folder with a file a split; what it lacks is taken from its training file."""
    train = opened(files["train"], _kind(files["train"]), asked)
    _check_labels(train)
    said = [f"{folder.name}: {split} is {path.name}" for split, path in files.items()]
    said += train.said
    parts = {"train": train}
    for split, path in files.items():
        if split == "train":
            continue
        kind = _kind(path)
        if isinstance(train.items, Table):
            parts[split] = opened(path, kind, train.items.columns, train.items.header)
        else:
            parts[split] = opened(path, kind)
        if type(parts[split].items) is not type(train.items):
            where = f"{train.path} and {path}: tagged sentences and a table"
            raise DataError("the files of this folder do not hold the same", where=where)
        new = sorted(parts[split].labels.keys() - train.labels.keys())
        if new:
            named = ", ".join(map(repr, new[:5])) + ", …" * (len(new) > 5)
            said.append(f"{folder.name}: {split} has {len(new)} labels that train has not: {named}")
    missing = tuple(split for split in SPLITS if split not in files)
    if isinstance(train.items, Sentences):
        tagged: dict[str, Items[Tagged]] = {
            split: part.items for split, part in parts.items() if isinstance(part.items, Sentences)
        }
        if missing:
            taken, dealt = deal(train.items, str(train.path), seed, missing)
            tagged, said = {**tagged, **taken}, [*said, *dealt]
        return _tagged(folder, train, tagged, said)
    labelled: dict[str, Items[Example]] = {
        split: part.items for split, part in parts.items() if isinstance(part.items, Table)
    }
    if missing:
        drawn, dealt = deal(train.items, str(train.path), seed, missing)
        labelled, said = {**labelled, **drawn}, [*said, *dealt]
    return _labelled(folder, train, labelled, said)


def _kind(path: Path) -> Kind:
    if kind := kind_of(path):
        return kind
    raise DataError(
        "the files of this folder do not hold the same",
        where=f"{path} is neither a table nor tagged sentences, as the training file is",
        hint=f"name the files by what they hold: {', '.join(KINDS)}",
    )


def _check_labels(found: Opened) -> None:
    """Raises DataError where there is nothing to tell apart; CoNLL-U has other columns."""
    if len(found.labels) > 1 or not found.column or found.column == "upos":
        return
    only = ", ".join(map(repr, found.labels)) or "none"
    raise DataError(
        "there is only one label, so there is nothing to learn",
        where=f"{found.path}: column {found.column!r} says {only} everywhere",
        hint="choose another column",
    )


def _tagged(
    path: Path, train: Opened, views: Mapping[str, Items[Tagged]], said: Iterable[str]
) -> DataSet:
    views = {split: views[split] for split in SPLITS}
    return replace(yours(path, plain(views), said), tagged=views, column=train.column)


def _labelled(
    path: Path, train: Opened, views: Mapping[str, Items[Example]], said: Iterable[str]
) -> DataSet:
    views = {split: views[split] for split in SPLITS}
    return replace(yours(path, plain(views), said), labelled=views if train.column else {})
