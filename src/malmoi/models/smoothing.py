"""From counts to probabilities: the estimators of the n-gram model, all in back-off form.

    p(w | h) = p*(h w)  if h w was seen,  else  β(h) p(w | h')        h' drops the oldest word of h

Each function returns log p* for every n-gram and log β for every history of a `Trie`.

    mle             c(hw) / c(h)
    additive        (c(hw) + α) / (c(h) + α V)                             Chen & Goodman 1998, §2.1
    kneser-ney      (a(hw) − D(a(hw))) / Σ_w a(hw)  +  γ(h) p(w | h')               §3, eq. 24–26
                    γ(h) = Σ_w D(a(hw)) / Σ_w a(hw)
                    D(1), D(2), D(3+) = r − (r + 1) Y t_{r+1} / t_r,   Y = t_1 / (t_1 + 2 t_2)

c counts.  a counts too at the highest order and where h begins with `<s>`; elsewhere a(w_1 … w_k)
is the number of distinct words seen before w_1 … w_k.  t_r is the number of k-grams with a = r.
Below order 1 lies the uniform distribution, 1 / V.

Differs: the conditional of a history that was never seen is that of its longest seen ending (the
papers leave 0 / 0 open), except for `additive`, where it is uniform, as its equation says.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Integer

from malmoi.kernels.counting import Trie

FALLBACK = (0.5, 1.0, 1.5)


class Estimate(NamedTuple):
    """log p* of every n-gram, log β of every history, and what a person should be told."""

    logp: Float[np.ndarray, " M"]
    beta: Float[np.ndarray, " I"]
    announcements: list[str]


class Level(NamedTuple):
    """The k-grams of one order and the histories they follow, as slices of a trie's arrays."""

    grams: slice
    histories: slice
    parent: Integer[np.ndarray, " m"]  # each k-gram's history, counted from the slice's beginning
    begun: int  # how many of the histories begin with <s>: they come first

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Σ_w over the words after each history."""
        size = max(self.histories.stop - self.histories.start, 1)
        return np.bincount(self.parent, values, size)


def levels(trie: Trie) -> list[Level]:
    """Orders 1 … n.  The empty history is no node: order 1 has one history and an empty slice."""
    V, out = trie.level[1], []
    out.append(Level(slice(0, V), slice(0, 0), np.zeros(V, np.int8), 0))
    begun = 1
    for low, mid, high in zip(trie.level, trie.level[1:], trie.level[2:], strict=False):
        sizes = np.diff(trie.first[low : mid + 1])
        parent = np.repeat(np.arange(mid - low, dtype=trie.first.dtype), sizes)
        out.append(Level(slice(mid, high), slice(low, mid), parent, begun))
        begun = int(trie.first[low + begun]) - mid
    return out


def log(p: np.ndarray) -> np.ndarray:
    """In place; log 0 is -inf and no warning."""
    with np.errstate(divide="ignore"):
        np.log(p, out=p)
    return p


def mle(trie: Trie) -> Estimate:
    p, beta = np.empty(len(trie.word)), np.ones(len(trie.first) - 1)
    for level in levels(trie):
        c = trie.counts[level.grams]
        total = level.sum(c)
        p[level.grams] = c / total[level.parent]
        beta[level.histories][total[: len(beta[level.histories])] > 0] = 0.0
    return Estimate(log(p), log(beta), [])


def additive(trie: Trie, alpha: float) -> Estimate:
    V, n = trie.level[1], len(trie.level) - 1
    p, beta = np.full(len(trie.word), 1 / V), np.ones(len(trie.first) - 1)
    for k, level in enumerate(levels(trie), 1):
        c = trie.counts[level.grams]
        total = level.sum(c)
        # a history is whole if it has n - 1 words or goes back to the beginning of the sentence
        whole = len(total) if k == n else level.begun
        grams = np.searchsorted(level.parent, whole)
        here = (c[:grams] + alpha) / (total[level.parent[:grams]] + alpha * V)
        p[level.grams][:grams] = here
        beta[level.histories][:whole] = (alpha * V / (total + alpha * V))[
            : min(whole, len(beta[level.histories]))
        ]
    return Estimate(log(p), log(beta), [])


def kneser_ney(trie: Trie) -> Estimate:
    V, n = trie.level[1], len(trie.level) - 1
    p, beta = np.empty(len(trie.word)), np.ones(len(trie.first) - 1)
    lower, told = np.full(1, 1 / V), []
    for k, level in enumerate(levels(trie), 1):
        a = adjusted(trie, k, level)
        D, fallback = discounts(a)
        if fallback:
            told.append(
                f"Kneser–Ney order {k}: {fallback}; discounts {', '.join(map(str, FALLBACK))} used"
            )
        total = level.sum(a)
        discount = np.array([0.0, *D])[np.minimum(a, 3)]
        with np.errstate(invalid="ignore"):
            gamma = level.sum(discount) / total
        below = lower[0] if k == 1 else p[trie.link[level.grams]]
        p[level.grams] = (a - discount) / total[level.parent] + gamma[level.parent] * below
        beta[level.histories] = np.where(total > 0, gamma, 1.0)[: len(beta[level.histories])]
    assert n == k
    return Estimate(log(p), log(beta), told)


def adjusted(trie: Trie, k: int, level: Level) -> Int[np.ndarray, " m"]:
    """a: counts at the highest order and after <s>, else the number of words seen before."""
    a = trie.counts[level.grams]
    if k == len(trie.level) - 1:
        return a
    above = trie.link[trie.level[k] : trie.level[k + 1]] - level.grams.start
    left = np.bincount(above, minlength=len(a)).astype(a.dtype)
    begun = np.searchsorted(level.parent, level.begun)
    left[:begun] = a[:begun]
    return left


def discounts(a: Int[np.ndarray, " m"]) -> tuple[tuple[float, float, float], str]:
    """D(1), D(2), D(3+) from the counts of counts, and why they are the fallback, if they are."""
    t = np.bincount(a[(a > 0) & (a < 5)], minlength=5).tolist()
    if not all(t[1:4]):
        r = t[1:4].index(0) + 1
        return FALLBACK, f"no n-gram was counted {('once', 'twice', 'three times')[r - 1]}"
    Y = t[1] / (t[1] + 2 * t[2])
    one, two, three = (r - (r + 1) * Y * t[r + 1] / t[r] for r in (1, 2, 3))
    if not (0 < one <= 1 and 0 < two <= 2 and 0 < three <= 3):
        return FALLBACK, "the counts of counts give a discount below 0"
    return (one, two, three), ""
