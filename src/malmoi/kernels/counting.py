"""All n-grams of a token stream, counted by sorting.

A radix sort, from the last word to the first.  Say the places of the text are sorted by the k words
that follow from there.  Then each is moved one word back, and they are sorted by that word alone,
ties staying as they are: now they are sorted by k + 1 words.  Two of them begin the same (k+1)-gram
if they have the word and, one place on, the k-gram in common.  So a place takes the node of its
k-gram along, which becomes the link of the new node, and no words are compared.

A level is a handful of passes over the places.  Only two reach all over the memory, for the word
before a place and to where the places with that word have come; they do nothing else, so that the
machine has many of them under way.

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

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Integer

from malmoi.errors import EmptyText, UsageError
from malmoi.kernels.compile import compiled

LONGEST = 2**31 - 1  # tokens: a place is the lower half of 64 bits, its node the upper
HALF, LOWER, ONE = np.uint64(32), np.uint64(2**32 - 1), np.uint64(1)


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
    table = roomy(stream, n, V, np.dtype(np.int32 if n * N + V < LONGEST else np.int64))
    level = grow(stream, table, n) if n > 1 else table.level
    table.first[level[-2]] = level[-1]
    for array in (table.word, table.link, table.counts):
        array.resize(level[-1], refcheck=False)  # where it lies: what was not needed goes back
    table.first.resize(level[-2] + 1, refcheck=False)
    return table._replace(level=level)


def roomy(stream: Integer[np.ndarray, " N"], n: int, V: int, index: np.dtype[Any]) -> Trie:
    """The one-grams, and room for all that may follow: what is never written takes no memory."""
    gap = np.diff(np.flatnonzero(stream == 0), prepend=0, append=len(stream) - 1)
    M = V + sum(int(np.maximum(gap - i, 0).sum()) for i in range(n - 1))
    word, first = np.empty(M, np.int32), np.empty(M + 1, index)
    link, counts = np.empty(M, index), np.empty(M, index)
    word[:V], link[:V], counts[:V] = np.arange(V), -1, 0
    tally(stream[1:], counts[:V])
    return Trie((0, V), word, first, link, counts)


def grow(stream: Integer[np.ndarray, " N"], table: Trie, n: int) -> tuple[int, ...]:
    """Fill the levels 2 … n, each from the one before; where they begin and end."""
    _, word, first, link, counts = table
    level, V, N = [*table.level], table.level[1], len(stream)
    places, others = np.empty(N, np.uint64), np.empty(N, np.uint64)
    said = counts[:V].copy()
    end = ends(said)[:-1]
    said[stream[0]] += 1  # can begin a bigram though it is not counted; the last one cannot
    said[stream[-1]] -= 1
    run, group = ends(said), np.arange(V + 1)
    skip, size = 0, N - 1
    for k in range(2, n + 1):
        low, base = level[-2:]
        reached = run[group[:-1]]
        if k == 2:
            sort_bigrams(stream, end, reached, places, others)
        else:
            sort_by_word_before(stream, places[skip:size], reached, others)
        places, others, size = others, places, int(reached[-1])
        if k == n:
            del others  # its memory goes back before the last level is written
        m, tail = number(places, reached, N - k, low, link[base:], counts[base:], group)
        top = base + m
        last_words(link[base:top], word[low:base], low, word[base:top])
        places[size] = m << 32
        first_children(places, run, base, first[low:base])
        if k < n:
            run = np.empty(m + 1, counts.dtype)
            runs(word[base:top], counts[base:top], tail, run)
        skip = int(reached[0])  # <s> stands inside of no n-gram
        level.append(top)
    return tuple(level)


def ends(sizes: Integer[np.ndarray, " m"]) -> Integer[np.ndarray, " m+1"]:
    """Where runs of these sizes begin and end, one after the other."""
    out = np.zeros(len(sizes) + 1, sizes.dtype)
    np.cumsum(sizes, out=out[1:])
    return out


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
    """The stream for a loop, which will not look whether its ids are 0 … V - 1."""
    if stream.dtype.kind == "i" and (smallest := int(stream.min(initial=0))) < 0:
        raise UsageError("a token id is below 0", where=f"smallest id {smallest}")
    if (largest := int(stream.max(initial=0))) >= V:
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
def tally(stream: np.ndarray, out: np.ndarray) -> None:
    """How often each word is said, added to `out`."""
    for w in stream:
        out[w] += 1


@compiled
def sort_bigrams(
    stream: np.ndarray, end: np.ndarray, reached: np.ndarray, spare: np.ndarray, out: np.ndarray
) -> None:
    """Every place but the last, sorted by two words, with the second as its node.

    end, reached: where the places with each second and each first word begin; where they end when
    all are there.  The first sorting takes along the word that the second one sorts by.
    """
    before = np.uint64(stream[0])
    for s in range(1, len(stream)):
        w = np.uint64(stream[s])
        spare[np.uint64(end[w])] = before << HALF | np.uint64(s - 1)
        end[w] += 1
        before = w
    begin = 0
    for node in range(len(end)):
        for i in range(begin, end[node]):
            w = spare[i] >> HALF
            out[np.uint64(reached[w])] = np.uint64(node) << HALF | spare[i] & LOWER
            reached[w] += 1
        begin = end[node]


@compiled
def sort_by_word_before(
    stream: np.ndarray, places: np.ndarray, reached: np.ndarray, out: np.ndarray
) -> None:
    """Every place moved one word back, with its node, sorted by that word.

    reached: where the places with each word begin in `out`; where they end when all are there.
    """
    for place in places:
        s = place & LOWER
        if s > 0:
            w = np.uint64(stream[s - ONE])
            out[np.uint64(reached[w])] = place - ONE
            reached[w] += 1


@compiled
def number(
    places: np.ndarray,
    end: np.ndarray,
    last: int,
    low: int,
    link: np.ndarray,
    counts: np.ndarray,
    group: np.ndarray,
) -> tuple[int, int]:
    """Give each place its node of this level, in order; how many they are, and that of `last`.

    end: where the places with each first word end.  low: the first node of the level before.
    Fills link and counts, and group: the first node with each first word.
    """
    m, tail, begin = -1, -1, 0
    for w in range(len(end)):
        group[w] = m + 1
        previous, start = LOWER + ONE, begin  # no node
        for i in range(begin, end[w]):
            node = places[i] >> HALF
            new = node != previous
            m += new
            start = i if new else start
            link[np.uint64(m)] = low + np.int64(node)
            counts[np.uint64(m)] = i + 1 - start
            places[i] = np.uint64(m) << HALF | places[i] & LOWER
            previous = node
            if np.int64(places[i] & LOWER) == last:
                tail = m
        begin = end[w]
    group[len(end)] = m + 1
    return m + 1, tail


@compiled
def last_words(link: np.ndarray, below: np.ndarray, low: int, word: np.ndarray) -> None:
    """An n-gram ends as its link does."""
    for j in range(len(link)):
        word[j] = below[np.uint64(link[j] - low)]


@compiled
def first_children(places: np.ndarray, run: np.ndarray, base: int, first: np.ndarray) -> None:
    """The first node of this level in the run of each node of the level before."""
    for j in range(len(first)):
        first[j] = base + np.int64(places[np.uint64(run[j])] >> HALF)


@compiled
def runs(word: np.ndarray, counts: np.ndarray, tail: int, out: np.ndarray) -> None:
    """Where the places that begin with each node begin at the next level, and where they end.

    Nothing goes on after </s>, nor after the end of the stream, where the last `tail` stands.
    """
    at = 0
    for j in range(len(word)):
        out[j] = at
        at += counts[j] - (j == tail) if word[j] != 0 else 0
    out[len(word)] = at
