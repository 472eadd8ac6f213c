"""Whether the best model is better than the others, or was luckier with these examples."""

from malmoi.comparison import figures
from malmoi.comparison.fair import best
from malmoi.comparison.measures import FIGURES
from malmoi.comparison.report.parts import named, section
from malmoi.comparison.result import Comparison, Difference
from malmoi.comparison.table import points
from malmoi.explain.draw import Markup, join, tag

SURE = 0.05


def chance(comparison: Comparison) -> Markup:
    """The section of the page, or nothing where nobody drew."""
    first = best(comparison)
    pairs = [d for d in comparison.differences if first and d.better == first.name]
    if not first or not pairs:
        return Markup()
    title = FIGURES[comparison.ground.headline].title
    head = [
        tag("th", {"scope": "col"}, text)
        for text in ("over", "points", "95 % of the draws", "by chance?")
    ]
    return section(
        "Better, or luckier?",
        join([named(comparison, first), f" over each other model, in points of {title}."]),
        tag(
            "table",
            {"class": "chance"},
            tag("thead", None, tag("tr", None, *head)),
            tag("tbody", None, *(_row(comparison, d) for d in sorted(pairs, key=lambda d: -d.p))),
        ),
    )


def _row(comparison: Comparison, d: Difference) -> Markup:
    entry = next(entry for entry in comparison.entries if entry.name == d.other)
    low, high = map(points, d.interval)
    verdict = "may be" if d.p >= SURE else "hardly"
    return tag(
        "tr",
        None,
        tag("th", {"scope": "row"}, named(comparison, entry)),
        tag("td", None, points(d.difference)),
        tag("td", None, f"{low} … {high}"),
        tag("td", None, f"{verdict}: {figures.chance(d.p)}"),
    )
