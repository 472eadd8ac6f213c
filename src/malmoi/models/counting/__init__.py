"""Who counts the n-grams of a text: the same trie, whoever does.

module       counts                                                  needs
kernels      in memory, by sorting (`kernels.counting`)              nothing
duckdb       on disk, within a limit of memory (DuckDB)              malmoi[big]
ray          each worker a part of the text (Ray Data)               malmoi[cluster]

The table that comes out takes 16 bytes an n-gram: on disk if DuckDB counted, otherwise in memory.
"""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Int, Integer

from malmoi.kernels import prefixes
from malmoi.kernels.counting import LONGEST, Trie, checked, count_ngrams, frozen
from malmoi.models.counting.disk import Empty, on_disk

Counting = Literal["memory", "duckdb", "ray"]

PART = 1 << 20  # tokens whose one-grams are counted at once


class Places(NamedTuple):
    """The places of a text, sorted by the n words there, as `kernels.prefixes` reads them."""

    rows: Int[np.ndarray, "m n"]
    said: Int[np.ndarray, " s"]


def count(
    stream: Integer[np.ndarray, " N"], *, order: int, vocabulary: int, how: Counting, memory: str
) -> Trie:
    """`count_ngrams` by somebody else.  memory: what DuckDB may take, such as 500MB; "": its own
    share.  Raises UsageError if the package is missing, the memory or the disk is not enough.
    """
    if how == "memory" or order == 1 or len(stream) < 2:
        return count_ngrams(stream, order=order, vocabulary=vocabulary)
    stream = checked(stream, vocabulary)
    if how == "duckdb":
        from malmoi.models.counting import duckdb

        return built(stream, vocabulary, duckdb.places(stream, order, memory), empty=on_disk)
    from malmoi.models.counting import ray

    return built(stream, vocabulary, ray.places(stream, order), empty=np.empty)


def built(stream: Integer[np.ndarray, " N"], V: int, places: Places, *, empty: Empty) -> Trie:
    """The trie of these places, in arrays that `empty` makes."""
    rows, said = frozen(places.rows), frozen(places.said)
    n, sizes = rows.shape[1], prefixes.sizes(rows)
    if not len(sizes):
        raise RuntimeError("the places of the text are not sorted")
    level = np.cumsum([0, V, *sizes[1:]])
    M, index = int(level[-1]), np.int32 if n * len(stream) + V < LONGEST else np.int64
    word, link, counts = empty(M, np.int32), empty(M, index), empty(M, index)
    first = empty(int(level[-2]) + 1, index)
    word[:V] = np.arange(V)
    counts[:V] = 0
    for begin in range(1, len(stream), PART):
        counts[:V] += np.bincount(stream[begin : begin + PART], minlength=V).astype(index)
    prefixes.fill(rows, said, level, word, first, counts)
    if not prefixes.connect(level, word, first, link):
        raise RuntimeError("an n-gram was counted without its ending")
    return Trie(tuple(level.tolist()), word, first, link, counts)
