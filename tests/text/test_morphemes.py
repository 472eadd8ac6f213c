import sys
import unicodedata

import pytest
from hard_text import LINES
from hypothesis import given, settings

from malmoi.errors import RunError, UsageError
from malmoi.text import Text, Token


@pytest.fixture(scope="module")
def text():
    pytest.importorskip("kiwipiepy", reason="not run: kiwipiepy is not installed")
    return Text.learn(["오늘은 날씨가 좋았다. 나는 학교에 갔다.", "했다 🙂 ok"], kind="morphemes")


def test_contractions_are_two_morphemes_over_one_syllable(text):
    assert text.split("좋았다.") == ["좋/VA", "었/EP", "다/EF", "./SF"]
    assert text.tokens("갔다")[:2] == [Token("가", 0, 1), Token("었", 0, 1)]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_places_are_in_the_line_as_given_also_after_emoji(text, form):
    line = unicodedata.normalize(form, "🙂🙂 날씨가 좋았다")
    there = [unicodedata.normalize("NFC", line[t.start : t.end]) for t in text.tokens(line)]
    assert there == ["🙂", "🙂", "날씨", "가", "좋", "았", "다"]


@settings(max_examples=60)
@given(LINES)
def test_there_is_one_token_for_each_id(text, line):
    tokens = text.tokens(line)
    assert len(tokens) == len(text.encode(line))
    assert all(0 <= t.start <= t.end <= len(line) for t in tokens)


def test_joining_writes_the_sentence_again_with_the_unknown_between_spaces(text):
    line = "오늘은 날씨가 좋았다."
    assert text.decode(text.encode(line)) == line
    assert text.decode([*text.encode("오늘은"), 1, 1, *text.encode("좋았다")]) == (
        "오늘은 <unk> <unk> 좋았다"
    )
    assert text.decode([]) == ""


def test_a_loaded_text_is_the_text(text, tmp_path):
    text.save(tmp_path)
    loaded = Text.load(tmp_path)
    line = "나는 오늘 학교에 갔다 처음"
    assert loaded.vocabulary == text.vocabulary
    assert loaded.encode(line) == text.encode(line)


def test_a_text_split_by_another_kiwi_is_not_read(text, tmp_path, monkeypatch):
    text.save(tmp_path)
    monkeypatch.setattr("kiwipiepy.__version__", "0.1.2")
    with pytest.raises(RunError, match=r"(?s)another version.*kiwipiepy==0\.1.*pip install"):
        Text.load(tmp_path)


def test_without_kiwi_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "kiwipiepy", None)
    with pytest.raises(UsageError, match=r"(?s)not installed.*pip install 'malmoi\[ko\]'"):
        Text.learn(["가"], kind="morphemes")
