"""What word2vec asks of an input h, and what the answers say of it.

Mikolov et al. 2013a (arXiv:1301.3781), 2013b (arXiv:1310.4546).

Asked are rows of U, each with the answer t that is true (1: it was said; 0: it was not) and a
weight m:

    E = −Σ_k m_k log σ(±u_k·h)             + where t_k = 1, − where t_k = 0
    g_k = m_k (t_k − σ(u_k·h))             e = Σ_k g_k u_k = −∂E/∂h
    u_k ← u_k + η g_k h

    negative       the word that was said, and words of the noise: t = 1, 0, 0, …
    shared         all words of a window, and words of the noise, each for all of them (m is how
                   many they are)
    hierarchical   the nodes on the word's way down the tree: t = 1 where it turns left
    whole          every word there is, and one softmax of them: g_k = t_k − exp(u_k·h) / Z
"""

import math
from typing import NamedTuple

import numpy as np

from malmoi.kernels.compile import inlined
from malmoi.kernels.memory import prefetch

NEGATIVE, HIERARCHICAL, SHARED, WHOLE = 0, 1, 2, 3
AHEAD, LINE = 32, 16  # rows that are fetched ahead; numbers of a cache line


class Noise(NamedTuple):
    """An alias table (Walker 1977): i is drawn evenly, and stays i by a chance of stay[i] / 2³²."""

    stay: np.ndarray
    other: np.ndarray


class Tree(NamedTuple):
    """The way to word w is node[first[w]:first[w+1]]; left: whether it turns left there.

    Of WHOLE: `node` are the words there are.
    """

    first: np.ndarray
    node: np.ndarray
    left: np.ndarray


@inlined
def draw(rng: np.ndarray) -> int:
    """32 random bits (a linear congruence of 64, its upper half; Knuth)."""
    rng[0] = rng[0] * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
    return np.int64(rng[0] >> np.uint64(32))  # type: ignore[return-value]  # int() is unsigned


@inlined
def below(rng: np.ndarray, n: int) -> int:
    """One of 0 … n − 1."""
    return (draw(rng) * n) >> 32


@inlined
def noisy(rng: np.ndarray, noise: Noise) -> int:
    """A word of the noise."""
    i = below(rng, len(noise.stay))
    other = noise.other[i]  # read in any case: to guess whether it is wanted costs more
    drawn: int = i if draw(rng) < noise.stay[i] else other
    return drawn


@inlined
def ask(
    how: int,
    word: int,
    rng: np.ndarray,
    noise: Noise,
    negatives: int,
    tree: Tree,
    asked: np.ndarray,
    answer: np.ndarray,
) -> int:
    """Which rows of U are asked for a word, and the answers; returns how many."""
    K = 0
    if how == HIERARCHICAL:
        for at in range(tree.first[word], tree.first[word + 1]):
            asked[K], answer[K] = tree.node[at], tree.left[at]
            K += 1
        return K
    if how == WHOLE:
        for u in tree.node:
            asked[K], answer[K] = u, u == word
            K += 1
        return K
    asked[0], answer[0] = word, 1.0
    K = 1
    for _ in range(negatives):
        K += another(rng, noise, asked, answer, 1, K)
    return K


@inlined
def ask_all(
    sentence: np.ndarray,
    low: int,
    high: int,
    middle: int,
    rng: np.ndarray,
    noise: Noise,
    negatives: int,
    asked: np.ndarray,
    answer: np.ndarray,
) -> int:
    """The same for all words of a window but the one in its middle, SHARED."""
    K = 0
    for j in range(low, high):
        if j != middle:
            asked[K], answer[K] = sentence[j], 1.0
            K += 1
    said = K
    for _ in range(negatives):
        K += another(rng, noise, asked, answer, said, K)
    return K


@inlined
def another(
    rng: np.ndarray, noise: Noise, asked: np.ndarray, answer: np.ndarray, said: int, K: int
) -> int:
    """Ask a word of the noise at place K, unless it is one of the first, which were said."""
    word = noisy(rng, noise)
    for k in range(said):
        if asked[k] == word:
            return 0
    asked[K], answer[K] = word, 0.0
    return 1


@inlined
def fetch(matrix: np.ndarray, rows: np.ndarray, K: int) -> None:
    """Have the first K rows on their way here while something else is done."""
    for k in range(min(K, AHEAD)):
        for q in range(0, matrix.shape[1], LINE):
            prefetch(matrix, rows[k], q)


@inlined
def weigh(
    h: np.ndarray,
    U: np.ndarray,
    asked: np.ndarray,
    answer: np.ndarray,
    weight: np.ndarray,
    K: int,
    lr: np.float32,
    g: np.ndarray,
    tells: bool,
    whole: bool,
) -> float:
    """g_k times η; what the answers cost, if that is to be told.  whole: of one softmax."""
    cost = 0.0
    for k in range(K):
        u = asked[k]
        x = np.float32(0.0)
        for q in range(len(h)):
            x += h[q] * U[u, q]
        g[k] = x
    if whole:
        top, total = g[:K].max(), np.float32(0.0)
        for k in range(K):
            total += math.exp(g[k] - top)
        for k in range(K):
            log_p = g[k] - top - math.log(total)
            if tells and answer[k] > 0.5:
                cost = -log_p
            g[k] = lr * (answer[k] - math.exp(log_p))
        return cost
    for k in range(K):
        p = np.float32(1.0) / (np.float32(1.0) + math.exp(-g[k]))
        if tells:
            x = g[k] if answer[k] > 0.5 else -g[k]
            cost += weight[k] * (math.log1p(math.exp(-abs(x))) - min(x, 0.0))
        g[k] = lr * weight[k] * (answer[k] - p)
    return cost


@inlined
def turn(
    h: np.ndarray, U: np.ndarray, asked: np.ndarray, K: int, g: np.ndarray, e: np.ndarray
) -> None:
    """e = η Σ g_k u_k, and u_k ← u_k + η g_k h."""
    for q in range(len(e)):
        e[q] = 0.0
    for k in range(K):
        u, gk = asked[k], g[k]
        for q in range(len(h)):
            x = U[u, q]
            e[q] += gk * x
            U[u, q] = x + gk * h[q]
