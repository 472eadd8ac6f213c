import unicodedata

from hard_text import HANGUL, LINES
from hypothesis import given, settings

from malmoi.text import hangul


def test_every_syllable_is_its_canonical_jamo_and_comes_back():
    for code in range(0xAC00, 0xD7A4):
        syllable = chr(code)
        jamo = hangul.decompose(syllable)
        assert jamo == hangul.parts(syllable) == unicodedata.normalize("NFD", syllable)
        assert hangul.compose(jamo) == syllable
        assert hangul.is_syllable(syllable)


def test_all_syllables_in_a_row_come_back():
    text = "".join(map(chr, range(0xAC00, 0xD7A4)))
    assert hangul.compose(hangul.decompose(text)) == text


@settings(max_examples=150)
@given(HANGUL | LINES)
def test_any_text_past_the_door_comes_back(line):
    text = unicodedata.normalize("NFC", line)
    assert hangul.compose(hangul.decompose(text)) == text
    assert "".join(map(hangul.parts, text)) == hangul.decompose(text)


@settings(max_examples=150)
@given(HANGUL)
def test_composing_is_what_unicode_does_with_hangul(line):
    jamo = hangul.decompose(line)
    assert hangul.compose(jamo) == unicodedata.normalize("NFC", jamo)


def test_letters_that_stand_alone_are_not_taken_for_parts_of_a_syllable():
    for text in [
        "ㅋㅋㅋ",
        "ㅎㅏㄴ",
        "\u1112",
        "\u1161\u11ab",
        "\u1112\u119e\u11ab",
        "\ua960\u1161",
    ]:
        assert hangul.decompose(text) == text
        assert hangul.compose(text) == text
    assert not hangul.is_syllable("ㅋ")
    assert not hangul.is_syllable("\ud7a4")
