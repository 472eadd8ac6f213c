"""Chance is told from progress as often as it claims."""

import math

import numpy as np
import pytest

from malmoi.metrics.significance import (
    accuracy,
    f1,
    mean_and_deviation,
    paired_bootstrap,
    right_or_wrong,
)


def test_a_draw_is_a_resampling_of_examples() -> None:
    """Against a plain loop over drawn examples: the same distribution, not the same dice."""
    dice = np.random.default_rng(0)
    first, second = dice.integers(0, 4, (60, 3)), dice.integers(0, 4, (60, 3))
    second[:, 0] += 1
    found = paired_bootstrap(first, second, f1, draws=4000)

    def score(counts: np.ndarray) -> float:
        tp, fp, fn = counts.sum(0)
        return float(2 * tp / (2 * tp + fp + fn))

    plain = []
    for _ in range(4000):
        drawn = dice.integers(0, 60, 60)
        plain.append(score(second[drawn]) - score(first[drawn]))
    assert (found.first, found.second) == pytest.approx((score(first), score(second)))
    assert found.difference == pytest.approx(score(second) - score(first))
    spread = float(np.std(plain))
    assert found.interval == pytest.approx(np.quantile(plain, [0.025, 0.975]), abs=0.15 * spread)
    due = 2 * min(np.mean(np.array(plain) <= 0), np.mean(np.array(plain) >= 0))
    assert found.p == pytest.approx(due, abs=0.02)


def test_equal_systems_are_called_different_as_rarely_as_the_level_says() -> None:
    dice = np.random.default_rng(1)
    p, covered = [], 0
    for _ in range(300):
        hits = dice.random((2, 200)) < 0.8
        found = paired_bootstrap(*map(right_or_wrong, hits), accuracy, draws=500)
        p.append(found.p)
        covered += found.interval[0] <= 0 <= found.interval[1]
    assert 0.01 < np.mean(np.array(p) < 0.05) < 0.1
    assert 0.9 < covered / 300 < 0.99


def test_a_better_system_is_found_better_and_its_mirror_worse() -> None:
    dice = np.random.default_rng(2)
    worse = dice.random(1000) < 0.8
    better = worse | (dice.random(1000) < 0.2)
    found = paired_bootstrap(right_or_wrong(worse), right_or_wrong(better), accuracy)
    assert found.p < 0.001 < found.interval[0] < found.difference < found.interval[1]
    assert found.difference == pytest.approx(better.mean() - worse.mean())
    mirror = paired_bootstrap(right_or_wrong(better), right_or_wrong(worse), accuracy)
    assert (mirror.p, mirror.difference) == pytest.approx((found.p, -found.difference))


def test_pairs_tell_more_than_two_separate_tests() -> None:
    """The second is right wherever the first is: the noise they share is no noise."""
    dice = np.random.default_rng(3)
    first = dice.random(400) < 0.7
    second = first.copy()
    second[np.flatnonzero(~first)[:8]] = True
    paired = paired_bootstrap(right_or_wrong(first), right_or_wrong(second), accuracy)
    apart = paired_bootstrap(
        right_or_wrong(first), right_or_wrong(dice.permutation(second)), accuracy
    )
    assert paired.p < 0.01
    assert apart.p > 0.2


def test_a_system_against_itself_is_certainly_not_better() -> None:
    same = right_or_wrong([True, False, True])
    found = paired_bootstrap(same, same, accuracy)
    assert (found.difference, found.interval, found.p) == (0, (0, 0), 1)


def test_the_seed_is_the_whole_of_the_chance() -> None:
    dice = np.random.default_rng(4)
    first, second = dice.integers(0, 3, (50, 3)), dice.integers(0, 3, (50, 3))
    runs = [paired_bootstrap(first, second, seed=seed, draws=200) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]
    with pytest.raises(ValueError, match="counts of"):
        paired_bootstrap(first, second[:-1])


def test_deviations_are_those_of_a_sample() -> None:
    assert mean_and_deviation([1.0, 2.0, 4.0]) == pytest.approx((7 / 3, np.std([1, 2, 4], ddof=1)))
    mean, deviation = mean_and_deviation([3.0])
    assert mean == 3
    assert math.isnan(deviation)
