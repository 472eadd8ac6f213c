"""The map of words, and of phrases: what a translator holds to be alike, on a plane.

Cho et al. (2014), figures 4 and 5: the word vectors of a model, and the vector c that its encoder
makes of a phrase; the whole, and the parts of it where most is, enlarged.  Other models than `cho`
have no c: `summaries` says what is taken for it.

`mapping` makes it.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic.dataclasses import dataclass

from malmoi.explain.blocks import Graphic, Heading
from malmoi.explain.draw import Markup, Real, join, tag, text_width
from malmoi.explain.page import Block, Drawn, Page
from malmoi.explain.picture import STRICT, visible
from malmoi.explain.scatter import Dot, Scatter, Window, crowded, sign
from malmoi.explain.summaries import SIDES, Side

Method = Literal["pca", "tsne"]
Kind = Literal["words", "phrases"]


@dataclass(frozen=True, config=STRICT)
class Place:
    """side: whose word it is."""

    text: str
    x: float
    y: float
    side: Side


@dataclass(frozen=True, config=STRICT)
class Alike:
    """Two whose vectors point the same way; cosine: of the angle between them."""

    first: str
    second: str
    cosine: float


@dataclass(frozen=True, config=STRICT)
class Sheet:
    """what: is drawn.  d: dimensions.  share: of the variance that is on the plane, by PCA.
    alike: in all dimensions, the most alike first."""

    name: str
    what: str
    d: int
    places: tuple[Place, ...]
    alike: tuple[Alike, ...]
    share: float | None


@dataclass(frozen=True, config=STRICT)
class Atlas:
    """title: of what.  sheets: one, or a side each where each has its own vectors."""

    title: str
    of: Kind
    method: Method
    seed: int
    sheets: tuple[Sheet, ...]
    kind: Literal["atlas"] = "atlas"

    def page(self) -> Page:
        blocks: list[Block] = []
        for sheet in self.sheets:
            dots = [
                Dot(visible(p.text), p.x, p.y, SIDES.index(p.side) if _both(sheet) else 0)
                for p in sheet.places
            ]
            parts = crowded(dots)
            blocks.append(Heading(sheet.name, self._lead(sheet, parts)))
            if _both(sheet):
                blocks.append(Graphic(_legend, "colours and shapes"))
            blocks.append(Graphic(Scatter(dots, sheet.name, parts).draw, sheet.name))
            if parts:
                blocks.append(Graphic(_Enlarged(dots, parts).draw, f"{sheet.name}: enlarged"))
        found = "; ".join(self._pair(one) for sheet in self.sheets for one in sheet.alike)
        d = " and ".join(dict.fromkeys(f"{sheet.d:,}" for sheet in self.sheets))
        return Page(self.title, f"Most alike in all {d} dimensions: {found}.", tuple(blocks))

    def _pair(self, one: Alike) -> str:
        first, second = one.first, one.second
        if self.of == "phrases":
            first, second = f"“{first}”", f"“{second}”"
        return f"{first} – {second} ({one.cosine:.2f})"

    def _lead(self, sheet: Sheet, parts: Sequence[Window]) -> str:
        if self.method == "tsne":
            how = "t-SNE: neighbours mean something, the distance of groups does not."
        else:
            how = (
                f"The two directions in which they differ most, {100 * (sheet.share or 0):.0f} % "
                "of the variance: what lies together here may be far apart in the others."
            )
        enlarged = (
            f" Below, enlarged: {', '.join(part.name for part in parts)}, where most is."
            if parts
            else ""
        )
        return f"{sheet.what} {how}{enlarged}"


def _both(sheet: Sheet) -> bool:
    return len({place.side for place in sheet.places}) > 1


def _legend(width: Real) -> Drawn:
    """Which colour and shape is whose."""
    parts: list[Markup] = []
    x = 0.0
    for k, name in enumerate(("read", "written")):
        told = tag("text", {"class": "soft", "font-size": 12.0, "x": x + 10, "y": 16.0}, name)
        parts += [sign(Dot(name, 0.0, 0.0, k), x + 4, 12.0), told]
        x += 24 + text_width(name) * 12
    return Drawn(join(parts), x, 22)


class _Enlarged:
    """Parts of the plane side by side."""

    def __init__(self, dots: Sequence[Dot], parts: Sequence[Window]) -> None:
        self.dots, self.parts = dots, parts

    def draw(self, width: Real) -> Drawn:
        n = min(len(self.parts), 3 if width >= 900 else 2 if width >= 560 else 1)
        gap = 16.0
        each = (width - (n - 1) * gap) / n
        drawn, y, tallest = [], 0.0, 0.0
        for k, part in enumerate(self.parts):
            if k and k % n == 0:
                y, tallest = y + tallest + gap, 0.0
            inside = [dot for dot in self.dots if part.holds(dot)]
            one = Scatter(inside, part.name).draw(each)
            name = tag("text", {"class": "soft strong", "font-size": 12.0, "y": 12.0}, part.name)
            body = tag("g", {"transform": "translate(0 18)"}, one.markup)
            move = f"translate({k % n * (each + gap):.1f} {y:.1f})"
            drawn.append(tag("g", {"transform": move}, name, body))
            tallest = max(tallest, one.height + 18)
        return Drawn(join(drawn), width, y + tallest)
