"""BLEU and chrF are sacreBLEU's own, with any number of references, and say by which rules."""

import numpy as np
import pytest
import sacrebleu

from malmoi.errors import EmptyText
from malmoi.metrics.bleu import Bleu, counts, of_counts, unspaced

SAID = ["the cat sat on the mat .", "a dog barks at it", "yes , that is so"]
ONE = ["the cat sat on a mat .", "a dog barks at me", "yes , that is it"]


def test_one_reference_each_is_what_sacrebleu_says() -> None:
    found = Bleu.of(SAID, [[text] for text in ONE])
    assert found.bleu == sacrebleu.corpus_bleu(SAID, [ONE], force=True).score
    assert found.chrf == sacrebleu.corpus_chrf(SAID, [ONE]).score
    assert 0 < found.bleu < 100
    assert f"version:{sacrebleu.__version__}" in found.signature
    assert "nrefs:1" in found.signature
    assert "tok:13a" in found.signature
    assert found.characters is None


def test_as_many_references_as_there_are() -> None:
    two = ["the cat sat on the mat .", "the dog barks", "yes it is"]
    found = Bleu.of(SAID, [list(pair) for pair in zip(ONE, two, strict=True)])
    assert found.bleu == sacrebleu.corpus_bleu(SAID, [ONE, two], force=True).score
    assert "nrefs:2" in found.signature


def test_a_second_reference_counts_where_there_is_one_and_only_there() -> None:
    found = Bleu.of(SAID, [[ONE[0], SAID[0]], [ONE[1]], [ONE[2]]])
    assert found.bleu > Bleu.of(SAID, [[text] for text in ONE]).bleu
    # the best of its references is counted for each n-gram: giving one twice changes nothing
    again = Bleu.of(SAID, [[ONE[0], SAID[0]], [ONE[1], ONE[1]], [ONE[2], ONE[2]]])
    assert found.bleu == pytest.approx(again.bleu)
    assert found.chrf == pytest.approx(again.chrf)
    assert "nrefs:var" in found.signature


def test_hangul_is_also_counted_by_syllables() -> None:
    said, gold = ["나는 학교에 간다", "비가 와요"], ["나는 학교로 간다", "비가 온다"]
    found = Bleu.of(said, [[text] for text in gold])
    expected = sacrebleu.corpus_bleu(said, [gold], tokenize="char", force=True).score
    assert found.characters == expected
    assert "tok:char" in found.characters_signature
    assert found.characters > found.bleu
    assert unspaced(["学校へ行く"])
    assert not unspaced(["école", "ʃkoɫa", "12 34", "KBS 방송 and more of it"])


def test_exact_is_to_the_letter_in_any_normal_form() -> None:
    found = Bleu.of(["가 ", "b", "c"], [["x", "\u1100\u1161"], ["B"], ["c"]])
    assert found.exact == pytest.approx(2 / 3)


def test_identical_texts_are_worth_100_and_empty_ones_nothing() -> None:
    assert Bleu.of(SAID, [[s] for s in SAID]).bleu == pytest.approx(100)
    nothing = Bleu.of(["", "", ""], [[s] for s in SAID])
    assert (nothing.bleu, nothing.chrf, nothing.exact) == (0, 0, 0)


def test_nothing_to_compare_with_is_refused() -> None:
    with pytest.raises(EmptyText):
        Bleu.of([], [])
    with pytest.raises(EmptyText):
        Bleu.of(["a"], [[]])
    with pytest.raises(ValueError, match="1 translations for 2"):
        Bleu.of(["a"], [["a"], ["b"]])


def test_the_counts_of_any_sentences_together_give_the_bleu_of_those_sentences() -> None:
    dice = np.random.default_rng(0)
    words = [
        "the",
        "cat",
        "sat",
        "on",
        "a",
        "mat",
        ",",
        "and",
        "so",
        "do",
        "we",
        ".",
        "it's",
        "3.5",
        "&",
        "more",
    ]

    def text(most):
        return " ".join(dice.choice(words, dice.integers(0, most)))

    references = [[text(12) for _ in range(dice.integers(1, 4))] for _ in range(40)]
    said = [r[0] if k % 5 == 0 else text(12) for k, r in enumerate(references)]
    rows = counts(said, references)
    draws = [dice.integers(0, 40, size) for size in (1, 1, 2, 3, 5, 40, 40, 80) for _ in range(6)]
    sums = np.stack([rows[draw].sum(0) for draw in draws]).astype(float)
    for draw, found in zip(draws, of_counts(sums), strict=True):
        theirs = Bleu.of([said[i] for i in draw], [references[i] for i in draw]).bleu
        assert 100 * found == pytest.approx(theirs, abs=1e-9)
    assert of_counts(np.zeros((1, 10)))[0] == 0
