"""Reliability: of what a model was so sure of, how much was right (Niculescu-Mizil & Caruana 2005).

A model whose probabilities mean what they say has its points on the diagonal; below it, it is surer
than it should be.
"""

from malmoi.comparison import figures
from malmoi.comparison.measures import value
from malmoi.comparison.report.labels import read_by
from malmoi.comparison.report.parts import named, section
from malmoi.comparison.result import Comparison, Entry, Reading, Sure
from malmoi.explain.chart import COLOURS
from malmoi.explain.draw import Attributes, Markup, tag

SIDE, LEFT, TOP, FOOT = 150.0, 34.0, 10.0, 34.0
SMALLEST, LARGEST = 2.0, 7.0  # of a point


def calibration(comparison: Comparison) -> Markup:
    """The section of the page, or nothing where nobody says how sure it is."""
    sure = [(entry, reading) for entry, reading in read_by(comparison) if reading.reliability]
    if not sure:
        return Markup()
    cards = [_card(comparison, entry, reading) for entry, reading in sure]
    return section(
        "How sure they are",
        "Answers of like confidence together: how much of them was right. On the diagonal a model "
        "is as sure as it is right; below it, too sure. A larger point is of more answers.",
        tag("div", {"class": "cards sure"}, *cards),
    )


def _card(comparison: Comparison, entry: Entry, reading: Reading) -> Markup:
    error = value(entry.test, "calibration_error")
    told = "" if error is None else f"calibration error {figures.percent(error)} %"
    colour = comparison.entries.index(entry) % COLOURS
    return tag(
        "figure",
        {"class": "card"},
        tag("h3", None, named(comparison, entry)),
        tag("p", {"class": "figure"}, told),
        _diagram(reading.reliability, colour, entry.name),
    )


def _diagram(points: tuple[Sure, ...], colour: int, name: str) -> Markup:
    """A square from 0 to 100 %, its diagonal, and the points in order, joined."""
    most = max(point.decisions for point in points)
    parts: list[Markup] = [
        tag("title", None, f"{name}: how much was right of what it was so sure of")
    ]
    for share in (0.0, 0.5, 1.0):
        x, y = LEFT + SIDE * share, TOP + SIDE * (1 - share)
        parts.append(
            tag("line", {"class": "grid", "x1": LEFT, "x2": LEFT + SIDE, "y1": y, "y2": y})
        )
        parts.append(
            tag("text", {"class": "tick end", "x": LEFT - 6, "y": y + 4}, f"{100 * share:.0f}")
        )
        at: Attributes = {"class": "tick middle", "x": x, "y": TOP + SIDE + 15}
        parts.append(tag("text", at, f"{100 * share:.0f}"))
    diagonal = {"x1": LEFT, "y1": TOP + SIDE, "x2": LEFT + SIDE, "y2": TOP}
    parts.append(tag("line", {"class": "limit", **diagonal}))
    places = [(LEFT + SIDE * p.confidence, TOP + SIDE * (1 - p.accuracy)) for p in points]
    d = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    parts.append(tag("path", {"class": f"line thin c{colour}", "d": d}))
    for point, (x, y) in zip(points, places, strict=True):
        r = SMALLEST + (LARGEST - SMALLEST) * (point.decisions / most) ** 0.5
        told = (
            f"{figures.percent(point.confidence)} % sure, {figures.percent(point.accuracy)} % "
            f"right: {point.decisions:,} answers"
        )
        dot: Attributes = {"class": f"dot c{colour}", "cx": x, "cy": y, "r": r}
        parts.append(tag("circle", dot, tag("title", None, told)))
    foot: Attributes = {"class": "axis middle", "x": LEFT + SIDE / 2, "y": TOP + SIDE + 30}
    parts.append(tag("text", foot, "% sure (across), % right (up)"))
    box = f"0 0 {LEFT + SIDE + 10:g} {TOP + SIDE + FOOT:g}"
    return tag("svg", {"viewBox": box, "class": "chart square", "role": "img"}, *parts)
