import unicodedata

import pytest
from hard_text import HANGUL, LINES
from hypothesis import given, settings

from malmoi.errors import TextError
from malmoi.text.normalise import characters, nfc, normalise, octets, runs


def NFC(text: str) -> str:
    return unicodedata.normalize("NFC", text)


@settings(max_examples=150)
@given(LINES | HANGUL)
def test_a_normal_line_is_unicodes_nfc(line):
    assert normalise(line).text == nfc(line) == NFC(line)


@settings(max_examples=150)
@given(LINES | HANGUL)
def test_the_runs_are_the_line_and_normalise_apart_as_they_do_together(line):
    found = runs(line)
    assert "".join(line[a:b] for a, b in found) == line
    assert all(a < b for a, b in found)
    assert "".join(NFC(line[a:b]) for a, b in found) == NFC(line)


@settings(max_examples=150)
@given(LINES | HANGUL)
def test_the_place_of_a_character_normalises_to_text_that_holds_it(line):
    normal = normalise(line)
    end = 0
    for i, character in enumerate(normal.text):
        start, stop = normal.span(i, i + 1)
        assert character in NFC(line[start:stop])
        assert start == end or (start, stop) == normal.span(i - 1, i)  # nothing is left out
        end = stop
    assert end == len(line)
    assert normal.span(len(normal.text), len(normal.text)) == (len(line), len(line))


@settings(max_examples=150)
@given(LINES | HANGUL)
def test_a_cut_between_two_runs_is_the_same_cut_before_and_after(line):
    normal = normalise(line)
    for i in range(len(normal.text) + 1):
        cut = normal.span(i, i)[0]
        if i in (0, len(normal.text)) or normal.span(i - 1, i) != normal.span(i, i + 1):
            assert NFC(line[:cut]) == normal.text[:i]
            assert NFC(line[cut:]) == normal.text[i:]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("한글", [(0, 1), (1, 2)]),
        ("\u1112\u1161\u11ab글", [(0, 3), (3, 4)]),
        ("하\u11ab글", [(0, 2), (2, 3)]),
        ("\u1112\u1161\u1161", [(0, 2), (2, 3)]),
        ("\u1112\u1112\u1161", [(0, 1), (1, 3)]),
        ("각\u11a8", [(0, 1), (1, 2)]),
        ("e\u0301x", [(0, 2), (2, 3)]),
        ("q\u0323\u0307", [(0, 3), (0, 3), (0, 3)] if len(NFC("q\u0307\u0323")) == 3 else []),
        ("e\u0301\u0327", [(0, 3), (0, 3)]),
        ("\u0cc6\u0cc2\u0cd5", [(0, 3)]),
        ("e\u0301\u1161", [(0, 2), (2, 3)]),
        ("ㅎㅏㄴ", [(0, 1), (1, 2), (2, 3)]),
        ("\u212b", [(0, 1)]),
    ],
)
def test_spans_are_as_short_as_they_can_be(line, expected):
    normal = normalise(line)
    if NFC(line) == line:
        expected = [(i, i + 1) for i in range(len(line))]
    assert [normal.span(i, i + 1) for i in range(len(normal.text))] == expected


def test_half_a_surrogate_pair_is_refused_with_its_place():
    with pytest.raises(TextError, match=r"(?s)surrogate.*character 2: U\+D83D"):
        nfc("가나\ud83d")


def test_a_pile_of_marks_is_refused_and_a_hundred_are_read():
    with pytest.raises(TextError, match=r"(?s)more than 1,000 combining marks.*character 1"):
        normalise("e" + "\u0301\u0327" * 100_000)
    assert normalise("e" + "\u0301\u0327" * 50 + "x").span(100, 101) == (101, 102)


def test_a_very_long_line_of_loose_jamo_is_read():
    line = "\u1112\u1161\u1161" * 30_000
    normal = normalise(line)
    assert len(normal.text) == 60_000
    assert normal.span(59_998, 60_000) == (89_997, 90_000)


def test_characters_and_bytes_count_nfc_and_the_line_end():
    assert (characters("한글"), octets("한글")) == (3, 7)
    assert (characters("\u1112\u1161\u11ab글"), octets("\u1112\u1161\u11ab글")) == (3, 7)
    assert (characters(""), octets("")) == (1, 1)
    assert (characters("a🙂"), octets("a🙂")) == (3, 6)
