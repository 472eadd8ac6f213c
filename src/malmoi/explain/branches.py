"""The drawing of a tree of words: time from left to right, a line for each way that it ends.

The likeliest child goes on in the line of its parent, the others below.  What is too long for the
width goes on below, from the last words again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from malmoi.explain.draw import Attributes, Markup, Real, join, shorten, tag, text_width
from malmoi.explain.page import Drawn, language, stack

FONT, ROW, GAP, SMALL = 12.0, 19.0, 20.0, 10.5
BROAD = 96.0  # a word is not wider


@dataclass(frozen=True)
class Leaf:
    """A word of the tree.  rank: 1 on the best way, 0 where the way leads nowhere.  told: when one
    points at it.  end: written behind it."""

    parent: int
    word: str
    rank: int
    told: str
    end: str = ""


@dataclass(frozen=True)
class Branches:
    """leaves: parents before children."""

    leaves: Sequence[Leaf]

    @cached_property
    def children(self) -> dict[int, list[int]]:
        """Those of each, the ones first that something was found through, best first."""
        below: dict[int, list[int]] = {}
        for i, leaf in enumerate(self.leaves):
            below.setdefault(leaf.parent, []).append(i)
        key = {i: leaf.rank or len(self.leaves) for i, leaf in enumerate(self.leaves)}
        return {i: sorted(some, key=lambda j: (key[j], j)) for i, some in below.items()}

    @cached_property
    def depth(self) -> list[int]:
        found: list[int] = []
        for leaf in self.leaves:
            found.append(found[leaf.parent] + 1 if leaf.parent >= 0 else 0)
        return found

    @cached_property
    def row(self) -> list[int]:
        """In which line each stands."""
        rows, free = [0] * len(self.leaves), 0
        waiting = [*reversed(self.children.get(-1, []))]
        first = True
        while waiting:
            i = waiting.pop()
            if not first:
                free += 1
            while True:
                rows[i] = free
                below = self.children.get(i, [])
                waiting += reversed(below[1:])
                if not below:
                    break
                i = below[0]
            first = False
        return rows

    def draw(self, width: Real) -> Drawn:
        depths = max(self.depth, default=-1) + 1
        columns: list[list[int]] = [[] for _ in range(depths)]
        for i, t in enumerate(self.depth):
            columns[t].append(i)
        sizes = [max(map(self._wide, column)) for column in columns]
        parts, first = [], 0
        while first < depths:
            again = [sizes[first - 1]] if first else []
            last, used = first, sum(again) + len(again) * GAP + sizes[first]
            while last + 1 < depths and used + GAP + sizes[last + 1] <= width:
                last += 1
                used += GAP + sizes[last]
            parts.append(self._band(columns, sizes, first, last))
            first = last + 1
        return stack(parts, gap=16)

    def _wide(self, i: int) -> float:
        leaf = self.leaves[i]
        end = text_width(leaf.end) * SMALL + 6 if leaf.end else 0.0
        return min(text_width(leaf.word) * FONT + 2, BROAD) + end

    def _band(
        self, columns: Sequence[Sequence[int]], sizes: Sequence[float], first: int, last: int
    ) -> Drawn:
        """Columns first … last, and of the one before them the words that go on."""
        x, at = {}, 0.0
        start = max(0, first - 1)
        for t in range(start, last + 1):
            x[t], at = at, at + sizes[t] + GAP
        here = [
            i
            for t in range(start, last + 1)
            for i in columns[t]
            if t >= first or self.children.get(i)
        ]
        lines = {row: k for k, row in enumerate(sorted({self.row[i] for i in here}))}
        y = {i: lines[self.row[i]] * ROW for i in here}
        parts: list[Markup] = []
        for i in sorted(here, key=lambda i: -(self.leaves[i].rank or len(self.leaves))):
            t, parent = self.depth[i], self.leaves[i].parent
            if parent in y and t > start:
                parts.append(self._way(parent, i, x[t - 1], x[t], y, sizes[t - 1]))
        for i in here:
            t = self.depth[i]
            parts += self._word(i, x[t], y[i], again=t < first)
        return Drawn(join(parts), at - GAP, len(lines) * ROW)

    def _way(
        self, a: int, b: int, left: Real, right: Real, y: dict[int, Real], size: Real
    ) -> Markup:
        """From the end of one word to the beginning of the next; down, where that is below."""
        rank = self.leaves[b].rank
        turn, above, below = left + size + GAP / 2 - 3, y[a] + ROW / 2, y[b] + ROW / 2
        begin = left + self._wide(a) + 2
        d = f"M{begin:.1f} {above:.1f}H{turn:.1f}V{below:.1f}H{right - 4:.1f}"
        return tag("path", {"class": "path" if rank == 1 else "mark" if rank else "rule", "d": d})

    def _word(self, i: int, x: Real, y: Real, *, again: bool) -> list[Markup]:
        leaf = self.leaves[i]
        kind = "soft" if again or not leaf.rank else "ink strong" if leaf.rank == 1 else "ink"
        at: Attributes = {"class": kind, "font-size": FONT, "x": x, "y": y + ROW / 2 + 4.2}
        if not leaf.rank:
            at = {**at, "fill-opacity": "0.7"}
        full = tag("title", None, f"{leaf.word}: {leaf.told}")
        word = shorten(leaf.word, BROAD / FONT)
        parts = [tag("text", {**at, **language(leaf.word)}, full, word)]
        if leaf.end and not again:
            place: Attributes = {"x": x + text_width(word) * FONT + 6, "y": y + ROW / 2 + 4.2}
            parts.append(tag("text", {"class": "soft", "font-size": SMALL, **place}, leaf.end))
        return parts
