"""How often a classifier is right, label by label, and how well it knows when it is.

    accuracy        examples whose labels are exactly those said
    precision       of those said to be c, the share that is        tp / (tp + fp)
    recall          of those that are c, the share found            tp / (tp + fn)
    F1              2 tp / (2 tp + fp + fn)
    macro F1        mean of the F1 of every label that is, or was said, at all
    micro F1        F1 of the sums; with one label an example it is the accuracy

    calibration     ECE = Σ_b n_b / n · | accuracy_b − confidence_b |      (Guo et al. 2017, eq. 3,
                    over 15 bins of the probability of what was said        arXiv:1706.04599)

What is 0 / 0 is 0, as scikit-learn has it.  Everything is a count or a sum, so reports of parts add
up to the report of the whole, however it was cut into batches.

With several labels an example (or none), each is a decision of its own, and a confidence is that of
one decision.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from malmoi.errors import EmptyText

BINS = 15


class Scores(NamedTuple):
    """support: how many there are."""

    precision: float
    recall: float
    f1: float
    support: int


class Bin(NamedTuple):
    """Decisions whose probability is in (low, high]."""

    low: float
    high: float
    decisions: int
    confidence: float
    accuracy: float


def scores(tp: int, fp: int, fn: int) -> Scores:
    """Precision, recall and F1 from what was found, made up and missed."""
    return Scores(
        _share(tp, tp + fp), _share(tp, tp + fn), _share(2 * tp, 2 * tp + fp + fn), tp + fn
    )


def _share(part: int | float, whole: int | float) -> float:
    return part / whole if whole else 0.0


@dataclass(frozen=True, eq=False)
class Labels:
    """Counts over examples; reports of parts add up to the report of the whole.

    counts: tp, fp and fn of every label.  confusion[true, said]: examples; none where labels are
    `several`.  bins: of decisions by their probability, how many, their probabilities summed, and
    how many were right; all 0 if no probability was given.  nats: −log p of what is true, summed;
    told only where probabilities were given.
    """

    names: tuple[str, ...]
    examples: int
    right: int
    counts: Int[np.ndarray, "3 K"]
    confusion: Int[np.ndarray, "K K"] | None
    bins: Float[np.ndarray, "3 15"]
    nats: float = 0.0

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        true: Int[np.ndarray, "B"],
        said: Int[np.ndarray, "B"],
        probability: Float[np.ndarray, "B"] | None = None,
        *,
        nats: float = 0.0,
    ) -> "Labels":
        """One label an example, as a place in `names`.  probability: of what was said."""
        K = len(names)
        for labels in (true, said):
            if len(labels) and not 0 <= labels.min() <= labels.max() < K:
                raise ValueError(f"a label is not one of 0…{K - 1}")
        confusion = np.zeros((K, K), np.int64)
        np.add.at(confusion, (true, said), 1)
        tp = confusion.diagonal()
        counts = np.stack([tp, confusion.sum(0) - tp, confusion.sum(1) - tp])
        bins = _bins(probability, true == said)
        return cls(tuple(names), len(true), int(tp.sum()), counts, confusion, bins, nats)

    @classmethod
    def of_several(
        cls,
        names: Sequence[str],
        true: Bool[np.ndarray, "B K"],
        said: Bool[np.ndarray, "B K"],
        probability: Float[np.ndarray, "B K"] | None = None,
        *,
        nats: float = 0.0,
    ) -> "Labels":
        """Every label for itself.  probability: that it is there."""
        counts = np.stack([(true & said).sum(0), (~true & said).sum(0), (true & ~said).sum(0)])
        right = int((true == said).all(1).sum())
        sure = None if probability is None else np.where(said, probability, 1 - probability)
        bins = _bins(sure, true == said)
        return cls(tuple(names), len(true), right, counts.astype(np.int64), None, bins, nats)

    def __add__(self, other: "Labels") -> "Labels":
        if self.names != other.names or (self.confusion is None) != (other.confusion is None):
            raise ValueError("these reports are not of the same labels")
        both = self.confusion is not None and other.confusion is not None
        return Labels(
            self.names,
            self.examples + other.examples,
            self.right + other.right,
            self.counts + other.counts,
            self.confusion + other.confusion if both else None,  # type: ignore[operator]  # both
            self.bins + other.bins,
            self.nats + other.nats,
        )

    @property
    def accuracy(self) -> float:
        return _share(self.right, self.examples)

    @property
    def micro(self) -> Scores:
        return scores(*(int(n) for n in self.counts.sum(1)))

    @property
    def by_label(self) -> dict[str, Scores]:
        of = self.counts.T.tolist()
        return {name: scores(*counts) for name, counts in zip(self.names, of, strict=True)}

    @property
    def macro(self) -> Scores:
        """Means over the labels that are, or were said."""
        seen = [s for s, n in zip(self.by_label.values(), self.counts.sum(0), strict=True) if n]
        mean = [_share(sum(s[i] for s in seen), len(seen)) for i in range(3)]
        return Scores(mean[0], mean[1], mean[2], self.micro.support)

    @property
    def reliability(self) -> list[Bin]:
        """The bins that have a decision, the least sure first."""
        found = []
        for b, (count, sure, right) in enumerate(self.bins.T.tolist()):
            if count:
                edges = b / BINS, (b + 1) / BINS
                found.append(Bin(*edges, int(count), sure / count, right / count))
        return found

    @property
    def calibration_error(self) -> float:
        """ECE; not a number if no probability was given."""
        count, sure, right = self.bins
        total = count.sum()
        return float(np.abs(right - sure).sum() / total) if total else math.nan

    def measures(self) -> dict[str, float]:
        """All of it by name, without the single labels.  Raises EmptyText without an example."""
        if not self.examples:
            hint = "give it at least one labelled text"
            raise EmptyText("there is nothing to measure", where="0 examples", hint=hint)
        macro, micro = self.macro, self.micro
        found = {
            "accuracy": self.accuracy,
            "macro_f1": macro.f1,
            "macro_precision": macro.precision,
            "macro_recall": macro.recall,
            "micro_f1": micro.f1,
            "micro_precision": micro.precision,
            "micro_recall": micro.recall,
        }
        if self.bins[0].any():
            found |= {"calibration_error": self.calibration_error, "nats": self.nats}
        return found | {"examples": self.examples, "right": self.right}


def _bins(
    probability: Float[np.ndarray, "*n"] | None, right: Bool[np.ndarray, "*n"]
) -> Float[np.ndarray, "3 15"]:
    if probability is None:
        return np.zeros((3, BINS))
    sure = np.asarray(probability, np.float64).ravel()
    if len(sure) and not (sure.min() >= 0 and sure.max() <= 1 + 1e-6):
        raise ValueError("a probability is not between 0 and 1")
    place = np.clip(np.ceil(sure * BINS).astype(int) - 1, 0, BINS - 1)
    weights = (np.ones(len(sure)), sure, right.ravel().astype(np.float64))
    return np.stack([np.bincount(place, w, BINS) for w in weights]).astype(np.float64)
