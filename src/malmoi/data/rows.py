"""Rows of tables as they stand in the file: TSV, CSV and JSON lines.

In TSV quotes are text.  CSV is that of Python's csv module: a quoted cell may hold line feeds, and
its row has the number of the line where it begins.  Blank lines are passed over.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from malmoi.data.formats import read_lines
from malmoi.errors import DataError, TextError

Kind: TypeAlias = Literal["tsv", "csv", "jsonl"]
SHOWN = 60


class Row(NamedTuple):
    """number: of the line where it begins.  cells: by the name of the column."""

    number: int
    cells: Mapping[str, object]


class Cells(NamedTuple):
    number: int
    cells: list[str]


def shown(value: object) -> str:
    """A value for an error, on one line and not too long."""
    text = repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def cells(path: Path, kind: Kind, delimiter: str) -> Iterator[Cells]:
    """The rows of a TSV or a CSV, every one as wide as the first.  Raises TextError."""
    width = 0
    for row in _quoted(path, delimiter) if kind == "csv" else _split(path):
        width = width or len(row.cells)
        if len(row.cells) != width:
            hint = "put a text that holds a comma or a quote in quotes"
            raise TextError(
                "the rows have different numbers of columns",
                where=(
                    f"{path}:{row.number}: {len(row.cells)} columns, {width} in the first row",
                    f"it begins {shown(row.cells[0])}",
                ),
                hint=hint if kind == "csv" else "is there a tab in a text?  Save it as CSV",
            )
        yield row


def _split(path: Path) -> Iterator[Cells]:
    for number, line in enumerate(read_lines(path), start=1):
        if line.strip():
            yield Cells(number, line.split("\t"))


def _quoted(path: Path, delimiter: str) -> Iterator[Cells]:
    lines = (line + "\n" for line in read_lines(path))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    number = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "field larger" in str(error):
                what, hint = "a cell of the CSV is too long", "save it as JSON lines"
            else:
                what, hint = "this is not CSV", "a quote inside a quoted cell is written twice"
            where = f"{path}:{number}: {error}"
            raise TextError(what, where=where, hint=hint) from None
        if any(cell.strip() for cell in row):
            yield Cells(number, row)
        number = reader.line_num + 1


def delimiter_of(path: Path) -> str:
    """What stands between the cells of a CSV, by its first line: a comma, or else `;` or a tab."""
    first = next((line for line in read_lines(path) if line.strip()), "")
    return next((mark for mark in ",;\t" if mark in first), ",")


def objects(path: Path) -> Iterator[Row]:
    """The rows of JSON lines.  Raises TextError where one is no object."""
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            where = f"{path}:{number}: {error}"
            raise TextError("a line is not JSON", where=where) from None
        if not isinstance(found, dict):
            where = f"{path}:{number}: {shown(found)}"
            hint = 'a row looks like {"text": "…", "label": "…"}'
            raise DataError("a line is not a JSON object", where=where, hint=hint)
        yield Row(number, found)
