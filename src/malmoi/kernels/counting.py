"""All n-grams of a token stream, counted by sorting.

The starts of the n-grams are kept sorted by the first k words that follow them (a suffix array cut
at depth n).  Going from k to k + 1 only sorts inside the runs that agree so far, and most runs are
single places after two words, so that every level is little more than one pass over the text.

What comes out is a trie in flat arrays.  Nodes are numbered level by level, within a level in the
order of their words, so the children of a node are neighbours and those of the next node follow:

    nodes [level[k-1], level[k])       the k-grams; the one-grams are the ids 0 … V-1 themselves
    children of j                      nodes [first[j], first[j+1])
    word[j]                            its last word
    link[j]                            the node without its first word (w₂ … w_k), -1 for one-grams
    counts[j]                          how often it was said

Token 0 is the boundary.  An n-gram may begin with it (`<s>`) or end with it (`</s>`), and holds
none in between: a history stops at a boundary.  The first token of the stream is never said.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Integer

from malmoi.errors import EmptyText, UsageError
from malmoi.kernels.compile import compiled

LONGEST = 2**31 - 1  # starts are sorted as the lower half of a 64-bit key


class Trie(NamedTuple):
    """The n-grams of a text, n = len(level) - 1; see the module."""

    level: tuple[int, ...]
    word: Integer[np.ndarray, " M"]
    first: Integer[np.ndarray, " I"]
    link: Integer[np.ndarray, " M"]
    counts: Integer[np.ndarray, " M"]


def count_ngrams(stream: Integer[np.ndarray, " N"], *, order: int, vocabulary: int) -> Trie:
    """Count every k-gram, k ≤ order, of `stream`, whose ids are all below `vocabulary`."""
    n, V, N = order, vocabulary, len(stream)
    if N < 2:
        raise EmptyText("there is nothing to count", where=f"the stream holds {N} tokens")
    if N > LONGEST:
        raise UsageError(
            "the text is too long to be counted in memory",
            where=f"{N:,} tokens; at most {LONGEST:,}",
            hint="train on a part of it",
        )
    stream = checked(stream, V)
    index = np.dtype(np.int32 if n * N + V < LONGEST else np.int64)
    level = [0, V]
    words = [np.arange(V, dtype=np.int32)]
    links = [np.full(V, -1, index)]
    counts = [np.bincount(stream[1:], minlength=V).astype(index)]
    firsts = []
    if n > 1:
        ids = stream.astype(index)  # the node of the one-gram that starts here
        starts, begin = sort_bigrams(stream, V, ids[:0])
        for k in range(2, n + 1):
            size = len(starts)
            word, link = np.empty(size, np.int32), np.empty(size, index)
            first, count = np.empty(len(begin), index), np.empty(size, index)
            m, starts, begin, ids = extend(
                stream, k, k == n, starts, begin, ids, level[-1], word, first, link, count
            )
            for parts, filled in ((words, word), (links, link), (counts, count)):
                filled.resize(m, refcheck=False)  # where it lies: what was not needed goes back
                parts.append(filled)
            firsts.append(first[:-1])
            level.append(level[-1] + m)
            del word, link, first, count, filled
        del starts, begin, ids
    firsts.append(np.array([level[-1] if n > 1 else V], index))
    flat = (together(parts) for parts in (words, firsts, links, counts))
    return Trie(tuple(level), *flat)


def together(parts: list[np.ndarray]) -> np.ndarray:
    """One array of some, which are gone then: they need not be there twice, all of them."""
    whole = np.concatenate(parts)
    parts.clear()
    return whole


def prune(trie: Trie, kept: Bool[np.ndarray, " M"]) -> Trie:
    """Only the n-grams that are kept.  If one is, so must be its history and its link."""
    before = np.concatenate([[0], np.cumsum(kept)]).astype(trie.link.dtype)
    link = trie.link[kept]
    return Trie(
        tuple(before[list(trie.level)].tolist()),
        trie.word[kept],
        before[trie.first[np.append(kept[: len(trie.first) - 1], True)]],
        np.where(link < 0, link, before[link]),
        trie.counts[kept],
    )


def checked(stream: Integer[np.ndarray, " N"], V: int) -> Integer[np.ndarray, " N"]:
    """The stream for a loop, which will not look whether an id is below V."""
    if (largest := int(stream.max())) >= V:
        raise UsageError(
            "the stream was made with another vocabulary",
            where=f"largest id {largest}, vocabulary of {V} types",
        )
    return frozen(stream)


def frozen(array: np.ndarray) -> np.ndarray:
    """A plain read-only view: the loops are then compiled for one kind of array, not for four."""
    view = np.ascontiguousarray(array).view(np.ndarray)
    view.flags.writeable = False
    return view


@compiled
def sort_bigrams(stream: np.ndarray, V: int, like: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every start but the last, sorted by two words; where the run of each first word begins."""
    N = len(stream) - 1
    place = np.zeros(V + 1, np.int64)
    for i in range(1, N + 1):
        place[stream[i] + 1] += 1
    place = np.cumsum(place)
    half = np.empty(N, like.dtype)
    for s in range(N):
        w = stream[s + 1]
        half[place[w]] = s
        place[w] += 1
    place[:] = 0
    for s in range(N):
        place[stream[s] + 1] += 1
    place = np.cumsum(place)
    begin = place.astype(like.dtype)
    starts = np.empty(N, like.dtype)
    for s in half:
        w = stream[s]
        starts[place[w]] = s
        place[w] += 1
    return starts, begin


