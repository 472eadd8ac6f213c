import re
import unicodedata
from itertools import pairwise

import pytest
from hard_text import LINES
from hypothesis import given, settings

from malmoi.text.subwords import chunks_of
from malmoi.text.tokenizer import Characters, Given, Jamo, Words

PLAIN = [Given(), Words(), Characters(), Jamo()]
kinds = pytest.mark.parametrize("tokenizer", PLAIN, ids=lambda t: t.kind)


@kinds
@settings(max_examples=60)
@given(LINES)
def test_tokens_are_the_texts_of_pieces_and_pieces_stand_where_they_say(tokenizer, line):
    line = unicodedata.normalize("NFC", line)
    pieces = tokenizer.pieces(line)
    assert [piece.text for piece in pieces] == tokenizer.split(line)
    for piece in pieces:
        there = line[piece.start : piece.end]
        assert piece.text in unicodedata.normalize("NFD", there) or piece.text == there
    assert all(a.end <= b.start or a[1:] == b[1:] for a, b in pairwise(pieces))


@pytest.mark.parametrize("tokenizer", [Characters(), Jamo()], ids=lambda t: t.kind)
@settings(max_examples=100)
@given(LINES)
def test_joining_characters_or_jamo_gives_the_line_back(tokenizer, line):
    line = unicodedata.normalize("NFC", line)
    assert tokenizer.join(tokenizer.split(line)) == line


@settings(max_examples=100)
@given(LINES)
def test_given_splits_at_spaces_and_tabs_and_nowhere_else(line):
    tokens = Given().split(line)
    assert tokens == [w for w in re.split(r"[ \t]", line) if w]
    assert Given().split(Given().join(tokens)) == tokens


@settings(max_examples=100)
@given(LINES)
def test_words_leave_out_white_space_and_nothing_else(line):
    tokens = Words().split(line)
    assert "".join(tokens) == re.sub(r"\s", "", line)
    assert all(tokens)


@settings(max_examples=100)
@given(LINES)
def test_chunks_are_the_line_and_hold_at_most_one_space_before_a_word(line):
    chunks = chunks_of(line)
    assert "".join(chunks) == line
    assert all(not chunk.lstrip(" ").strip() or " " not in chunk[1:] for chunk in chunks)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Don't stop, well-known O’Neil!", "Don't|stop|,|well-known|O’Neil|!"),
        ("3.14는 10,000보다 작다. 끝...", "3.14는|10,000보다|작다|.|끝|.|.|."),
        ("오늘은 “좋다”고 했다(정말).", "오늘은|“|좋다|”|고|했다|(|정말|)|."),
        ("ㅋㅋㅋ ㅠㅠ 굿~", "ㅋㅋㅋ|ㅠㅠ|굿|~"),
        ("<unk> a_b $5", "<|unk|>|a_b|$|5"),
        ("हिन्दी می‌خواهم", "हिन्दी|می‌خواهم"),
        ("👩‍👩‍👧👍🏽 ❤️ok", "👩‍👩‍👧|👍🏽|❤️|ok"),
        ("a\u2028b\x85c\x0bd", "a|b|c|d"),
        ("1,2, 3. --", "1,2|,|3|.|-|-"),
    ],
)
def test_words_numbers_and_signs_are_told_apart(line, expected):
    assert "|".join(Words().split(line)) == expected


@pytest.mark.parametrize(
    "line",
    [
        "Don't stop, well-known friend!",
        'He said "yes" (twice), then left: no reason; none.',
        "오늘은 “좋다” 했다 (정말). 3.14는 10,000보다 작다!",
        "It costs $5 or 10%…",
        "'좋다' 하고 '싫다' 했다.",
        "[1] 《책》, 「글」. (끝)",
        "",
    ],
)
def test_joining_words_writes_what_a_person_would_write(line):
    assert Words().join(Words().split(line)) == line


def test_lines_of_a_million_tokens_are_split():
    line = "가 " * 10**6
    for tokenizer in (Given(), Words()):
        assert len(tokenizer.split(line)) == 10**6
    assert len(chunks_of(line)) == 10**6 + 1
