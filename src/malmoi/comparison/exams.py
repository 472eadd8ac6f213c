"""The test split put to a classifier or a tagger, and what it answers, example by example.

exam = TextExam(task, source) or WordExam(task, source)
exam.ask(model).report, .counts, .said, .confusion      of one run
exam.level                                              of saying the commonest label always
"""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float64, Integer

from malmoi.comparison.measures import Headline, Labelled, ManyLabelled, read
from malmoi.comparison.result import Example, Level, Unit
from malmoi.data.dataset import DataSet
from malmoi.metrics import schemes, significance
from malmoi.metrics.labels import Labels as LabelReport
from malmoi.metrics.spans import Spans
from malmoi.tasks import answers, classification, tagging

Report: TypeAlias = LabelReport | Spans
Said: TypeAlias = tuple[str, ...]
Confusion: TypeAlias = Counter[tuple[str, str]]
NOTHING = ""  # where there is no entity


class Answered(NamedTuple):
    """counts: of each example, what `Exam.measure` takes sums of.  said: the labels of each
    example, or of its words.  sure: the probability of the one label said."""

    report: Report
    counts: Integer[np.ndarray, "n c"]
    said: list[Said]
    confusion: Confusion
    sure: list[float] | None = None


class TextExam:
    """Texts that are given labels."""

    unit: Unit = "texts"
    column = scheme = ""

    def __init__(self, task: classification.ClassificationTask, source: DataSet) -> None:
        self.task = task
        self.several = task.labels.several
        self.headline: Headline = "micro_f1" if self.several else "accuracy"
        self.measure = significance.f1 if self.several else significance.accuracy
        examples = list(source.examples("test"))
        self.texts = [example.text for example in examples]
        self.gold = [example.labels for example in examples]
        self.labels: Said = (*task.labels.types, *task.texts["test"].new)
        self.held_out = digest_of(
            (example.text, *example.labels)
            for split in ("valid", "test")
            for example in source.examples(split)
        )

    def ask(self, model: Any) -> Answered:
        """What the model says of every text."""
        return self._answered(self.task.probabilities(model, "test"))

    def _answered(self, p: Float64[np.ndarray, "N K"]) -> Answered:
        texts, types = self.task.texts["test"], self.task.labels.types
        report = classification.reported(p, texts, self.task.labels)
        if self.several:
            found = p > 0.5
            true = texts.y == 1
            there = np.pad(found, ((0, 0), (0, true.shape[1] - found.shape[1])))
            counts = np.stack([true & there, ~true & there, true & ~there], 2).sum(1)
            said = [tuple(t for t, yes in zip(types, row, strict=True) if yes) for row in found]
            return Answered(report, counts, said, Counter())
        best = p.argmax(1)
        counts = significance.right_or_wrong(best == texts.y)
        only: list[Said] = [(types[k],) for k in best.tolist()]
        return Answered(report, counts, only, _pairs(report), p.max(1).tolist())

    @property
    def level(self) -> Level:
        """The label that training has most, for every text."""
        train = self.task.texts["train"].y
        K = len(self.task.labels)
        if self.several:
            shares, label = train[:, :K].mean(0), ""
        else:
            shares = np.bincount(train, minlength=K) / len(train)
            label = self.task.labels.types[int(shares.argmax())]
        p = np.broadcast_to(shares.astype(np.float64), (len(self.texts), K))
        return _level("commonest label", self._answered(p).report, self.headline, label)

    def example(self, i: int) -> Example:
        return Example(self.texts[i], self.gold[i])

    def legible(self, i: int) -> bool:
        """Whether it can be read at a glance."""
        return 0 < len(self.texts[i].strip()) <= 240


