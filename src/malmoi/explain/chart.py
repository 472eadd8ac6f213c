"""Charts: lines over two axes, each named where it ends.

    chart([Series("lstm", points, 0)], x=SECONDS, y=PERPLEXITY, label="…")

A chart says nothing by colour alone: each line ends in its name.  Colours are classes `c0` … `c7`,
which the style sheet of the page gives a value, light or dark.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from malmoi.explain.draw import (
    Attributes,
    Markup,
    Real,
    join,
    number,
    shorten,
    spread,
    tag,
    text_width,
)
from malmoi.explain.page import Drawn

COLOURS = 8
Point: TypeAlias = tuple[Real, Real]


@dataclass(frozen=True)
class Axis:
    """A logarithmic axis, or a linear one.  ticks: the values worth a label; form: how a value is
    written."""

    title: str
    ticks: tuple[Real, ...]
    form: Callable[[Real], str]
    linear: bool = False


@dataclass(frozen=True)
class Series:
    """One line of a chart.  points: (x, y), above 0 on a logarithmic axis.  note: written after
    its name.  others: lines of the same thing, drawn fainter and without a name."""

    name: str
    points: tuple[Point, ...]
    colour: int
    note: str = ""
    others: tuple[tuple[Point, ...], ...] = ()


@dataclass(frozen=True)
class Log:
    """A value's place: low → start, high → end, equal ratios equally far apart."""

    low: Real
    high: Real
    start: Real
    end: Real

    def __call__(self, value: Real) -> float:
        part = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + part * (self.end - self.start)


@dataclass(frozen=True)
class Linear:
    """A value's place: low → start, high → end, equal differences equally far apart."""

    low: Real
    high: Real
    start: Real
    end: Real

    def __call__(self, value: Real) -> float:
        part = (value - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)


Scale: TypeAlias = Log | Linear


@dataclass(frozen=True)
class Mark:
    """A point that is worth a word: where it stands above the x axis is written there."""

    x: Real
    y: Real
    text: str
    colour: int


WIDTH, HEIGHT = 420.0, 310.0
TOP, BOTTOM, LEFT = 32.0, 270.0, 42.0
FONT, LINE, NAME = 12.0, 16.0, 9.0  # NAME: em that the name of a line may fill


def chart(
    series: Sequence[Series],
    *,
    x: Axis,
    y: Axis,
    label: str,
    limit: tuple[str, Real] | None = None,
    lowest: Real = -math.inf,
    highest: Real = math.inf,
) -> Markup:
    """`plot` as a picture of its own.  label: what a reader who cannot see it is told."""
    drawn = plot(series, x=x, y=y, limit=limit, lowest=lowest, highest=highest)
    box = f"0 0 {number(drawn.width)} {number(drawn.height)}"
    root = {"viewBox": box, "class": "chart", "role": "img"}
    return tag("svg", root, tag("title", None, label), drawn.markup)


def plot(
    series: Sequence[Series],
    *,
    x: Axis,
    y: Axis,
    limit: tuple[str, Real] | None = None,
    lowest: Real = -math.inf,
    highest: Real = math.inf,
    width: Real = WIDTH,
    marks: Sequence[Mark] = (),
) -> Drawn:
    """Lines over two axes, each named at its end; a lone point is a dot.

    limit: a name and a level, drawn across.  lowest, highest: what lies beyond is cut off (the
    first steps of a training say little).
    """
    drawn = [s for s in series if s.points]
    names = [f"{shorten(s.name, NAME)} {s.note}" for s in drawn] + ([limit[0]] if limit else [])
    right = width - max(60.0, FONT * max((text_width(n) for n in names), default=0) + 26)
    lines = [line for s in drawn for line in (s.points, *s.others)]
    inside = partial(_inside, lowest, highest)
    xs = [p[0] for line in lines for p in line]
    ys = [inside(p[1]) for line in lines for p in line] + ([limit[1]] if limit else [])
    across = _scale(x, *_room(xs, 0.03, x.linear), LEFT, right)
    bottom, top = _room(ys, 0.07, y.linear)
    # what is cut off leaves at the very edge
    up = _scale(y, inside(bottom), inside(top), BOTTOM, TOP)

    ends = [up(inside(s.points[-1][1])) for s in drawn] + ([up(limit[1])] if limit else [])
    places = spread(ends, LINE, TOP, BOTTOM)
    parts: list[str] = [*_grid(across, up, x, y, right)]
    if limit:
        parts.append(_across("limit", LEFT, right, ends[-1]))
        parts.append(_name(limit[0], "", "limit", ends[-1], places[-1], right))
    for s, end, place in zip(drawn, ends, places, strict=False):
        colour = f"c{s.colour % COLOURS}"
        last = across(s.points[-1][0])
        parts.append(_across(f"level {colour}", last, right, end))
        for line in (*s.others, s.points):
            seen = _clip([(across(a), up(b)) for a, b in line])
            if len(line) > 1 and seen:
                d = "M" + "L".join(f"{number(a)} {number(b)}" for a, b in seen)
                faint = "" if line is s.points else " other"
                parts.append(tag("path", {"class": f"line{faint} {colour}", "d": d}))
        dot: Attributes = {"class": f"dot {colour}", "cx": last, "cy": end, "r": 3.5}
        parts.append(tag("circle", dot))
        parts.append(_name(s.name, s.note, colour, end, place, right))
    for k, mark in enumerate(sorted(marks, key=lambda mark: mark.x), 1):
        after = k == len(marks) > 1
        parts += _marked(mark, across(mark.x), up(mark.y), BOTTOM - 6, after=after)
    return Drawn(join(parts), width, HEIGHT)


