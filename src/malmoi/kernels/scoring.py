"""What each word of a text costs, many words at a time.

A word at a time, a look-up waits: for the children of a node, for a word among them, for its
probability, each somewhere else in a table that is larger than any cache.  So the text is taken
a piece at a time, and the piece is gone through once for each length k of history:

    children    of the history of k words before each word
    search      the word among them: by hash if they are many (`kernels.index`)
    verdict     found: it is the match so far.  Not found: log β of that history is due

In each of the three loops no turn depends on the one before it, so that the processor works on
many of them while the memory answers.  A history that was found is one word longer in the next
round; the others drop out.
"""

import numpy as np

from malmoi.kernels.compile import compiled
from malmoi.kernels.index import FEW, probe
from malmoi.kernels.lookup import Table, child

PIECE = 1024  # words: what is known about them stays in the nearest cache


@compiled
def score(
    x: np.ndarray,
    y: np.ndarray,
    carry: np.ndarray,
    table: Table,
    out: np.ndarray,
    matched: np.ndarray,
) -> None:
    """For each y after x and the carry: its log p, and the order of the n-gram it matched."""
    B, T = x.shape
    context = carry.shape[1]
    read, said = np.empty(PIECE + context, np.int64), np.empty(PIECE + context, np.int64)
    for b in range(B):
        for begin in range(0, T, PIECE):
            size = context + min(PIECE, T - begin)
            for i in range(size):  # a piece begins with the words before it
                t = begin + i - context
                read[i] = x[b, t] if t >= 0 else carry[b, t]
                said[i] = y[b, t] if i >= context else x[b, t + 1] if t >= -1 else carry[b, t + 1]
            end = begin + size - context
            piece(read[:size], said[:size], table, out[b, begin:end], matched[b, begin:end])


@compiled
def piece(
    read: np.ndarray, said: np.ndarray, table: Table, out: np.ndarray, matched: np.ndarray
) -> None:
    """`score` of the last words of one piece; the first ones are only read.

    Of every word i that is still looked for: where[c] = i, and history[c], the node of the k words
    that end in read[i].
    """
    word, first, _, logp, beta, _, penalty, hashed = table
    size, context = len(read), len(read) - len(out)
    due, match = np.zeros(size), said.copy()
    order = np.ones(size, np.int64)
    where, history = np.arange(size), read.copy()
    low, many = np.empty(size, np.int64), np.empty(size, np.int64)
    found = np.empty(size, np.int64)
    waiting = size if context else 0
    for k in range(1, context + 1):
        for c in range(waiting):
            low[c] = first[history[c]]
            many[c] = first[history[c] + 1] - low[c]
        for c in range(waiting):
            w, found[c] = said[where[c]], -1
            if many[c] <= FEW:
                for j in range(low[c], low[c] + many[c]):
                    if word[j] == w:
                        found[c] = j
            elif len(hashed):
                found[c] = probe(hashed, history[c], w)
            else:
                found[c] = child(word, first, history[c], w)
        longer = 0
        for c in range(waiting):
            i, node = where[c], history[c]
            if found[c] >= 0:
                match[i], order[i], due[i] = found[c], k + 1, 0.0
            else:
                due[i] += beta[node]
            if k < context and i + 1 < size and read[i + 1] != 0:
                next_ = (
                    found[c] if said[i] == read[i + 1] else child(word, first, node, read[i + 1])
                )
                if next_ >= 0:
                    where[longer], history[longer] = i + 1, next_
                    longer += 1
        waiting = longer
    for i in range(context, size):
        out[i - context] = due[i] + logp[match[i]]
        matched[i - context] = order[i]
    if penalty != 0.0:
        known = 0
        for i in range(size):
            known = 1 if read[i] == 0 else known + 1
            if i >= context:
                out[i - context] += penalty * (min(known, context) + 1 - order[i])


@compiled
def line_sums(stream: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """The sum of costs[i], of token stream[i + 1], over each line: from a boundary to the next."""
    lines = line = 0
    for i in range(len(costs)):
        lines += stream[i + 1] == 0
    out = np.zeros(lines)
    for i in range(len(costs)):
        out[line] += costs[i]
        if stream[i + 1] == 0:
            line += 1
    return out