class WordExam:
    """Sentences whose words are given tags."""

    unit: Unit = "words"

    def __init__(self, task: tagging.TaggingTask, source: DataSet) -> None:
        self.task = task
        self.scheme = task.labels.scheme
        self.column = task.config.column or source.column
        self.headline: Headline = "accuracy" if self.scheme == "none" else "f1"
        self.measure = significance.accuracy if self.scheme == "none" else significance.f1
        self.sentences = list(source.sentences("test"))
        self.gold: list[Said] = [tuple(tags) for tags in task.gold["test"]]
        self.labels = _labels((*task.labels.types, *(t for s in self.gold for t in s)), self.scheme)
        self.held_out = digest_of(
            (*sentence.words, *sentence.columns[self.column])
            for split in ("valid", "test")
            for sentence in source.sentences(split)
        )

    def ask(self, model: Any) -> Answered:
        """What the model says of every word."""
        return self._answered([tuple(tags) for tags in self.task.answers(model, "test")])

    def _answered(self, said: list[Said]) -> Answered:
        report = answers.reported(self.gold, said, self.task.labels)
        pairs = list(zip(self.gold, said, strict=True))
        if isinstance(report, LabelReport):
            right = [sum(a == b for a, b in zip(*pair, strict=True)) for pair in pairs]
            counts = np.stack([right, [len(gold) for gold, _ in pairs]], 1)
            return Answered(report, counts, said, _pairs(report))
        scheme = self.task.labels.scheme
        counts = np.array([Spans.of_sentence(*pair, scheme).counts for pair in pairs])
        return Answered(report, counts, said, _entities(pairs, scheme))

    @property
    def level(self) -> Level:
        """The tag that training has most, for every word."""
        counted = Counter(tag for tags in self.task.gold["train"] for tag in tags)
        tag = min(counted, key=lambda tag: (-counted[tag], tag))
        answered = self._answered([(tag,) * len(gold) for gold in self.gold])
        return _level("commonest tag", answered.report, self.headline, tag)

    def example(self, i: int) -> Example:
        sentence = self.sentences[i]
        return Example(sentence.text, self.gold[i], sentence.words)

    def legible(self, i: int) -> bool:
        """Whether it can be read at a glance."""
        return 4 <= len(self.gold[i]) <= 40


Exam: TypeAlias = TextExam | WordExam
Measure: TypeAlias = Callable[[np.ndarray], np.ndarray]


def _pairs(report: Report) -> Confusion:
    """How often a true label was called another, from a report that has it."""
    if not isinstance(report, LabelReport) or report.confusion is None:
        return Counter()
    names = report.names
    return Counter(
        {
            (names[i], names[j]): int(report.confusion[i, j])
            for i, j in zip(*(where.tolist() for where in report.confusion.nonzero()), strict=True)
        }
    )


def _entities(pairs: Iterable[tuple[Said, Said]], scheme: schemes.Scheme) -> Confusion:
    """The same of entities: what is not found between the same words is missed, or made up."""
    found: Confusion = Counter()
    for gold, said in pairs:
        true = {(s.start, s.end): s.label for s in schemes.spans(gold, scheme)}
        given = {(s.start, s.end): s.label for s in schemes.spans(said, scheme)}
        for place in true.keys() | given.keys():
            found[true.get(place, NOTHING), given.get(place, NOTHING)] += 1
    return found


def _labels(tags: Iterable[str], scheme: str) -> Said:
    """Each tag once, or each kind of entity that tags write."""
    kinds = tags if scheme == "none" else (tag[2:] for tag in tags if tag != schemes.OUTSIDE)
    return tuple(sorted(set(kinds)))


def _level(name: str, report: Report, headline: Headline, label: str) -> Level:
    measures = read(report.measures(), headline)
    if isinstance(measures, Labelled | ManyLabelled):  # nobody was asked how sure they are
        measures = dataclasses.replace(measures, calibration_error=None)
    return Level(name, measures, label)


def digest_of(rows: Iterable[Sequence[str]]) -> str:
    """SHA-256 of texts, each with its length before it."""
    digest = hashlib.sha256()
    for row in rows:
        for text in row:
            encoded = text.encode("utf-8", "surrogatepass")
            digest.update(f"{len(encoded)} ".encode() + encoded)
        digest.update(b"\n")
    return digest.hexdigest()
