"""A trie as in `kernels.counting` from n-grams that somebody else chose, order by order.

Such a set may lack an ending (a b c without b c); a link then leads to the longest ending that is
there.  It may not lack a beginning: a b c needs a b.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from malmoi.kernels.compile import compiled
from malmoi.kernels.counting import frozen
from malmoi.kernels.lookup import child


class Fault(NamedTuple):
    """The n-gram that cannot be there, as its row in the order of the file."""

    row: int
    repeated: bool  # otherwise its history is missing


class Growing:
    """The trie so far.  `add` takes all n-grams of the next order."""

    def __init__(self, V: int) -> None:
        self.level = [0, V]
        self.word = np.arange(V, dtype=np.int32)
        self.first = np.array([V], np.int64)
        self.link = np.full(V, -1, np.int64)

    def add(self, grams: Int[np.ndarray, "m k"]) -> Int[np.ndarray, " m"] | Fault:
        """The rows of `grams` in the order of their new nodes, or the first that does not fit."""
        m, k = grams.shape
        word, first = frozen(self.word), frozen(self.first)
        parent = walk(frozen(grams[:, :-1]), word, first)
        if (parent < 0).any():
            return Fault(int(np.argmax(parent < 0)), repeated=False)
        order = np.lexsort((grams[:, -1], parent))
        grams, parent = grams[order], parent[order]
        same = (np.diff(parent) == 0) & (np.diff(grams[:, -1]) == 0)
        if same.any():
            at = int(np.argmax(same))
            return Fault(int(order[at : at + 2].max()), repeated=True)
        link = np.full(m, -1, np.int64)
        for begin in range(1, k):
            lost = np.flatnonzero(link < 0)
            link[lost] = walk(frozen(grams[lost, begin:]), word, first)
        low, mid = self.level[-2:]
        sizes = np.bincount(parent - low, minlength=mid - low)
        self.first = np.concatenate([self.first, mid + np.cumsum(sizes)])
        self.word = np.concatenate([self.word, grams[:, -1].astype(np.int32)])
        self.link = np.concatenate([self.link, link])
        self.level.append(mid + m)
        return order


@compiled
def walk(grams: np.ndarray, word: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The node of each row of words, -1 if it is not there."""
    m, k = grams.shape
    nodes = np.empty(m, np.int64)
    for i in range(m):
        node = grams[i, 0]
        for j in range(1, k):
            if node >= 0:
                histories = len(first) - 1
                node = child(word, first, node, grams[i, j]) if node < histories else -1
        nodes[i] = node
    return nodes
