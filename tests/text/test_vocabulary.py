from collections import Counter

import pytest
from hypothesis import given, strategies as st

from malmoi.text import Vocabulary

COUNTS = st.dictionaries(st.text(max_size=3), st.integers(1, 5), min_size=1, max_size=12)


@given(COUNTS, st.integers(1, 4), st.integers(3, 9), st.randoms())
def test_ids_go_by_falling_count_then_by_spelling_whatever_the_order_of_counting(
    counts, min_count, size, chance
):
    shuffled = list(counts.items())
    chance.shuffle(shuffled)
    vocabulary = Vocabulary.learn(dict(shuffled), lines=7, min_count=min_count, size=size)
    ranked = sorted([(-n, t) for t, n in counts.items() if n >= min_count])[: size - 2]
    assert [vocabulary.type(i) for i in range(2, len(vocabulary))] == [t for _, t in ranked]
    assert list(vocabulary.counts[2:]) == [-n for n, _ in ranked]
    assert vocabulary.counts[0] == 7
    assert sum(vocabulary.counts[1:]) == sum(counts.values())
    assert len(vocabulary) == len(ranked) + 2 <= size


@given(COUNTS)
def test_an_id_is_the_inverse_of_a_type(counts):
    vocabulary = Vocabulary.learn(counts)
    for token in counts:
        assert token in vocabulary
        assert vocabulary.type(vocabulary.id(token)) == token
    assert vocabulary.ids([*counts, "not there"]) == [*map(vocabulary.id, counts), 1]


def test_the_boundary_and_the_unknown_cannot_be_spelt():
    vocabulary = Vocabulary.learn(Counter(["<s>", "</s>", "<unk>", "", "[MASK]"]))
    assert (Vocabulary.BOUNDARY, Vocabulary.UNK) == (0, 1)
    assert vocabulary.type(0) is None
    assert vocabulary.type(1) is None
    assert sorted(vocabulary.ids(["<s>", "</s>", "<unk>", "", "[MASK]"])) == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("outside", [-1, 3, 10**9])
def test_an_id_outside_is_an_error_not_the_last_type(outside):
    with pytest.raises(IndexError, match=f"id {outside} is not in a vocabulary of 3"):
        Vocabulary.learn({"a": 1}).type(outside)


def test_a_vocabulary_that_contradicts_itself_is_refused():
    with pytest.raises(ValueError, match="'a' is there twice"):
        Vocabulary(["a", "a"], [0, 0, 1, 1])
    with pytest.raises(ValueError, match="2 counts for 3 ids"):
        Vocabulary(["a"], [0, 0])
    with pytest.raises(ValueError, match="no room"):
        Vocabulary.learn({"a": 1}, size=1)
