"""What tokens cost a language model, and what it expected: the model's own numbers, drawn."""

import itertools
import math
import re

import pytest

from malmoi.errors import UsageError
from malmoi.explain import explain
from malmoi.explain.picture import as_json
from malmoi.explain.strips import SHADES, chance, shade, strength
from malmoi.explain.surprisal import following, surprisal
from malmoi.explain.why import from_json

every = pytest.mark.parametrize("name", ["ngram", "elman", "lstm", "gpt"])
LINE = "오늘은 비가 온다 the list of <unk>"


@every
@pytest.mark.parametrize("line", [LINE, "", "비가 온다 " * 6])
def test_the_costs_are_those_of_the_model_and_add_up_to_its_score(name, line, language_model_):
    lm = language_model_(name)
    (sentence,) = surprisal({name: lm}, [line]).sentences
    (strip,) = sentence.strips
    theirs = lm.tokens(line)
    assert [(c.token, c.start, c.end, c.nats, c.known) for c in strip.costs] == [
        (t.text, t.start, t.end, t.surprisal, not t.oov) for t in theirs
    ]
    assert strip.bits == pytest.approx(-lm.score(line) / math.log(2), rel=1e-12)
    assert sentence.characters == lm.text.characters(line)


@every
def test_what_was_likelier_is_what_the_model_would_say_there(name, language_model_):
    lm = language_model_(name)
    words = ["the", "list", "of", "the", "words", "is", "long", "the", "list"]
    assert len(words) > 8  # beyond the context of the GPT
    strip = surprisal({name: lm}, [" ".join(words)], k=4).sentences[0].strips[0]
    for t, cost in enumerate(strip.costs):
        best = lm.next(" ".join(words[:t]), k=4)
        assert [g.token for g in cost.likeliest] == [n.token for n in best]
        assert [g.probability for g in cost.likeliest] == pytest.approx(
            [n.probability for n in best], rel=1e-9
        )
        everything = [n.probability for n in lm.next(" ".join(words[:t]), k=99)]
        own = math.exp(-cost.nats)
        assert cost.rank == sum(p >= own * (1 - 1e-9) for p in everything)


def test_what_comes_next_is_next(language_model_):
    models = {name: language_model_(name) for name in ("elman", "ngram")}
    picture = following(models, "오늘은", k=3)
    for one in picture.models:
        assert [tuple(g.__dict__.values()) for g in one.likeliest] == [
            tuple(n) for n in models[one.model].next("오늘은", k=3)
        ]
    assert "Likeliest next: elman “" in picture.page().finding


def test_shades_change_where_the_report_changes_them():
    assert [shade(b) for b in (0, 0.99, 1, 14.9, 15, math.inf)] == [0, 0, 1, 7, 8, 8]
    assert [strength(b) for b in (0, *SHADES)] == [-k / 8 for k in range(9)]
    assert [chance(p) for p in (1, 0.5, 0.0912, 0.00046, 1e-9)] == [
        "100 %", "50 %", "9.1 %", "0.046 %", "1e-9",
    ]  # fmt: skip


def test_models_with_other_tokens_stand_below_one_another_and_the_best_is_named(language_model_):
    models = {
        "words": language_model_("ngram"),
        "jamo": language_model_("elman", "jamo"),
        "syllables": language_model_("lstm", "characters"),
    }
    picture = surprisal(models, ["비가 온다", "the list"])
    best = min(models, key=lambda name: -sum(models[name].score(["비가 온다", "the list"])))
    assert picture.finding.startswith(f"{best} foresaw it best")
    assert from_json(as_json(picture)) == picture
    rows = re.findall(r'<p class="passage"[^>]*>(.*?)</p>', picture.page().html())
    shown = [re.sub(r"<[^>]+>", "", row) for row in rows]
    assert shown == ["비가 온다 ↵"] * 3 + ["the list ↵"] * 3  # jamo are drawn as their syllable


def test_what_cannot_be_is_infinitely_dear_and_drawn(language_model_):
    lm = language_model_("ngram", estimator="mle", order=2)
    picture = surprisal({"mle": lm, "kn": language_model_("ngram")}, ["list list"])
    assert picture.bits(0) == math.inf
    assert "mle ∞" in picture.finding
    assert "∞ bits, probability" in picture.page().html()
    assert from_json(as_json(picture)) == picture


@pytest.mark.parametrize("width", [350, 760])
def test_no_text_lies_over_another_or_leaves_the_picture(width, language_model_, boxes):
    models = {"a-long-name-of-a-model": language_model_("lstm"), "kn": language_model_("ngram")}
    for picture in (
        surprisal(models, [LINE]),
        surprisal(models, [LINE, "the list"] * 3),
        following(models, LINE),
    ):
        found = sorted(boxes(picture.page().svg(width)), key=lambda box: box[2])
        for k, a in enumerate(found):
            assert a[0] >= 0, a
            assert a[1] <= width, a
            for b in itertools.takewhile(lambda b: b[2] - a[2] < 9, found[k + 1 :]):  # noqa: B023
                assert b[0] >= a[1] - 1 or b[1] <= a[0] + 1, (a, b)


def test_of_a_long_text_the_dearest_tokens_are_told(language_model_):
    lm = language_model_("lstm")
    picture = explain(lm, "the list of the words is long " * 9)
    table = picture.page().blocks[-1]
    assert len(table.rows) == 40
    costs = picture.sentences[0].strips[0].costs
    least = sorted((c.nats for c in costs), reverse=True)[39]
    assert min(float(row[1]) for row in table.rows) == pytest.approx(least / math.log(2), abs=0.05)


def test_nothing_to_read_is_refused_and_what_a_model_has_not(language_model_, classifier_):
    with pytest.raises(UsageError, match="no line"):
        surprisal({"lstm": language_model_("lstm")}, [])
    with pytest.raises(UsageError, match="no alignment to show of a language model"):
        explain(language_model_("lstm"), "the list", show="alignment")
    with pytest.raises(UsageError, match="gates is shown of a language model only"):
        explain(classifier_("rnn-max"), "the list", show="gates")
    with pytest.raises(UsageError, match="labels and tags"):
        explain(language_model_("lstm"), "the list", label="x")
