"""The two loops of Kneser–Ney smoothing over a trie as in `kernels.counting`."""

import numpy as np

from malmoi.kernels.compile import compiled


@compiled
def contexts(link: np.ndarray, low: int, out: np.ndarray) -> None:
    """N_1+(• h w): how many longer n-grams lead to each node from `low` on."""
    out[:] = 0
    for node in link:
        out[node - low] += 1


@compiled
def interpolate(
    a: np.ndarray,
    discount: np.ndarray,
    low: int,
    first: np.ndarray,
    link: np.ndarray,
    p: np.ndarray,
    beta: np.ndarray,
) -> None:
    """p(w | h) and γ(h) of the histories from `low` on.  a: of their children, in order.

    first: of those histories, and where the last one's children end.  discount: D(0) … D(3).
    """
    begin = first[0]
    for h in range(len(first) - 1):
        total, taken = 0, 0.0
        for j in range(first[h], first[h + 1]):
            total += a[j - begin]
            taken += discount[min(a[j - begin], 3)]
        if total > 0:
            beta[low + h] = taken / total
        for j in range(first[h], first[h + 1]):
            r = a[j - begin]
            p[j] = (r - discount[min(r, 3)]) / total + beta[low + h] * p[link[j]]