def _marked(mark: Mark, a: Real, b: Real, foot: Real, *, after: bool) -> list[Markup]:
    """A ring around the point, a line down to the axis, and what is said of it beside that."""
    colour = f"c{mark.colour % COLOURS}"
    ring: Attributes = {"class": f"around {colour}", "cx": a, "cy": b, "r": 6.0}
    line: Attributes = {"class": f"level {colour}", "x1": a, "x2": a, "y1": b + 6, "y2": BOTTOM}
    at: Attributes = {"class": "tick" if after else "tick end", "x": a + 5 if after else a - 5}
    told = tag("text", {**at, "y": foot}, mark.text)
    return [tag("line", line), tag("circle", ring), told]


def _inside(lowest: Real, highest: Real, value: Real) -> Real:
    return min(max(value, lowest), highest)


def _scale(axis: Axis, low: Real, high: Real, start: Real, end: Real) -> Scale:
    return (Linear if axis.linear else Log)(low, high, start, end)


def _grid(across: Scale, up: Scale, x: Axis, y: Axis, right: Real) -> list[Markup]:
    """Faint lines at round values, and what they are."""
    parts = [tag("text", {"class": "axis", "x": 0.0, "y": 13.0}, y.title)]
    for value in _ticks(y.ticks, up, lambda text: LINE, y.form):
        parts.append(_across("grid", LEFT, right, up(value)))
        at: Attributes = {"class": "tick end", "x": LEFT - 7, "y": up(value) + 4}
        parts.append(tag("text", at, y.form(value)))
    for value in _ticks(x.ticks, across, lambda text: FONT * text_width(text) + 10, x.form):
        at = {"class": "tick middle", "x": across(value), "y": BOTTOM + 18}
        parts.append(tag("text", at, x.form(value)))
        tip: Attributes = {"class": "mark", "y1": BOTTOM, "y2": BOTTOM + 4}
        parts.append(tag("line", {**tip, "x1": across(value), "x2": across(value)}))
    parts.append(_across("base", LEFT, right, BOTTOM))
    at = {"class": "axis end", "x": right, "y": BOTTOM + 37}
    parts.append(tag("text", at, x.title))
    return parts


def _name(name: str, note: str, colour: str, end: Real, place: Real, right: Real) -> Markup:
    """A line's name at the right, with a leader to where the line ends."""
    leader = f"M{number(right)} {number(end)}L{number(right + 14)} {number(place)}"
    at: Attributes = {"class": "name", "x": right + 19, "y": place + 4.5}
    after = tag("tspan", {"class": "note"}, f" {note}") if note else Markup()
    full = tag("title", None, f"{name} {note}".strip())
    return join(
        [
            tag("path", {"class": f"leader {colour}", "d": leader}),
            tag("text", at, full, shorten(name, NAME), after),
        ]
    )


def _across(kind: str, x1: Real, x2: Real, y: Real) -> Markup:
    return tag("line", {"class": kind, "x1": x1, "x2": x2, "y1": y, "y2": y})


def _ticks(
    values: Sequence[Real], scale: Scale, room: Callable[[str], Real], form: Callable[[Real], str]
) -> list[Real]:
    """Those of `values` that lie on the axis and whose labels do not touch."""
    kept: list[Real] = []
    for value in values:
        if not scale.low <= value <= scale.high:
            continue
        apart = (room(form(value)) + room(form(kept[-1]))) / 2 if kept else 0.0
        if not kept or abs(scale(value) - scale(kept[-1])) >= apart:
            kept.append(value)
    return kept


def _room(values: Sequence[Real], part: Real, linear: bool) -> tuple[Real, Real]:
    """The ends of an axis: `part` of its length more than the values need at each end."""
    low, high = min(values, default=1.0), max(values, default=10.0)
    if linear:
        more = part * (high - low) or 0.05 * abs(high) or 1.0
        return low - more, high + more
    if high < low * 1.2:
        low, high = low / 1.5, high * 1.5
    more = (high / low) ** part
    return low / more, high * more


def _clip(line: Sequence[Point]) -> list[Point]:
    """A drawn line between TOP and BOTTOM, entering where it crosses one of them."""
    kept: list[Point] = []
    for k, (a, b) in enumerate(line):
        edge = min(max(b, TOP), BOTTOM)
        if abs(b - edge) < 1e-6:
            if not kept and k:
                a0, b0 = line[k - 1]
                edge = TOP if b0 < TOP else BOTTOM
                kept.append((a0 + (a - a0) * (edge - b0) / (b - b0), edge))
            kept.append((a, b))
    return kept
