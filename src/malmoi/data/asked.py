"""Columns that a person asks for, which only a table can have: `find(name, columns=…)`."""

from pathlib import Path

from malmoi.data import catalogue
from malmoi.data.annotated import kind_of
from malmoi.data.dataset import DataSet
from malmoi.data.files import files_of
from malmoi.data.table import TOLD, Columns
from malmoi.errors import DataError

TABLES = ("tsv", "csv", "jsonl")


def find(name: str | Path, *, seed: int = 0, columns: Columns = TOLD) -> DataSet:
    """`catalogue.find`.  Raises DataError where columns are asked for, and this is no table."""
    if columns != TOLD:
        check(name)
    return catalogue.find(name, seed=seed, columns=columns)


def check(name: str | Path) -> None:
    """Raises DataError unless columns may be chosen here; what is not there is found missing."""
    if is_known(name):
        raise DataError(
            f"{name} has its own columns: the text and the label are chosen in a table of yours",
            where=f"to mean the file, write ./{name}" if Path(name).exists() else (),
        )
    path = Path(name)
    path = files_of(path).get("train", path) if path.is_dir() else path
    if not path.is_file() or (kind := kind_of(path)) in TABLES:
        return
    is_ = "lines" if kind is None else "tagged sentences, a word and its tags in each row"
    raise DataError(
        "columns of text and label are chosen in a table, and this is none",
        where=f"{path} is read as {is_}",
        hint="name a table by what it holds: .tsv, .csv, .jsonl"
        if kind is None
        else "the column of the tags is task.column",
    )


def is_known(name: str | Path) -> bool:
    """Whether this is a data set that malmoi knows by name."""
    return str(name) in catalogue.BUILT_IN or str(name) in catalogue.PUBLISHED


def remembered(asked: Columns, before: Columns, name: str | Path) -> Columns:
    """What is asked for now and, of a person's own table, else what was when a model learnt."""
    if is_known(name):
        return asked
    return Columns(
        asked.text or before.text,
        asked.labels or before.labels,
        asked.separator or before.separator,
    )
