"""Back-off with Good–Turing discounts (Katz, "Estimation of probabilities from sparse data for the
language model component of a speech recognizer", IEEE ASSP 35(3), 1987; as in Chen & Goodman 1998,
§2.4).

    p(w | h) = d(c(h w)) c(h w) / c(h)      if c(h w) > 0
             = α(h) p(w | h')               otherwise
    d(r)     = (r* / r − A) / (1 − A)       for r ≤ k, else 1       A = (k + 1) t_{k+1} / t_1
    r*       = (r + 1) t_{r+1} / t_r                                 (Good–Turing)
    α(h)     = (1 − Σ_{w seen after h} p(w | h)) / (1 − Σ_{w seen after h} p(w | h'))

paper    here              paper    here
α(h)     beta              k        config.k, 5 unless given
t_r      n-grams of one order with c = r

At order 1 what is discounted is shared evenly by the words of the vocabulary that were never said.

Differs, where the equations leave nothing to share or nobody to share it with.  Counts of counts
that give no d(r) between 0 and 1 (small texts): k is lowered, and if that does not help d(r) is
(r − ½) / r; both are announced.  A history without a count ≤ k would give every other word 0: its
counts are divided by c(h) + 1.  A history that every word of the vocabulary has followed keeps what
was discounted.
"""

import numpy as np
from jaxtyping import Float, Int

from malmoi.kernels.counting import Trie
from malmoi.models.smoothing.levels import Estimate, levels, log


def katz(trie: Trie, k: int) -> Estimate:
    V = trie.level[1]
    p, beta = np.zeros(len(trie.word)), np.ones(len(trie.first) - 1)
    told = []
    for order, level in enumerate(levels(trie), 1):
        c, parent = trie.counts[level.grams], level.parent
        d, doubt = discounts(c, k)
        if doubt:
            told.append(f"Katz, order {order}: {doubt}")
        total, types = level.sum(c), level.sum(c > 0)
        small = level.sum((c > 0) & (c < len(d) - 1))
        total += (small == 0) & (types > 0) & (types < V)
        here = d[np.minimum(c, len(d) - 1)] * c / total[parent]
        kept = level.sum(here)
        here /= np.where(types == V, kept, 1.0)[parent]
        if order == 1:
            here[c == 0] = (1 - kept[0]) / max(V - types[0], 1)
        else:
            below = level.sum(p[trie.link[level.grams]])
            seen = (types > 0) & (types < V)
            left = np.divide(1 - kept, 1 - below, out=np.ones(len(kept)), where=seen)
            beta[level.histories] = np.where(types == V, 0.0, left)
        p[level.grams] = here
    return Estimate(trie, log(p), log(beta), told)


def discounts(c: Int[np.ndarray, " m"], k: int) -> tuple[Float[np.ndarray, " r"], str]:
    """d(0) … d(k) and a last 1 for all counts above k, and what had to be done to find them."""
    t = np.bincount(c[(c > 0) & (c <= k + 1)], minlength=k + 2).astype(float)
    for lower in range(k, 1, -1):
        r = np.arange(1, lower + 1)
        if t[1 : lower + 2].all():
            A = (lower + 1) * t[lower + 1] / t[1]
            d = ((r + 1) * t[r + 1] / (r * t[r]) - A) / (1 - A) if A != 1 else np.zeros(lower)
            if ((d > 0) & (d < 1)).all():
                doubt = "" if lower == k else f"counts above {lower} are not discounted"
                return np.array([1.0, *d, 1.0]), doubt
    r = np.arange(1, k + 1)
    doubt = f"no Good–Turing discounts; (r − ½) / r used for counts r ≤ {k}"
    return np.array([1.0, *((r - 0.5) / r), 1.0]), doubt
