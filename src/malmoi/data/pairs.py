"""Pairs of texts: one that is read, and one that is written from it.

    English⇥French                             .tsv, .csv: the first two columns, or those named
    {"source": "…", "target": "…"}             .jsonl: usual names, or languages: {"en", "fr"}
    <tu> … </tu>                               .tmx        (tmx.py)
    train.en and train.fr                      Moses: line i of both is pair i   (moses.py)

Columns are named `source` and `target`, `src` and `tgt`, `question` and `answer`, …, or by their
languages.  A pair of which a side is blank teaches nothing and is left out; what was left out is
announced.  A line feed inside a text becomes a space: what is translated is a line.

In a held-out text the pairs of one source are one pair with several right answers (`grouped`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from malmoi.data.examples import Pair
from malmoi.data.languages import code, is_language
from malmoi.data.rows import Cells, Kind, Row, cells, delimiter_of, objects, shown
from malmoi.data.shares import Items
from malmoi.data.table import LABELS
from malmoi.errors import DataError, EmptyText, TextError
from malmoi.text.normalise import nfc

Languages: TypeAlias = tuple[str, str]
NAMED: tuple[tuple[str, str], ...] = (
    *(("source", "target"), ("src", "tgt"), ("src", "trg"), ("question", "answer"), ("q", "a")),
    *(("input", "output"), ("prompt", "response"), ("원문", "번역"), ("원문", "번역문")),
    *(("질문", "답변"), ("질문", "답")),
)
LOOK = 100  # rows


def _spoken(names: list[str]) -> list[str]:
    """The names that are languages; `id` is rather a number than Indonesian beside two others."""
    found = [name for name in names if is_language(name)]
    return [name for name in found if code(name) != "id"] if len(found) > 2 else found


def chosen(names: list[str], languages: Languages | None, where: str) -> Languages | None:
    """Which two of the names hold the pair; None if nothing tells.  Raises DataError."""
    by_code = {code(name): name for name in reversed(names)}
    if languages is not None:
        missing = [said for said in languages if code(said) not in by_code]
        if missing:
            there = ", ".join(name for name in names if is_language(name)) or "none"
            raise DataError(f"there is no {missing[0]!r} here", where=f"{where}: languages {there}")
        return by_code[code(languages[0])], by_code[code(languages[1])]
    folded = {nfc(name).strip().casefold(): name for name in reversed(names)}
    for source, target in NAMED:
        if source in folded and target in folded:
            return folded[source], folded[target]
    spoken = _spoken(names)
    if len(spoken) > 2:
        raise DataError(
            "there are more than two languages here: from which to which?",
            where=f"{where}: {', '.join(spoken)}",
            hint=f"add them to its name: {where}:{code(spoken[0])}-{code(spoken[1])}",
        )
    return (spoken[0], spoken[1]) if len(spoken) == 2 else None


@dataclass(frozen=True)
class PairTable:
    """Pairs in the columns of a table; call it and read from the first.

    source, target: names of JSON, or places of columns.  header: the first row names them.
    """

    path: Path
    kind: Kind
    source: str | int
    target: str | int
    delimiter: str = "\t"
    header: bool = False
    said: tuple[str, ...] = ()

    def __call__(self) -> Iterator[Pair]:
        """Every row, blank sides and all.  Raises TextError where one has not two texts."""
        if self.kind == "jsonl":
            for row in objects(self.path):
                inner = _inner(row)
                yield Pair(self._text(inner, self.source), self._text(inner, self.target))
            return
        assert isinstance(self.source, int)
        assert isinstance(self.target, int)
        for i, found in enumerate(cells(self.path, self.kind, self.delimiter)):
            if i or not self.header:
                row_ = found.cells
                yield Pair(line(row_[self.source]), line(row_[self.target]))

    def _text(self, row: Row, side: str | int) -> str:
        value = row.cells.get(str(side))
        if isinstance(value, str):
            return line(value)
        is_ = shown(value) if side in row.cells else "not there"
        raise TextError(
            "a row has not two texts",
            where=f"{self.path}:{row.number}: {side!r} is {is_}",
            hint="delete the row, or fill it in",
        )


def line(text: str) -> str:
    """The text as one line."""
    return " ".join(text.split("\n")) if "\n" in text else text


def _inner(row: Row) -> Row:
    """The object in which the two texts are: the row, or what it calls its translation."""
    inner = row.cells.get("translation")
    return Row(row.number, inner) if isinstance(inner, dict) else row


def open_pairs(path: Path, kind: Kind, languages: Languages | None = None) -> PairTable:
    """Tell which columns hold the pairs.  Raises DataError if that cannot be told."""
    delimiter = delimiter_of(path) if kind == "csv" else "\t"
    if kind == "jsonl":
        first = next((_inner(row) for row in objects(path)), None)
        if first is None:
            raise EmptyText("there is no row in it", where=str(path))
        names = list(first.cells)
        found = chosen(names, languages, str(path))
        if found is None:
            raise DataError(
                "it cannot be told which fields hold a text and its translation",
                where=f"{path}: {', '.join(map(repr, names))}",
                hint="call them source and target",
            )
        rest = [name for name in names if name not in found]
        return PairTable(path, kind, *found, said=_left(path, found, rest))
    head = next(cells(path, kind, delimiter), None)
    if head is None:
        raise EmptyText("there is no row in it", where=str(path))
    if len(head.cells) < 2:
        raise DataError(
            "a pair is two texts with a tab between them"
            if kind == "tsv"
            else "a pair is two texts",
            where=f"{path}:{head.number}: one column, {shown(head.cells[0])}",
            hint="two columns (source, target), or two files: train.en:train.fr",
        )
    named = _header(head, path, languages)
    source, target = named or (0, 1)
    rest = [str(i + 1) for i in range(len(head.cells)) if i not in (source, target)]
    columns = (
        (head.cells[source], head.cells[target]) if named else (str(source + 1), str(target + 1))
    )
    return PairTable(
        path, kind, source, target, delimiter, named is not None, _left(path, columns, rest)
    )


def _header(head: Cells, path: Path, languages: Languages | None) -> tuple[int, int] | None:
    """The places of source and target if the first row names them."""
    names = [cell.strip() for cell in head.cells]
    if languages is None and not is_named(names):
        return None
    if languages is not None and not any(map(is_language, names)):
        raise DataError(
            "the columns of this table have no names, so no language can be chosen",
            where=f"{path}:{head.number}: {', '.join(shown(name) for name in names[:4])}",
            hint="leave the languages out: the first column is the source, the second the target",
        )
    found = chosen(names, languages, str(path))
    return None if found is None else (names.index(found[0]), names.index(found[1]))


def is_named(names: list[str]) -> bool:
    """Whether names say that here are a text and its translation."""
    folded = {nfc(name).strip().casefold() for name in names}
    usual = any(source in folded and target in folded for source, target in NAMED)
    return usual or len(_spoken(names)) > 1


def _left(path: Path, columns: tuple[str, str], rest: list[str]) -> tuple[str, ...]:
    said = f"{path}: the source is column {columns[0]!r}, the target column {columns[1]!r}"
    more = f"; {len(rest)} more not used ({', '.join(rest[:5])})" if rest else ""
    return (said + more,)


def tells_pairs(path: Path, kind: str) -> bool:
    """Whether a table says by the names of its columns that it holds pairs, and no labels."""
    names: list[str] = []
    try:
        if kind == "jsonl":
            row = next(objects(path), None)
            names = list(_inner(row).cells) if row else []
        elif kind in ("tsv", "csv"):
            table: Kind = "csv" if kind == "csv" else "tsv"
            head = next(cells(path, table, delimiter_of(path) if kind == "csv" else "\t"), None)
            names = head.cells if head else []
    except (DataError, TextError):
        return False  # whoever reads it says what is wrong
    labelled = {nfc(name).strip().casefold() for name in names} & set(LABELS) - {"target"}
    return is_named(names) and not labelled


def holds_texts(path: Path) -> bool:
    """Whether both of the first two columns of a TSV are mostly words, not numbers or codes."""
    rows = [row.cells for row in islice(cells(path, "tsv", "\t"), LOOK)]
    if not rows or len(rows[0]) < 2:
        return False
    worded = [sum(any(c.isalpha() for c in row[i]) for row in rows) for i in (0, 1)]
    return min(worded) > len(rows) / 2


# -- what is left of them ------------------------------------------------------------------------


def whole(items: Items[Pair], name: str) -> tuple[Items[Pair], tuple[str, ...]]:
    """The pairs of which no side is blank, and what to say.  Reads them once.

    Raises EmptyText if there is none left.
    """
    blank, pairs = {"source": 0, "target": 0}, 0
    for pairs, pair in enumerate(items(), start=1):  # noqa: B007
        if not pair.source.strip():
            blank["source"] += 1
        elif not pair.target.strip():
            blank["target"] += 1
    dropped = sum(blank.values())
    if dropped == pairs:
        sides = ", ".join(f"{n:,} without a {side}" for side, n in blank.items() if n)
        raise EmptyText(
            "there is no pair with a text on both sides",
            where=f"{name}: {pairs:,} pairs" + f", {sides}" * bool(sides),
        )
    if not dropped:
        return items, ()
    said = f"{name}: {dropped:,} of {pairs:,} pairs left out, a side of them is blank "
    said += f"({blank['source']:,} source, {blank['target']:,} target)"
    return partial(_whole, items), (said,)


def _whole(items: Items[Pair]) -> Iterator[Pair]:
    return (pair for pair in items() if pair.source.strip() and pair.target.strip())


def grouped(items: Items[Pair]) -> Iterator[Pair]:
    """One pair a source, in the order of the first; what else was said of it are its others."""
    found: dict[str, list[str]] = {}
    sources: dict[str, str] = {}
    for pair in items():
        key = nfc(pair.source).strip()
        sources.setdefault(key, pair.source)
        found.setdefault(key, []).extend(t for t in (pair.target, *pair.others))
    for key, targets in found.items():
        first, *others = dict.fromkeys(targets)
        yield Pair(sources[key], first, tuple(others))


def swapped(items: Items[Pair]) -> Iterator[Pair]:
    """The pairs the other way round."""
    for pair in items():
        for target in (pair.target, *pair.others):
            yield Pair(target, pair.source)


def held_out(views: Mapping[str, Items[Pair]]) -> dict[str, Items[Pair]]:
    """valid and test with a source once."""
    return {
        split: items if split == "train" else partial(grouped, items)
        for split, items in views.items()
    }
