"""The one table of a comparison, for a terminal of any width.

    Console().print(Table(comparison))

Columns that do not fit are left out, the least telling first, and the table says which; no figure
is ever cut in the middle.  Colour only repeats what a sign already says, so NO_COLOR loses nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from rich import box
from rich.console import Console, ConsoleOptions
from rich.measure import Measurement
from rich.table import Table as Grid
from rich.text import Text

from malmoi.comparison import figures
from malmoi.comparison.fair import best, judge, ranked
from malmoi.comparison.result import Comparison, Entry, Measures

MARK = "▸"
TEST, BITS = "perplexity\ntest", "bits per\ncharacter"
INFINITE = (
    "gives a part of the text the probability 0, so its perplexity is infinite: "
    "an estimator that smooths never does."
)


@dataclass(frozen=True)
class Column:
    """title: two lines at most.  keep: how long it stays when room is short, 0 always.
    aside: how the report says the same where it has no room for the column."""

    title: str
    cell: Callable[[Entry], str]
    keep: int
    aside: str = ""
    needs: Literal["perplexity", ""] = ""


def _measure(part: Literal["dev", "test"], name: str) -> Callable[[Entry], str]:
    def cell(entry: Entry) -> str:
        measures: Measures | None = entry.dev if part == "dev" else entry.test
        if measures is None:
            return "–"
        form = figures.perplexity if name == "perplexity" else figures.bits
        return form(getattr(measures, name))

    return cell


COLUMNS = (
    Column("model", lambda entry: entry.name, 0),
    Column("parameters", lambda entry: figures.count(entry.parameters), 3, "{} parameters"),
    Column("training\ntime", lambda entry: figures.duration(entry.seconds), 2, "{}"),
    Column("tokens/s", lambda entry: figures.rate(entry.tokens_per_second), 6, "{} tokens/s"),
    Column("perplexity\ndev", _measure("dev", "perplexity"), 5, "dev {}", "perplexity"),
    Column(TEST, _measure("test", "perplexity"), 0, "", "perplexity"),
    Column(BITS, _measure("test", "bits_per_character"), 1),
    Column("bits per\nbyte", _measure("test", "bits_per_byte"), 7, "{} bits/byte"),
    Column("on disk", lambda entry: figures.size(entry.size_bytes), 4, "{}"),
)
"""Bits are the test's.  The order is that of reading; `keep` that of leaving."""


def columns(comparison: Comparison) -> tuple[Column, ...]:
    """The columns that may be shown: no perplexity where perplexities do not compare, and what
    each model read where they did not all read the same."""
    if judge(comparison).perplexity:
        return COLUMNS
    texts = {comparison.ground_of(entry).data for entry in comparison.entries}

    def read(entry: Entry) -> str:
        ground = comparison.ground_of(entry)
        unit = figures.unit(ground.tokenisation)
        return f"{ground.data}, {unit}" if len(texts) > 1 else unit

    name, *others = (c for c in COLUMNS if c.needs != "perplexity")
    shown = [replace(c, keep=0) if c.title == BITS else c for c in others]
    return (name, Column("read", read, 1, "{}"), *shown)


def ranks(comparison: Comparison) -> str:
    """The title of the column that orders the table, or nothing."""
    fair = judge(comparison)
    return TEST if fair.perplexity else BITS if fair.bits else ""


def notes(comparison: Comparison) -> tuple[str, ...]:
    """What a reader must know to read the table rightly, a sentence each."""
    found = list(judge(comparison).reasons)
    heard = [entry.announcements for entry in comparison.entries]
    said_by_all = set(heard[0]).intersection(*heard[1:]) if len(heard) > 1 else set()
    found += [said for said in heard[0] if said in said_by_all] if heard else []
    for entry in ranked(comparison):
        if any(m and m.perplexity == float("inf") for m in (entry.dev, entry.test)):
            found.append(f"{entry.name} {INFINITE}")
        found += [f"{entry.name}: {a}" for a in entry.announcements if a not in said_by_all]
    limit, first = comparison.ground.limit, best(comparison)
    if limit and first and first.test and judge(comparison).perplexity:
        found.append(
            "The limit is what the made-up language's own probabilities reach on the test text; "
            f"{first.name} is at {first.test.perplexity / limit:.3f} times the limit."
        )
    return tuple(found)


@dataclass(frozen=True)
class Table:
    """A comparison that rich can print.  `columns`, `notes` say what is in it."""

    comparison: Comparison

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Grid | Text]:
        shown = list(columns(self.comparison))
        left_out: list[str] = []
        while (
            self._width(shown, console, options) > options.max_width
            and (last := max(shown, key=lambda column: column.keep)).keep > 0
        ):
            shown.remove(last)
            left_out.append(last.title.replace("\n", " "))
        yield self._grid(shown, options)
        for note in notes(self.comparison):
            yield Text(_plain(note, options), style="dim")
        if left_out:
            yield Text(f"left out for want of room: {', '.join(reversed(left_out))}", style="dim")

    def _width(self, shown: list[Column], console: Console, options: ConsoleOptions) -> int:
        wide = options.update(width=10_000)
        return Measurement.get(console, wide, self._grid(shown, options)).maximum

    def _grid(self, shown: list[Column], options: ConsoleOptions) -> Grid:
        comparison, ground = self.comparison, self.comparison.ground
        first = best(comparison)
        grid = Grid(
            box=box.ASCII2 if options.ascii_only else box.SIMPLE_HEAD,
            title=_plain(heading(comparison), options),
            title_style="bold",
            title_justify="left",
            pad_edge=False,
            collapse_padding=True,
        )
        for column in shown:
            grid.add_column(
                column.title,
                justify="left" if column.title == "model" else "right",
                no_wrap=column.title != "model",
                overflow="fold",
                vertical="bottom",
                header_style="bold",
            )
        for entry in ranked(comparison):
            mark = f"{'*' if options.ascii_only else MARK} " if entry is first else "  "
            cells = [Text(_plain(column.cell(entry), options)) for column in shown]
            cells[0] = Text(mark) + cells[0]
            grid.add_row(*cells, style="bold green" if entry is first else "")
        if ground.limit is not None and judge(comparison).perplexity:
            limit = figures.perplexity(ground.limit)
            grid.add_section()
            grid.add_row(
                "  the limit",
                *(limit if c.title == TEST else "" for c in shown[1:]),
                style="cyan",
            )
        return grid


def heading(comparison: Comparison) -> str:
    """The text and its tokens, in a line: `python-docs, words: 5,012 types; …`."""
    grounds = [comparison.ground_of(entry) for entry in comparison.entries]
    names = list(dict.fromkeys(f"{g.data}, {figures.unit(g.tokenisation)}" for g in grounds))
    if len(names) > 1:
        return " · ".join(names)
    ground = comparison.ground
    return (
        f"{ground.data}, {figures.unit(ground.tokenisation)}: {ground.vocabulary:,} types; "
        f"{ground.train:,} train, {ground.dev:,} dev, {ground.test:,} test tokens"
        + (f" ({ground.unknown:,} unknown)" if ground.unknown else "")
    )


def _plain(text: str, options: ConsoleOptions) -> str:
    """What a terminal without Unicode can still show."""
    if not options.ascii_only:
        return text
    text = text.replace("∞", "inf").replace("–", "-")
    return text.encode("ascii", "replace").decode()
