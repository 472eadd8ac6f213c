"""Relative frequencies, and the two simplest ways to live with their zeros.

    mle               c(h w) / c(h)
    additive          (c(h w) + α) / (c(h) + α V)        Lidstone 1920; α = 1: Laplace
    stupid-backoff    S(w | h) = c(h w) / c(h)           if c(h w) > k         Brants et al. 2007,
                               = α S(w | h')             otherwise             eq. 5; their k is 0
                      S(w) = c(w) / N

S does not sum to 1: it ranks and generates, but there is no perplexity.
"""

import numpy as np

from malmoi.kernels.counting import Trie, prune
from malmoi.models.smoothing.levels import Estimate, levels, log


def mle(trie: Trie) -> Estimate:
    p, beta = np.empty(len(trie.word)), np.ones(len(trie.first) - 1)
    for level in levels(trie):
        c = trie.counts[level.grams]
        total = level.sum(c)
        p[level.grams] = c / total[level.parent]
        beta[level.histories][level.keep(total) > 0] = 0.0
    return Estimate(trie, log(p), log(beta), [])


def additive(trie: Trie, alpha: float) -> Estimate:
    V, n = trie.level[1], len(trie.level) - 1
    p, beta = np.full(len(trie.word), 1 / V), np.ones(len(trie.first) - 1)
    for k, level in enumerate(levels(trie), 1):
        # a history is whole if it has n - 1 words or goes back to the beginning of the sentence;
        # the others only lead to the uniform distribution
        whole = slice(None if k == n else level.begun)
        c, parent = trie.counts[level.grams], level.parent
        total = level.sum(c)
        p[level.grams][whole] = ((c + alpha) / (total[parent] + alpha * V))[whole]
        last = int(parent[whole][-1]) + 1 if len(parent[whole]) else 0
        beta[level.histories][:last] = level.keep(alpha * V / (total[:last] + alpha * V))
    return Estimate(trie, log(p), log(beta), [])


def stupid_backoff(trie: Trie, k: int) -> Estimate:
    """The α is paid in the look-up, for each word of history that is dropped, seen or not."""
    p = np.empty(len(trie.word))
    for level in levels(trie):
        c = trie.counts[level.grams]
        p[level.grams] = c / level.sum(c)[level.parent]
    kept = trie.counts > k
    kept[: trie.level[1]] = True
    trie = prune(trie, kept)
    return Estimate(trie, log(p[kept]), np.zeros(len(trie.first) - 1), [])
