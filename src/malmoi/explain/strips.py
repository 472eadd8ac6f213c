"""Surprisal as shades: what each token of a text cost a model.

bits = −log₂ p(token | what came before).  Half a bit is what had to come, fifteen what nobody
thought of; the shades change where that says something, finely where characters live and coarsely
where words do.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass

from malmoi.explain.blocks import Graphic, shading
from malmoi.explain.draw import Attributes, Markup, Real, join, tag, text_width
from malmoi.explain.page import Drawn

SHADES = (1.0, 2.0, 3.0, 5.0, 7.0, 9.0, 12.0, 15.0)
"""Bits at which the shade changes."""

END = "↵"
"""The end of a line, `</s>`, as it is shown."""


def shade(bits: Real) -> int:
    """0 for what was foreseen, 8 for what was not."""
    return bisect_right(SHADES, bits)


def strength(bits: Real) -> float:
    """The same as a shade of `blocks`: from 0 to −1, the colour of what speaks against."""
    return -shade(bits) / len(SHADES)


def bits_of(nats: Real) -> float:
    return nats / math.log(2)


def short(bits: Real) -> str:
    """A number of bits as people read it."""
    return f"{bits:.1f}" if math.isfinite(bits) else "∞"


def chance(p: Real) -> str:
    """A probability, two digits of it."""
    if p >= 0.0995:
        return f"{100 * p:.0f} %"
    return f"{100 * p:.2g} %" if p >= 1e-6 else f"{p:.0e}".replace("e-0", "e-")


@dataclass(frozen=True)
class Steps:
    """The legend of the shades."""

    def html(self) -> Markup:
        return Graphic(self.svg, "shades of surprisal, in bits").html()

    def svg(self, width: Real) -> Drawn:
        at: Attributes = {"class": "soft", "font-size": 12.0, "y": 16.0}
        parts = [tag("text", {**at, "x": 0.0}, "bits")]
        x, cell = 30.0, 30.0
        for k, edge in enumerate((0.0, *SHADES)):
            box: Attributes = {"x": x, "y": 2.0, "width": cell, "height": 20.0}
            parts.append(tag("rect", {**box, **shading(-k / len(SHADES))}))
            middle: Attributes = {"class": "ink middle", "font-size": 11.5, "x": x + cell / 2}
            last = "+" if k == len(SHADES) else ""
            parts.append(tag("text", {**middle, "y": 16.0}, f"{edge:g}{last}"))
            x += cell
        end = f"{END} the end of the line"
        if x + 14 + text_width(end) * 12 <= width:
            parts.append(tag("text", {**at, "x": x + 14}, end))
            x += 14 + text_width(end) * 12
        return Drawn(join(parts), x, 26)
