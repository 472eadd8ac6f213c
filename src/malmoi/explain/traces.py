"""Lines over the words of a sentence: each word has its column, each line its name at the end.

    Traces(("<s>", "the", "list"), [Trace("f", (0.9, 0.7, 0.8))], 0, 1).draw(760)

What is too long for the width goes on below, from the last word again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from malmoi.explain.draw import (
    Attributes,
    Markup,
    Real,
    number,
    shorten,
    spread,
    tag,
    text_width,
)
from malmoi.explain.page import Drawn, language, stack

FONT, HEAD, TALL, FOOT = 12.0, 22.0, 120.0, 8.0
LEFT, RIGHT = 30.0, 42.0
NARROW, BROAD = 34.0, 110.0


@dataclass(frozen=True)
class Trace:
    """values: one a word.  others: drawn fainter, the same way."""

    name: str
    values: Sequence[float]
    others: Sequence[Sequence[float]] = ()


@dataclass(frozen=True)
class Traces:
    """low, high: the ends of the scale."""

    words: Sequence[str]
    lines: Sequence[Trace]
    low: float
    high: float

    def draw(self, width: Real) -> Drawn:
        room = width - LEFT - RIGHT
        parts, first = [], 0
        while first < len(self.words):
            again = [first - 1] if first else []
            columns = [*again, first]
            used = sum(map(self._wide, columns))
            while columns[-1] + 1 < len(self.words):
                more = self._wide(columns[-1] + 1)
                if used + more > room:
                    break
                columns.append(columns[-1] + 1)
                used += more
            parts.append(self._band(columns, again=bool(again)))
            first = columns[-1] + 1
        return stack(parts, gap=12)

    def _wide(self, t: int) -> float:
        return min(max(NARROW, text_width(self.words[t]) * FONT + 10), BROAD)

    def _up(self, value: float) -> float:
        return HEAD + TALL * (self.high - value) / (self.high - self.low)

    def _band(self, columns: Sequence[int], *, again: bool) -> Drawn:
        x, at = {}, LEFT
        for t in columns:
            w = self._wide(t)
            x[t], at = at + w / 2, at + w
        parts = self._grid(at)
        for t, middle in x.items():
            word = self.words[t]
            kind = "soft middle" if again and t == columns[0] else "ink middle"
            place: Attributes = {"class": kind, "font-size": FONT, "x": middle, "y": 13.0}
            full = tag("title", None, word)
            text = shorten(word, (self._wide(t) - 6) / FONT)
            parts.append(tag("text", {**place, **language(word)}, full, text))
        ends = [self._up(line.values[columns[-1]]) for line in self.lines]
        places = spread(ends, 14.0, HEAD, HEAD + TALL)
        for k, (line, end, beside) in enumerate(zip(self.lines, ends, places, strict=True)):
            colour = f"c{k % 8}"
            for values in (*line.others, line.values):
                faint = "" if values is line.values else " other"
                d = "L".join(f"{number(x[t])} {number(self._up(values[t]))}" for t in columns)
                parts.append(tag("path", {"class": f"line{faint} {colour}", "d": f"M{d}"}))
            for t in columns:
                told = tag("title", None, f"{line.name} at {self.words[t]}: {line.values[t]:.3f}")
                dot: Attributes = {"cx": x[t], "cy": self._up(line.values[t]), "r": 3.0}
                parts.append(tag("circle", {"class": f"dot {colour}", **dot}, told))
            leader = (
                f"M{number(x[columns[-1]] + 5)} {number(end)}L{number(at + 6)} {number(beside)}"
            )
            parts.append(tag("path", {"class": f"leader {colour}", "d": leader}))
            name: Attributes = {"class": "name", "font-size": FONT, "x": at + 10, "y": beside + 4}
            parts.append(tag("text", name, line.name))
        body = tag("g", {"class": "chart"}, *parts)
        return Drawn(body, at + RIGHT, HEAD + TALL + FOOT)

    def _grid(self, right: float) -> list[Markup]:
        parts = []
        for value in (self.low, (self.low + self.high) / 2, self.high):
            y = self._up(value)
            parts.append(tag("line", {"class": "grid", "x1": LEFT, "x2": right, "y1": y, "y2": y}))
            at: Attributes = {"class": "tick end", "font-size": 11.5, "x": LEFT - 6, "y": y + 4}
            parts.append(tag("text", at, f"{value:g}".replace("-", "−")))
        return parts
