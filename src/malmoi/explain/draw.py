"""Pictures and pages as text: HTML and SVG that no text of a user can break, with Hangul in them.

    tag("td", {"class": "name"}, entry.name)        # a str is escaped, a Markup is not
    chart([Series("lstm", points, 0)], x=SECONDS, y=PERPLEXITY, label="…")

A chart says nothing by colour alone: each line ends in its name.  Colours are classes `c0` … `c7`,
which the style sheet of the page gives a value, light or dark.
"""

import html
import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

COLOURS = 8
VOID = frozenset({"meta", "br", "wbr"})
Real: TypeAlias = float | int
Attributes: TypeAlias = Mapping[str, str | Real]


class Markup(str):
    """Text that is markup already; every other text is escaped when it enters a `tag`."""

    __slots__ = ()


def escape(text: str) -> Markup:
    """`text` as a page shows it; what no page can show becomes a visible sign.

    Control characters become their Unicode pictures, half surrogates the replacement character,
    and whatever turns the direction of writing is made harmless.
    """
    shown = "".join(_shown(c) for c in text)
    return Markup(html.escape(shown, quote=True))


def _shown(c: str) -> str:
    if c in "\n\t":
        return c
    if c < " ":
        return chr(0x2400 + ord(c))
    category = unicodedata.category(c)
    if category in ("Cc", "Cs") or c in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069":
        return "\ufffd"
    return c


def tag(
    name: str,
    attributes: Attributes | None = None,
    *children: str,
) -> Markup:
    """One element.  Attributes are escaped; so is every child that is not Markup."""
    inside = "".join(
        f' {key}="{_number(value) if isinstance(value, float | int) else escape(value)}"'
        for key, value in (attributes or {}).items()
    )
    if name in VOID:
        return Markup(f"<{name}{inside}>")
    return Markup(f"<{name}{inside}>{join(children)}</{name}>")


def join(parts: Sequence[str]) -> Markup:
    """Children one after another, escaped unless they are Markup."""
    return Markup("".join(p if isinstance(p, Markup) else escape(p) for p in parts))


def text_width(text: str) -> float:
    """About how many em `text` fills: a Hangul syllable fills one, a Latin letter about half."""
    return sum((_em(c) for c in text), 0.0)


def _em(c: str) -> float:
    if unicodedata.combining(c):
        return 0.0
    if unicodedata.east_asian_width(c) in "WF":
        return 1.0
    return 0.33 if c in "iljt.,:;|!' " else 0.88 if c in "mwMW—" else 0.6


def shorten(text: str, width: Real) -> str:
    """`text`, cut with an ellipsis where it would fill more than `width` em."""
    if text_width(text) <= width:
        return text
    kept = ""
    for c in text:
        if text_width(kept + c) > width - 1:
            break
        kept += c
    return kept.rstrip() + "…"


def spread(wanted: Sequence[Real], gap: Real, low: Real, high: Real) -> list[float]:
    """Places as near to the wanted ones as can be, at least `gap` apart, between low and high.

    Least squares under an order: pool neighbours that collide into a block and put the block at its
    mean.  Equal wishes keep their order.  If they cannot fit, the gap shrinks until they do.
    """
    n = len(wanted)
    if n == 0:
        return []
    gap = min(gap, (high - low) / max(n - 1, 1))
    order = sorted(range(n), key=lambda i: (wanted[i], i))
    # subtract the gaps that must be there: what is left need only be in order
    blocks: list[tuple[float, int]] = []  # mean, size
    for rank, i in enumerate(order):
        mean, size = wanted[i] - rank * gap, 1
        while blocks and blocks[-1][0] > mean:
            left, count = blocks.pop()
            mean, size = (left * count + mean * size) / (count + size), count + size
        blocks.append((mean, size))
    flat = [mean for mean, size in blocks for _ in range(size)]
    top = high - (n - 1) * gap
    placed = [0.0] * n
    for rank, i in enumerate(order):
        placed[i] = min(max(flat[rank], low), max(top, low)) + rank * gap
    return placed


