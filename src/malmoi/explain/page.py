"""A page that shows one picture: HTML for a browser, SVG for a paper; neither asks for anything.

    page = Page("…", "What was found.", (Heading("All hops"), Rows(…), Graphic(heat.draw)))
    page.html()            text that wraps, graphics that fit from a telephone to a desk
    page.svg(760)          the same, laid out for a width

A block draws itself twice: as HTML, and as SVG of a width that is given.  Whatever is a user's text
is escaped (`draw.tag`), and a content security policy lets the page run and load nothing.
"""

import base64
import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple, Protocol, runtime_checkable

from malmoi.explain.draw import Attributes, Markup, Real, join, tag, text_width

MARGIN = 24.0
SVG_WIDTH = 760.0


class Drawn(NamedTuple):
    """SVG that begins at (0, 0), and how far it reaches."""

    markup: Markup
    width: Real
    height: Real


@runtime_checkable
class Block(Protocol):
    """A part of a page."""

    def html(self) -> Markup: ...

    def svg(self, width: Real) -> Drawn: ...


@dataclass(frozen=True)
class Page:
    """title: one line.  finding: what the picture says, in a sentence or two."""

    title: str
    finding: str
    blocks: tuple[Block, ...]

    def html(self) -> str:
        """The whole page, everything inside."""
        style = own("page.css") + own("figure.css")
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'"
        head = tag(
            "head",
            None,
            tag("meta", {"charset": "utf-8"}),
            tag("meta", {"http-equiv": "Content-Security-Policy", "content": policy}),
            tag("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
            tag("meta", {"name": "color-scheme", "content": "light dark"}),
            tag("title", None, self.title),
            tag("style", None, Markup(style)),
        )
        main = tag(
            "main",
            None,
            tag("p", {"class": "brand"}, "malmoi", tag("span", {"lang": "ko"}, "말모이")),
            tag("h1", language(self.title), self.title),
            tag("p", {"class": "finding", **language(self.finding)}, self.finding),
            *(block.html() for block in self.blocks),
        )
        return f"<!doctype html>\n{tag('html', {'lang': 'en'}, head, tag('body', None, main))}\n"

    def svg(self, width: Real = SVG_WIDTH) -> str:
        """The picture for a paper, as wide as said (its parts may be narrower, never wider)."""
        inner = width - 2 * MARGIN
        parts = [
            paragraph(self.title, inner, 19, "ink strong"),
            paragraph(self.finding, inner, 14, "soft"),
            *(block.svg(inner) for block in self.blocks),
        ]
        y, placed = MARGIN, []
        for part in parts:
            placed.append(tag("g", {"transform": f"translate({MARGIN:g} {y:.1f})"}, part.markup))
            y += part.height
        width = max(width, *(part.width + 2 * MARGIN for part in parts))
        return standalone(Drawn(join(placed), width, y + MARGIN), self.title)


def standalone(drawn: Drawn, label: str) -> str:
    """A file of its own, with the colours in it, light or dark."""
    w, h = f"{math.ceil(drawn.width)}", f"{math.ceil(drawn.height)}"
    paper: Attributes = {"class": "paper", "width": drawn.width, "height": drawn.height}
    root = {
        "xmlns": "http://www.w3.org/2000/svg",
        "class": "fig",
        "width": w,
        "height": h,
        "viewBox": f"0 0 {w} {h}",
    }
    style = tag("style", None, Markup(own("figure.css")))
    svg = tag("svg", root, tag("title", None, label), style, tag("rect", paper), drawn.markup)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{svg}\n'


def paragraph(text: str, width: Real, size: Real, kind: str, *, after: Real = 8) -> Drawn:
    """Text in lines that fit, one under another."""
    lines = wrapped(text, width / size)
    height = size * 1.45
    drawn = [
        tag(
            "text",
            {"class": kind, "font-size": size, "x": 0.0, "y": size + k * height, **language(line)},
            line,
        )
        for k, line in enumerate(lines)
    ]
    return Drawn(join(drawn), width, height * len(lines) + after)


def wrapped(text: str, width: Real) -> list[str]:
    """`text` in lines of at most `width` em, broken at spaces, in a word only if it must be."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        for piece in broken(word, width):
            longer = f"{line} {piece}" if line else piece
            if line and text_width(longer) > width:
                lines.append(line)
                line = piece
            else:
                line = longer
    return [*lines, line] if line else lines


def broken(word: str, width: Real) -> list[str]:
    """A word in pieces of at most `width` em: as a rule one."""
    if text_width(word) <= width:
        return [word]
    pieces, piece = [], ""
    for c in word:
        if piece and text_width(piece + c) > width:
            pieces.append(piece)
            piece = ""
        piece += c
    return [*pieces, piece]


def language(text: str) -> dict[str, str]:
    """Hangul is Korean: the browser then chooses the right font and breaks lines at spaces."""
    return {"lang": "ko"} if re.search(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]", text) else {}


def own(name: str) -> str:
    """A part of the page that is ours and stands beside this file."""
    return resources.files("malmoi.explain").joinpath(name).read_text(encoding="utf-8")


def stack(parts: Sequence[Drawn], gap: Real = 0.0) -> Drawn:
    """One under another."""
    y, placed = 0.0, []
    for part in parts:
        placed.append(tag("g", {"transform": f"translate(0 {y:.1f})"}, part.markup))
        y += part.height + gap
    return Drawn(join(placed), max((p.width for p in parts), default=0.0), max(0.0, y - gap))
