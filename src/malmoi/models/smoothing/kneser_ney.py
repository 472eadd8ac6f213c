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

import numpy as np
from jaxtyping import Int

from malmoi.kernels.counting import Trie
from malmoi.models.smoothing.levels import Estimate, Level, levels, log

FALLBACK = (0.5, 1.0, 1.5)


def kneser_ney(trie: Trie) -> Estimate:
    p, beta = np.empty(len(trie.word)), np.ones(len(trie.first) - 1)
    told = []
    for k, level in enumerate(levels(trie), 1):
        a, parent = adjusted(trie, k, level), level.parent
        D, doubt = discounts(a)
        if doubt:
            told.append(f"Kneser–Ney, order {k}: {doubt}; discounts {FALLBACK} used instead")
        discount = np.array([0.0, *D])[np.minimum(a, 3)]
        total = level.sum(a)
        gamma = np.divide(level.sum(discount), total, out=np.ones(len(total)), where=total > 0)
        below = 1 / len(a) if k == 1 else p[trie.link[level.grams]]
        p[level.grams] = (a - discount) / total[parent] + gamma[parent] * below
        beta[level.histories] = level.keep(gamma)
    return Estimate(trie, log(p), log(beta), told)


def adjusted(trie: Trie, k: int, level: Level) -> Int[np.ndarray, " m"]:
    """a(w_1 … w_k) of every k-gram."""
    a = trie.counts[level.grams]
    if k == len(trie.level) - 1:
        return a
    longer = trie.link[trie.level[k] : trie.level[k + 1]]
    left = np.bincount(longer - level.grams.start, minlength=len(a)).astype(a.dtype)
    left[: level.begun] = a[: level.begun]
    return left


def discounts(a: Int[np.ndarray, " m"]) -> tuple[tuple[float, float, float], str]:
    """D(1), D(2), D(3), and why they are the fallback if they are."""
    t = np.bincount(a[(a > 0) & (a < 5)], minlength=5).tolist()
    if 0 in t[1:4]:
        return FALLBACK, f"no n-gram with count {t.index(0, 1)}"
    Y = t[1] / (t[1] + 2 * t[2])
    one, two, three = (r - (r + 1) * Y * t[r + 1] / t[r] for r in (1, 2, 3))
    if one <= 0 or two <= 0 or three <= 0:
        return FALLBACK, f"the counts of counts give {one:.2f}, {two:.2f}, {three:.2f}"
    return (one, two, three), ""
