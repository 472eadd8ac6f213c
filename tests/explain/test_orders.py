"""Which order of an n-gram model fired: by KenLM, and by counting over again."""

import itertools
from collections import Counter

import pytest

from malmoi.errors import UsageError
from malmoi.explain import explain
from malmoi.explain.orders import orders
from malmoi.explain.picture import as_json
from malmoi.explain.why import from_json
from malmoi.export.arpa import write_arpa
from tests.conftest import oracle

LINES = ["오늘은 비가 온다", "the list of the list", "words 날씨가 좋다", "", "xyz the xyz", "비가"]


def counted(text, said):
    """Every n-gram, by its words, as it stands in the lines."""
    found = Counter()
    for line in said:
        words = ["<s>", *text.split(line), "</s>"]
        for i in range(1, len(words)):
            for k in range(1, i + 2):
                found[tuple(words[i - k + 1 : i + 1])] += 1
    return found


@pytest.mark.parametrize("line", LINES)
def test_counts_and_orders_are_those_of_counting_again(line, language_model_, said):
    lm = language_model_("ngram")
    picture = orders(lm, line, lines=said, counted="it")
    found = counted(lm.text, said)
    known = set(lm.text.vocabulary.types)
    words = ["<s>", *(w if w in known else "<unk>" for w in lm.text.split(line)), "</s>"]
    assert [word.token for word in picture.words] == [t.text for t in lm.tokens(line)]
    for i, word in enumerate(picture.words, 1):
        assert word.longest == min(3, i + 1)
        for rung in word.rungs:
            gram = tuple(words[i - rung.order + 1 : i + 1])
            assert rung.said == found[gram]
            assert rung.history == sum(
                n for g, n in found.items() if len(g) == rung.order and g[:-1] == gram[:-1]
            )
        there = [rung.order for rung in word.rungs if rung.said]
        assert word.order == max(there, default=1)


def test_the_orders_are_those_of_kenlm(language_model_, tmp_path):
    kenlm = oracle("kenlm")
    lm = language_model_("ngram")
    write_arpa(tmp_path / "a.arpa", lm.model, lm.text.vocabulary.types)
    theirs = kenlm.Model(str(tmp_path / "a.arpa"))
    for line in LINES:
        picture = orders(lm, line)
        right = list(theirs.full_scores(" ".join(lm.text.split(line))))
        assert [word.order for word in picture.words] == [n for _, n, _ in right]
        assert [-word.nats for word in picture.words] == pytest.approx(
            [logp * 2.302585 for logp, _, _ in right], abs=1e-4
        )


def test_it_says_how_many_were_backed_off_and_does_without_the_text(language_model_, said):
    lm = language_model_("ngram")
    picture = orders(lm, "오늘은 날씨가 온다", lines=said, counted="the lines")
    assert [word.order for word in picture.words] == [2, 3, 1, 2]
    assert picture.finding == (
        "The order that fired: 3 at 1, 2 at 2, 1 at 1 of 4 places. At 2 of them a longer history "
        "was backed off."
    )
    assert "the lines says the n-gram" in picture.page().blocks[0].lead
    known = orders(lm, said[0], lines=said, counted="the lines")
    assert all(word.order == word.longest for word in known.words)
    assert known.finding.endswith("places. No history had to be backed off.")
    without = explain(lm, "오늘은 날씨가 온다", show="orders")
    assert [word.order for word in without.words] == [2, 3, 1, 2]
    assert {rung.said for word in without.words for rung in word.rungs} == {None}
    assert "is not here" in without.page().html()
    for one in (picture, without):
        assert from_json(as_json(one)) == one


@pytest.mark.parametrize("width", [350, 760])
def test_no_number_lies_over_another(width, language_model_, said, boxes):
    picture = orders(language_model_("ngram"), "the list of 오늘은 비가 온다", lines=said * 4000)
    found = sorted(boxes(picture.page().svg(width)), key=lambda box: box[2])
    for k, a in enumerate(found):
        assert 0 <= a[0] <= a[1] <= width + 1, a
        for b in itertools.takewhile(lambda b: b[2] - a[2] < 9, found[k + 1 :]):  # noqa: B023
            assert b[0] >= a[1] - 1 or b[1] <= a[0] + 1, (a, b)


def test_only_an_n_gram_model_has_orders(language_model_):
    with pytest.raises(UsageError, match="only an n-gram model"):
        orders(language_model_("lstm"), "the list")
