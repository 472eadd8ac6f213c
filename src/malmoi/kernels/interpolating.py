"""The loops of Kneser–Ney smoothing over a trie as in `kernels.counting`.

What lies all over memory is fetched by itself, in loops that decide nothing, so that many fetches
are under way at once.  Most histories of a text have one child: it is asked for first.
"""

import numpy as np

from malmoi.kernels.compile import compiled


@compiled
def contexts(link: np.ndarray, low: int, out: np.ndarray) -> None:
    """N_1+(• h w): how many longer n-grams lead to each node from `low` on."""
    out[:] = 0
    for node in link:
        out[node - low] += 1


@compiled
def counts_of_counts(a: np.ndarray) -> tuple[int, int, int, int]:
    """t_1 … t_4: how many of `a` are 1, 2, 3, 4."""
    one = two = three = four = 0
    for r in a:
        one += r == 1
        two += r == 2
        three += r == 3
        four += r == 4
    return one, two, three, four


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
    for j in range(begin, first[-1]):
        p[np.uint64(j)] = p[np.uint64(link[j])]  # p(w | h')
    for h in range(len(first) - 1):
        left, right = first[h], first[h + 1]
        if right - left == 1:
            r = a[left - begin]
            D = discount[min(r, 3)]
            gamma = D / r
            beta[low + h] = gamma
            p[left] = (r - D) / r + gamma * p[left]
        elif right > left:
            total, taken = 0, 0.0
            for j in range(left, right):
                r = a[j - begin]
                total += r
                taken += discount[min(r, 3)]
            gamma = taken / total
            beta[low + h] = gamma
            for j in range(left, right):
                r = a[j - begin]
                p[j] = (r - discount[min(r, 3)]) / total + gamma * p[j]
