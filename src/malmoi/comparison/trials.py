"""A model and its runs, one a seed: their means, and each of them."""

import math
import statistics
from collections.abc import Iterator
from typing import Any, NamedTuple

from malmoi.comparison.measures import Headline, Measures, mean, read, watched
from malmoi.comparison.result import Entry, Point, Trial
from malmoi.defaults.describe import describe
from malmoi.recipe import Recipe
from malmoi.run import Run


class Trials(NamedTuple):
    """runs: finished ones of one recipe, but for the seed."""

    name: str
    runs: tuple[Run, ...]


def entry(one: Trials, headline: Headline) -> Entry:
    """What the runs of a model report: the line of the table, and the curves."""
    reports = [run.report for run in one.runs]
    trials = tuple(
        Trial(
            seed=Recipe.from_toml(run.recipe).seed,
            seconds=report["seconds"],
            dev=measures(report["valid"], headline),
            test=measures(report["test"], headline),
            curve=tuple(curve(run, headline)),
        )
        for run, report in zip(one.runs, reports, strict=True)
    )
    first = one.runs[0]
    said = dict.fromkeys(text for report in reports for text in report["announcements"])
    return Entry(
        name=one.name,
        description=describe(Recipe.from_toml(first.recipe).model),
        parameters=reports[0]["parameters"],
        seconds=statistics.fmean(trial.seconds for trial in trials),
        per_second=statistics.fmean(report["tokens_per_second"] for report in reports),
        size_bytes=sum(p.stat().st_size for p in first.folder.rglob("*") if p.is_file()),
        dev=mean(trial.dev for trial in trials),
        test=mean(trial.test for trial in trials),
        curve=trials[0].curve,
        trials=trials if len(trials) > 1 else (),
        announcements=tuple(said),
    )


def measures(said: dict[str, Any] | None, headline: Headline) -> Measures | None:
    """The figures of the table; None for a model that has none."""
    return None if said is None else read(said, headline)


def curve(run: Run, headline: Headline) -> Iterator[Point]:
    """What the run's metrics.jsonl tells of the way: a point for each evaluation."""
    loss = None
    for line in run.metrics:
        if line["event"] == "step":
            loss = line["loss"]
        elif line["event"] == "evaluated":
            dev = float(line[watched(headline)])
            yield Point(
                seconds=line["seconds"],
                read=line["read"],
                step=line["step"],
                train_loss=loss,
                dev=None if math.isnan(dev) else dev,
            )
