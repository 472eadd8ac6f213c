"""Passages copied from a source: planted, and found; and the arithmetic of runs by enumeration."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from malmoi.config import Sizes
from malmoi.data.corpus import stream
from malmoi.errors import UsageError
from malmoi.models import ngram
from malmoi.text import Text
from malmoi.use.copied import MOST, copied, evidence_of, maximal
from malmoi.use.language_model import LanguageModel, TokenScore

WORDS = [f"말{k}" for k in range(60)]


def spoken(n, seed, length=12):
    """Lines of a language in which each word leans on the one before it."""
    rng = np.random.default_rng(seed)
    lines = []
    for _ in range(n):
        at, line = int(rng.integers(60)), []
        for _ in range(length):
            at = (7 * at + int(rng.integers(12))) % 60
            line.append(WORDS[at])
        lines.append(" ".join(line))
    return lines


def model_of(lines, kind="words"):
    size = 330 if kind == "bpe" else None
    text = Text.learn(lines, kind=kind, size=size, min_count=1)
    V = len(text.vocabulary)
    model = ngram.Config(order=4).build(Sizes(V))
    model.estimate(stream(map(text.encode, lines), V))
    return LanguageModel(model, text)


SOURCE, BACKGROUND = spoken(80, 1), spoken(400, 2)


@pytest.fixture(scope="module")
def models():
    return model_of(SOURCE), model_of(BACKGROUND)


def test_planted_sentences_are_found_and_nothing_else(models):
    fresh = spoken(40, 3)
    planted = {3: SOURCE[5], 17: SOURCE[40], 30: SOURCE[77]}
    lines = []
    for k, line in enumerate(fresh):
        head, tail = line.split()[:5], line.split()[5:]
        lines.append(" ".join([*head, planted[k], *tail]) if k in planted else line)
    found = list(copied(*models, lines))
    for k, reading in enumerate(found):
        assert reading.line == lines[k]
        if k not in planted:
            assert reading.passages == ()
            continue
        (one,) = reading.passages
        assert one.text == lines[k][one.start : one.end]
        start = lines[k].index(planted[k])
        end = start + len(planted[k])
        both = min(end, one.end) - max(start, one.start)
        assert both / (end - start) > 0.75  # the first words have no history yet
        assert both / (one.end - one.start) > 0.85
        assert one.words == len(one.text.split())


def test_the_evidence_of_a_line_is_the_ratio_of_its_two_scores(models):
    line = f"{SOURCE[9]}  말1\t없던 {SOURCE[2]}"
    (reading,) = copied(*models, [line])
    assert [w.text for w in reading.words] == line.split()
    assert all(line[w.start : w.end] == w.text for w in reading.words)
    ends = [lm.tokens(line)[-1].surprisal for lm in models]
    whole = [lm.score(line) + end for lm, end in zip(models, ends, strict=True)]
    assert math.fsum(w.bits for w in reading.words) == pytest.approx(
        (whole[0] - whole[1]) / math.log(2), rel=1e-9
    )


KINDS = [("characters", "words"), ("words", "jamo"), ("bpe", "characters")]


@pytest.mark.parametrize("kinds", KINDS)
def test_models_with_other_tokens_agree_on_the_words(kinds):
    models = list(map(model_of, (SOURCE, BACKGROUND), kinds))
    line = f"말3 {SOURCE[9]} 말7"
    (reading,) = copied(*models, [line], evidence=0, words=1)
    assert [w.text for w in reading.words] == line.split()
    sums = [-math.fsum(t.surprisal for t in lm.tokens(line)[:-1]) / math.log(2) for lm in models]
    assert math.fsum(w.bits for w in reading.words) == pytest.approx(sums[0] - sums[1], rel=1e-9)
    if kinds[0] != "characters":  # four letters say nothing of a source
        assert any(SOURCE[9][10:20] in p.text for p in reading.passages)


def test_a_word_has_its_own_tokens_and_the_white_space_after_it():
    line = "가나 다  라마"
    letters = [TokenScore(c, i, i + 1, 2.0**i / 64, False) for i, c in enumerate(line)]
    pieces = [(0, 1), (1, 2), (2, 4), (4, 7), (7, 8)]  # " 다", "  라" begin with white space
    bpe = [TokenScore(line[a:b], a, b, 3.0**k / 64, False) for k, (a, b) in enumerate(pieces)]
    end = TokenScore("</s>", 8, 8, 1e6, False)
    found = evidence_of(line, [*letters, end], [*bpe, end])
    nats = [word.bits * math.log(2) * 64 for word in found]
    assert nats == pytest.approx([1 + 3 - (1 + 2 + 4), 9 - (8 + 16 + 32), 27 + 81 - (64 + 128)])


def test_one_impossible_word_counts_no_more_than_it_may():
    lines = ["a b c d", "b c d a"]
    text = Text.learn(lines, kind="words", min_count=1)
    model = ngram.Config(order=2, estimator="mle").build(Sizes(len(text.vocabulary)))
    model.estimate(stream(map(text.encode, lines), len(text.vocabulary)))
    mle = LanguageModel(model, text)
    (reading,) = copied(mle, model_of(lines), ["a b d zz"])
    assert [w.bits for w in reading.words][2:] == [-MOST, -MOST]
    (twice,) = copied(mle, mle, ["a b d zz"])
    assert {w.bits for w in twice.words} == {0.0}  # infinite by both says nothing


def by_enumeration(scores, start=0):
    """Ruzzo & Tompa's definition: the run with the largest sum, then those beside it."""
    best, where = 0.0, None
    for i in range(len(scores)):
        for j in range(i + 1, len(scores) + 1):
            total = sum(scores[i:j])
            if total > best:  # of equals the first and shortest
                best, where = total, (i, j)
    if where is None:
        return []
    i, j = where
    left = by_enumeration(scores[:i], start)
    return [*left, (start + i, start + j), *by_enumeration(scores[j:], start + j)]


@given(st.lists(st.integers(-5, 5), max_size=14))
def test_runs_are_those_of_the_definition(integers):
    scores = [n + 2.0 ** -(i + 4) for i, n in enumerate(integers)]  # no two runs have one sum
    assert maximal(scores) == by_enumeration(scores)


def test_an_empty_line_has_no_words_and_a_wrong_wish_is_refused(models):
    assert list(copied(*models, ["", "  "])) == [("", (), ()), ("  ", (), ())]
    assert list(copied(*models, [])) == []
    for wrong in ({"words": 0}, {"evidence": -1}, {"price": math.nan}):
        with pytest.raises(UsageError, match="a passage cannot have"):
            list(copied(*models, ["a"], **wrong))
