"""The drawing of a lattice: words from left to right, tags from top to bottom, ways between them.

Lines that are too long go on below, from the last word again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from malmoi.explain.chain import Chain
from malmoi.explain.draw import Attributes, Markup, Real, join, shorten, tag, text_width
from malmoi.explain.page import Drawn, language, stack

FONT, ROW, RADIUS = 12.0, 30.0, 9.0
HEAD = 24.0
NARROW, BROAD = 36.0, 120.0
LIKELY, FAINT = 0.05, 0.01  # a tag somewhere in a line, a pair: else they are not drawn
ENDS = 26.0  # room for the start and for the end


@dataclass(frozen=True)
class Paths:
    """words and names as they are shown.  kept: the tags drawn, a row each."""

    words: Sequence[str]
    chain: Chain
    kept: Sequence[int]
    names: Sequence[str]

    def draw(self, width: Real) -> Drawn:
        left = min(width * 0.3, max(text_width(name) for name in self.names) * FONT + 10)
        room = width - left - 2 * ENDS
        parts, first = [], 0
        while first < len(self.words):
            last, used = first, self._wide(first) + (NARROW if first else 0.0)
            while last + 1 < len(self.words) and used + self._wide(last + 1) <= room:
                last += 1
                used += self._wide(last)
            parts.append(self._line(first, last, left))
            first = last + 1
        return stack(parts, gap=16)

    def _likely(self, t: int, k: int) -> bool:
        gold = self.chain.gold
        on = self.chain.best[t] == k or (gold is not None and gold[t] == k)
        return on or self.chain.marginals[t][k] >= LIKELY

    def _wide(self, t: int) -> float:
        return min(max(NARROW, text_width(self.words[t]) * FONT + 10), BROAD)

    def _line(self, first: int, last: int, left: Real) -> Drawn:
        """Words first … last, and the one before them once more."""
        x: dict[int, Real] = {}
        at = left + ENDS
        for t in range(max(0, first - 1), last + 1):
            w = self._wide(t) if t >= first else NARROW
            x[t], at = at + w / 2, at + w
        kept = [k for k in self.kept if any(self._likely(t, k) for t in x)]
        y = {k: HEAD + ROW * (row + 0.5) for row, k in enumerate(kept)}
        base = HEAD + ROW * len(kept)
        parts = [*self._names(y, left), *self._ways(x, y)]
        for t, middle in x.items():
            parts += self._word(t, middle, y, base, again=t < first)
        parts += self._ends(x, y, first, last, base)
        return Drawn(join(parts), at + ENDS, base + 20)

    def _names(self, y: dict[int, Real], left: Real) -> list[Markup]:
        parts = []
        names = dict(zip(self.kept, self.names, strict=True))
        for k, row in y.items():
            name = names[k]
            at: Attributes = {"class": "ink end", "font-size": FONT, "x": left - 2, "y": row + 4.2}
            full = tag("title", None, name)
            parts.append(
                tag("text", {**at, **language(name)}, full, shorten(name, (left - 4) / FONT))
            )
        return parts

    def _ways(self, x: dict[int, Real], y: dict[int, Real]) -> list[Markup]:
        parts = []
        for edge in self.chain.edges:
            near = edge.t in x and edge.t + 1 in x and edge.i in y and edge.j in y
            if near and edge.p >= FAINT:
                a, b = (x[edge.t] + RADIUS, y[edge.i]), (x[edge.t + 1] - RADIUS, y[edge.j])
                parts.append(_way(a, b, edge.p))
        return parts

    def _word(
        self, t: int, x: Real, y: dict[int, Real], base: Real, *, again: bool
    ) -> list[Markup]:
        word, row = self.words[t], self.chain.marginals[t]
        at: Attributes = {"font-size": FONT, "x": x, **language(word)}
        kind = "soft middle" if again else "ink middle"
        room = ((NARROW if again else self._wide(t)) - 6) / FONT
        full = tag("title", None, word)
        parts = [tag("text", {**at, "class": kind, "y": 13.0}, full, shorten(word, room))]
        names = dict(zip(self.kept, self.names, strict=True))
        for k in y:
            told = tag("title", None, f"{word} {names[k]}: {row[k]:.4f}")
            node: Attributes = {"cx": x, "cy": y[k], "r": RADIUS}
            parts.append(tag("circle", {**node, "class": "paper"}))
            shade: Attributes = {"class": "for cell", "fill-opacity": f"{row[k]:.3f}"}
            parts.append(tag("circle", {**node, **shade}, told))
            if self.chain.best[t] == k:
                parts.append(tag("circle", {**node, "class": "ring"}))
            if self.chain.gold is not None and self.chain.gold[t] == k:
                parts.append(tag("circle", {**node, "r": RADIUS + 3, "class": "gold"}))
        if not again:
            sure = f"{row[self.chain.best[t]]:.2f}"
            at = {"class": "soft middle", "font-size": 11.0, "x": x, "y": base + 12}
            parts.append(tag("text", at, sure))
        return parts

    def _ends(
        self, x: dict[int, Real], y: dict[int, Real], first: int, last: int, base: Real
    ) -> list[Markup]:
        """Where paths begin and end, and the two that are drawn as lines."""
        parts = []
        middle = (HEAD + base) / 2
        best = [(x[t], y[self.chain.best[t]]) for t in x]
        gold = [(x[t], y[self.chain.gold[t]]) for t in x] if self.chain.gold is not None else []
        if first == 0:
            dot = (x[0] - self._wide(0) / 2 - 6, middle)
            for k, row in y.items():
                parts += _end(dot, (x[0] - RADIUS, row), self.chain.marginals[0][k])
            parts.append(_dot(dot))
        if last == len(self.words) - 1:
            dot = (x[last] + self._wide(last) / 2 + 6, middle)
            for k, row in y.items():
                parts += _end((x[last] + RADIUS, row), dot, self.chain.marginals[last][k])
            parts.append(_dot(dot))
        parts += [_line(a, b, "path") for a, b in pairwise(best)]
        for a, b in pairwise(gold):
            parts.append(_line((a[0] + 3, a[1]), (b[0] - 3, b[1]), "gold", 4.0))
        return parts


def _way(a: tuple[Real, Real], b: tuple[Real, Real], p: Real) -> Markup:
    shape: Attributes = {"x1": a[0], "y1": a[1], "x2": b[0], "y2": b[1]}
    look: Attributes = {"stroke-width": 0.5 + 6.5 * p, "stroke-opacity": f"{0.12 + 0.5 * p:.3f}"}
    return tag("line", {"class": "edge", **shape, **look})


def _end(a: tuple[Real, Real], b: tuple[Real, Real], p: Real) -> list[Markup]:
    return [_way(a, b, p)] if p >= FAINT else []


def _line(a: tuple[Real, Real], b: tuple[Real, Real], kind: str, lower: Real = 0.0) -> Markup:
    """From the edge of one circle to the edge of the next."""
    r = RADIUS
    ends: Attributes = {"x1": a[0] + r, "y1": a[1] + lower, "x2": b[0] - r, "y2": b[1] + lower}
    return tag("line", {"class": kind, **ends})


def _dot(at: tuple[Real, Real]) -> Markup:
    return tag("circle", {"class": "soft", "cx": at[0], "cy": at[1], "r": 3.0})
