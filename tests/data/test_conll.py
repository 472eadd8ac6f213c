"""Words, tags, and where the words stand in what was written."""

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from malmoi.data.catalogue import find
from malmoi.data.conll import read_conll, read_conllu
from malmoi.data.examples import Tagged
from malmoi.errors import DataError, EmptyText, MalmoiError

SPLITS = ("train", "valid", "test")


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def one(text: str) -> Tagged:
    ((_, sentence),) = read_conllu(text.split("\n"), "x")
    return sentence


def word(number: str, form: str, misc: str = "_", upos: str = "X") -> str:
    return f"{number}\t{form}\tl{form}\t{upos}\tx\tf\t0\tr\t_\t{misc}"


UD = """# sent_id = 1
# text = 경기국(e-gima.com)가  온다.
1\t경기국\t경기+국\tNOUN\tNNG\t_\t6\tnsubj\t_\tSpaceAfter=No
2\t(\t(\tPUNCT\tSS\t_\t3\tpunct\t_\tSpaceAfter=No
3\te-gima.com\t_\tX\tSL\t_\t1\tappos\t_\tSpaceAfter=No
4\t)\t)\tPUNCT\tSS\t_\t3\tpunct\t_\tSpaceAfter=No
5\t가\t가\tADP\tJKS\tCase=Nom\t1\tcase\t_\t_
6\t온다\t오+ㄴ다\tVERB\tVV+EF\t_\t0\troot\t_\tSpaceAfter=No
6.1\t빈\t_\tX\t_\t_\t_\t_\t_\t_
7\t.\t.\tPUNCT\tSF\t_\t6\tpunct\t_\t_
"""


def test_a_sentence_of_conllu_is_its_words_its_columns_and_the_text() -> None:
    sentence = one(UD)
    assert sentence.words == ("경기국", "(", "e-gima.com", ")", "가", "온다", ".")
    assert sentence.text == "경기국(e-gima.com)가  온다."
    assert [sentence.text[a:b] for a, b in sentence.spans] == list(sentence.words)
    assert list(sentence.columns) == ["upos", "xpos", "lemma", "feats", "deprel", "head"]
    assert sentence.columns["upos"][:3] == ("NOUN", "PUNCT", "X")
    assert sentence.columns["xpos"][5] == "VV+EF"
    assert sentence.columns["lemma"][5] == "오+ㄴ다"
    assert sentence.columns["feats"][4] == "Case=Nom"
    assert sentence.columns["deprel"][5] == "root"
    assert sentence.columns["head"][0] == "6"


def test_without_its_text_a_sentence_is_written_as_space_after_says() -> None:
    lines = [line for line in UD.split("\n") if not line.startswith("# text")]
    sentence = one("\n".join(lines))
    assert sentence.text == "경기국(e-gima.com)가 온다."
    assert [sentence.text[a:b] for a, b in sentence.spans] == list(sentence.words)
    other = one(UD.replace("# text = 경기국(", "# text = 다른 글("))
    assert other == sentence, "a text that is not of these words is not believed"


def test_what_was_written_as_one_is_words_within_it_or_words_that_share_it() -> None:
    rows = [
        "# text = I don't come del sur",
        word("1", "I"),
        word("2-3", "don't"),
        word("2", "do"),
        word("3", "n't"),
        word("4", "come"),
        word("5-6", "del"),
        word("5", "de"),
        word("6", "el"),
        word("7", "sur"),
    ]
    for lines in (rows, rows[1:]):
        sentence = one("\n".join(lines))
        assert sentence.text == "I don't come del sur"
        assert sentence.words == ("I", "do", "n't", "come", "de", "el", "sur")
        shown = [sentence.text[a:b] for a, b in sentence.spans]
        assert shown == ["I", "do", "n't", "come", "del", "del", "sur"]


@given(
    st.lists(
        st.tuples(st.text("가나ab.", min_size=1, max_size=4), st.booleans(), st.booleans()),
        min_size=1,
        max_size=8,
    ),
    st.booleans(),
)
def test_words_stand_where_they_were_put(
    pieces: list[tuple[str, bool, bool]], comment: bool
) -> None:
    """However words are glued, and glued words split in two, with or without the comment."""
    text, rows, due, n = "", [], [], 0
    for form, space, halve in pieces:
        misc = "_" if space else "SpaceAfter=No"
        start = len(text)
        text += form + " " * space
        cut = len(form) // 2
        if halve and cut:
            rows += [word(f"{n + 1}-{n + 2}", form, misc), word(f"{n + 1}", form[:cut])]
            rows += [word(f"{n + 2}", form[cut:])]
            due += [(start, start + cut), (start + cut, start + len(form))]
        else:
            rows.append(word(f"{n + 1}", form, misc))
            due.append((start, start + len(form)))
        n = len(due)
    text = text.rstrip()
    sentence = one("\n".join([f"# text = {text}", *rows] if comment else rows))
    assert (sentence.text, list(sentence.spans)) == (text, due)


def test_plain_conll_is_words_between_spaces_and_columns_by_place() -> None:
    text = "-DOCSTART- -X- O O\n\n# a comment\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n\n# # X O\n"
    found = list(read_conll(text.split("\n"), "x"))
    assert [number for number, _ in found] == [4, 8]
    first = found[0].sentence
    assert first.words == ("EU", "rejects")
    assert first.columns == {
        "1": ("NNP", "VBZ"),
        "2": ("B-NP", "B-VP"),
        "3": ("B-ORG", "O"),
        "-1": ("B-ORG", "O"),
    }
    assert (first.text, first.spans) == ("EU rejects", ((0, 2), (3, 10)))
    assert found[1].sentence.words == ("#",), "a # with tags is a word"


