"""The children of nodes that have many, by hash.

To find a word among thousands of children by halving takes a dozen steps, each of which waits for
the one before.  Here it takes one: an open table of (node, word) → child, in which the next place
is tried where one is taken (Knuth, TAOCP 3, §6.4, Algorithm L).  A node of few children is not in
it: they stand in one line of a cache, and are looked through.
"""

import numpy as np

from malmoi.kernels.compile import compiled

FEW = 16  # children that are looked through
EMPTY = -1


def index(word: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Of a trie as in `kernels.counting`.  A row is a node, a word, and the child of the two."""
    sizes = np.diff(first)
    held = int(sizes[sizes > FEW].sum())
    table = np.full((held * 3 // 2 + 1, 3), EMPTY, first.dtype)
    fill(word, first, table)
    return table


@compiled
def fill(word: np.ndarray, first: np.ndarray, table: np.ndarray) -> None:
    for node in range(len(first) - 1):
        low, high = first[node], first[node + 1]
        if high - low > FEW:
            for j in range(low, high):
                at = place(node, word[j], len(table))
                while table[at, 0] != EMPTY:
                    at = at + 1 if at + 1 < len(table) else 0
                table[at, 0] = node
                table[at, 1] = word[j]
                table[at, 2] = j


@compiled
def probe(table: np.ndarray, node: int, w: int) -> int:
    """The node of (node, w), or -1; of a node that has more than a few children."""
    at = place(node, w, len(table))
    while table[at, 0] != node or table[at, 1] != w:
        if table[at, 0] == EMPTY:
            return -1
        at = at + 1 if at + 1 < len(table) else 0
    return int(table[at, 2])


@compiled
def place(node: int, w: int, size: int) -> int:
    """Where to look first: the upper half of a hash, as a share of the table."""
    x = np.uint64(node) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(w)
    x = (x ^ (x >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    return int(np.int64(((x >> np.uint64(32)) * np.uint64(size)) >> np.uint64(32)))
