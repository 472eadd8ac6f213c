"""A matrix as shaded cells: rows and columns named, no name over another, wrapped if it is wide.

    Heat(("hop 1", "hop 2"), ("hop 1", "hop 2"), ((1.0, 0.2), (0.2, 1.0)), label="overlap")

Cells are shaded by value / strongest; negative ones in the other colour; −∞ is a cross.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from malmoi.explain.blocks import shading
from malmoi.explain.draw import Attributes, Markup, Real, join, shorten, tag, text_width
from malmoi.explain.page import Drawn, language, stack

FONT = 12.0
SLANT = 60.0  # degrees: names of narrow columns
TALL = 9.0  # em that a slanted name may fill
SMALLEST, LARGEST = 14.0, 54.0
ROW = 22.0
FAINT = 0.005  # of the strongest: such a shade cannot be seen


@dataclass(frozen=True)
class Heat:
    """values[row][column]; told: what a cell says when one points at it, and shown: in itself.

    across, down: what columns and rows are.  rings: cells with a ring.  strongest: what the
    darkest shade means, the largest value if None.  words: columns are words: cells as wide as
    they need.  faint: what is less than this of the strongest is left white: a page of many maps
    is half as large.
    """

    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Sequence[Real]]
    label: str
    across: str = ""
    down: str = ""
    shown: Sequence[Sequence[str]] = ()
    rings: frozenset[tuple[int, int]] = field(default=frozenset())
    strongest: Real | None = None
    words: bool = False
    faint: Real = 0.0
    told: Sequence[Sequence[str]] = ()

    @property
    def least(self) -> float:
        """The narrowest that it can be with all its columns side by side."""
        left = max(24.0, max(text_width(name) for name in self.rows) * FONT + 12)
        return (
            left
            + SMALLEST * len(self.columns)
            + _reach(self.columns) * math.cos(math.radians(SLANT))
        )

    def draw(self, width: Real) -> Drawn:
        """As many columns side by side as fit, the rest below."""
        left = min(width * 0.34, max(text_width(name) for name in self.rows) * FONT + 12)
        left = max(left, 24.0)
        parts, k = [], 0
        while k < len(self.columns):
            sizes = self._sizes(width - left, k)
            parts.append(self._part(left, k, sizes))
            k += len(sizes)
        return stack(parts, gap=18)

    def _sizes(self, room: Real, first: int) -> list[float]:
        """The widths of the columns from the first on that have room."""
        rest = self.columns[first:]
        if self.words:
            sizes: list[Real] = []
            for j, name in enumerate(rest, start=first):
                inside = max((text_width(row[j]) for row in self.shown), default=0.0) * 11 + 6
                w = min(max(30.0, inside, text_width(name) * FONT + 8), 110.0, room)
                if sizes and sum(sizes) + w > room:
                    break
                sizes.append(w)
            return sizes
        most = max((text_width(t) for row in self.shown for t in row), default=0.0) * 11 + 6
        cell, lean = min(max(room / len(self.columns), SMALLEST, most), LARGEST), 0.0
        if not self._upright(cell):  # slanted names lean to the right beyond the last column
            lean = _reach(rest) * math.cos(math.radians(SLANT))
            cell = min(max((room - lean) / len(self.columns), SMALLEST, most), LARGEST)
        fits = max(1, min(len(rest), int((room - lean) / cell + 1e-6)))
        return [cell] * math.ceil(len(rest) / math.ceil(len(rest) / fits))  # lines of like length

    def _upright(self, cell: Real) -> bool:
        return all(text_width(name) * FONT + 6 <= cell for name in self.columns)

    def _part(self, left: Real, first: int, sizes: Sequence[Real]) -> Drawn:
        names = self.columns[first : first + len(sizes)]
        upright = self.words or self._upright(sizes[0])
        head = 18.0 if upright else _reach(names) * math.sin(math.radians(SLANT)) + 14
        head += 17.0 if self.across else 0.0
        strongest = self.strongest or _largest(self.values)
        parts = _axes(self.across, self.down, left, head)
        x = left
        for j, (name, size) in enumerate(zip(names, sizes, strict=True), start=first):
            stands = upright or _stands(name, size)
            parts.append(_column(name, x, size, head, upright=stands))
            for i in range(len(self.rows)):
                parts += self._cell(i, j, x, head + i * ROW, size, strongest)
            x += size
        for i, name in enumerate(self.rows):
            at: Attributes = {"class": "ink end", "font-size": FONT, "x": left - 6}
            y = head + i * ROW + ROW / 2 + 4.3
            text = shorten(name, (left - 8) / FONT)
            full = tag("title", None, name)
            parts.append(tag("text", {**at, "y": y, **language(name)}, full, text))
        if self.faint:
            parts.append(_lattice(left, head, sizes, len(self.rows)))
        width = x + (0.0 if upright else _reach(names) * math.cos(math.radians(SLANT)))
        return Drawn(join(parts), width, head + len(self.rows) * ROW + 2)

    def _cell(self, i: int, j: int, x: Real, y: Real, size: Real, strongest: Real) -> list[Markup]:
        value = self.values[i][j]
        if abs(value) < self.faint * strongest:
            return []
        box: Attributes = {"x": x, "y": y, "width": size, "height": ROW}
        what = self.told[i][j] if self.told else ""
        told = tag("title", None, what or f"{self.rows[i]} → {self.columns[j]}: {value:.4g}")
        if value == -math.inf:
            empty = tag("rect", {**box, "class": "cell empty"}, told)
            a, b = x + size / 2, y + ROW / 2
            cross = f"M{a - 3:.1f} {b - 3:.1f}l6 6m0 -6l-6 6"
            return [empty, tag("path", {"class": "mark", "d": cross})]
        shade = shading(value / strongest if strongest else 0.0)
        kind = shade["class"] if self.faint else f"cell {shade['class']}"
        parts = [tag("rect", {**box, **shade, "class": kind}, told)]
        if self.shown and self.shown[i][j]:
            at: Attributes = {"class": "ink middle", "font-size": 11.0, "x": x + size / 2}
            parts.append(tag("text", {**at, "y": y + ROW / 2 + 4}, self.shown[i][j]))
        if (i, j) in self.rings:
            inner: Attributes = {"x": x + 1, "y": y + 1, "width": size - 2, "height": ROW - 2}
            parts.append(tag("rect", {**inner, "class": "ring"}))
        return parts


def _lattice(left: Real, head: Real, sizes: Sequence[Real], rows: int) -> Markup:
    """The lines between the cells."""
    wide, tall, x = sum(sizes), rows * ROW, left
    d = [f"M{left:.1f} {head + i * ROW:.1f}h{wide:.1f}" for i in range(rows + 1)]
    for size in (0.0, *sizes):
        x += size
        d.append(f"M{x:.1f} {head:.1f}v{tall:.1f}")
    return tag("path", {"class": "cell empty", "d": "".join(d)})


def _axes(across: str, down: str, left: Real, head: Real) -> list[Markup]:
    at: Attributes = {"class": "soft", "font-size": 11.5}
    parts = []
    if across:
        parts.append(tag("text", {**at, "x": left, "y": 11.0}, across))
    if down:
        place: Attributes = {"x": left - 6, "y": 11.0 if across else head - 5}
        parts.append(tag("text", {**at, **place, "class": "soft end"}, down))
    return parts


def _column(name: str, x: Real, size: Real, head: Real, *, upright: bool) -> Markup:
    full = tag("title", None, name)
    at: Attributes = {"font-size": FONT, **language(name)}
    if upright:
        place: Attributes = {"class": "ink middle", "x": x + size / 2, "y": head - 6}
        return tag("text", {**at, **place}, full, shorten(name, (size - 4) / FONT))
    a, b = x + size / 2 + 4, head - 5
    turn = f"rotate({-SLANT:g} {a:.1f} {b:.1f})"
    place = {"class": "ink", "x": a, "y": b, "transform": turn}
    return tag("text", {**at, **place}, full, shorten(name, TALL))


def _stands(name: str, size: Real) -> bool:
    """Whether a name is so short that it can stand among slanted ones: the one before leans."""
    w = text_width(name) * FONT
    clear = (size - 4 - w / 2) * math.tan(math.radians(SLANT))
    return w + 4 <= size and clear >= 0.8 * FONT + 1


def _reach(names: Sequence[str]) -> float:
    return min(TALL, max(text_width(name) for name in names)) * FONT


def _largest(values: Sequence[Sequence[Real]]) -> float:
    return max((abs(v) for row in values for v in row if math.isfinite(v)), default=1.0) or 1.0
