"""Words counted and numbered in bytes against a dictionary."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from malmoi.kernels.spelling import Spellings, learn
from malmoi.kernels.words import ODD, PAD, padded, read

words = st.text("ab한é<>\r\0\u2028", min_size=1, max_size=25)
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
    assert found.ids.tolist() == expected


@pytest.mark.parametrize("new", [1, 2, 9, 40])
@pytest.mark.parametrize("size", [2, 8, 9])
def test_nothing_is_written_beyond_the_room_that_there_is(new, size):
    text = padded(" ".join(f"{i:0{size}d}" for i in range(new)).encode())
    written, enough = new * (size + 1), new * (size + 2) - 1
    for words in range(new + 2):
        for letters in {0, *range(written - 2, written + 2), enough - 1, enough, enough + 1}:
            known = Spellings(letters=letters, words=words)
            room = {name: getattr(known, name) for name in ("letters", "start", "seen")}
            walled = {name: np.append(a, np.full(64, 7, a.dtype)) for name, a in room.items()}
            for name, wall in walled.items():
                setattr(known, name, wall[:-64])
            arrays = (known.letters, known.start, known.seen, known.rows)
            at, _, found = learn(text, 0, 0, *arrays, np.empty(len(text), np.uint32), 0)
            assert all((wall[-64:] == 7).all() for wall in walled.values())
            fits = words >= new and letters >= enough
            assert (at, found) == ((len(text) - PAD, new) if fits else (0, 0))


@pytest.mark.parametrize("more", ["", "together"])
def test_words_that_agree_in_key_are_told_apart_by_their_letters(more):
    """Of the first sixteen letters, m(first half) ^ second half is all that the key keeps."""
    rng = np.random.default_rng(0)
    many = rng.integers(97, 123, (30_000, 8), dtype=np.uint8).view(np.uint64).ravel()
    mixed = many * ODD
    mixed ^= mixed >> np.uint64(29)
    second = (many[0] ^ mixed[0] ^ mixed).view(np.uint8).reshape(-1, 8)
    fits = np.flatnonzero(((second > 32) & (second < 127)).all(1))
    assert len(fits) > 2
    text = np.concatenate([many[fits].view(np.uint8).reshape(-1, 8), second[fits]], 1)
    types = [bytes(row).decode() + more for row in text]
    keys = {int(read(padded(t.encode()), 0)[0]) for t in types}
    assert len(keys) == 1
    assert len(set(types)) == len(types)
    known = Spellings()
    known.count(" ".join(types * 2).encode())
    assert known.counts() == Counter(types * 2)
    ids = Spellings.of(types).numbers(" ".join(types).encode(), base=0, unknown=9, end=0).ids
    assert np.array_equal(ids[1:], np.arange(len(types)))


def test_a_hundred_thousand_words_are_told_apart():
    rng = np.random.default_rng(0)
    letters = rng.integers(97, 123, (100_000, 12), dtype=np.uint8)
    sizes = rng.integers(1, 13, len(letters))
    many = [bytes(row[:n]).decode() for row, n in zip(letters, sizes, strict=True)]
    known = Spellings()
    numbers = known.count(" ".join(many).encode())
    assert known.counts() == Counter(many)
    spelt = known.words()
    assert [spelt[i - 1] for i in numbers.tolist()] == many
    found = Spellings.of(spelt).numbers(" ".join(spelt).encode(), base=0, unknown=0, end=0).ids
    assert np.array_equal(found[1:], np.arange(len(spelt)))


@given(lines)
@example(["a\0\0 a a\0 abcdefgh\0 abcdefgh abcdefghi\0 abcdefghi"])
@settings(max_examples=100, derandomize=True)
def test_words_are_ranked_by_count_and_then_by_code_points(lines):
    known = Spellings()
    known.count(text_of(lines))
    counts, spelt = known.counts(), known.words()
    ranked = [spelt[j] for j in known.ranked().tolist()]
    assert ranked == sorted(sorted(counts), key=counts.__getitem__, reverse=True)


def test_a_word_can_be_counted_as_another():
    known = Spellings()
    numbers = known.count(b"a b c\nb d b\n")
    assert numbers.tolist() == [1, 2, 3, 0, 2, 4, 2, 0]
    now = known.merge({1: "c", 3: "new"})
    assert known.counts() == {"a": 1, "c": 4, "new": 1}
    spelt = known.words()
    assert [spelt[now[i - 1]] for i in numbers.tolist() if i] == ["a", "c", "c", "c", "new", "c"]


def test_unknown_words_are_given_back_unless_they_are_ascii():
    known = Spellings.of(["a", "한국"])
    ids, places, spelt = known.numbers(
        "a 한국 b 한글\n이백여든세글자 a é\n".encode(), base=2, unknown=1, end=0
    )
    assert ids.tolist() == [0, 2, 3, 1, 1, 0, 1, 2, 1, 0]
    assert places.tolist() == [4, 6, 8]
    assert spelt.decode() == "한글\n이백여든세글자\né\n"


def test_a_type_that_no_line_is_split_into_keeps_its_number_to_itself():
    known = Spellings.of(["a", "b c", "", "x\ny", "d", "e\u0301"])
    found = known.numbers("a b c d x y e\u0301".encode(), base=2, unknown=1, end=0)
    assert found.ids.tolist() == [0, 2, 1, 1, 6, 1, 1, 1]


def test_tabs_and_runs_of_spaces_separate():
    known = Spellings.of(["a", "b"])
    found = known.numbers(b"  a\t\tb \n\n\ta", base=2, unknown=1, end=0)
    assert found.ids.tolist() == [0, 2, 3, 0, 0, 2]


def test_bytes_that_are_no_text_are_unknown_words_too():
    """Who decodes them finds that out; a word of UTF-8 that is not ASCII has two bytes or more."""
    text = b"\xff " * 4000 + b"a\xc0 a\n"
    ids, places, spelt = Spellings.of(["a"]).numbers(text, base=2, unknown=1, end=0)
    assert ids.tolist() == [0, *[1] * 4001, 2, 0]
    assert places.tolist() == list(range(1, 4002))
    assert spelt == b"\xff\n" * 4000 + b"a\xc0\n"
