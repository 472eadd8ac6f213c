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
from malmoi.comparison.fair import best, judge, ranked, rivals
from malmoi.comparison.measures import (
    FIGURES,
    Figure,
    Foreseen,
    Measures,
    deviation,
    of_kind,
    value,
)
from malmoi.comparison.result import Comparison, Difference, Entry, Ground, Level

MARK = "▸"
INFINITE = (
    "gives a part of the text the probability 0, so its perplexity is infinite: "
    "an estimator that smooths never does."
)
Part = Literal["dev", "test"]


@dataclass(frozen=True)
class Column:
    """title: two lines at most.  keep: how long it stays when room is short, 0 always.
    aside: how the report says the same where it has no room for the column.
    figure, part: what of the measures it shows, if it shows one."""

    title: str
    cell: Callable[[Entry], str]
    keep: int
    aside: str = ""
    figure: str = ""
    part: Part | None = None

    def of(self, measures: Measures) -> str:
        """The figure of measures that are no entry's."""
        return _written(measures, FIGURES[self.figure]) if self.part == "test" else ""


def _measured(figure: Figure, part: Part) -> Column:
    """The headline is shown for both parts and with its deviation, other figures of the test."""
    headline = figure.keep == 0

    def cell(entry: Entry) -> str:
        shown = _written(entry.dev if part == "dev" else entry.test, figure)
        trials = [trial.dev if part == "dev" else trial.test for trial in entry.trials]
        spread = deviation(trials, figure.name) if headline else None
        return shown if spread is None else f"{shown} ± {figure.form(spread)}"

    title, aside = figure.column.format(part), figure.aside
    keep = 5 if part == "dev" else figure.keep
    return Column(title, cell, keep, "dev {}" if part == "dev" else aside, figure.name, part)


def _written(measures: Measures | None, figure: Figure) -> str:
    found = value(measures, figure.name)
    return "–" if found is None else figure.form(found)


def columns(comparison: Comparison) -> tuple[Column, ...]:
    """The columns that may be shown: no perplexity where perplexities do not compare, and what
    each model read where they did not all read the same.  The order is that of reading; `keep`
    that of leaving."""
    grounds = [comparison.ground_of(entry) for entry in comparison.entries] or [comparison.ground]
    verdict = judge(comparison)
    known = of_kind(grounds[0].headline)
    alike = len(verdict.figures) == len(known)
    shown = [
        figure
        for figure in known
        if (not figure.per_token or figure.name in verdict.figures)
        and not (
            figure.optional and all(value(e.test, figure.name) is None for e in comparison.entries)
        )
    ]
    head, *others = shown
    measured = [_measured(_beside(figure), "test") for figure in others]
    if head.keep:  # it stands in for the headline
        measured = [replace(_measured(head, "test"), keep=0), *measured]
    else:
        measured = [_measured(head, "dev"), _measured(head, "test"), *measured]
    unit = grounds[0].unit
    found = [
        Column("model", lambda entry: entry.name, 0),
        Column("parameters", lambda entry: figures.count(entry.parameters), 3, "{} parameters"),
        Column("training\ntime", lambda entry: figures.duration(entry.seconds), 2, "{}"),
        Column(f"{unit}/s", lambda entry: figures.rate(entry.per_second), 6, f"{{}} {unit}/s"),
        *measured,
        Column("on disk", lambda entry: figures.size(entry.size_bytes), 4, "{}"),
    ]
    if not alike:
        texts = {ground.data for ground in grounds}
        found.insert(1, Column("read", lambda entry: _read(comparison, entry, texts), 1, "{}"))
    return tuple(found)


def _beside(figure: Figure) -> Figure:
    """What is a headline of other models, where it is none: it may leave."""
    return figure if figure.keep else figure._replace(keep=1, aside=f"{figure.title} {{}}")


def _read(comparison: Comparison, entry: Entry, texts: set[str]) -> str:
    ground = comparison.ground_of(entry)
    unit = figures.unit(ground.tokenisation)
    return f"{ground.data}, {unit}" if len(texts) > 1 else unit


def ordering(comparison: Comparison, column: Column) -> bool:
    """Whether this column orders the table."""
    return column.part == "test" and column.figure == judge(comparison).order


