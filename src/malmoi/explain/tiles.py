"""Pictures side by side, as many in a line as can be read: small heat maps, charts."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from malmoi.explain.draw import Attributes, Markup, Real, join, shorten, tag
from malmoi.explain.heat import Heat
from malmoi.explain.page import Drawn, language

GAP, NAME, MOST = 22.0, 19.0, 4
CHART_GAP = 24.0


@dataclass(frozen=True)
class Tiles:
    """heats: of one size, each with its name over it."""

    heats: Sequence[tuple[str, Heat]]

    def draw(self, width: Real) -> Drawn:
        """As many in a line as have room for all their columns; the rest below."""
        least = max(heat.least for _, heat in self.heats)
        n = max(1, min(MOST, int((width + GAP) / (least + GAP))))
        n = math.ceil(len(self.heats) / math.ceil(len(self.heats) / n))  # lines of like length
        each = (width - (n - 1) * GAP) / n
        parts: list[Markup] = []
        y, tallest, right = 0.0, 0.0, 0.0
        for i, (name, heat) in enumerate(self.heats):
            if i and i % n == 0:
                y, tallest = y + tallest + GAP, 0.0
            x, drawn = i % n * (each + GAP), heat.draw(each)
            at: Attributes = {"class": "soft", "font-size": 12.0, "x": 0.0, "y": 12.0}
            told = tag("text", {**at, **language(name)}, shorten(name, each / 12.0))
            body = tag("g", {"transform": f"translate(0 {NAME:g})"}, drawn.markup)
            parts.append(tag("g", {"transform": f"translate({x:.1f} {y:.1f})"}, told, body))
            tallest = max(tallest, drawn.height + NAME)
            right = max(right, x + drawn.width)
        return Drawn(join(parts), right, y + tallest)


def panels(charts: Sequence[Callable[[Real], Drawn]]) -> Callable[[Real], Drawn]:
    """Charts side by side, two where there is room."""

    def draw(width: Real) -> Drawn:
        n = 2 if width >= 600 and len(charts) > 1 else 1
        each = min(560.0, (width - (n - 1) * CHART_GAP) / n)
        parts: list[Markup] = []
        height = 0.0
        for k, one in enumerate(charts):
            body = one(each)
            x, y = k % n * (each + CHART_GAP), k // n * (body.height + 8)
            move = f"translate({x:.1f} {y:.1f})"
            parts.append(tag("g", {"transform": move, "class": "chart"}, body.markup))
            height = y + body.height
        return Drawn(join(parts), n * each + (n - 1) * CHART_GAP, height)

    return draw
