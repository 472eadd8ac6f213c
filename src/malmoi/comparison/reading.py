"""What classifiers and taggers reached, side by side: how often they are right, and where not.

Every run is asked the test split once more, so that answers can be put beside answers: which labels
are confused, how sure a model is, and whether the best is better or was luckier (paired bootstrap).
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from malmoi.comparison.exams import Answered, Exam, Report, TextExam, WordExam
from malmoi.comparison.fair import best
from malmoi.comparison.result import (
    Answer,
    Comparison,
    Confused,
    Difference,
    Entry,
    Ground,
    Reading,
    Scored,
    Sure,
)
from malmoi.comparison.trials import Trials, entry
from malmoi.data.dataset import DataSet
from malmoi.metrics.labels import Labels, Scores
from malmoi.metrics.significance import paired_bootstrap
from malmoi.recipe import Recipe
from malmoi.run import Run
from malmoi.tasks import TaskConfig
from malmoi.tasks.classification import Classification, ClassificationTask
from malmoi.tasks.tagging import Tagging, TaggingTask
from malmoi.use import network

DISAGREEING, WRONG = 5, 2  # examples that the report shows
UNSEEN = Scores(0.0, 0.0, 0.0, 0)


def task_of(run: Run) -> ClassificationTask | TaggingTask:
    """The data as the run reads it: its text lies in its folder, where nothing is written."""
    recipe = Recipe.from_toml(run.recipe)
    assert isinstance(recipe.task, Classification | Tagging)
    return recipe.task.prepare(run.folder, recipe.seed)


def exam_of(run: Run, source: DataSet) -> Exam:
    task = task_of(run)
    return (
        TextExam(task, source) if isinstance(task, ClassificationTask) else WordExam(task, source)
    )


def compared(source: DataSet, trained: Sequence[Trials]) -> Comparison:
    """The models in `trained` on the test split."""
    exams: dict[TaskConfig, Exam] = {}
    answered: dict[str, list[Answered]] = {}
    for one in trained:
        for run in one.runs:
            config = Recipe.from_toml(run.recipe).task
            if config not in exams:
                exams[config] = exam_of(run, source)
            model: Any = network(run)
            answered.setdefault(one.name, []).append(exams[config].ask(model))
    exam = next(iter(exams.values()))
    shown = chosen(exam, [some[0] for some in answered.values()])
    comparison = Comparison(
        ground=ground(source, trained[0].runs[0].report, exam),
        entries=tuple(_entry(one, answered[one.name], exam, shown) for one in trained),
        examples=tuple(exam.example(i) for i in shown),
    )
    return dataclasses.replace(
        comparison, differences=tuple(differences(comparison, answered, exam))
    )


def ground(source: DataSet, report: Mapping[str, Any], exam: Exam) -> Ground:
    """Which data this is, and what is decided of it."""
    return Ground(
        data=source.name,
        tokenisation=exam.task.text.kind,
        vocabulary=len(exam.task.text.vocabulary),
        train=report["train_events"],
        dev=report["valid_events"],
        test=report["test_events"],
        unknown=report["unknown"],
        held_out=exam.held_out,
        level=exam.level,
        headline=exam.headline,
        unit=exam.unit,
        labels=exam.labels,
        column=exam.column,
        scheme=exam.scheme,
    )


def _entry(one: Trials, answered: Sequence[Answered], exam: Exam, shown: Sequence[int]) -> Entry:
    """One model's line of the table, and what it answered."""
    line = entry(one, exam.headline)
    said = one.runs[0].report["data_announcements"]
    return dataclasses.replace(
        line,
        reading=_reading(answered, exam, shown),
        announcements=(*line.announcements, *said),
    )


def _reading(answered: Sequence[Answered], exam: Exam, shown: Sequence[int]) -> Reading:
    first = answered[0]
    report = _sum([some.report for some in answered])
    confusion = sum((some.confusion for some in answered), Counter())
    by_label = report.by_label
    reliability = report.reliability if isinstance(report, Labels) else []
    return Reading(
        by_label=tuple(Scored(k, *by_label.get(k, UNSEEN)) for k in exam.labels),
        confusion=tuple(Confused(*pair, n) for pair, n in sorted(confusion.items())),
        reliability=tuple(Sure(b.confidence, b.accuracy, b.decisions) for b in reliability),
        answers=tuple(Answer(first.said[i], first.sure[i] if first.sure else None) for i in shown),
    )


def _sum(reports: Sequence[Report]) -> Report:
    total: Any = reports[0]
    for report in reports[1:]:
        total += report
    found: Report = total
    return found


def differences(
    comparison: Comparison, answered: Mapping[str, Sequence[Answered]], exam: Exam
) -> Iterator[Difference]:
    """The best model and each other: the counts of all seeds are summed before examples are
    drawn, so it is the means that are compared."""
    first = best(comparison)
    if first is None:
        return
    counts = {name: np.sum([some.counts for some in of], axis=0) for name, of in answered.items()}
    for other in comparison.entries:
        if other is first or len(answered[other.name]) != len(answered[first.name]):
            continue
        found = paired_bootstrap(counts[other.name], counts[first.name], exam.measure)
        yield Difference(first.name, other.name, found.difference, found.interval, found.p)


def chosen(exam: Exam, answered: Sequence[Answered]) -> list[int]:
    """Examples to look at, in the order of the data: some where the models disagree, and some
    where they agree and are wrong, both spread over the whole of the split."""
    disagreed, wrong, right = [], [], []
    for i, gold in enumerate(exam.gold):
        said = {some.said[i] for some in answered}
        if not exam.legible(i):
            continue
        if len(said) > 1:
            disagreed.append(i)
        elif set(gold) == set(*said) if exam.unit == "texts" else {gold} == said:
            right.append(i)
        else:
            wrong.append(i)
    found = _spread(disagreed, DISAGREEING) + _spread(wrong, WRONG)
    return sorted(found or _spread(right or list(range(len(exam.gold))), WRONG))


def _spread(places: list[int], n: int) -> list[int]:
    step = max(1, len(places) // n)
    return places[step // 2 :: step][:n]
