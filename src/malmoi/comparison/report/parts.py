"""What many sections of the page are made of."""

import re

from malmoi.comparison.result import Comparison, Entry
from malmoi.explain.chart import COLOURS
from malmoi.explain.draw import Markup, escape, join, tag

BREAKS = re.compile(r"(?<=[_/\-.])")
HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")


def section(title: str, lead: Markup | str, *children: str) -> Markup:
    """A heading, what is to be seen, and it."""
    return tag(
        "section", None, tag("h2", None, title), tag("p", {"class": "lead"}, lead), *children
    )


def named(comparison: Comparison, entry: Entry, mark: str = "") -> Markup:
    """A model's name with its colour, the same everywhere on the page."""
    colour = comparison.entries.index(entry) % COLOURS
    dot = tag("i", {"class": f"key c{colour}"})
    after = [" ", tag("span", {"class": "best"}, mark)] if mark else []
    return tag("span", {"class": "name", **language(entry.name)}, dot, entry.name, *after)


def user(name: str, text: str, kind: str = "") -> Markup:
    """An element around text that is not ours."""
    return tag(name, {**({"class": kind} if kind else {}), **language(text)}, text)


def label(text: str, name: str = "span", kind: str = "") -> Markup:
    """A label, which may break where its words do: card_payment_wrong_exchange_rate."""
    parts = [join([part, tag("wbr")]) for part in BREAKS.split(text) if part]
    return tag(name, {**({"class": kind} if kind else {}), **language(text)}, *parts)


def language(text: str) -> dict[str, str]:
    """Hangul is Korean: the browser then chooses the right font and breaks lines at spaces."""
    return {"lang": "ko"} if HANGUL.search(text) else {}


def lines(title: str) -> list[Markup]:
    first, *rest = title.split("\n")
    return [escape(first), *(join([tag("br"), line]) for line in rest)]
