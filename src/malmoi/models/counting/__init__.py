"""Who counts the n-grams of a text: the same trie, whoever does.

module       counts                                                  needs
kernels      in memory, by sorting (`kernels.counting`)              nothing
duckdb       on disk, within a limit of memory (DuckDB)              malmoi[big]
ray          each worker a part of the text (Ray Data)               malmoi[cluster]

The table that comes out is in memory in all three: 16 bytes an n-gram.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Int, Integer

from malmoi.errors import EmptyText
from malmoi.kernels.building import Fault, Growing
from malmoi.kernels.counting import LONGEST, Trie, checked, count_ngrams

Counting = Literal["memory", "duckdb", "ray"]


class Counted(NamedTuple):
    """Distinct k-grams, k ≥ 2, sorted by their words, and how often each was said."""

    grams: Int[np.ndarray, "m k"]
    counts: Int[np.ndarray, " m"]


def count(
    stream: Integer[np.ndarray, " N"], *, order: int, vocabulary: int, how: Counting, memory: str
) -> Trie:
    """`count_ngrams` by somebody else.  memory: what DuckDB may take, such as 500MB; "": its own
    share.  Raises UsageError if the package is missing or the memory is not enough.
    """
    if how == "memory" or order == 1 or len(stream) < 2:
        return count_ngrams(stream, order=order, vocabulary=vocabulary)
    if how == "duckdb":
        from malmoi.models.counting.duckdb import levels
    else:
        from malmoi.models.counting.ray import levels
    return built(checked(stream, vocabulary), vocabulary, order, levels(stream, order, memory))


def built(stream: Integer[np.ndarray, " N"], V: int, order: int, levels: Iterator[Counted]) -> Trie:
    """The trie of what was counted, order 2 first."""
    index = np.dtype(np.int32 if order * len(stream) + V < LONGEST else np.int64)
    trie, counts = Growing(V), [np.bincount(stream[1:], minlength=V).astype(index)]
    for grams, said in levels:
        rows = trie.add(grams)
        if isinstance(rows, Fault):
            raise EmptyText("an n-gram was counted without its history")  # cannot be
        counts.append(said[rows].astype(index))
    return Trie(
        tuple(trie.level),
        trie.word,
        trie.first.astype(index),
        trie.link.astype(index),
        np.concatenate(counts),
    )
