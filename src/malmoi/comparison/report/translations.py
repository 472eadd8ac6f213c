"""What translators wrote of a few test sources, side by side, and where they looked."""

import math

from malmoi.comparison.fair import ranked
from malmoi.comparison.rendered import Aligned, Original
from malmoi.comparison.report.parts import language, named, section
from malmoi.comparison.result import Comparison
from malmoi.explain.draw import Markup, shorten, tag
from malmoi.explain.heat import Heat
from malmoi.explain.picture import visible

LONGEST = 400  # em of a text that are shown
WIDTH = 430.0  # of an alignment, in pixels


def translations(comparison: Comparison) -> Markup:
    """The section of the page, or nothing where nobody translates."""
    models = [entry for entry in ranked(comparison) if entry.renderings]
    if not models:
        return Markup()
    blocks = []
    for k, original in enumerate(comparison.originals):
        rows = [
            tag("li", None, named(comparison, entry), _text(entry.renderings[k].text))
            for entry in models
        ]
        blocks.append(
            tag(
                "div",
                {"class": "example"},
                *_original(original),
                tag("ul", {"class": "said-by"}, *rows),
            )
        )
    lead = (
        "Sources of the test split, what people wrote for them, and what each model writes; the "
        "best model first."
    )
    return section("What they write", lead, *blocks)


def alignments(comparison: Comparison) -> Markup:
    """The section of the page, or nothing where no model looks back."""
    blocks = []
    for k, original in enumerate(comparison.originals):
        cards = [
            tag("div", {"class": "card"}, tag("h3", None, named(comparison, entry)), _heat(aligned))
            for entry in ranked(comparison)
            if entry.renderings and (aligned := entry.renderings[k].aligned)
        ]
        if cards:
            blocks.append(
                tag(
                    "div",
                    {"class": "example"},
                    *_original(original)[:1],
                    tag("div", {"class": "cards looks"}, *cards),
                )
            )
    if not blocks:
        return Markup()
    lead = (
        "A row a word that was written, a column a word that was read; each row sums to 1. Of "
        "several layers and heads the mean. Models without attention have no picture."
    )
    return section("Where they looked", lead, *blocks)


def _original(original: Original) -> list[Markup]:
    source, references = original.source, original.references
    return [
        tag("blockquote", {"dir": "auto", **language(source)}, _short(source)),
        *(
            tag("p", {"class": "reference", "dir": "auto", **language(text)}, _short(text))
            for text in references
        ),
    ]


def _text(text: str) -> Markup:
    return tag("p", {"dir": "auto", **language(text)}, _short(text) or "(nothing)")


def _short(text: str) -> str:
    return shorten(" ".join(text.split()), LONGEST)


def _heat(aligned: Aligned) -> Markup:
    heat = Heat(
        [visible(token) for token in aligned.target],
        [visible(token) for token in aligned.source],
        aligned.weights,
        "attention to the source",
        strongest=1.0,
    )
    drawn = heat.draw(WIDTH)
    w, h = f"{math.ceil(drawn.width)}", f"{math.ceil(drawn.height)}"
    root = {"class": "fig", "width": w, "viewBox": f"0 0 {w} {h}", "role": "img"}
    return tag("svg", root, tag("title", None, heat.label), drawn.markup)