@dataclass(frozen=True)
class Axis:
    """A logarithmic axis.  ticks: the values worth a label; form: how a value is written."""

    title: str
    ticks: tuple[Real, ...]
    form: Callable[[Real], str]


@dataclass(frozen=True)
class Series:
    """One line of a chart.  points: (x, y), both above 0.  note: written after its name."""

    name: str
    points: tuple[tuple[Real, Real], ...]
    colour: int
    note: str = ""


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
    highest: Real = math.inf,
) -> Markup:
    """Lines over two logarithmic axes, each named at its end; a lone point is a dot.

    label: what a reader who cannot see it is told.  limit: a name and a level, drawn across.
    highest: what lies above is cut off (the first steps of a training say little).
    """
    drawn = [s for s in series if s.points]
    names = [f"{shorten(s.name, NAME)} {s.note}" for s in drawn] + ([limit[0]] if limit else [])
    right = WIDTH - max(60.0, FONT * max((text_width(n) for n in names), default=0) + 26)
    xs = [p[0] for s in drawn for p in s.points]
    ys = [min(p[1], highest) for s in drawn for p in s.points] + ([limit[1]] if limit else [])
    across = Log(*_room(xs, 0.03), LEFT, right)
    bottom, top = _room(ys, 0.07)
    up = Log(bottom, min(top, highest), BOTTOM, TOP)  # what is cut off leaves at the very top

    ends = [up(min(s.points[-1][1], highest)) for s in drawn] + ([up(limit[1])] if limit else [])
    places = spread(ends, LINE, TOP, BOTTOM)
    parts: list[str] = [tag("title", None, label), *_grid(across, up, x, y, right)]
    if limit:
        parts.append(_across("limit", LEFT, right, ends[-1]))
        parts.append(_name(limit[0], "", "limit", ends[-1], places[-1], right))
    for s, end, place in zip(drawn, ends, places, strict=False):
        colour = f"c{s.colour % COLOURS}"
        points = _clip(s.points, highest)
        last = across(points[-1][0])
        parts.append(_across(f"level {colour}", last, right, end))
        if len(points) > 1:
            d = "M" + "L".join(f"{_number(across(a))} {_number(up(b))}" for a, b in points)
            parts.append(tag("path", {"class": f"line {colour}", "d": d}))
        dot: Attributes = {"class": f"dot {colour}", "cx": last, "cy": end, "r": 3.5}
        parts.append(tag("circle", dot))
        parts.append(_name(s.name, s.note, colour, end, place, right))
    box = f"0 0 {_number(WIDTH)} {_number(HEIGHT)}"
    return tag("svg", {"viewBox": box, "class": "chart", "role": "img"}, *parts)


def _grid(across: Log, up: Log, x: Axis, y: Axis, right: Real) -> list[Markup]:
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
    leader = f"M{_number(right)} {_number(end)}L{_number(right + 14)} {_number(place)}"
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
    values: Sequence[Real], scale: Log, room: Callable[[str], Real], form: Callable[[Real], str]
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


def _room(values: Sequence[Real], part: Real) -> tuple[Real, Real]:
    """The ends of an axis: `part` of its length more than the values need at each end."""
    low, high = min(values, default=1.0), max(values, default=10.0)
    if high < low * 1.2:
        low, high = low / 1.5, high * 1.5
    more = (high / low) ** part
    return low / more, high * more


def _clip(points: Sequence[tuple[Real, Real]], top: Real) -> list[tuple[Real, Real]]:
    """The line below `top`, entering where it crosses it (straight on both logarithms)."""
    kept: list[tuple[Real, Real]] = []
    for k, (a, b) in enumerate(points):
        if b <= top:
            if not kept and k:
                a0, b0 = points[k - 1]
                part = math.log(top / b0) / math.log(b / b0)
                kept.append((a0 * (a / a0) ** part, top))
            kept.append((a, b))
    return kept or [(points[-1][0], top)]


def _number(value: Real) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
