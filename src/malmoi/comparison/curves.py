"""Learning curves: dev perplexity against seconds and against tokens, all axes logarithmic."""

import math

from malmoi.comparison import figures
from malmoi.comparison.fair import judge
from malmoi.comparison.result import Comparison, Entry
from malmoi.explain.draw import Axis, Markup, Real, Series, chart, tag

TIMES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600, 1200, 3600, 7200)
DAYS = (*TIMES, 18_000.0, 36_000.0, 86_400.0, 172_800.0, 432_000.0, 864_000.0)
ROUND = tuple(m * 10.0**k for k in range(13) for m in (1, 2, 5))
COARSE = tuple(m * 10.0**k for k in range(9) for m in (1, 1.5, 2, 3, 5, 7))
FINE = tuple(m * 10.0**k for k in range(9) for m in (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 4, 5, 6, 8))
CUT = 6.0  # a curve is drawn from this many times the lowest perplexity


def curves(comparison: Comparison) -> Markup:
    """The section of the page, or nothing where there is nothing to draw or to compare."""
    if not judge(comparison).perplexity:
        return Markup()
    by_time, by_tokens = [], []
    for colour, entry in enumerate(comparison.entries):
        points = reached(entry, comparison.ground_of(entry).train)
        note = figures.perplexity(points[-1][2]) if points else ""
        timed = tuple((s, p) for s, _, p in points if s > 0)
        counted = tuple((t, p) for _, t, p in points if t > 0)
        by_time.append(Series(entry.name, timed, colour, note))
        by_tokens.append(Series(entry.name, counted, colour, note))
    levels = [p for series in (*by_time, *by_tokens) for _, p in series.points]
    if not levels:
        return Markup()
    limit = comparison.ground.limit
    lowest = min([*levels, *([limit] if limit else [])])
    ends = [series.points[-1][1] for series in (*by_time, *by_tokens) if series.points]
    highest = max(CUT * lowest, 1.2 * max(ends))
    if highest >= max(levels):
        highest = math.inf  # nothing to cut off
    ticks = FINE if min(highest, max(levels)) < 2.5 * lowest else COARSE
    y = Axis("dev perplexity", ticks, lambda value: f"{value:,.5g}")
    drawn = [
        tag(
            "figure",
            None,
            chart(
                series,
                x=x,
                y=y,
                label=f"dev perplexity against {x.title}, a line for each model",
                limit=(f"the limit {figures.perplexity(limit)}", limit) if limit else None,
                highest=highest,
            ),
        )
        for series, x in (
            (by_time, Axis("training time", DAYS, _clock)),
            (by_tokens, Axis("tokens read", ROUND, _short)),
        )
    ]
    cut = (
        f" Curves begin where they fall below {figures.perplexity(highest)}."
        if math.isfinite(highest)
        else ""
    )
    return tag(
        "section",
        None,
        tag("h2", None, "How they learnt"),
        tag("p", {"class": "lead"}, f"All axes are logarithmic; lower is better.{cut}"),
        tag("div", {"class": "pair"}, *drawn),
    )


def reached(entry: Entry, train: int) -> list[tuple[float, float, float]]:
    """(seconds, tokens, dev perplexity) along the way; what only counts arrives at once."""
    way = [
        (point.seconds, float(point.tokens), point.dev_perplexity)
        for point in entry.curve
        if point.dev_perplexity is not None and math.isfinite(point.dev_perplexity)
    ]
    if not entry.curve and entry.dev and math.isfinite(entry.dev.perplexity):
        way.append((entry.seconds, float(train), entry.dev.perplexity))
    return way


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
