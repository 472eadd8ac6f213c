"""Words counted and numbered in bytes against a dictionary."""

from collections import Counter

import numpy as np
from hypothesis import given, settings, strategies as st

from malmoi.kernels.spelling import Spellings

words = st.text("ab한é<>\r\u2028", min_size=1, max_size=9)
lines = st.lists(st.lists(words, max_size=8).map(" ".join), max_size=30)


def text_of(lines: list[str]) -> bytes:
    return "".join(line + "\n" for line in lines).encode()


@given(lines, lines)
@settings(max_examples=100, derandomize=True)
def test_every_word_is_counted(first, second):
    known = Spellings(words=1, letters=1)
    known.count(text_of(first))
    known.count(text_of(second))
    assert known.counts() == Counter(w for line in [*first, *second] for w in line.split(" ") if w)


@given(st.lists(words, unique=True), lines)
@settings(max_examples=100, derandomize=True)
def test_every_word_has_its_number_and_every_line_its_end(types, lines):
    number = {t: i for i, t in enumerate(types, start=2)}
    expected = [0]
    for line in lines:
        expected += [*(number.get(w, 1) for w in line.split(" ") if w), 0]
    known = Spellings.of(types)
    found = known.numbers(text_of(lines), base=2, unknown=1, end=0)
    assert found.tolist() == expected


def test_words_that_agree_in_hash_are_told_apart_by_their_letters():
    rng = np.random.default_rng(0)
    letters = rng.integers(97, 123, (300_000, 8), dtype=np.uint8)
    many = [bytes(row).decode() for row in letters]
    known = Spellings()
    known.count(" ".join(many).encode())
    used = known.table[known.table[:, 2] > 0]
    assert len(np.unique(used[:, 0])) < len(used), "no two of them agree: nothing is tested"
    assert known.counts() == Counter(many)
    types = list(known.counts())
    ids = Spellings.of(types).numbers(" ".join(types).encode(), base=0, unknown=0, end=0)[1:]
    assert np.array_equal(ids, np.arange(len(types)))


def test_a_type_that_no_line_is_split_into_keeps_its_number_to_itself():
    known = Spellings.of(["a", "b c", "", "x\ny", "d"])
    assert known.numbers(b"a b c d x y", base=2, unknown=1, end=0).tolist() == [0, 2, 1, 1, 6, 1, 1]


def test_tabs_and_runs_of_spaces_separate():
    known = Spellings.of(["a", "b"])
    found = known.numbers(b"  a\t\tb \n\n\ta", base=2, unknown=1, end=0)
    assert found.tolist() == [0, 2, 3, 0, 0, 2]
