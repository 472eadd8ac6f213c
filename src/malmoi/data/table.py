"""Texts with labels from tables: which column is which, and what the rows say.

    document⇥label                  text,category                 {"text": "…", "label": "…"}
    재밌다⇥1                        "Cards, please",cards         {"text": "…", "label": ["a", "b"]}

Which column is the text and which the label is asked for by name (or by place: "1" is the first),
or told by the usual names in the header, or else by what is in the columns: the label is the one
with the fewest different values, the text the one with the longest.  What was not asked for is
announced.  A table without a header is known by its first row, whose label occurs again.

Several labels: a list in JSON; one cell cut at `separator`; or several columns, whose values are
the labels, or, where they are all 0 or 1, whose names are.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from malmoi.data.examples import Example
from malmoi.data.rows import Kind, Row, cells, delimiter_of, objects, shown
from malmoi.errors import DataError, EmptyText, TextError, did_you_mean
from malmoi.text.normalise import nfc

TEXTS = (
    *("text", "document", "sentence", "review", "utterance", "content", "comment", "message"),
    *("body", "query", "tweet", "question", "input", "q", "텍스트", "본문", "문장", "문서", "리뷰"),
    *("내용", "발화", "댓글", "질문", "글"),
)
LABELS = (
    *("label", "labels", "category", "categories", "class", "intent", "topic", "genre"),
    *(
        "sentiment",
        "emotion",
        "target",
        "y",
        "라벨",
        "레이블",
        "분류",
        "범주",
        "카테고리",
        "클래스",
    ),
    *("의도", "감정", "주제", "장르", "정답"),
)
MANY = 10_000  # a column with more values than this is no label
FLAGS = frozenset("01")


@dataclass(frozen=True)
class Columns:
    """What is asked for; empty where it is to be told.  separator: between labels in one cell."""

    text: str = ""
    labels: tuple[str, ...] = ()
    separator: str = ""


TOLD = Columns()


@dataclass(frozen=True)
class Table:
    """A table whose columns are known; call it and read its examples from the first.

    names: of the columns, in order; None for JSON.  columns.labels is empty if it has none.
    flags: whether the labels are the names of the columns that hold a 1.  size: all rows.
    """

    path: Path
    kind: Kind
    columns: Columns
    delimiter: str = "\t"
    names: tuple[str, ...] | None = None
    header: bool = False
    flags: bool = False
    size: int = 0
    said: tuple[str, ...] = ()

    def __call__(self) -> Iterator[Example]:
        """Every row that has a text.  Raises TextError where a label is missing."""
        for row in self.rows():
            text = row.cells.get(self.columns.text)
            if not isinstance(text, str):
                raise self._error("a row has no text", row, self.columns.text)
            if text.strip():
                yield Example(text, self._labels(row))

    def rows(self) -> Iterator[Row]:
        if self.names is None:
            yield from objects(self.path)
            return
        for i, (number, row) in enumerate(cells(self.path, self.kind, self.delimiter)):
            if i or not self.header:
                yield Row(number, dict(zip(self.names, row, strict=True)))

    def _labels(self, row: Row) -> tuple[str, ...]:
        found: list[str] = []
        for column in self.columns.labels:
            labels = values(row.cells.get(column), self.columns.separator)
            if labels is None or ("" in labels and len(self.columns.labels) == 1):
                raise self._error("a row has no label", row, column)
            if self.flags:
                labels = [column] if labels == ["1"] else []
            found += [label for label in labels if label]
        return tuple(dict.fromkeys(found))

    def _error(self, what: str, row: Row, column: str) -> TextError:
        is_ = shown(row.cells[column]) if column in row.cells else "not there"
        where = f"{self.path}:{row.number}: column {column!r} is {is_}"
        return TextError(what, where=where, hint="delete the row, or fill the cell in")


def values(cell: object, separator: str = "") -> list[str] | None:
    """What a cell holds, as labels; None if it is nothing that could be one."""
    if separator and isinstance(cell, str):
        return [nfc(part.strip()) for part in cell.split(separator) if part.strip()]
    found = []
    for value in cell if isinstance(cell, list) else [cell]:
        if not isinstance(value, (str, int, float)):
            return None
        found.append(nfc(str(int(value) if isinstance(value, bool) else value).strip()))
    return found


@dataclass
class _Column:
    """What was seen in a column; counts stops growing where there are too many to be labels."""

    rows: int = 0
    characters: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    gaps: bool = False

    def add(self, cell: object, separator: str) -> None:
        self.rows += 1
        self.characters += len(cell) if isinstance(cell, str) else 0
        found = values(cell, separator)
        self.gaps = self.gaps or found is None or "" in found
        if found and len(self.counts) <= MANY:
            self.counts.update(found)

    def may_be_labels(self, rows: int) -> bool:
        kinds = len(self.counts)
        return not self.gaps and self.rows == rows and 2 <= kinds <= min(rows / 2, MANY)


def open_table(path: Path, kind: Kind, asked: Columns = TOLD, header: bool | None = None) -> Table:
    """Read a table once, to tell its columns and to see that each row has as many.

    header: whether the first row names the columns, if that is known.

    Raises DataError if a column that was asked for is not there, or none can be the text,
    EmptyText if there is no row, and TextError where a row cannot be read.
    """
    delimiter = delimiter_of(path) if kind == "csv" else "\t"
    odd = kind == "csv" and delimiter != ","
    names = None
    if kind != "jsonl":
        first = next((row.cells for row in cells(path, kind, delimiter)), [])
        if header is None:
            header = _has_header(path, kind, delimiter, first, asked)
        names = _names(first, header)
    table = Table(path, kind, TOLD, delimiter, names, bool(header))
    seen: dict[str, _Column] = {name: _Column() for name in names or ()}
    rows = 0
    for rows, row in enumerate(table.rows(), start=1):  # noqa: B007
        for name, cell in row.cells.items():
            seen.setdefault(name, _Column()).add(cell, asked.separator)
    if not rows:
        raise EmptyText("this table has no rows", where=str(path))
    columns, told = _choose(path, seen, rows, asked)
    flags = len(columns.labels) > 1 and all(seen[c].counts.keys() <= FLAGS for c in columns.labels)
    if odd:
        told.append(f"its cells stand between {delimiter!r}")
    said = tuple(f"{path}: {it}" for it in told)
    return Table(path, kind, columns, delimiter, names, bool(header), flags, rows, said)


def _names(first: list[str], header: bool) -> tuple[str, ...]:
    """The names of the columns: those of the first row, and else their places."""
    named = [nfc(cell.strip()) if header else "" for cell in first]
    places = enumerate(named, start=1)
    return tuple(name if name and named.count(name) == 1 else str(i) for i, name in places)


def _has_header(path: Path, kind: Kind, delimiter: str, first: list[str], asked: Columns) -> bool:
    """Whether the first row names the columns, by what it says, or by a label it alone has."""
    if any(name and not name.isdecimal() for name in (asked.text, *asked.labels)):
        return True  # who asks by name has read it there
    if any(nfc(cell.strip()).casefold() in {*TEXTS, *LABELS} for cell in first):
        return True
    seen = {str(i): _Column() for i in range(len(first))}
    rows = 0
    for rows, (_, row) in enumerate(cells(path, kind, delimiter)):
        for i, cell in enumerate(row if rows else ()):
            seen[str(i)].add(cell, asked.separator)
    best = _fewest(seen, rows)
    return best is not None and nfc(first[int(best)].strip()) not in seen[best].counts


def _fewest(seen: dict[str, _Column], rows: int) -> str | None:
    """The column that is most like labels, the first of equals."""
    able = [name for name, column in seen.items() if column.may_be_labels(rows)]
    return min(able, key=lambda name: len(seen[name].counts), default=None)


def _choose(
    path: Path, seen: dict[str, _Column], rows: int, asked: Columns
) -> tuple[Columns, list[str]]:
    """The columns, and what to say of those that were not asked for."""
    said = []
    text, labels = "", tuple(dict.fromkeys(_known(path, name, seen) for name in asked.labels))
    usual = {name.strip().casefold(): name for name in reversed(seen)}
    if asked.text:
        text = _known(path, asked.text, seen)
        if text in labels:
            raise DataError("a column is asked for as text and as label", where=f"{path}: {text!r}")
    by_name = [usual[name] for name in LABELS if name in usual and usual[name] != text]
    if not labels and by_name:
        labels = (by_name[0],)
        said.append(f"the label is column {labels[0]!r}, by its name")
    if not text:
        by_name = [usual[name] for name in TEXTS if name in usual and usual[name] not in labels]
        others = {name: column for name, column in seen.items() if name not in labels}
        if not by_name and not labels and (best := _fewest(others, rows)) and len(others) > 1:
            labels = (best,)
            del others[best]
            said.append(f"the label is column {best!r}, which has the fewest values")
        longest = max(others, key=lambda name: others[name].characters, default=None)
        if not by_name and (longest is None or not others[longest].characters):
            where = f"{path}: columns {', '.join(map(repr, seen))}"
            raise DataError("no column of this table can be the text", where=where)
        text = by_name[0] if by_name else str(longest)
        how = "by its name" if by_name else "which has the longest"
        said.insert(0, f"the text is column {text!r}, {how}")
    if not labels:
        best = _fewest({name: column for name, column in seen.items() if name != text}, rows)
        labels = (best,) if best else ()
        said.append(
            f"the label is column {best!r}, which has the fewest values"
            if best
            else "no column of it can be a label: it is read as lines"
        )
    return Columns(text, labels, asked.separator), said


def _known(path: Path, name: str, seen: dict[str, _Column]) -> str:
    """The column that is asked for by its name or its place.  Raises DataError."""
    names = list(seen)
    if name in seen:
        return name
    folded = {known.casefold(): known for known in names}
    if name.casefold() in folded:
        return folded[name.casefold()]
    if name.isdecimal() and 1 <= int(name) <= len(names):
        return names[int(name) - 1]
    where = f"{path}: columns {', '.join(map(repr, names))}"
    raise DataError(f"there is no column {name!r}", where=where, hint=did_you_mean(name, names))
