"""Markup as text: HTML and SVG that no text of a user can break, with Hangul in it.

    tag("td", {"class": "name"}, entry.name)        # a str is escaped, a Markup is not

Pages and pictures are made of these alone.
"""

import html
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TypeAlias

VOID = frozenset({"meta", "br", "wbr"})
Real: TypeAlias = float | int
Attributes: TypeAlias = Mapping[str, str | Real]


class Markup(str):
    """Text that is markup already; every other text is escaped when it enters a `tag`."""

    __slots__ = ()


def escape(text: str) -> Markup:
    """`text` as a page shows it; what no page can show becomes a visible sign.

    Control characters become their Unicode pictures, half surrogates the replacement character,
    and whatever turns the direction of writing is made harmless.
    """
    shown = "".join(_shown(c) for c in text)
    return Markup(html.escape(shown, quote=True))


def _shown(c: str) -> str:
    if c in "\n\t":
        return c
    if c < " ":
        return chr(0x2400 + ord(c))
    category = unicodedata.category(c)
    if category in ("Cc", "Cs") or c in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069":
        return "\ufffd"
    return c


def tag(
    name: str,
    attributes: Attributes | None = None,
    *children: str,
) -> Markup:
    """One element.  Attributes are escaped; so is every child that is not Markup."""
    inside = "".join(
        f' {key}="{number(value) if isinstance(value, float | int) else escape(value)}"'
        for key, value in (attributes or {}).items()
    )
    if name in VOID:
        return Markup(f"<{name}{inside}>")
    return Markup(f"<{name}{inside}>{join(children)}</{name}>")


def join(parts: Sequence[str]) -> Markup:
    """Children one after another, escaped unless they are Markup."""
    return Markup("".join(p if isinstance(p, Markup) else escape(p) for p in parts))


def text_width(text: str) -> float:
    """About how many em `text` fills: a Hangul syllable fills one, a Latin letter about half."""
    return sum((_em(c) for c in text), 0.0)


def _em(c: str) -> float:
    if unicodedata.combining(c):
        return 0.0
    if unicodedata.east_asian_width(c) in "WF":
        return 1.0
    return 0.33 if c in "iljt.,:;|!' " else 0.88 if c in "mwMW—" else 0.6


def shorten(text: str, width: Real) -> str:
    """`text`, cut with an ellipsis where it would fill more than `width` em."""
    if text_width(text) <= width:
        return text
    kept = ""
    for c in text:
        if text_width(kept + c) > width - 1:
            break
        kept += c
    return kept.rstrip() + "…"


def spread(wanted: Sequence[Real], gap: Real, low: Real, high: Real) -> list[float]:
    """Places as near to the wanted ones as can be, at least `gap` apart, between low and high.

    Least squares under an order: pool neighbours that collide into a block and put the block at its
    mean.  Equal wishes keep their order.  If they cannot fit, the gap shrinks until they do.
    """
    n = len(wanted)
    if n == 0:
        return []
    gap = min(gap, (high - low) / max(n - 1, 1))
    order = sorted(range(n), key=lambda i: (wanted[i], i))
    # subtract the gaps that must be there: what is left need only be in order
    blocks: list[tuple[float, int]] = []  # mean, size
    for rank, i in enumerate(order):
        mean, size = wanted[i] - rank * gap, 1
        while blocks and blocks[-1][0] > mean:
            left, count = blocks.pop()
            mean, size = (left * count + mean * size) / (count + size), count + size
        blocks.append((mean, size))
    flat = [mean for mean, size in blocks for _ in range(size)]
    top = high - (n - 1) * gap
    placed = [0.0] * n
    for rank, i in enumerate(order):
        placed[i] = min(max(flat[rank], low), max(top, low)) + rank * gap
    return placed


def number(value: Real) -> str:
    """A number in markup: two digits after the point at most."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
