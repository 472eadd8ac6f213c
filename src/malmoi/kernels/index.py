"""The n-grams of a table by hash: one look for each, wherever in the table it stands.

    rows[at] = (key, log p, log β)      key: its history, and its last word in the lower half

A history is known by its own row, one of a single word by its id, so that a key belongs to one
n-gram only.  The rows of order k are rows[begin[k - 2]:begin[k - 1]], an open table in which the
next place is tried where one is taken (Knuth, TAOCP 3, §6.4, Algorithm L).  What a look-up is going
to need beside the place, the probability and the back-off weight, lies in the same line of a cache.
"""

from typing import NamedTuple

import numpy as np

from malmoi.kernels.compile import compiled, inlined
from malmoi.kernels.memory import prefetch

EMPTY = -1
PIECE = 512  # keys of which the places are asked for at once
ROOM = 2  # rows for each n-gram
MOST = 2**31 - 2**10  # n-grams: the upper half of a key holds a row


class Index(NamedTuple):
    """rows: [R, 3], as whole numbers and as fractions; the same memory.  begin: see the module."""

    rows: np.ndarray
    values: np.ndarray
    begin: np.ndarray


NOTHING = Index(np.empty((0, 3), np.int64), np.empty((0, 3)), np.zeros(1, np.int64))


def index(
    level: np.ndarray, word: np.ndarray, first: np.ndarray, logp: np.ndarray, beta: np.ndarray
) -> Index:
    """Of the arrays of a `lookup.Table`."""
    sizes = (np.diff(level[1:]) * ROOM).astype(np.int64) + 1
    begin = np.append(0, np.cumsum(sizes))
    rows = np.empty((begin[-1], 3), np.int64)
    rows[:, 0] = EMPTY
    parent = np.arange(level[1])
    for k in range(2, len(level)):
        parent = insert(
            rows[begin[k - 2] : begin[k - 1]],
            rows.view(np.float64)[begin[k - 2] : begin[k - 1]],
            int(begin[k - 2]),
            parent,
            word,
            first[level[k - 2] : level[k - 1] + 1],
            logp,
            beta[level[k - 1] : level[k]],
        )
    return Index(rows, rows.view(np.float64), begin)


@compiled
def insert(
    rows: np.ndarray,
    values: np.ndarray,
    base: int,
    parent: np.ndarray,
    word: np.ndarray,
    first: np.ndarray,
    logp: np.ndarray,
    beta: np.ndarray,
) -> np.ndarray:
    """Put the n-grams of one order in; returns their rows, counted from `base` before the first.

    parent: of each history; first: where its n-grams begin.  beta: of them, if they are histories.
    """
    low = first[0]
    key, made = np.empty(first[-1] - low, np.int64), np.empty(first[-1] - low, np.int64)
    for h in range(len(parent)):
        for j in range(first[h], first[h + 1]):
            key[j - low] = joined(parent[h], word[j])
    for begin in range(0, len(key), PIECE):
        end = min(begin + PIECE, len(key))
        for j in range(begin, end):
            made[j] = place(key[j], len(rows))
            prefetch(rows, made[j], 0)
        for j in range(begin, end):
            at = made[j]
            while rows[at, 0] != EMPTY:
                at = at + 1 if at + 1 < len(rows) else 0
            rows[at, 0], values[at, 1] = key[j], logp[low + j]
            values[at, 2] = beta[j] if len(beta) else 0.0
            made[j] = base + at
    return made


@inlined
def probe(rows: np.ndarray, at: int, low: int, high: int, key: int) -> int:
    """From row `at` on, which is one of low … high - 1, the row of this key or an empty one."""
    while rows[at, 0] != key and rows[at, 0] != EMPTY:
        at = at + 1 if at + 1 < high else low
    return at


@inlined
def joined(history: int, w: int) -> int:
    return int((np.int64(history) << 32) | np.int64(w))


@inlined
def place(key: int, size: int) -> int:
    """Where to look first: the upper half of a hash, as a share of the table."""
    x = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    return int(np.int64(((x >> np.uint64(32)) * np.uint64(size)) >> np.uint64(32)))
