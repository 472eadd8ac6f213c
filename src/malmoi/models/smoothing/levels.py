"""What the estimators share: the n-grams of one order, their histories, and the answer's form."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from malmoi.kernels.counting import Trie


class Estimate(NamedTuple):
    """log p* of every n-gram of `trie`, log β of every history, what a person should be told."""

    trie: Trie
    logp: Float[np.ndarray, " M"]
    beta: Float[np.ndarray, " I"]
    announcements: list[str]


class Level(NamedTuple):
    """The k-grams h w of one order, as slices of a trie's arrays.

    parent: the h of each h w, counted from the beginning of `histories`.  begun: the first so many
    k-grams begin with <s>.  The empty history is no node: order 1 has one parent and no histories.
    """

    grams: slice
    histories: slice
    parent: Integer[np.ndarray, " m"]
    begun: int

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Σ_w over the words seen after each history, in the type of `values`."""
        size = max(self.histories.stop - self.histories.start, 1)
        return np.bincount(self.parent, values, size)

    def keep(self, values: np.ndarray) -> np.ndarray:
        """One value for each history that is a node."""
        return values[: self.histories.stop - self.histories.start]


def levels(trie: Trie) -> list[Level]:
    """Orders 1 … n."""
    V = trie.level[1]
    out = [Level(slice(0, V), slice(0, 0), np.zeros(V, np.int8), 0)]
    begun = 1  # one history of one word is <s> itself, and those that begin with it come first
    for low, mid, high in zip(trie.level, trie.level[1:], trie.level[2:], strict=False):
        parent = np.repeat(
            np.arange(mid - low, dtype=trie.first.dtype), np.diff(trie.first[low : mid + 1])
        )
        begun = int(trie.first[low + begun]) - mid
        out.append(Level(slice(mid, high), slice(low, mid), parent, begun))
    return out


def log(p: np.ndarray) -> np.ndarray:
    """In place; log 0 is -inf and no warning."""
    with np.errstate(divide="ignore"):
        np.log(p, out=p)
    return p
