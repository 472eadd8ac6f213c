"""Learning curves: the headline figure on dev (of translators the perplexity) against seconds and
against what was read.

Time and text are logarithmic, and so is perplexity; accuracy and F1 are not.
"""

import math
from collections.abc import Callable, Sequence

from malmoi.comparison.fair import judge
from malmoi.comparison.measures import FIGURES, Figure, Headline, value, watched
from malmoi.comparison.report.parts import section
from malmoi.comparison.result import Comparison, Entry, Point
from malmoi.comparison.table import level_of
from malmoi.explain.chart import Axis, Series, chart
from malmoi.explain.draw import Markup, Real, tag

TIMES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600, 1200, 3600, 7200)
DAYS = (*TIMES, 18_000.0, 36_000.0, 86_400.0, 172_800.0, 432_000.0, 864_000.0)
ROUND = tuple(m * 10.0**k for k in range(13) for m in (1, 2, 5))
COARSE = tuple(m * 10.0**k for k in range(9) for m in (1, 1.5, 2, 3, 5, 7))
FINE = tuple(m * 10.0**k for k in range(9) for m in (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 4, 5, 6, 8))
CUT = 6.0  # a curve is drawn from this many times the lowest perplexity
BELOW = 2.0  # or from so far below the ends of all, in times of how far they are apart
STEPS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)  # of a share, between ticks


def curves(comparison: Comparison) -> Markup:
    """The section of the page, or nothing where there is nothing to draw or to compare."""
    headline = watched(comparison.ground.headline)
    figure = FIGURES[headline]
    if headline not in judge(comparison).figures:
        return Markup()
    by_time = _series(comparison, figure, lambda point: point.seconds)
    by_text = _series(comparison, figure, lambda point: float(point.read))
    lines = [
        line for s in (*by_time, *by_text) for line in (s.points, *s.others) if s.points and line
    ]
    if not lines:
        return Markup()
    level = level_of(comparison)
    reached = (value(level.test, headline) if level else None) or 0.0
    levels = [y for line in lines for _, y in line]
    ends = [line[-1][1] for line in lines]
    if figure.way == "lower":
        y, lowest, highest = _perplexities(figure, levels, ends, reached)
        told = "All axes are logarithmic; lower is better."
    else:
        y, lowest, highest = _shares(figure, levels, ends)
        told = f"The {figure.title} on dev; time and text are on logarithmic axes."
        reached = reached if reached > max(lowest, min(levels)) else 0.0
    cut = "fall below" if math.isfinite(highest) else "rise above" if lowest > 0 else ""
    edge = figure.form(highest if math.isfinite(highest) else lowest)
    short = "the limit" if headline == "perplexity" else "commonest"
    limit = (f"{short} {figure.form(reached)}", reached) if level and reached else None
    drawn = [
        tag(
            "figure",
            None,
            chart(
                series,
                x=x,
                y=y,
                label=f"dev {figure.title} against {x.title}, a line for each model",
                limit=limit,
                lowest=lowest if lowest > 0 else -math.inf,
                highest=highest,
            ),
        )
        for series, x in (
            (by_time, Axis("training time", DAYS, _clock)),
            (by_text, Axis(f"{comparison.ground.unit} read", ROUND, _short)),
        )
    ]
    lead = f"{told} Curves begin where they {cut} {edge}." if cut else told
    if any(s.others for s in by_time):
        lead += " Faint lines are the other seeds."
    return section("How they learnt", lead, tag("div", {"class": "pair"}, *drawn))


def _perplexities(
    figure: Figure, levels: list[float], ends: list[float], limit: float
) -> tuple[Axis, float, float]:
    """The axis, and what of it is shown."""
    lowest = min([*levels, *([limit] if limit else [])])
    highest = max(CUT * lowest, 1.2 * max(ends))
    if highest >= max(levels):
        highest = math.inf  # nothing to cut off
    ticks = FINE if min(highest, max(levels)) < 2.5 * lowest else COARSE
    return Axis(f"dev {figure.title}", ticks, lambda value: f"{value:,.5g}"), 0.0, highest


def _shares(figure: Figure, levels: list[float], ends: list[float]) -> tuple[Axis, float, float]:
    top = max(levels)
    lowest = min(ends) - BELOW * max(top - min(ends), 0.01)
    if lowest <= min(levels):
        lowest = 0.0
    apart = top - max(lowest, min(levels))
    step = next((s for s in STEPS if apart / s <= 7), STEPS[-1])
    ticks = tuple(k * step for k in range(round(1 / step) + 1))
    form = "{:.1f}" if step < 0.01 else "{:.0f}"
    title = f"dev {figure.title}, %"
    return Axis(title, ticks, lambda v: form.format(100 * v), linear=True), lowest, math.inf


def _series(
    comparison: Comparison, figure: Figure, across: Callable[[Point], float]
) -> list[Series]:
    """A line for each model, and fainter ones for its other seeds."""
    found = []
    for colour, entry in enumerate(comparison.entries):
        train = comparison.ground_of(entry).train
        headline = watched(comparison.ground.headline)
        points = reached(entry, train, headline)
        note = figure.form(points[-1].dev or 0.0) if points else ""
        others = [_line(trial.curve, across) for trial in entry.trials[1:]]
        kept = tuple(line for line in others if line)
        found.append(Series(entry.name, _line(points, across), colour, note, kept))
    return found


def _line(
    points: Sequence[Point], across: Callable[[Point], float]
) -> tuple[tuple[float, float], ...]:
    return tuple(
        (across(p), p.dev)
        for p in points
        if p.dev is not None and math.isfinite(p.dev) and across(p) > 0
    )


def reached(entry: Entry, train: int, headline: Headline) -> list[Point]:
    """What is known of the way; what only counts arrives at once."""
    known = [p for p in entry.curve if p.dev is not None and math.isfinite(p.dev)]
    dev = value(entry.dev, headline)
    if not entry.curve and dev is not None and math.isfinite(dev):
        known.append(Point(seconds=entry.seconds, read=train, step=0, dev=dev))
    return known


def _clock(seconds: Real) -> str:
    """The shortest name of a time on an axis."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def _short(count: Real) -> str:
    """The shortest name of a round number on an axis."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= size:
            return f"{count / size:g}{unit}"
    return f"{count:g}"