def notes(comparison: Comparison) -> tuple[str, ...]:
    """What a reader must know to read the table rightly, a sentence each."""
    found = list(judge(comparison).reasons)
    heard = [entry.announcements for entry in comparison.entries]
    said_by_all = set(heard[0]).intersection(*heard[1:]) if len(heard) > 1 else set()
    found += [said for said in heard[0] if said in said_by_all] if heard else []
    for entry in ranked(comparison):
        if any(value(m, "perplexity") == float("inf") for m in (entry.dev, entry.test)):
            found.append(f"{entry.name} {INFINITE}")
        found += [f"{entry.name}: {a}" for a in entry.announcements if a not in said_by_all]
    found += [_not_better(d, comparison.ground.headline) for d in rivals(comparison)]
    seeds = max((len(entry.trials) for entry in comparison.entries), default=0)
    if seeds > 1:
        found.append(f"Figures are means of {seeds} seeds; ± is their standard deviation.")
    return (*found, *_level(comparison), *_scored(comparison.ground))


def _scored(ground: Ground) -> tuple[str, ...]:
    """How translations were searched for, and how they are counted."""
    if ground.headline != "bleu":
        return ()
    how = "greedy" if ground.beam == 1 else f"of a beam of {ground.beam}"
    return (f"Translations are {how}.", *ground.signatures)


def _not_better(d: Difference, headline: str) -> str:
    figure = FIGURES[headline]
    return (
        f"{d.better} is not better than {d.other} beyond chance: by {points(d.difference)} points "
        f"of {figure.title}, 95 % of the draws between {points(d.interval[0])} and "
        f"{points(d.interval[1])} ({figures.chance(d.p)})."
    )


def points(difference: float) -> str:
    """A difference of two shares, in percentage points, with a real minus."""
    return f"{100 * difference:.2f}".replace("-", "−")


def level_of(comparison: Comparison) -> Level | None:
    """The line of the table that is no model's, where its figure may be shown."""
    headline = comparison.ground.headline
    return comparison.ground.level if judge(comparison).order == headline else None


def _level(comparison: Comparison) -> tuple[str, ...]:
    """What that line means."""
    level, first = level_of(comparison), best(comparison)
    if level is None:
        return ()
    if not isinstance(level.test, Foreseen):
        said = f"“{level.label}”" if level.label else "what most of training has"
        return (f"{level.name}: no model, but {said} every time, the commonest in training.",)
    reached = value(first.test, "perplexity") if first else None
    if first is None or reached is None:
        return ()
    return (
        "The limit is what the made-up language's own probabilities reach on the test text; "
        f"{first.name} is at {reached / level.test.perplexity:.3f} times the limit.",
    )


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
        comparison = self.comparison
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
        if level := level_of(comparison):
            cells = [Text(_plain(column.of(level.test), options)) for column in shown[1:]]
            grid.add_section()
            grid.add_row(Text(_plain(f"  {level.name}", options)), *cells, style="cyan")
        return grid


def heading(comparison: Comparison) -> str:
    """The text and its tokens, in a line: `python-docs, words: 5,012 types; …`."""
    grounds = [comparison.ground_of(entry) for entry in comparison.entries]
    names = list(dict.fromkeys(f"{g.data}, {figures.unit(g.tokenisation)}" for g in grounds))
    if len(names) > 1:
        return " · ".join(names)
    return f"{names[0] if names else comparison.ground.data}: {'; '.join(facts(comparison.ground))}"


def facts(ground: Ground, unknown: str = " ({} unknown)") -> list[str]:
    """How much there is of what.  unknown: how the number of unknown tokens is written."""
    if ground.unit == "tokens":
        known = [f"{ground.vocabulary:,} types"]
        known += [f"{ground.pairs:,} pairs to learn from"] if ground.pairs else []
        rest = unknown.format(f"{ground.unknown:,}") if ground.unknown else ""
    else:
        kinds = "kinds of entities" if ground.headline == "f1" else "labels"
        known, rest = [f"{len(ground.labels):,} {kinds}", f"{ground.vocabulary:,} types"], ""
    parts = f"{ground.train:,} train, {ground.dev:,} dev, {ground.test:,} test {ground.unit}"
    return [*known, parts + rest]


def _plain(text: str, options: ConsoleOptions) -> str:
    """What a terminal without Unicode can still show."""
    if not options.ascii_only:
        return text
    for sign, plain in (("∞", "inf"), ("–", "-"), ("−", "-"), ("±", "+-"), ("“", '"'), ("”", '"')):
        text = text.replace(sign, plain)
    return text.encode("ascii", "replace").decode()
