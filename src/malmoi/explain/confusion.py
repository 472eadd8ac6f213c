"""Which labels are taken for which: rows are what is true, columns what was said.

A cell holds a count and is shaded by its share of the row.  Of many labels only those are drawn
that are confused most, as many as can be read; the others are put together, so that every row sums
to what there is.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Int
from pydantic.dataclasses import dataclass

from malmoi.data.examples import Example
from malmoi.errors import UsageError
from malmoi.explain.blocks import Graphic, Heading, Row, Rows, Word
from malmoi.explain.draw import Real
from malmoi.explain.heat import Heat
from malmoi.explain.page import Block, Drawn, Page
from malmoi.explain.picture import STRICT, percent
from malmoi.metrics.labels import Labels as Report
from malmoi.use.classifier import Classifier

CELL, NAMES = 27.0, 0.34  # width of a cell; share of the width that the names of rows may take
MOST, SHORT = 24, 8  # labels drawn; drawn with their names above
PAIRS = 12


@dataclass(frozen=True, config=STRICT)
class Confusion:
    """counts[true][said], in the order of the labels."""

    data: str
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    kind: Literal["confusion"] = "confusion"

    @property
    def pairs(self) -> list[tuple[int, str, str]]:
        """How often which label was taken for which other one, falling."""
        found = [
            (n, self.labels[i], self.labels[j])
            for i, row in enumerate(self.counts)
            for j, n in enumerate(row)
            if n and i != j
        ]
        return sorted(found, key=lambda pair: -pair[0])

    def most_confused(self, n: int) -> list[int]:
        """n labels, in their order: those of the pairs that are taken for each other most."""
        table = np.array(self.counts)
        both = np.triu(table + table.T, 1)
        order = np.argsort(-both, axis=None, kind="stable")
        found = dict.fromkeys(int(k) for pair in order for k in divmod(int(pair), len(table)))
        return sorted(list(found)[:n])

    def page(self) -> Page:
        table = np.array(self.counts)
        total, right = int(table.sum()), int(table.diagonal().sum())
        lead = "Rows: what is true. Columns: what was said. The shade is the share of the row."
        if len(self.labels) > MOST:
            lead += " Drawn are the labels that are confused most; · is all the others together."
        graphic = Graphic(self._draw, "confusion matrix")
        blocks: list[Block] = [Heading("What was taken for what", lead), graphic]
        pairs = self.pairs[:PAIRS]
        if pairs and len(self.labels) > 2:
            rows = [Row([Word(a), Word("→"), Word(b)], f"{n:,}") for n, a, b in pairs]
            blocks += [Heading("Most often", "True → said."), Rows(rows, ruled=True)]
        title = f"{self.data}: {len(self.labels)} labels"
        share = percent(right / total) if total else "–"
        return Page(title, f"{right:,} of {total:,} are right ({share}).", tuple(blocks))

    def _draw(self, width: Real) -> Drawn:
        largest = len(f"{max(map(max, self.counts)):,}")
        room = int(width * (1 - NAMES) / max(CELL, 7.0 * largest + 6))
        K = len(self.labels)
        kept = self.most_confused(K if room >= K <= MOST + 1 else min(room - 1, MOST))
        names, table = [self.labels[k] for k in kept], gathered(np.array(self.counts), kept)
        shares = table / np.maximum(table.sum(1, keepdims=True), 1)
        shown = [[f"{n:,}" if n else "" for n in row] for row in table.tolist()]
        if len(kept) > SHORT or len(kept) * 60 > width:  # names above would not fit: numbers
            columns = [str(k) for k in range(1, len(kept) + 1)]
            names = [f"{k} {name}" for k, name in zip(columns, names, strict=True)]
        else:
            columns = list(names)
        if len(kept) < K:
            names, columns = [*names, "·"], [*columns, "·"]
            shares[-1, -1], shown[-1][-1] = 0.0, ""  # neither right nor wrong
        heat = Heat(names, columns, shares.tolist(), "", "said", "true", shown=shown, strongest=1.0)
        return heat.draw(width)


def gathered(table: Int[np.ndarray, "K K"], kept: Sequence[int]) -> Int[np.ndarray, "n n"]:
    """Rows and columns of some labels, all the others added up in a last one, if there are any."""
    K = len(table)
    if len(kept) == K:
        return table
    group = np.full(K, len(kept))
    group[list(kept)] = np.arange(len(kept))
    found = np.zeros((len(kept) + 1, len(kept) + 1), dtype=table.dtype)
    np.add.at(found, (group[:, None], group[None, :]), table)
    return found


def confusion_of(report: Report, data: str) -> Confusion:
    """The picture of what was measured.  Raises UsageError where a text may have several labels."""
    if report.confusion is None:
        raise UsageError(
            "where a text may have several labels, none is taken for another",
            hint="malmoi evaluate shows precision and recall of each",
        )
    counts = tuple(tuple(map(int, row)) for row in report.confusion)
    return Confusion(data, tuple(report.names), counts)


def confusion(reader: Classifier, examples: Sequence[Example], *, data: str) -> Confusion:
    """What a classifier takes for what, on labelled texts."""
    return confusion_of(reader.evaluate(examples)[0], data)
