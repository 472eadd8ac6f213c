import pytest
from hard_text import LINES
from hypothesis import given, settings

from malmoi.text.sentences import sentences, split_sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("오늘은 좋다. 내일은? 모르겠다… 정말!", "오늘은 좋다.|내일은?|모르겠다…|정말!"),
        ("그는 “간다.”라고 말했다. “끝.” 그래.", "그는 “간다.”라고 말했다.|“끝.”|그래."),
        ("1. 서론은 짧다. 2019. 4. 13. 에 썼다.", "1. 서론은 짧다.|2019. 4. 13.|에 썼다."),
        ("좋았어요 추천해요 ㅋㅋ", "좋았어요 추천해요 ㅋㅋ"),
        ("Dr. Kim met J. S. Bach at 3.1 p.m. Yes!", "Dr. Kim met J. S. Bach at 3.1 p.m.|Yes!"),
        ('"Really?" he said. "No." She left.', '"Really?" he said.|"No."|She left.'),
        ("I like No. 5. See Fig. 3 and p. 12. Done.", "I like No. 5.|See Fig. 3 and p. 12.|Done."),
        ("Wait... what? It is e.g. This one.", "Wait... what?|It is e.g. This one."),
        ("Done (really.) Next  \t one.", "Done (really.)|Next  \t one."),
        ("これは。次です！はい", "これは。|次です！|はい"),
        ("  ", ""),
        ("", ""),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text, expected):
    assert "|".join(split_sentences(text)) == expected


def test_a_line_feed_ends_a_sentence_and_other_breaks_do_not():
    assert split_sentences("하나\n둘\n\n셋") == ["하나", "둘", "셋"]
    assert split_sentences("하나\u2028둘\x85셋") == ["하나\u2028둘\x85셋"]


@settings(max_examples=150)
@given(LINES)
def test_sentences_hold_everything_but_the_white_space_between_them(line):
    found = sentences(line)
    at = 0
    for start, end in [*found, (len(line), len(line))]:
        assert not line[at:start].strip()
        assert line[start:end] == line[start:end].strip()
        at = end
    assert all(start < end for start, end in found)


def test_long_texts_without_an_end_take_no_longer():
    assert len(sentences("A. " * 20_000)) == 1
    assert len(sentences("." * 300_000 + "x")) == 1
    assert len(sentences("가다. " * 10_000)) == 10_000