def test_between_tabs_a_hash_is_a_word_unless_a_space_follows_it() -> None:
    text = "## 번호-1\t<경찰:OG>은 또\n#경찰\tB-OG\n#\tO\n \tO\n\n#\tO\n# 말\tO\n"
    found = [sentence.words for _, sentence in read_conll(text.split("\n"), "x", "")]
    assert found == [("#경찰", "#", " "), ("#", "# 말")]
    found = list(read_conll(text.split("\n"), "x", ""))
    assert found[0].sentence.text == "#경찰# "


NER = "경\tB-OG\n찰\tI-OG\n \tO\n또\tO\n\n# 주석\n{}\tB-PS\n \tO\n가\tO\n\n"


def test_characters_with_spaces_among_them_are_glued_without(tmp_path: Path) -> None:
    text = "".join(NER.format(c) for c in "김이박최정")
    for name in ("a.conll", "a.tsv", "a.txt"):  # by its name, and by how it looks
        data = find(written(tmp_path / name, text))
        assert data.form == "tagged"
        assert data.column == "-1"
        found = {sentence.text for s in SPLITS for sentence in data.sentences(s)}
        assert found == {"경찰 또", "김 가", "이 가", "박 가", "최 가", "정 가"}
        assert "the words are characters" in data.announcements[0]
        assert "entities in BIO" in data.announcements[1]


def test_a_file_of_conllu_is_split_by_its_sentences_and_gives_lines(tmp_path: Path) -> None:
    sentences = "".join(
        f"# text = 말 {i % 20}\n{word('1', '말')}\n{word('2', str(i % 20))}\n\n" for i in range(40)
    )
    data = find(written(tmp_path / "a.conllu", sentences))
    assert (data.form, data.column) == ("tagged", "upos")
    parts = {s: [sentence.text for sentence in data.sentences(s)] for s in SPLITS}
    assert {s: list(data.lines(s)) for s in SPLITS} == parts
    assert [len(parts[s]) for s in SPLITS] == [32, 4, 4]
    assert not set(parts["train"]) & set(parts["valid"] + parts["test"])


def test_a_folder_of_ud_is_its_conllu_and_not_its_texts(tmp_path: Path) -> None:
    for part, text in (("train", "하나"), ("dev", "둘"), ("test", "셋")):
        rows = word("1", text) + "\n" + word("2", ".", upos="PUNCT")
        written(tmp_path / f"ko_x-ud-{part}.conllu", rows)
        written(tmp_path / f"ko_x-ud-{part}.txt", text)
    data = find(tmp_path)
    assert {s: [t.words[0] for t in data.sentences(s)] for s in SPLITS} == {
        "train": ["하나"],
        "valid": ["둘"],
        "test": ["셋"],
    }


@pytest.mark.parametrize(
    ("name", "text", "what", "where"),
    [
        ("a.conll", "a\tO\nb\tX\tO\n", "not as many columns", ":2: 'b\\tX\\tO', 3 columns, 2 in"),
        ("a.conll", "a\nb\n", "a row has no tag", ":1: 'a', 1 columns"),
        ("a.conll", "a\tO\nb\t\n", "a row has no tag", ":2: 'b\\t'"),
        ("a.conll", "a\tO\n\tO\n", "a row has no word", ":2: '\\tO'"),
        ("a.conll", "\n\n", "no sentence", "a.conll"),
        ("a.conll", "a\tO\n\nb\tO\n\nc\tO\n", "only one label", "column '-1' says 'O' everywhere"),
        ("a.conll", "a\tB-x\n\nb\tS-x\n", "mix BIO and BIOES", ":1: 'B-x': the entity before it"),
        ("a.conll", "a\tO\n\nb\tB-x\nc\tE-y\n", "mix BIO and BIOES", ":4: 'E-y': E continues no"),
        ("a.conll", "a\tB-x\nb\tL-x\nc\tU-y\n", "BILOU", "B-x, L-x, U-y"),
        ("a.conllu", "1\ta\tO\n", "has 10 columns, this one 3", ":1: '1\\ta\\tO'"),
        ("a.conllu", word("a", "b"), "begins with the number", ":1: "),
        ("a.conllu", word("1", "b") + "\n" + word("3", "c"), "this would be 2", ":2: "),
        ("a.conllu", word("1", ""), "a row has no word", ":1: "),
        ("a.conllu", "# text = nothing\n", "no sentence", "a.conllu"),
        ("a.conllu", word("1", "b"), "too little to split", "1 different texts"),
    ],
)
def test_a_wrong_file_is_one_clear_error(
    tmp_path: Path, name: str, text: str, what: str, where: str
) -> None:
    with pytest.raises(MalmoiError, match=what) as caught:
        find(written(tmp_path / name, text))
    assert where in "\n".join(caught.value.where)


def test_slips_are_counted_aloud_and_iob1_is_known(tmp_path: Path) -> None:
    text = "a\tI-x\nb\tO\n\nc\tB-x\nd\tI-x\n\ne\tO\nf\tI-y\n"
    said = find(written(tmp_path / "a.conll", text)).announcements
    assert "entities in BIO" in said[0]
    assert "2 tags are illegal" in said[1]
    text = "a\tI-x\nb\tO\n\nc\tI-x\nd\tB-x\n\ne\tO\nf\tI-y\n"
    assert "entities in IOB1" in find(written(tmp_path / "a.conll", text)).announcements[0]


def test_a_folder_of_two_kinds_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "train.txt", "".join(NER.format(c) for c in "김이박최정"))
    written(tmp_path / "valid.txt", "plain text\n")
    with pytest.raises(DataError, match="do not hold the same"):
        find(tmp_path)
    with pytest.raises(EmptyText):
        find(written(tmp_path / "b.conllu", ""))
