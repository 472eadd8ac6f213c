"""The parts of a page: headings, shaded text, bars, graphics.

    Rows((Row((Word("not", 0.9), Word("bad", 0.4)), name="hop 1"),))
    Bars((Bar("positive", 0.93), Bar("negative", 0.07)))
    Graphic(heat.draw, "which hop looks where another looks")

A shade lies between −1 and 1: 0 is none, 1 the strongest for, −1 the strongest against.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from malmoi.explain.draw import Attributes, Markup, Real, join, shorten, tag, text_width
from malmoi.explain.page import Drawn, broken, language, paragraph, stack

STEPS, STRONGEST = 20, 0.62  # the strongest shade still lets ink be read
SIZE, LINE = 15.0, 27.0
NAME, GUTTER = 74.0, 14.0
WIDTHS = {"narrow": 350.0, "middling": 640.0, "wide": 1000.0}


class Word(NamedTuple):
    """A piece of text, how strongly it is shaded, and what is told when one points at it.

    before: what stands between it and the piece before (a space, a line end, nothing).
    """

    text: str
    shade: Real = 0.0
    told: str = ""
    before: str = " "
    known: bool = True


@dataclass(frozen=True)
class Row:
    """Words, and at their left a name or a weight of their own between 0 and 1 (a bar of it)."""

    words: Sequence[Word]
    name: str = ""
    weight: Real | None = None


@dataclass(frozen=True)
class Heading:
    """text: of a section.  lead: what there is to see."""

    text: str
    lead: str = ""

    def html(self) -> Markup:
        lead = tag("p", {"class": "lead", **language(self.lead)}, self.lead) if self.lead else ""
        return join([tag("h2", language(self.text), self.text), lead])

    def svg(self, width: Real) -> Drawn:
        parts = [Drawn(Markup(), 0, 20), paragraph(self.text, width, 15, "ink strong", after=2)]
        parts += [paragraph(self.lead, width, 12.5, "soft", after=6)] if self.lead else []
        return stack(parts)


@dataclass(frozen=True)
class Rows:
    """Shaded text.  ruled: a line between rows."""

    rows: Sequence[Row]
    ruled: bool = False

    @property
    def named(self) -> bool:
        return any(row.name or row.weight is not None for row in self.rows)

    def html(self) -> Markup:
        kind = "row" if self.named else "row plain"
        drawn = []
        for row in self.rows:
            who = tag("div", {"class": "who"}, row.name, _meter(row.weight)) if self.named else ""
            words = [_span(word, first=k == 0) for k, word in enumerate(row.words)]
            text = "".join(word.text for word in row.words)
            passage = tag("p", {"class": "passage", "dir": "auto", **language(text)}, *words)
            drawn.append(tag("div", {"class": kind}, who, passage))
        return tag("div", {"class": "rows ruled" if self.ruled else "rows"}, *drawn)

    def svg(self, width: Real) -> Drawn:
        left = NAME + GUTTER if self.named else 0.0
        parts = []
        for row in self.rows:
            inner, height = _flow(row.words, width - left)
            shapes = [tag("g", {"transform": f"translate({left:g} 0)"}, inner)]
            if row.name:
                at: Attributes = {"class": "soft", "font-size": 12.0, "x": 0.0, "y": 18.0}
                shapes.append(tag("text", at, shorten(row.name, NAME / 12)))
            if row.weight is not None:
                at = {"class": "sentence", "y": 23.0, "height": 5.0, "rx": 2.0}
                shapes.append(tag("rect", {**at, "width": max(1.0, NAME * row.weight)}))
            if self.ruled:
                at = {"class": "rule", "x1": 0.0, "x2": width, "y1": -2.0, "y2": -2.0}
                shapes.append(tag("line", at))
            parts.append(Drawn(join(shapes), width, height + 5))
        return stack(parts, gap=5)


class Bar(NamedTuple):
    """name: written at the left.  value: −1 to 1, the length.  told: written at the end."""

    name: str
    value: Real
    told: str = ""
    strong: bool = False


@dataclass(frozen=True)
class Bars:
    """Lengths side by side; where some are negative, 0 lies in the middle."""

    bars: Sequence[Bar]
    label: str

    def html(self) -> Markup:
        return Graphic(self.svg, self.label).html()

    def svg(self, width: Real) -> Drawn:
        width = min(width, 640.0)
        name = min(width * 0.42, max(text_width(bar.name) for bar in self.bars) * 13 + 8)
        told = max(text_width(bar.told) for bar in self.bars) * 12 + 10
        room = max(20.0, width - name - told)
        zero = name + (room / 2 if any(bar.value < 0 for bar in self.bars) else 0.0)
        reach = name + room - zero
        parts = []
        for k, bar in enumerate(self.bars):
            y, length = k * 22.0, max(1.0, abs(bar.value) * reach)
            kind = "ink strong end" if bar.strong else "ink end"
            at: Attributes = {"class": kind, "font-size": 13.0, "x": name - 8, "y": y + 14}
            full = tag("title", None, bar.name)
            parts.append(
                tag("text", {**at, **language(bar.name)}, full, shorten(bar.name, (name - 8) / 13))
            )
            start = zero if bar.value >= 0 else zero - length
            side = "for" if bar.value >= 0 else "against"
            at = {"class": side, "x": start, "y": y + 3, "width": length, "height": 13.0, "rx": 2.0}
            parts.append(tag("rect", {**at, "fill-opacity": 0.9 if bar.strong else 0.6}))
            at = {"class": "soft", "font-size": 12.0, "x": max(start + length, zero) + 6}
            parts.append(tag("text", {**at, "y": y + 14}, bar.told))
        return Drawn(join(parts), width, len(self.bars) * 22.0 + 6)


@dataclass(frozen=True)
class Graphic:
    """What is drawn for a width; a page holds it for three, and a browser shows one."""

    draw: Callable[[Real], Drawn]
    label: str

    def html(self) -> Markup:
        drawn = {name: self.draw(width) for name, width in WIDTHS.items()}
        if len({d.markup for d in drawn.values()}) == 1:
            return tag("figure", None, self._one(drawn["narrow"], ""))
        return tag("figure", None, *(self._one(d, name) for name, d in drawn.items()))

    def svg(self, width: Real) -> Drawn:
        drawn = self.draw(width)
        return drawn._replace(height=drawn.height + 10)

    def _one(self, drawn: Drawn, kind: str) -> Markup:
        w, h = f"{math.ceil(drawn.width)}", f"{math.ceil(drawn.height)}"
        root = {"class": f"fig {kind}".strip(), "width": w, "viewBox": f"0 0 {w} {h}"}
        title = tag("title", None, self.label)
        return tag("svg", {**root, "role": "img"}, title, drawn.markup)


@dataclass(frozen=True)
class Scale:
    """The legend of shades.  strongest: what the darkest means; signed: both colours."""

    strongest: str
    signed: bool = False

    def html(self) -> Markup:
        return Graphic(self.svg, f"shades, up to {self.strongest}").html()

    def svg(self, width: Real) -> Drawn:
        low = f"−{self.strongest}" if self.signed else "0"
        x = text_width(low) * 12 + 6
        at: Attributes = {"class": "soft", "font-size": 12.0, "x": 0.0, "y": 16.0}
        parts = [tag("text", at, low)]
        for k in range(-8 if self.signed else 1, 9):
            shade = k / 8
            box: Attributes = {"x": x, "y": 5.0, "width": 12.0, "height": 14.0}
            parts.append(tag("rect", {**box, **shading(shade)}))
            x += 12
        parts.append(tag("text", {**at, "x": x + 6}, self.strongest))
        return Drawn(join(parts), x + 12 + text_width(self.strongest) * 12, 24)


def shading(shade: Real) -> dict[str, str | Real]:
    """What makes a rectangle of an SVG so dark."""
    side = "for" if shade >= 0 else "against"
    return {"class": side, "fill-opacity": f"{min(1.0, abs(shade)) * STRONGEST:.3f}"}


def step(shade: Real) -> int:
    """Which of the shades of a page: 0 for none, 20 for the strongest."""
    return min(STEPS, round(abs(shade) * STEPS))


def _meter(weight: Real | None) -> Markup:
    if weight is None:
        return Markup()
    at: Attributes = {"class": "sentence", "height": 6.0, "rx": 1.0, "width": max(1, 100 * weight)}
    root = {"class": "fig", "viewBox": "0 0 100 6", "preserveAspectRatio": "none"}
    return tag("svg", {**root, "aria-hidden": "true"}, tag("rect", at))


def _span(word: Word, *, first: bool) -> Markup:
    k = step(word.shade)
    shade = f" {'p' if word.shade >= 0 else 'n'}{k}" if k else ""
    told = {"title": word.told} if word.told else {}
    kind = f"w{shade}{'' if word.known else ' unknown'}"
    return join(["" if first else word.before, tag("span", {"class": kind, **told}, word.text)])


def _flow(words: Sequence[Word], width: Real) -> tuple[Markup, float]:
    """Words in lines that fit; what no space parts stays together if a line can hold it."""
    x = y = 0.0
    parts: list[Markup] = []
    for run in _runs(words):
        pieces = [
            word._replace(text=piece) for word in run for piece in broken(word.text, width / SIZE)
        ]
        space = SIZE * 0.3 if x and run[0].before else 0.0
        if "\n" in run[0].before and (x or parts):
            x, y, space = 0.0, y + LINE, 0.0
        elif run[0].text.isspace():
            space = 0.0
        elif x + space + sum(map(_wide, pieces)) > width:
            x, y, space = 0.0, y + LINE if x else y, 0.0
        x += space
        for word in pieces:
            w = _wide(word)
            if x and x + w > width + 0.01:
                x, y = 0.0, y + LINE
            parts.append(_word(word, x, y, w))
            x += w
    return join(parts), y + LINE


def _runs(words: Sequence[Word]) -> list[list[Word]]:
    runs: list[list[Word]] = []
    for word in words:
        last = runs[-1][-1].text if runs else ""
        if runs and not word.before and not word.text.isspace() and not last.isspace():
            runs[-1].append(word)
        else:
            runs.append([word])
    return runs


def _wide(word: Word) -> float:
    return text_width(" " if word.text.isspace() else word.text) * SIZE * 0.98 + 1.5


def _word(word: Word, x: Real, y: Real, w: Real) -> Markup:
    parts = []
    if abs(word.shade) >= 0.5 / STEPS:
        box: Attributes = {"x": x, "y": y + 2, "width": w, "height": LINE - 5, "rx": 2.5}
        parts.append(tag("rect", {**box, **shading(word.shade)}))
    at: Attributes = {"class": "ink middle", "font-size": SIZE, "x": x + w / 2, "y": y + 18.5}
    parts.append(tag("text", {**at, **language(word.text)}, word.text))
    if not word.known:
        line: Attributes = {"class": "mark", "x1": x, "x2": x + w, "y1": y + 23, "y2": y + 23}
        parts.append(tag("line", {**line, "stroke-dasharray": "1 2"}))
    return join(parts)
