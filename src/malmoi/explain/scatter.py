"""Words on a plane: a dot for each, its name beside it where no other name is in the way.

    Scatter([Dot("king", 0.2, 1.3), Dot("queen", 0.3, 1.1, 1)], "…").draw(760)

Names are placed one after another, the first dots first: to the right of the dot, to its left,
above, below and between those, where they touch no name and as few dots as possible.  What finds no
place is told when one points at the dot.  Both axes have one scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from malmoi.explain.draw import Attributes, Markup, Real, join, shorten, tag, text_width
from malmoi.explain.page import Drawn, language

FONT, RADIUS, SMALL, BROAD = 11.0, 2.6, 1.9, 14.0  # BROAD: em that a name may fill
EDGE = 14.0
FLAT, TALL = 0.36, 1.05  # height beside width
WAYS = ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (-1, -1), (1, 1), (-1, 1))
KINDS = ("for", "against")


class Dot(NamedTuple):
    """kind: of its colour and shape, 0 a disc and 1 a square."""

    text: str
    x: float
    y: float
    kind: int = 0


class Window(NamedTuple):
    """A part of the plane, and its name."""

    name: str
    left: float
    right: float
    low: float
    high: float

    def holds(self, dot: Dot) -> bool:
        return self.left <= dot.x <= self.right and self.low <= dot.y <= self.high


class Box(NamedTuple):
    """Where a name stands."""

    left: float
    right: float
    top: float
    bottom: float


@dataclass(frozen=True)
class Scatter:
    """windows: outlined, each with its name.  arrows: from one dot to another."""

    dots: Sequence[Dot]
    label: str
    windows: Sequence[Window] = ()
    font: float = FONT
    arrows: Sequence[tuple[int, int]] = ()

    def draw(self, width: Real) -> Drawn:
        x, y = (np.array([dot[k] for dot in self.dots], dtype=np.float64) for k in (1, 2))
        wide, tall = float(np.ptp(x)) or 1.0, float(np.ptp(y)) or 1.0
        height = min(max(width * tall / wide, width * FLAT), width * TALL)
        scale = min((width - 2 * EDGE) / wide, (height - 2 * EDGE) / tall)
        across = width / 2 + (x - (x.max() + x.min()) / 2) * scale
        down = height / 2 - (y - (y.max() + y.min()) / 2) * scale
        frame: Attributes = {"class": "rule", "width": width, "height": height, "rx": 4.0}
        parts = [tag("rect", frame)]
        taken: list[Box] = []
        for window in self.windows:
            corners = np.array([[window.left, window.high], [window.right, window.low]])
            corners = (corners - [(x.max() + x.min()) / 2, (y.max() + y.min()) / 2]) * scale
            (left, top), (right, bottom) = corners * [1, -1] + [width / 2, height / 2]
            left, right = max(1.0, left), min(width - 1.0, right)
            top, bottom = max(1.0, top), min(height - 1.0, bottom)
            parts += _outline(window.name, Box(left, right, top, bottom))
            taken.append(Box(left, left + 14, top, top + 16))  # its letter
        parts += [_arrow(across[[i, j]], down[[i, j]]) for i, j in self.arrows]
        places = self.names(across, down, width, height, taken)
        for dot, a, b in zip(self.dots, across.tolist(), down.tolist(), strict=True):
            parts.append(sign(dot, a, b, small=len(self.dots) * 500 > width * height))
        for i, box in sorted(places.items()):
            dot = self.dots[i]
            at: Attributes = {"class": "ink", "font-size": self.font, **language(dot.text)}
            place = {"x": box.left, "y": box.bottom - 0.25 * self.font}
            parts.append(tag("text", {**at, **place}, shorten(dot.text, BROAD)))
        return Drawn(join(parts), width, height)

    def names(
        self,
        across: np.ndarray,
        down: np.ndarray,
        width: Real,
        height: Real,
        others: Sequence[Box] = (),
    ) -> dict[int, Box]:
        """Which dots have their names beside them, and where.  others: where none may stand."""
        taken = np.array(others, dtype=np.float64).reshape(-1, 4)
        part = np.linspace(0.0, 1.0, 60)[:, None]
        ends = np.array(self.arrows, dtype=int).reshape(-1, 2)
        lines_x, lines_y = (
            (at[ends[:, 0]] + part * (at[ends[:, 1]] - at[ends[:, 0]])).ravel()
            for at in (across, down)
        )
        found: dict[int, Box] = {}
        for i, dot in enumerate(self.dots):
            w = text_width(shorten(dot.text, BROAD)) * self.font
            a, b = float(across[i]), float(down[i])
            best: tuple[tuple[int, int], Box] | None = None
            for right, below in WAYS:
                box = _beside(a, b, w, self.font, right, below)
                if box.left < 2 or box.right > width - 2 or box.top < 2 or box.bottom > height - 2:
                    continue
                if _touched(box, taken):
                    continue
                hidden = _within(box, across, down), _within(box, lines_x, lines_y)
                if best is None or hidden < best[0]:
                    best = hidden, box
                if not any(hidden):
                    break
            if best is not None and best[0][0] <= 1:
                found[i] = best[1]
                taken = np.vstack([taken, best[1]])
        return found


def crowded(
    dots: Sequence[Dot], n: int = 3, *, part: float = 0.16, fewest: int = 6
) -> list[Window]:
    """The n windows, `part` of the plane wide, that hold most dots; none over another."""
    if len(dots) < 2 * fewest:
        return []
    xs, ys = [dot.x for dot in dots], [dot.y for dot in dots]
    half = part * max(max(xs) - min(xs), max(ys) - min(ys)) / 2
    found: list[Window] = []
    centres = [(dot.x, dot.y) for dot in dots]
    while len(found) < n:
        best, most = None, fewest - 1
        for x, y in centres:
            window = Window("ABCDEFGH"[len(found)], x - half, x + half, y - half, y + half)
            inside = sum(map(window.holds, dots))
            if inside > most and not any(_over(window, other) for other in found):
                best, most = window, inside
        if best is None or most > 0.8 * len(dots):
            break
        found.append(best)
    return found


def _over(a: Window, b: Window) -> bool:
    return a.left < b.right and b.left < a.right and a.low < b.high and b.low < a.high


def _beside(a: float, b: float, w: float, font: float, right: int, below: int) -> Box:
    """The place of a name so wide beside a dot."""
    gap, h = RADIUS + 2.5, font * 1.1
    left = a + gap if right > 0 else a - gap - w if right < 0 else a - w / 2
    if below and right:  # at a corner: nearer
        left += -gap / 2 if right > 0 else gap / 2
    middle = b + below * (h / 2 + RADIUS + 1)
    return Box(left, left + w, middle - h / 2, middle + h / 2)


def _within(box: Box, across: np.ndarray, down: np.ndarray) -> int:
    """How many dots a name would hide."""
    beside = (across > box.left - RADIUS) & (across < box.right + RADIUS)
    return int(np.sum(beside & (down > box.top) & (down < box.bottom)))


def _touched(box: Box, taken: np.ndarray) -> bool:
    over = (taken[:, 0] < box.right + 2) & (taken[:, 1] > box.left - 2)
    return bool(np.any(over & (taken[:, 2] < box.bottom) & (taken[:, 3] > box.top)))


def sign(dot: Dot, a: float, b: float, *, small: bool = False) -> Markup:
    """A disc or a square."""
    told, r = tag("title", None, dot.text), SMALL if small else RADIUS
    if dot.kind:
        side = 1.8 * r
        square: Attributes = {"x": a - side / 2, "y": b - side / 2, "width": side, "height": side}
        return tag("rect", {"class": KINDS[1], "fill-opacity": "0.75", **square}, told)
    at: Attributes = {"class": KINDS[0], "fill-opacity": "0.75", "cx": a, "cy": b, "r": r}
    return tag("circle", at, told)


def _arrow(across: np.ndarray, down: np.ndarray) -> Markup:
    """From one dot to another, and not over either."""
    way = np.array([np.ptp(across), np.ptp(down)])
    length = float(np.hypot(*way)) or 1.0
    dx, dy = float(across[1] - across[0]) / length, float(down[1] - down[0]) / length
    gap = min(RADIUS + 2.5, length / 3)
    a, b = float(across[0]) + gap * dx, float(down[0]) + gap * dy
    c, d = float(across[1]) - gap * dx, float(down[1]) - gap * dy
    tips = [(c - 6 * dx + 3 * s * dy, d - 6 * dy - 3 * s * dx) for s in (1, -1)]
    (e, f), (g, h) = tips
    line = f"M{a:.1f} {b:.1f}L{c:.1f} {d:.1f}M{e:.1f} {f:.1f}L{c:.1f} {d:.1f}L{g:.1f} {h:.1f}"
    return tag("path", {"class": "mark", "d": line})


def _outline(name: str, box: Box) -> list[Markup]:
    """A part that is shown enlarged."""
    size: Attributes = {"width": box.right - box.left, "height": box.bottom - box.top, "rx": 3.0}
    at: Attributes = {"class": "mark", "x": box.left, "y": box.top, **size}
    place: Attributes = {"font-size": 12.0, "x": box.left + 4, "y": box.top + 13}
    return [tag("rect", at), tag("text", {"class": "soft strong", **place}, name)]
