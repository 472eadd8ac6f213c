"""Walking an n-gram trie: the back-off recursion without recursion.

    p(w | h) = p*(h w)                 if h w is in the model
             = β(h) p(w | h')          otherwise; h' drops the oldest word, β(h) = 1 if h is unseen

A state is the node of the longest ending of what was read that is in the model, -1 if there is
none.  From it the links lead to every shorter ending that is in the model (Aho & Corasick 1975), so
that a word costs one search among a node's children, and one more for each time it backs off.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from malmoi.kernels.compile import compiled


class Table(NamedTuple):
    """A trie as in `kernels.counting`, and natural logarithms.

    logp: of each node.  beta: of each node that can be a history.  penalty: added for each word of
    history that is backed off, in the model or not (Brants' stupid back-off); otherwise 0.
    """

    word: np.ndarray
    first: np.ndarray
    link: np.ndarray
    logp: np.ndarray
    beta: np.ndarray
    level: np.ndarray
    penalty: float


def fault(
    *,
    level: Sequence[int],
    word: np.ndarray,
    first: np.ndarray,
    link: np.ndarray,
    logp: np.ndarray,
    beta: np.ndarray,
) -> str:
    """What in a table from a file would lead a walk out of it, or nothing.

    The compiled loops do not look where they step.
    """
    sizes, index = np.diff(level), (np.dtype(np.int32), np.dtype(np.int64))
    if level[0] != 0 or (sizes < 0).any():
        return f"level: {list(level)} do not rise from 0"
    M, V = level[-1], level[1]
    I = level[-2]  # nodes that may be histories
    for name, array, size, kinds in (
        ("word", word, M, index[:1]),
        ("first", first, I + 1, index),
        ("link", link, M, index),
        ("logp", logp, M, (np.dtype(np.float64),)),
        ("beta", beta, I, (np.dtype(np.float64),)),
    ):
        if array.shape != (size,) or array.dtype not in kinds:
            return f"{name}: {array.shape} of {array.dtype}, not {(size,)} of {kinds[-1]}"
    if (word < 0).any() or (word >= V).any():
        return f"word: not all of 0 … {V - 1}"
    if (first[1:] < first[:-1]).any() or (first[list(level[:-1])] != level[1:]).any():
        return "first: the children of a level are not the next level"
    for low, high in itertools.pairwise(level):  # a link leads to a level below
        if (link[low:high] < -1).any() or (link[low:high] >= max(low, 0)).any():
            return f"link: nodes {low} … {high - 1} do not lead back"
    return ""


@compiled
def child(word: np.ndarray, first: np.ndarray, node: int, w: int) -> int:
    """The node of (node, w), or -1."""
    low, high = first[node], first[node + 1]
    end = high
    while low < high:
        middle = (low + high) >> 1
        if word[middle] < w:
            low = middle + 1
        else:
            high = middle
    return low if low < end and word[low] == w else -1


@compiled
def find(word: np.ndarray, first: np.ndarray, link: np.ndarray, state: int, w: int) -> int:
    """The longest ending of the state's words and w that is in the model: a node of any level."""
    while state >= 0:
        j = child(word, first, state, w)
        if j >= 0:
            return j
        state = link[state]
    return w


@compiled
def land(link: np.ndarray, histories: int, node: int, w: int) -> int:
    """The state after `find` found `node` for w: shorter than the order, and fresh after a 0."""
    if w == 0:
        return 0 if histories > 0 else -1
    while node >= histories:
        node = link[node]
    return node


@compiled
def order_of(level: np.ndarray, node: int) -> int:
    """How many words a node has."""
    order = 1
    while node >= level[order]:
        order += 1
    return order


@compiled
def rows(
    x: np.ndarray,
    carry: np.ndarray,
    table: Table,
    out: np.ndarray,
) -> None:
    """The log p of every word after each x: one-grams backed off, then longer ones over them."""
    word, first, link, logp, beta, level, penalty = table
    B, T, V = out.shape
    context, histories = carry.shape[1], len(beta)
    chain = np.empty(context + 1, np.int64)
    for b in range(B):
        state, known = -1, 0
        for t in range(context + T):
            w = carry[b, t] if t < context else x[b, t - context]
            state = land(link, histories, find(word, first, link, state, w), w)
            known = 1 if w == 0 else known + 1
            if t < context:
                continue
            depth, node = 0, state
            while node >= 0:
                chain[depth] = node
                depth += 1
                node = link[node]
            row, back = out[b, t - context], min(known, context)
            for shorter in range(depth, -1, -1):  # the last so many of the chain are backed off to
                due = 0.0
                for j in range(shorter - 1, -1, -1):  # as `scoring` adds: bit for bit the same
                    due += beta[chain[j]]
                if shorter == depth:
                    base = due + penalty * back
                    for v in range(V):
                        row[v] = logp[v] + base
                    continue
                node = chain[shorter]
                base = due + penalty * (back - order_of(level, node))
                for j in range(first[node], first[node + 1]):
                    row[word[j]] = logp[j] + base


@compiled
def ratios(
    text: np.ndarray,
    word: np.ndarray,
    first: np.ndarray,
    link: np.ndarray,
    counts: np.ndarray,
    total: np.ndarray,
    level: np.ndarray,
    said: int,
    left_out: int,
    out: np.ndarray,
) -> None:
    """c(h w) / c(h) of every word of a text for each length of h; where c(h) = 0, `out` is kept.

    total: c(h) of each history, `said` of the empty one.  left_out: 1 takes the word itself out of
    the counts, 0 does not.
    """
    histories, state = len(total), -1
    for i in range(len(text) - 1):
        w, y = text[i], text[i + 1]
        state = land(link, histories, find(word, first, link, state, w), w)
        node = state
        while node >= 0:
            if total[node] > left_out:
                order = order_of(level, node)
                j = child(word, first, node, y)
                c = counts[j] - left_out if j >= 0 else 0
                out[order, i] = c / (total[node] - left_out)
            node = link[node]
        if said > left_out:
            out[0, i] = (counts[y] - left_out) / (said - left_out)
