"""What word2vec asks beside the word that was said: words of the noise, or a way down a tree.

noise    p(w) ∝ count(w)^0.75                            Mikolov et al. 2013b, §2.2
tree     Huffman (1952): the two least frequent become one, until one is left; a frequent word
         has a short way from the root, and Σ_w p(w) · length(w) is the least possible
keep     min(1, √(t/f) + t/f) of the words of frequency f are read    word2vec.c; §2.3 of the
         paper has √(t/f)
"""

import numpy as np
from jaxtyping import Float, Int, Integer

from malmoi.kernels.asking import Noise, Tree
from malmoi.kernels.compile import compiled

WHOLE = 2**32  # a chance of 1


def noise(counts: Integer[np.ndarray, " V"], power: float) -> Noise:
    """The alias table of p ∝ count^power; what was never seen is never drawn."""
    weight = np.where(counts > 0, counts.astype(np.float64) ** power, 0.0)
    stay, other = np.empty(len(counts), np.int64), np.empty(len(counts), np.int64)
    alias(weight / weight.sum() * len(counts), stay, other)
    return Noise(stay, other)


def kept(counts: Integer[np.ndarray, " V"], threshold: float) -> Int[np.ndarray, " V"]:
    """How often of 2³² times each word is read; 0 for what was never seen.  threshold 0: always."""
    if not threshold:
        return np.where(counts > 0, WHOLE, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = threshold / (counts / counts.sum())
        share = np.minimum(1.0, np.sqrt(ratio) + ratio)
    return np.where(counts > 0, np.nan_to_num(share) * WHOLE, 0).astype(np.int64)


def huffman(counts: Integer[np.ndarray, " V"]) -> Tree:
    """The way to every word that was seen; there is one node less than there are such words."""
    seen = np.flatnonzero(counts > 0)
    order = seen[np.argsort(counts[seen], kind="stable")]
    parent, left = np.zeros(2 * len(order), np.int64), np.zeros(2 * len(order), np.uint8)
    join(counts[order].astype(np.int64), parent, left)
    first = np.zeros(len(counts) + 1, np.int64)
    size = depths(parent, len(order))
    first[order + 1] = size
    first = np.cumsum(first)
    node, turn = np.empty(first[-1], np.int64), np.empty(first[-1], np.float32)
    walk(parent, left, order, first, node, turn)
    return Tree(first, node, turn)


@compiled
def alias(weight: np.ndarray, stay: np.ndarray, other: np.ndarray) -> None:
    """Walker's table of weights whose mean is 1."""
    n = len(weight)
    low, high = np.empty(n, np.int64), np.empty(n, np.int64)
    lows = highs = 0
    for i in range(n):
        stay[i], other[i] = 4294967296, i
        if weight[i] < 1.0:
            low[lows] = i
            lows += 1
        else:
            high[highs] = i
            highs += 1
    while lows > 0 and highs > 0:
        lows -= 1
        s, t = low[lows], high[highs - 1]
        stay[s], other[s] = np.int64(weight[s] * 4294967296.0), t
        weight[t] -= 1.0 - weight[s]
        if weight[t] < 1.0:
            highs -= 1
            low[lows] = t
            lows += 1


@compiled
def join(counts: np.ndarray, parent: np.ndarray, left: np.ndarray) -> None:
    """Huffman's tree of counts that rise; the words are 0 … n − 1, the root is 2n − 2."""
    n = len(counts)
    weight = np.empty(2 * n, np.int64)
    weight[:n] = counts
    word, node = 0, n  # the lightest of each kind that has no parent
    for new in range(n, 2 * n - 1):
        for turn in range(2):
            if word < n and (node == new or weight[word] <= weight[node]):
                lightest = word
                word += 1
            else:
                lightest = node
                node += 1
            if turn == 0:
                weight[new] = weight[lightest]
            else:
                weight[new] += weight[lightest]
            parent[lightest], left[lightest] = new, turn


@compiled
def depths(parent: np.ndarray, n: int) -> np.ndarray:
    """How long the way to each word is."""
    depth = np.zeros(2 * n, np.int64)
    for at in range(2 * n - 3, -1, -1):
        depth[at] = depth[parent[at]] + 1
    return depth[:n]


@compiled
def walk(
    parent: np.ndarray,
    left: np.ndarray,
    order: np.ndarray,
    first: np.ndarray,
    node: np.ndarray,
    turn: np.ndarray,
) -> None:
    """Write down the ways, from the root to each word."""
    n = len(order)
    for i in range(n):
        at, place = i, first[order[i] + 1]
        while at != 2 * n - 2:
            place -= 1
            turn[place] = left[at]
            at = parent[at]
            node[place] = at - n


def frequency(noise: Noise) -> Float[np.ndarray, " V"]:
    """The chance of each word to be drawn from an alias table."""
    V = len(noise.stay)
    stay = noise.stay / WHOLE
    p: np.ndarray = np.bincount(noise.other, 1.0 - stay, minlength=V) + stay
    return p / V