@compiled
def extend(
    stream: np.ndarray,
    k: int,
    last: bool,
    starts: np.ndarray,
    begin: np.ndarray,
    ids: np.ndarray,
    base: int,
    word: np.ndarray,
    first: np.ndarray,
    link: np.ndarray,
    count: np.ndarray,
) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """From starts sorted by k-1 words to starts sorted by k, and the nodes that they make.

    begin: where each node of level k-1 begins in `starts`.  ids: the node of level k-1 that starts
    at each place.  base: the number of the first new node.  Fills word, first, link and count;
    returns the number of new nodes and the next starts, begin and ids.
    """
    N, groups = len(stream), len(begin) - 1
    longest = 0
    for g in range(groups):
        longest = max(longest, begin[g + 1] - begin[g])
    run = np.empty(longest, np.int64)
    new_ids = np.empty(0 if last else N, ids.dtype)
    new_begin = np.empty(1 if last else len(starts) + 1, ids.dtype)
    m = kept = 0
    for g in range(groups):
        first[g] = base + m
        size = 0
        for i in range(begin[g], begin[g + 1]):
            s = starts[i]
            if s + k <= N and (k == 2 or stream[s + k - 2] != 0):
                run[size] = (np.int64(stream[s + k - 1]) << 32) | np.int64(s)
                size += 1
        if k > 2 and size > 1:
            if size > 24:
                run[:size].sort()
            else:
                for i in range(1, size):
                    key, j = run[i], i
                    while j > 0 and run[j - 1] > key:
                        run[j] = run[j - 1]
                        j -= 1
                    run[j] = key
        previous = np.int64(-1)
        for i in range(size):
            w, s = run[i] >> 32, run[i] & 0xFFFFFFFF
            if w != previous:
                previous = w
                word[m] = w
                link[m] = ids[s + 1]
                count[m] = 0
                if not last:
                    new_begin[m] = kept
                m += 1
            count[m - 1] += 1
            if not last:
                new_ids[s] = base + m - 1
                starts[kept] = s
            kept += 1
    first[groups] = base + m
    if not last:
        new_begin[m] = kept
        new_begin = new_begin[: m + 1].copy()
    return m, starts[:kept], new_begin, new_ids
