"""Counting by sorting against counting with a dictionary."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from malmoi.errors import EmptyText, UsageError
from malmoi.kernels import counting
from malmoi.kernels.counting import Trie, count_ngrams, prune

V = 6
streams = st.lists(st.integers(0, V - 1), min_size=2, max_size=80)


def spelled(trie: Trie) -> list[tuple[int, ...]]:
    """The words of every node, by walking down from the one-grams."""
    grams = [(w,) for w in range(trie.level[1])]
    for low, mid in zip(trie.level, trie.level[1:-1], strict=False):
        for j in range(low, mid):
            grams += [(*grams[j], int(w)) for w in trie.word[trie.first[j] : trie.first[j + 1]]]
    return grams


def by_hand(stream: list[int], order: int) -> Counter[tuple[int, ...]]:
    counts: Counter[tuple[int, ...]] = Counter()
    for end in range(1, len(stream)):
        for k in range(1, order + 1):
            gram = tuple(stream[max(0, end - k + 1) : end + 1])
            if len(gram) == k and 0 not in gram[1:-1]:
                counts[gram] += 1
    return counts


@given(streams, st.integers(1, 5))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_every_n_gram_is_counted_once_and_in_order(stream, order):
    trie = count_ngrams(np.array(stream, np.uint16), order=order, vocabulary=V)
    grams = spelled(trie)
    assert len(trie.level) == order + 1
    for low, high in zip(trie.level, trie.level[1:], strict=False):
        assert grams[low:high] == sorted(set(grams[low:high]))
    found = {gram: int(c) for gram, c in zip(grams, trie.counts, strict=True) if c}
    assert found == by_hand(stream, order)
    assert all(trie.counts[V:] > 0)


@given(streams, st.integers(1, 5))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_there_is_room_for_as_many_n_grams_as_are_said(stream, order):
    table = counting.roomy(np.array(stream, np.uint16), order, V, np.dtype(np.int32))
    longer = sum(c for gram, c in by_hand(stream, order).items() if len(gram) > 1)
    assert len(table.word) == len(table.link) == len(table.counts) == V + longer
    assert len(table.first) == V + longer + 1


@given(streams, st.integers(2, 5))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_a_link_leads_to_the_same_words_without_the_first(stream, order):
    trie = count_ngrams(np.array(stream, np.uint16), order=order, vocabulary=V)
    grams = spelled(trie)
    assert all(trie.link[:V] == -1)
    for j in range(V, len(grams)):
        assert grams[trie.link[j]] == grams[j][1:]


@given(streams, st.integers(1, 4), st.integers(0, 3))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_pruning_leaves_the_n_grams_that_were_kept_and_how_they_hang_together(stream, order, least):
    trie = count_ngrams(np.array(stream, np.uint16), order=order, vocabulary=V)
    kept = trie.counts > least
    kept[:V] = True
    small = prune(trie, kept)
    before, after = spelled(trie), spelled(small)
    assert after == [gram for gram, keep in zip(before, kept, strict=True) if keep]
    for j in range(V, len(after)):
        assert after[small.link[j]] == after[j][1:]
    assert small.level[1] == V


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_runs_longer_than_a_handful_are_sorted_too(dtype):
    rng = np.random.default_rng(1)
    stream = rng.integers(0, 50, 5000)
    stream[::2] = 3  # every other word the same: runs of thousands
    trie = count_ngrams(stream.astype(dtype), order=3, vocabulary=70_000)
    counts = by_hand(stream.tolist(), 3)
    assert len(trie.word) - 70_000 == sum(len(gram) > 1 for gram in counts)
    assert sum(counts.values()) == trie.counts.sum()
    for k in (2, 3):
        grams = sorted(gram for gram in counts if len(gram) == k)
        level = slice(trie.level[k - 1], trie.level[k])
        assert trie.word[level].tolist() == [gram[-1] for gram in grams]
        assert trie.counts[level].tolist() == [counts[gram] for gram in grams]


def test_a_read_only_memory_map_is_counted_like_an_array(tmp_path):
    stream = np.array([0, 2, 3, 0, 2, 3, 4, 0], "<u2")
    stream.tofile(tmp_path / "tokens.bin")
    mapped = np.memmap(tmp_path / "tokens.bin", "<u2", mode="r")
    one = count_ngrams(mapped, order=3, vocabulary=V)
    two = count_ngrams(stream, order=3, vocabulary=V)
    assert one.level == two.level
    assert all(np.array_equal(a, b) for a, b in zip(one[1:], two[1:], strict=True))


def test_a_text_of_billions_is_numbered_with_wider_integers(monkeypatch):
    stream = np.array([0, 2, 3, 0, 2, 3, 4, 0], np.uint16)
    narrow = count_ngrams(stream, order=3, vocabulary=V)
    monkeypatch.setattr(counting, "LONGEST", len(stream))
    wide = count_ngrams(stream, order=3, vocabulary=V)
    assert (narrow.link.dtype, wide.link.dtype) == (np.int32, np.int64)
    assert narrow.level == wide.level
    assert all(np.array_equal(a, b) for a, b in zip(narrow[1:], wide[1:], strict=True))
    with pytest.raises(UsageError, match="too long"):
        count_ngrams(np.append(stream, [0]), order=3, vocabulary=V)


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(EmptyText):
        count_ngrams(np.array([0], np.uint16), order=2, vocabulary=V)
    with pytest.raises(UsageError, match="another vocabulary"):
        count_ngrams(np.array([0, V, 0], np.uint16), order=2, vocabulary=V)
