"""A table of short texts: columns as wide as they need, lines in cells where there is no room."""

from collections.abc import Sequence
from dataclasses import dataclass

from malmoi.explain.draw import Attributes, Markup, Real, join, tag, text_width
from malmoi.explain.page import Drawn, language, wrapped

FONT, LINE, PAD, GAP = 13.0, 18.0, 7.0, 16.0


@dataclass(frozen=True)
class Table:
    """head: what the columns are.  rows: as many cells each; the first is what a row is of."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def html(self) -> Markup:
        head = [tag("th", {"scope": "col", **language(text)}, text) for text in self.head]
        body = [
            tag(
                "tr",
                None,
                tag("th", {"scope": "row", **language(first)}, first),
                *(tag("td", language(text), text) for text in rest),
            )
            for first, *rest in self.rows
        ]
        inside = tag("thead", None, tag("tr", None, *head)), tag("tbody", None, *body)
        return tag("table", {"class": "figures"}, *inside)

    def svg(self, width: Real) -> Drawn:
        sizes = self._sizes(width)
        parts: list[Markup] = []
        y = 4.0
        for k, row in enumerate((self.head, *self.rows)):
            cells = [wrapped(t, size / FONT) or [""] for t, size in zip(row, sizes, strict=True)]
            x = 0.0
            for j, (lines, size) in enumerate(zip(cells, sizes, strict=True)):
                kind = "soft" if k == 0 else "ink strong" if j == 0 else "ink"
                for i, line in enumerate(lines):
                    at: Attributes = {"class": kind, "font-size": FONT, **language(line)}
                    place: Attributes = {"x": x, "y": y + PAD + FONT + i * LINE}
                    parts.append(tag("text", {**at, **place}, line))
                x += size + GAP
            y += max(map(len, cells)) * LINE + 2 * PAD
            rule: Attributes = {"class": "rule", "x1": 0.0, "x2": x - GAP, "y1": y, "y2": y}
            parts.append(tag("line", rule))
        return Drawn(join(parts), sum(sizes) + GAP * (len(sizes) - 1), y + 6)

    def _sizes(self, width: Real) -> list[float]:
        """What each column needs, or its share of what there is; no column less than a word."""
        room = width - GAP * (len(self.head) - 1)
        columns = list(zip(self.head, *self.rows, strict=True))
        need = [max(map(text_width, column)) * FONT + 4 for column in columns]
        if sum(need) <= room:
            return need
        least = [
            min(n, max(text_width(w) for text in column for w in text.split() or [""]) * FONT + 4)
            for n, column in zip(need, columns, strict=True)
        ]
        spare = max(0.0, room - sum(least))
        wish = sum(n - l for n, l in zip(need, least, strict=True)) or 1.0
        shrink = min(1.0, room / sum(least))
        return [l * shrink + spare * (n - l) / wish for n, l in zip(need, least, strict=True)]
