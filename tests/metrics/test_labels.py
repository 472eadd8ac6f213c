"""The counts are scikit-learn's, however the examples are cut into batches."""

import itertools
import math
from typing import Any

import numpy as np
import pytest

from malmoi.errors import EmptyText
from malmoi.metrics.labels import BINS, Labels
from tests.conftest import oracle

NAMES = ("a", "b", "c", "d", "never")


@pytest.fixture(scope="module")
def sklearn() -> Any:
    oracle("sklearn")
    from sklearn import metrics

    return metrics


def answers(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    dice = np.random.default_rng(seed)
    true = dice.integers(0, 4, n)
    said = np.where(dice.random(n) < 0.6, true, dice.integers(0, 3, n))  # d is never said by luck
    return true, said, dice.random(n)


@pytest.mark.parametrize("seed", range(3))
def test_one_label_an_example_is_measured_as_scikit_learn_does(sklearn: Any, seed: int) -> None:
    true, said, p = answers(seed)
    report = Labels.of(NAMES, true, said, p)
    found = report.measures()
    assert found["accuracy"] == pytest.approx(sklearn.accuracy_score(true, said))
    for kind in ("macro", "micro"):
        due = sklearn.precision_recall_fscore_support(true, said, average=kind, zero_division=0)
        for name, value in zip(("precision", "recall", "f1"), due[:3], strict=True):
            assert found[f"{kind}_{name}"] == pytest.approx(value)
    assert report.confusion is not None
    due = sklearn.confusion_matrix(true, said, labels=range(5))
    assert report.confusion.tolist() == due.tolist()
    columns = sklearn.precision_recall_fscore_support(true, said, labels=range(5), zero_division=0)
    for k, name in enumerate(NAMES):
        assert report.by_label[name] == pytest.approx([column[k] for column in columns])


@pytest.mark.parametrize("seed", range(3))
def test_several_labels_are_measured_as_scikit_learn_does(sklearn: Any, seed: int) -> None:
    dice = np.random.default_rng(seed)
    true = dice.random((100, 5)) < [0.5, 0.2, 0.1, 0.05, 0]
    said = np.where(dice.random((100, 5)) < 0.8, true, dice.random((100, 5)) < 0.3)
    said[:, 4] = False
    found = Labels.of_several(NAMES, true, said).measures()
    assert found["accuracy"] == pytest.approx(sklearn.accuracy_score(true, said))
    due = sklearn.f1_score(true, said, average="micro", zero_division=0)
    assert found["micro_f1"] == pytest.approx(due)
    due = sklearn.f1_score(true[:, :4], said[:, :4], average="macro", zero_division=0)
    assert found["macro_f1"] == pytest.approx(due), (
        "a label that never is, nor is said, is no label"
    )


def test_reports_of_batches_add_up_to_the_report_of_the_whole() -> None:
    true, said, p = answers(5)
    whole = Labels.of(NAMES, true, said, p, nats=20.0)
    cuts = [0, 1, 1, 64, 200]
    parts = [
        Labels.of(NAMES, true[a:b], said[a:b], p[a:b], nats=5.0)
        for a, b in itertools.pairwise(cuts)
    ]
    total = parts[0] + parts[1] + parts[2] + parts[3]
    assert total.measures() == pytest.approx(whole.measures())
    assert total.reliability == [pytest.approx(b) for b in whole.reliability]
    hot = np.eye(5, dtype=bool)
    several = Labels.of_several(NAMES, hot[true], hot[said], hot[said] * 0.9)
    halves = [
        Labels.of_several(NAMES, hot[true[i]], hot[said[i]], hot[said[i]] * 0.9)
        for i in (slice(0, 70), slice(70, 200))
    ]
    assert (halves[0] + halves[1]).measures() == pytest.approx(several.measures())
    assert (several.counts == whole.counts).all(), "one label is several, one at a time"
    assert several.accuracy == whole.accuracy
    with pytest.raises(ValueError, match="not of the same labels"):
        whole + several


def test_calibration_is_the_gap_between_being_sure_and_being_right() -> None:
    dice = np.random.default_rng(0)
    p = dice.random(500)
    right = dice.random(500) < p**2
    report = Labels.of(("x", "y"), right.astype(int), np.ones(500, int), p)
    edges = np.linspace(0, 1, BINS + 1)
    due, seen = 0.0, 0
    for bin_, low, high in zip(report.reliability, edges, edges[1:], strict=False):
        inside = (low < p) & (p <= high)
        assert (bin_.low, bin_.high) == (pytest.approx(low), pytest.approx(high))
        assert bin_.decisions == inside.sum()
        assert bin_.confidence == pytest.approx(p[inside].mean())
        assert bin_.accuracy == pytest.approx(right[inside].mean())
        due += inside.mean() * abs(p[inside].mean() - right[inside].mean())
        seen += bin_.decisions
    assert seen == 500
    assert report.calibration_error == pytest.approx(due)
    assert due > 0.1


def test_who_is_as_sure_as_right_is_calibrated_and_certainty_has_a_bin() -> None:
    true, said = np.array([0, 1, 1, 1]), np.array([0, 1, 1, 0])
    report = Labels.of(("x", "y"), true, said, np.full(4, 0.75))
    assert report.calibration_error == pytest.approx(0)
    sure = Labels.of(("x", "y"), true, said, np.array([1.0, 1.0, 0.0, 1.0]))
    assert [(b.low, b.high, b.decisions) for b in sure.reliability] == [
        (0, 1 / 15, 1),
        (14 / 15, 1, 3),
    ]
    edge = Labels.of(("x", "y"), true[:1], said[:1], np.array([0.2]))  # 3/15 is in (2/15, 3/15]
    assert edge.reliability[0].high == pytest.approx(0.2)
    several = Labels.of_several(
        ("x",), np.array([[True], [False]]), np.array([[True], [False]]), np.array([[0.9], [0.1]])
    )
    assert several.reliability == [pytest.approx((13 / 15, 14 / 15, 2, 0.9, 1.0))]


def test_without_probabilities_or_examples_there_is_no_number() -> None:
    true, said, p = answers(1)
    report = Labels.of(NAMES, true, said)
    assert "calibration_error" not in report.measures()
    assert math.isnan(report.calibration_error)
    with pytest.raises(EmptyText, match="nothing to measure"):
        Labels.of(NAMES, true[:0], said[:0], p[:0]).measures()
    with pytest.raises(ValueError, match="not one of 0…3"):
        Labels.of(NAMES[:4], np.array([4]), np.array([0]))
    with pytest.raises(ValueError, match="between 0 and 1"):
        Labels.of(NAMES, true, said, p + 0.5)
