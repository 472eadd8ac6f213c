"""The verbs of word vectors, and how they are measured, as gensim has them."""

from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest

from malmoi.errors import DataError, EmptyText, UsageError
from malmoi.vectors import Subwords, WordVectors, read_vectors
from malmoi.vectors.exams import analogies, correlation, ranks, similarities
from tests.conftest import oracle

WORDS = ["king", "queen", "man", "woman", "King", "seoul", "korea", "tokyo", "japan", "말모이"]


@pytest.fixture
def vectors() -> WordVectors:
    return WordVectors(WORDS, np.random.default_rng(4).normal(size=(10, 6)).astype(np.float32))


def peer(vectors: WordVectors):
    oracle("gensim")
    from gensim.models import KeyedVectors

    made = KeyedVectors(vectors.d)
    made.add_vectors(list(vectors.words), vectors.matrix)
    return made


def test_nearest_analogy_and_similarity_are_gensims(vectors):
    theirs = peer(vectors)
    for word in WORDS:
        for k in (1, 3, 9, 50):
            found, due = vectors.nearest(word, k), theirs.most_similar(word, topn=min(k, 9))
            assert [near.word for near in found] == [w for w, _ in due]
            assert [n.similarity for n in found] == pytest.approx([s for _, s in due], abs=1e-6)
        assert vectors.similarity("king", word) == pytest.approx(
            float(theirs.similarity("king", word)), abs=1e-6
        )
    found = vectors.analogy("man", "king", "woman", 4)
    due = theirs.most_similar(positive=["king", "woman"], negative=["man"], topn=4)
    assert [near.word for near in found] == [w for w, _ in due]


def test_a_word_without_a_vector_is_told_and_a_near_one_named(vectors):
    with pytest.raises(UsageError, match="no vector for 'kinng'") as caught:
        vectors.nearest("kinng")
    assert "did you mean 'king'" in str(caught.value)
    assert vectors.get("kinng") is None
    assert "kinng" not in vectors


def test_letters_give_a_vector_to_a_word_never_seen():
    rows = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
    vectors = WordVectors(["a"], np.ones((1, 4), np.float32), subwords=Subwords(3, 4, rows))
    assert vectors["처음"].shape == (4,)
    assert (vectors["처음"] != vectors["다시"]).any()
    assert vectors.nearest("처음", 1)[0].word == "a"
    assert vectors.get("") is None  # <> has no three letters


