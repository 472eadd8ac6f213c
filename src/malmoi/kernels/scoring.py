"""What each word of a text costs, many words at a time.

A word at a time, a look-up waits: for the children of a node, for a word among them, for its
probability, each somewhere else in a table that is larger than any cache.  So the text is taken
a piece at a time, and the piece is gone through once for each length k of history:

    found        (history, word) is the match so far (`kernels.index`).  A word longer, it is a
                 history of the next round, and the memory is asked for the row of that right away
    not found    log β of the history is due, and the history drops out

Until its next round comes, a row has had the time of a whole piece to arrive.

For a few words an index is not worth its making: those walk along the table, one by one.
"""

import numpy as np

from malmoi.kernels.compile import compiled, inlined
from malmoi.kernels.index import Index, joined, place, probe
from malmoi.kernels.lookup import Table, child, find, land, order_of
from malmoi.kernels.memory import prefetch

PIECE = 512  # words: what is known about them stays in the nearest cache


@compiled
def score(
    x: np.ndarray,
    y: np.ndarray,
    carry: np.ndarray,
    table: Table,
    index: Index,
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
            logp, order = out[b, begin:end], matched[b, begin:end]
            if len(index.rows):
                piece(read[:size], said[:size], table, index, logp, order)
            else:
                walk(read[:size], said[:size], table, logp, order)
            if table.penalty != 0.0:
                known = 0
                for i in range(size):
                    known = 1 if read[i] == 0 else known + 1
                    if i >= context:
                        back = min(known, context) + 1 - order[i - context]
                        logp[i - context] += table.penalty * back


@compiled
def piece(
    read: np.ndarray,
    said: np.ndarray,
    table: Table,
    index: Index,
    out: np.ndarray,
    matched: np.ndarray,
) -> None:
    """`score` of the last words of one piece; the first ones are only read.

    Of every word i that is still looked for: where[c] = i, history[c] the row of the k words that
    end in read[i], back[c] its log β.
    """
    rows, values, begin = index
    size, context = len(read), len(read) - len(out)
    due, logp, order = np.zeros(size), np.empty(size), np.ones(size, np.int64)
    where, history, back = np.arange(size), read.copy(), np.empty(size)
    at, more = np.empty(size, np.int64), np.zeros(size, np.bool_)
    for i in range(size):
        logp[i] = table.logp[said[i]]
        back[i] = table.beta[read[i]] if context else 0.0
        more[i] = i + 1 < size and read[i + 1] != 0
    waiting = size if context else 0
    for c in range(waiting):
        at[c] = ask(rows, history[c], said[c], begin, 1)
    for k in range(1, context + 1):
        low, high = begin[k - 1], begin[k]
        longer = 0
        for c in range(waiting):
            i, node = where[c], history[c]
            key = joined(node, said[i])
            row = probe(rows, at[c], low, high, key)
            if rows[row, 0] == key:
                logp[i], order[i], due[i] = values[row, 1], k + 1, 0.0
            else:
                due[i] += back[c]
            if more[i] and k < context:
                if said[i] != read[i + 1]:
                    key = joined(node, read[i + 1])
                    row = probe(rows, low + place(key, high - low), low, high, key)
                if rows[row, 0] == key:
                    where[longer], history[longer], back[longer] = i + 1, row, values[row, 2]
                    at[longer] = ask(rows, row, said[i + 1], begin, k + 1)
                    longer += 1
        waiting = longer
    for i in range(context, size):
        out[i - context] = due[i] + logp[i]
        matched[i - context] = order[i]


@inlined
def ask(rows: np.ndarray, history: int, w: int, begin: np.ndarray, k: int) -> int:
    """The row where a history of k words and w is looked for first, now on its way here."""
    at = begin[k - 1] + place(joined(history, w), begin[k] - begin[k - 1])
    prefetch(rows, at, 0)
    return int(at)


@compiled
def walk(
    read: np.ndarray, said: np.ndarray, table: Table, out: np.ndarray, matched: np.ndarray
) -> None:
    """The same as `piece`, without an index."""
    word, first, link, logp, beta, level, _ = table
    size, context = len(read), len(read) - len(out)
    chain = np.empty(context + 1, np.int64)  # what was read and its endings, the longest first
    state = -1
    for i in range(size):
        state = land(link, len(beta), find(word, first, link, state, read[i]), read[i])
        if i < context:
            continue
        depth, found, node = 0, said[i], state
        while node >= 0:
            j = child(word, first, node, said[i])
            if j >= 0:
                found = j
                break
            chain[depth] = node
            depth += 1
            node = link[node]
        due = 0.0
        for j in range(depth - 1, -1, -1):
            due += beta[chain[j]]
        out[i - context] = due + logp[found]
        matched[i - context] = order_of(level, found)


@compiled
def line_sums(stream: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """The sum of costs[i], of token stream[i + 1], over each line: from a boundary to the next."""
    lines = line = 0
    for i in range(len(costs)):
        lines += stream[i + 1] == 0
    out, total = np.empty(lines), 0.0
    for i in range(len(costs)):
        total += costs[i]
        if stream[i + 1] == 0:
            out[line], total = total, 0.0
            line += 1
    return out
