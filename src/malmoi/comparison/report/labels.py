"""F1 of each label, the models side by side: which labels are hard, and for whom."""

from collections.abc import Sequence

from malmoi.comparison import figures
from malmoi.comparison.fair import ranked
from malmoi.comparison.report.parts import label as shown_as, named, section
from malmoi.comparison.result import Comparison, Entry, Reading, Scored
from malmoi.explain.chart import COLOURS
from malmoi.explain.draw import Markup, tag

MOST = 12  # labels that are shown


def read_by(comparison: Comparison) -> list[tuple[Entry, Reading]]:
    """The models that have answered, best first."""
    return [(entry, entry.reading) for entry in ranked(comparison) if entry.reading]


def labels(comparison: Comparison) -> Markup:
    """The section of the page, or nothing where nothing was labelled."""
    models = [(entry, _by_label(reading)) for entry, reading in read_by(comparison)]
    known = comparison.ground.labels
    if not models or not known:
        return Markup()
    first = models[0][1]
    there = [label for label in known if label in first and first[label].support]
    if len(there) > MOST:
        shown = sorted(there, key=lambda label: (first[label].f1, -first[label].support))[:MOST]
        lead = (
            f"F1, in %, of {MOST} of the {len(there):,} labels: those that {models[0][0].name} "
            "finds hardest, hardest first. Beside each label, how often it is true."
        )
    else:
        shown = sorted(there, key=lambda label: (-first[label].support, label))
        lead = "F1, in %, of each label, commonest first. Beside it, how often it is true."
    cards = [
        tag(
            "div",
            {"class": "card label"},
            tag(
                "h3",
                None,
                shown_as(label or "(no name)"),
                tag("span", {"class": "support"}, f"{first[label].support:,}"),
            ),
            *(_row(comparison, entry, of.get(label)) for entry, of in models),
        )
        for label in shown
    ]
    return section("Label by label", lead, tag("div", {"class": "cards labels"}, *cards))


def _by_label(reading: Reading) -> dict[str, Scored]:
    return {scored.label: scored for scored in reading.by_label}


def _row(comparison: Comparison, entry: Entry, scored: Scored | None) -> Markup:
    f1 = scored.f1 if scored else 0.0
    shares = [figures.percent(s) for s in (scored.precision, scored.recall)] if scored else []
    told = "precision {} %, recall {} %".format(*shares) if shares else "never said"
    return tag(
        "div",
        {"class": "bar", "title": told},
        named(comparison, entry),
        bar(f1, comparison.entries.index(entry)),
        tag("span", {"class": "value"}, figures.percent(f1)),
    )


def bar(share: float, colour: int) -> Markup:
    """A share as a bar over its whole."""
    box = {"viewBox": "0 0 100 8", "preserveAspectRatio": "none", "aria-hidden": "true"}
    whole = tag("rect", {"class": "whole", "width": 100, "height": 8})
    part = tag("rect", {"class": "part", "width": 100 * share, "height": 8})
    return tag("svg", {**box, "class": f"share c{colour % COLOURS}"}, whole, part)


def hardest(pairs: Sequence[tuple[str, str, int]], known: Sequence[str], most: int) -> list[str]:
    """The labels that are most often taken for another, or another for them, in their order.

    Whole pairs are taken, the commonest first, as long as there is room.
    """
    kept: set[str] = set()
    for true, said, _ in sorted(pairs, key=lambda pair: -pair[2]):
        if true != said and len(kept | {true, said} - {""}) <= most:
            kept |= {true, said} - {""}
    return [label for label in known if label in kept]