@pytest.mark.parametrize(("ours", "asked"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFC", "NFC")])
def test_a_word_is_itself_in_either_form_of_unicode(ours, asked):
    rows = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
    words = [normalize(ours, word) for word in ("말", "모이", "café")]
    vectors = WordVectors(words, rows[:3], subwords=Subwords(3, 4, rows))
    word, other = normalize(asked, "말"), normalize(asked, "café")
    np.testing.assert_array_equal(vectors[word], rows[0])
    assert word in vectors
    assert vectors.nearest(word, 3) == vectors.nearest(words[0], 3)  # it is not its own neighbour
    assert {near.word for near in vectors.nearest(word, 3)} == set(words[1:])
    assert len(vectors.analogy(word, other, normalize(asked, "모이"), 3)) == 0
    unseen = [vectors[normalize(form, "없는말")] for form in ("NFC", "NFD")]
    np.testing.assert_array_equal(*unseen)


def test_vectors_of_zeros_are_near_to_nothing_and_break_nothing():
    vectors = WordVectors(["a", "b"], np.array([[0, 0], [1, 0]], np.float32))
    assert vectors.nearest("b", 5) == [("a", 0.0)]
    assert vectors.nearest(np.zeros(2), 1)[0].similarity == 0.0


def test_words_and_rows_must_agree():
    with pytest.raises(DataError, match="2 words for 1 vectors"):
        WordVectors(["a", "b"], np.ones((1, 2), np.float32))


def test_ranks_share_and_correlation_is_numpys():
    assert ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=20), rng.normal(size=20)
    assert correlation(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert correlation(x, np.ones(20)) == 0.0


def test_the_measures_are_those_of_gensim(shared_data):
    """The words of both files, with vectors drawn so that capitals and rivals matter."""
    folder = shared_data / "wordvec-eval-en"
    pairs, questions = folder / "wordsim353.tsv", folder / "questions-words.txt"
    words = [w for line in questions.read_text().splitlines()[:3000] for w in line.split()]
    words += [w for line in pairs.read_text().splitlines()[1:] for w in line.split("\t")[:2]]
    words = [word for i, word in enumerate(dict.fromkeys(words)) if i % 7]
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(len(words), 3))
    rivals = [change(w) for w in words[:400] for change in (str.lower, str.upper)]
    near = np.repeat(matrix[:400], 2, axis=0) + 1e-3  # the same word in other letters: no answer
    new = [i for i, w in enumerate(rivals) if w not in words]
    words, matrix = [*words, *(rivals[i] for i in new)], np.concatenate([matrix, near[new]])
    vectors = WordVectors(words, matrix.astype(np.float32))
    theirs = peer(vectors)
    ours = similarities(vectors, pairs)
    pearson, spearman, oov = theirs.evaluate_word_pairs(str(pairs))
    assert ours.spearman == pytest.approx(spearman[0], abs=1e-6)
    assert ours.pearson == pytest.approx(pearson[0], abs=1e-6)
    assert 100 * ours.unknown / (ours.unknown + ours.pairs) == pytest.approx(oov)
    total, sections = theirs.evaluate_word_analogies(str(questions))
    found = analogies(vectors, questions)
    due = {s["section"]: (len(s["correct"]), len(s["incorrect"])) for s in sections}
    due.pop("Total accuracy")
    for section in found.sections:
        assert due[section.name][0] == section.correct, section.name
        assert sum(due[section.name]) == section.questions
    assert found.correct / found.questions == pytest.approx(total)
    assert found.questions > 50


@pytest.mark.parametrize(
    ("text", "error", "what"),
    [
        ("king\tqueen\t5\nking queen\n", DataError, "f:2"),
        ("king\tqueen\tx\n", EmptyText, "no two pairs"),
        ("a\tb\t1\nc\td\t2\n", EmptyText, "2 pairs"),
    ],
)
def test_a_file_that_is_no_exam_is_refused(vectors, text, error, what, tmp_path):
    path = tmp_path / "f"
    path.write_text(text)
    with pytest.raises(error) as caught:
        similarities(vectors, path)
    assert what in str(caught.value)


def test_a_question_that_is_none_is_refused_and_the_line_named(vectors, tmp_path):
    path: Path = tmp_path / "q"
    path.write_text(": family\nman king woman queen\nman king woman\n")
    with pytest.raises(DataError) as caught:
        analogies(vectors, path)
    assert "q:3" in str(caught.value)
    path.write_text(": family\na b c d\n")
    with pytest.raises(EmptyText):
        analogies(vectors, path)


def test_a_word_of_the_question_in_other_letters_is_no_answer(tmp_path):
    path = tmp_path / "q"
    path.write_text(": family\nman king woman queen\n")
    man, king, woman = np.eye(3)
    aim = king - man + woman
    rows = np.array([man, king, woman, aim + 0.3, aim, -aim], np.float32)
    vectors = WordVectors(["man", "king", "woman", "queen", "KING", "other"], rows)
    assert [near.word for near in vectors.analogy("man", "king", "woman", 2)] == ["KING", "queen"]
    assert analogies(vectors, path).correct == 1
    assert peer(vectors).evaluate_word_analogies(str(path))[0] == 1.0


def test_the_first_spelling_wins_where_capitals_differ(vectors, tmp_path):
    path = tmp_path / "q"
    path.write_text("KING queen King woman\n")
    assert analogies(vectors, path).questions == 1
    assert read_vectors.__doc__
