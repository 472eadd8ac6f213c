"""The complexity of layers: what counting says, and what was measured, on one page.

Vaswani et al. (2017), table 1, for a text of n places and a width of d:

self-attention   O(n² d)      sequential O(1)    path O(1)
recurrent        O(n d²)                 O(n)         O(n)
convolutional    O(k n d²)               O(1)         O(log_k n)

The layers of `cost` have more than the table counts, in multiply-adds: attention projects its
queries, keys, values and its answer, 4 n d² + 2 n² d; an LSTM has four gates of two products each,
8 n d²; a gated convolution makes twice what it lets through, 2 k n d².  So counting lets attention
cross the LSTM at n = 2 d and the convolution at n = (k − 2) d.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

from pydantic.dataclasses import dataclass

from malmoi.explain.blocks import Graphic, Heading
from malmoi.explain.chart import Axis, Mark, Series, plot
from malmoi.explain.cost import LAYERS, Cost, Layer
from malmoi.explain.draw import Real
from malmoi.explain.page import Block, Drawn, Page
from malmoi.explain.picture import STRICT
from malmoi.explain.table import Table
from malmoi.explain.tiles import panels

COLOURS: dict[Layer, int] = {layer: k for k, layer in enumerate(LAYERS)}
OTHERS: tuple[Layer, ...] = ("LSTM", "convolution")
THEORY: dict[Layer, tuple[str, str, str]] = {
    "self-attention": ("n²d", "1", "1"),
    "weights formed": ("n²d", "1", "1"),
    "LSTM": ("nd²", "n", "n"),
    "convolution": ("knd²", "1", "log_k(n)"),
}
LENGTHS = tuple(2.0**k for k in range(20))
TIMES = tuple(m * 10.0**k for k in range(-7, 4) for m in (1, 3))
SIZES = tuple(2.0**k for k in range(10, 41, 2))


@dataclass(frozen=True, config=STRICT)
class Complexity:
    """costs: of every layer at every length and width.  machine: where they were measured."""

    costs: tuple[Cost, ...]
    batch: int
    kernel: int
    machine: str
    kind: Literal["complexity"] = "complexity"

    @property
    def lengths(self) -> list[int]:
        return sorted({cost.n for cost in self.costs})

    @property
    def widths(self) -> list[int]:
        return sorted({cost.d for cost in self.costs})

    def line(self, layer: Layer, d: int, of: Callable[[Cost], Real]) -> list[tuple[int, float]]:
        """Against length."""
        return sorted((c.n, float(of(c))) for c in self.costs if (c.layer, c.d) == (layer, d))

    def crossing(self, other: Layer, d: int) -> float:
        """From which length on self-attention takes longer than another layer; 0: always, ∞: no
        length that was measured."""
        a, b = (self.line(layer, d, seconds) for layer in ("self-attention", other))
        return crossing(
            [n for n, _ in a], [math.log(y / z) for (_, y), (_, z) in zip(a, b, strict=True)]
        )

    def counted(self, layer: Layer, n: Real, d: Real) -> float:
        """Multiply-adds forward, of one text."""
        match layer:
            case "LSTM":
                return 8.0 * n * d * d
            case "convolution":
                return 2.0 * self.kernel * n * d * d
        return 4.0 * n * d * d + 2.0 * n * n * d

    def page(self) -> Page:
        blocks: list[Block] = [
            Heading(
                "Time against length",
                f"Forward and back, {self.batch} texts at once. Both axes are logarithmic. Rings: "
                "where self-attention begins to take longer than another layer.",
            ),
            Graphic(panels([self._by_length(d) for d in self.widths]), "time by length"),
            Heading("Where self-attention begins to take longer"),
            self.crossings(),
            Heading(
                "What is kept for the way back",
                "Fused attention never forms its n × n weights; where they are formed (in the "
                "paper, or where someone listens) memory grows with the square of the length.",
            ),
            Graphic(
                panels([self._memory(d) for d in dict.fromkeys((self.widths[0], self.widths[-1]))]),
                "memory by length",
            ),
            Heading("Time against width"),
            Graphic(
                panels(
                    [
                        self._by_width(n)
                        for n in dict.fromkeys(
                            (self.lengths[len(self.lengths) // 2], self.lengths[-1])
                        )
                    ]
                ),
                "time by width",
            ),
            Heading("The table of the paper, measured", self._told()),
            self.theory(),
        ]
        return Page("What a layer costs", self.finding, tuple(blocks))

    @property
    def finding(self) -> str:
        d = self.widths[-1]
        told = [f"{article(other)} {self._from(other, d)}" for other in OTHERS]
        return (
            f"{d} wide, self-attention takes longer than {' and than '.join(told)}. "
            f"Measured on {self.machine}."
        )

    def _from(self, other: Layer, d: int) -> str:
        n = self.crossing(other, d)
        where = self.crossed(other, d)
        return f"from {where} tokens on" if n and math.isfinite(n) else f"from a length {where} on"

    def crossed(self, other: Layer, d: int) -> str:
        n = self.crossing(other, d)
        if n == 0:
            return f"below {self.lengths[0]:,}"
        return f"beyond {self.lengths[-1]:,}" if math.isinf(n) else f"{n:,.0f}"

    # ------------------------------------------------------------------ parts of the page

    def crossings(self) -> Table:
        rows = []
        for d in self.widths:
            counts = (f"{2 * d:,}", f"{(self.kernel - 2) * d:,}")
            measured = [self.crossed(other, d) for other in OTHERS]
            rows.append(
                [f"d = {d}", *(f"{m} ({c})" for m, c in zip(measured, counts, strict=True))]
            )
        return Table(["width", *(f"than {article(o)}: measured (counted)" for o in OTHERS)], rows)

    def _told(self) -> str:
        return (
            f"In n: time grows as n to this power, from the last three lengths at d = "
            f"{self.widths[-1]:,}. In d: the same of the last three widths at n = "
            f"{self.lengths[-1]:,}. In brackets what counting multiply-adds gives there."
        )

    def theory(self) -> Table:
        head = ["layer", "paper", "in n", "in d", "steps", "path"]
        n, d = self.lengths[-1], self.widths[-1]
        rows = []
        for layer in LAYERS:
            lengths, widths = self.lengths[-3:], self.widths[-3:]
            by_n = [dict(self.line(layer, d, seconds))[m] for m in lengths]
            by_d = [dict(self.line(layer, w, seconds))[n] for w in widths]
            count_n = [self.counted(layer, m, d) for m in lengths]
            count_d = [self.counted(layer, n, w) for w in widths]
            each = (
                f"{slope(lengths, by_n):.1f} ({slope(lengths, count_n):.1f})",
                f"{slope(widths, by_d):.1f} ({slope(widths, count_d):.1f})",
            )
            paper, steps, path = THEORY[layer]
            rows.append([layer, paper, *each, steps, path])
        return Table(head, rows)

    def _by_length(self, d: int) -> Callable[[Real], Drawn]:
        marks = []
        for other in OTHERS:
            n = self.crossing(other, d)
            if n and math.isfinite(n):
                y = between(self.line(other, d, seconds), n)
                marks.append(Mark(n, y, f"{n:,.0f}", COLOURS[other]))
        return self._drawn(
            f"d = {d}: time", [(layer, self.line(layer, d, seconds)) for layer in LAYERS],
            "length n", TIMES, clock, marks,
        )  # fmt: skip

    def _memory(self, d: int) -> Callable[[Real], Drawn]:
        lines = [(layer, self.line(layer, d, kept)) for layer in LAYERS]
        return self._drawn(f"d = {d}: kept", lines, "length n", SIZES, size, ())

    def _by_width(self, n: int) -> Callable[[Real], Drawn]:
        lines = [
            (layer, [(d, dict(self.line(layer, d, seconds))[n]) for d in self.widths])
            for layer in LAYERS
        ]
        return self._drawn(f"n = {n:,}: time", lines, "width d", TIMES, clock, ())

    def _drawn(
        self,
        title: str,
        lines: Sequence[tuple[Layer, Sequence[tuple[int, float]]]],
        across: str,
        ticks: Sequence[float],
        form: Callable[[Real], str],
        marks: Sequence[Mark],
    ) -> Callable[[Real], Drawn]:
        x = Axis(across, LENGTHS, lambda v: f"{v:,.0f}")
        y = Axis(title, tuple(ticks), form)
        series = [Series(layer, tuple(line), COLOURS[layer]) for layer, line in lines]
        return lambda width: plot(series, x=x, y=y, width=width, marks=marks)


def seconds(cost: Cost) -> float:
    return cost.seconds


def kept(cost: Cost) -> int:
    return cost.kept


def article(layer: Layer) -> str:
    return f"an {layer}" if layer == "LSTM" else f"a {layer}"


def slope(x: Sequence[Real], y: Sequence[Real]) -> float:
    """The exponent e of y = a x^e, by least squares on logarithms."""
    return statistics.linear_regression([*map(math.log, x)], [*map(math.log, y)]).slope


def crossing(places: Sequence[Real], above: Sequence[float]) -> float:
    """Where `above` rises past 0 for good, places on a logarithmic axis; 0: it is above from the
    first place on, ∞: at the last it is not."""
    if above[-1] <= 0:
        return math.inf
    for (a, p), (b, q) in reversed([*pairwise(zip(places, above, strict=True))]):
        if p <= 0 < q:
            return math.exp(math.log(a) + (math.log(b) - math.log(a)) * -p / (q - p))
    return 0.0


def between(line: Sequence[tuple[int, float]], x: float) -> float:
    """The line's y at x, straight on logarithms."""
    for (a, p), (b, q) in pairwise(line):
        if a <= x <= b:
            part = (math.log(x) - math.log(a)) / (math.log(b) - math.log(a))
            return math.exp(math.log(p) + part * (math.log(q) - math.log(p)))
    return line[-1][1]


def clock(value: Real) -> str:
    """A time as an axis tells it."""
    for unit, times in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if value * times >= 0.999 or unit == "µs":
            return f"{value * times:.3g} {unit}"
    return ""


def size(value: Real) -> str:
    """Bytes as an axis tells them."""
    for unit, power in (("GiB", 30), ("MiB", 20)):
        if value >= 2**power:
            return f"{value / 2**power:.3g} {unit}"
    return f"{value / 1024:.3g} KiB"
