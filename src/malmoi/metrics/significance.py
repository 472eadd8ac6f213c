"""Whether one system is better than another, or was luckier with these examples.

Paired bootstrap (Efron & Tibshirani 1993, ch. 16; Koehn 2004, W04-3250): draw as many examples as
there are, with replacement, the same for both systems, and look at the difference of the measure;
again and again.

    interval    the middle 95 % of the differences
    p           how often a difference as far from 0 as the one seen would be drawn, were there
                none: 2 · min over the two sides of (draws beyond 0 + 1) / (draws + 1), at most 1

A measure is of counts summed over examples, so a draw is a multiplication by how often each kind of
example was drawn.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer, Num

DRAWS, CHUNK = 10_000, 1 << 22  # chunk: numbers held at once


class Difference(NamedTuple):
    """How much better the second system is, and what chance would make of it.

    interval: of the difference.  p: two-sided.
    """

    first: float
    second: float
    difference: float
    interval: tuple[float, float]
    p: float


def accuracy(sums: Float[np.ndarray, "draws c"]) -> Float[np.ndarray, " draws"]:
    """From (right, all)."""
    return _share(sums[..., 0], sums[..., 1])


def f1(sums: Float[np.ndarray, "draws c"]) -> Float[np.ndarray, " draws"]:
    """From (tp, fp, fn)."""
    return _share(2 * sums[..., 0], 2 * sums[..., 0] + sums[..., 1] + sums[..., 2])


def _share(
    part: Float[np.ndarray, " draws"], whole: Float[np.ndarray, " draws"]
) -> Float[np.ndarray, " draws"]:
    return np.asarray(np.divide(part, whole, out=np.zeros_like(part), where=whole > 0))


def paired_bootstrap(
    first: Num[np.ndarray, "n c"],
    second: Num[np.ndarray, "m k"],
    measure: Callable[[np.ndarray], np.ndarray] = f1,
    *,
    draws: int = DRAWS,
    level: float = 0.95,
    seed: int = 0,
) -> Difference:
    """Compare two systems by their counts at the same examples, a row each.

    measure: `f1` of (tp, fp, fn) or `accuracy` of (right, all), or another of summed counts.
    """
    if first.shape != second.shape or not len(first):
        raise ValueError(f"the systems have counts of {first.shape} and {second.shape}")
    n, c = first.shape
    # examples that are alike are drawn together: the same chances, and far fewer numbers
    rows = np.concatenate([first, second], axis=1)
    kinds, many = np.unique(rows, axis=0, return_counts=True)  # [u, 2c], [u]
    both = kinds.astype(np.float64)
    seen = measure((many @ both).reshape(2, c)).tolist()
    dice = np.random.default_rng(seed)
    differences = np.empty(draws)
    step = max(CHUNK // len(many), 1)
    for start in range(0, draws, step):
        size = min(step, draws - start)
        drawn = dice.multinomial(n, many / n, size=size)  # [size, u], how often each kind
        sums = drawn @ both  # [size, 2c]
        differences[start : start + size] = measure(sums[:, c:]) - measure(sums[:, :c])
    beyond = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    tail = (1 - level) / 2
    low, high = np.quantile(differences, [tail, 1 - tail]).tolist()
    p = min(2 * (beyond + 1) / (draws + 1), 1.0)
    return Difference(seen[0], seen[1], seen[1] - seen[0], (low, high), p)


def right_or_wrong(right: Sequence[bool] | np.ndarray) -> Integer[np.ndarray, "n 2"]:
    """The counts that `accuracy` takes, from what was right."""
    hits = np.asarray(right, np.int64)
    return np.stack([hits, np.ones_like(hits)], axis=1)


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and the standard deviation of a sample (n − 1); not a number if it is of one."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else math.nan
