"""Interpolated modified Kneser–Ney smoothing (Kneser & Ney, ICASSP 1995; Chen & Goodman,
"An empirical study of smoothing techniques for language modeling", TR-10-98, Harvard, 1998, §3).

    p(w | h) = (a(h w) − D(a(h w))) / Σ_w a(h w)  +  γ(h) p(w | h')                      eq. 24
    γ(h)     = Σ_w D(a(h w)) / Σ_w a(h w)                                                eq. 25
    D(r)     = r − (r + 1) Y t_{r+1} / t_r      Y = t_1 / (t_1 + 2 t_2)                  eq. 26
               for r = 1, 2, 3; D(r) = D(3) above

paper            here
a                `adjusted`: the count at the highest order and of what begins with <s>;
                 otherwise N_1+(• h w), the number of distinct words seen before h w
t_r              n-grams of one order with a = r
γ(h)             beta

The recursion ends in the uniform distribution 1 / V below order 1.

Differs: where the counts of counts give no discounts (small texts, characters), ½, 1 and 1½ are
used for that order and announced; the paper does not say.  The counts after <s> are kept because
nothing is ever seen before it (so do the toolkits).
"""

from itertools import pairwise

import numpy as np
from jaxtyping import Int

from malmoi.kernels.counting import Trie
from malmoi.kernels.interpolating import contexts, counts_of_counts, interpolate
from malmoi.models.counting.disk import Empty
from malmoi.models.smoothing.levels import Estimate, log

FALLBACK = (0.5, 1.0, 1.5)


def kneser_ney(trie: Trie, empty: Empty = np.empty) -> Estimate:
    """empty: makes every array that is as long as the table."""
    p, beta = empty(len(trie.word), np.float64), empty(len(trie.first) - 1, np.float64)
    beta[:] = 1.0
    told, begun = [], 0  # how many n-grams of this order begin with <s>; as </s>, it does not
    for k, (low, high) in enumerate(pairwise(trie.level), 1):
        a = adjusted(trie, k, begun, empty)
        D, doubt = discounts(a)
        if doubt:
            told.append(f"Kneser–Ney, order {k}: {doubt}; discounts {FALLBACK} used instead")
        discount = np.array([0.0, *D])
        if k == 1:
            taken, total = discount[np.minimum(a, 3)], a.sum()
            p[:high] = (a - taken) / total + taken.sum() / total / len(a)
        else:
            before = trie.level[k - 2]
            first = trie.first[before : low + 1]
            interpolate(a, discount, before, first, trie.link, p, beta)
        if k < len(trie.level) - 1:
            begun = int(trie.first[low + (1 if k == 1 else begun)]) - high
    return Estimate(trie, log(p), log(beta), told)


def adjusted(trie: Trie, k: int, begun: int, empty: Empty) -> Int[np.ndarray, " m"]:
    """a(w_1 … w_k) of every k-gram."""
    low, high = trie.level[k - 1 : k + 1]
    counts = trie.counts[low:high]
    if k == len(trie.level) - 1:
        return counts
    a = empty(len(counts), counts.dtype.type)
    contexts(trie.link[high : trie.level[k + 1]], low, a)
    a[:begun] = counts[:begun]
    return a


def discounts(a: Int[np.ndarray, " m"]) -> tuple[tuple[float, float, float], str]:
    """D(1), D(2), D(3), and why they are the fallback if they are."""
    t = (0, *counts_of_counts(a))
    if 0 in t[1:4]:
        return FALLBACK, f"no n-gram with count {t.index(0, 1)}"
    Y = t[1] / (t[1] + 2 * t[2])
    one, two, three = (r - (r + 1) * Y * t[r + 1] / t[r] for r in (1, 2, 3))
    if one <= 0 or two <= 0 or three <= 0:
        return FALLBACK, f"the counts of counts give {one:.2f}, {two:.2f}, {three:.2f}"
    return (one, two, three), ""
