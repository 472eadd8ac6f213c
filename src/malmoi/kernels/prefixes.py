"""A trie as in `kernels.counting` from the sorted places of a text, each with the n words there.

    rows[i]    w_1 … w_n, filled up with -1; the same row may be there more than once
    said[i]    how often it was said; no `said` at all: once

The k-grams are the beginnings of the rows, and those that are the same are neighbours, so that one
pass knows how many there are and a second one numbers them.  Both read and write from the first
place to the last: the arrays may lie on disk.
"""

import numpy as np

from malmoi.kernels.compile import compiled


@compiled
def sizes(rows: np.ndarray) -> np.ndarray:
    """How many k-grams there are, k = 1 … n; nothing if the rows are not sorted."""
    m, n = rows.shape
    found = np.zeros(n, np.int64)
    for i in range(m):
        k = agree(rows, i)
        if i > 0 and k < n and rows[i, k] < rows[i - 1, k]:
            return found[:0]
        while k < n and rows[i, k] >= 0:
            found[k] += 1
            k += 1
    return found


@compiled
def fill(
    rows: np.ndarray,
    said: np.ndarray,
    level: np.ndarray,
    word: np.ndarray,
    first: np.ndarray,
    counts: np.ndarray,
) -> None:
    """The nodes of orders 2 … n, and where the children of every node begin.

    level: as `sizes` gives it.  Nothing is said here of the one-grams' own words and counts.
    """
    m, n = rows.shape
    free = level[:-1].copy()  # the next node of order k + 1
    ids = 0
    for i in range(m):
        same = agree(rows, i)
        while ids <= rows[i, 0]:  # also those that begin nothing
            first[ids] = free[1]
            ids += 1
        for k in range(1, n):
            if rows[i, k] < 0:
                break
            if k >= same:
                node = free[k]
                free[k] += 1
                word[node] = rows[i, k]
                counts[node] = 0
                if k + 1 < n:
                    first[node] = free[k + 1]
            counts[free[k] - 1] += said[i] if len(said) else 1
    first[ids : level[1]] = level[2]
    first[level[n - 1]] = level[n]


@compiled
def agree(rows: np.ndarray, i: int) -> int:
    """How many words row i begins with that the row before it begins with too."""
    k = 0
    if i > 0:
        while k < rows.shape[1] and rows[i, k] == rows[i - 1, k]:
            k += 1
    return k


@compiled
def connect(level: np.ndarray, word: np.ndarray, first: np.ndarray, link: np.ndarray) -> bool:
    """The links of orders 2 … n; False if an n-gram is there without its ending.

    The children of h are among those of its link, and both are sorted: who looks for the next goes
    on where the last was found.
    """
    for node in range(level[1]):
        link[node] = -1
        for j in range(first[node], first[node + 1]):
            link[j] = word[j]
    for node in range(level[1], len(first) - 1):
        low, end = first[link[node]], first[link[node] + 1]
        for j in range(first[node], first[node + 1]):
            high = end
            while low < high:
                middle = (low + high) >> 1
                if word[middle] < word[j]:
                    low = middle + 1
                else:
                    high = middle
            if low == end or word[low] != word[j]:
                return False
            link[j] = low
    return True
