"""The choices of a search: coverage, prefixes, lengths, words for unknown ones."""

import math

import pytest
import torch

from malmoi.errors import UsageError
from malmoi.explain.listen import listen
from malmoi.sentences import Sentences
from malmoi.text import Text
from malmoi.use.search import Search
from tests.use.test_translator import EN, KO, build

ATTENTIVE = ("bahdanau", "transformer")


@torch.no_grad()
def weights(translator, line, ids):
    """The mean attention [T, S] with which each of the ids was written."""
    source = torch.tensor([[*translator.bitext.source.encode(line), 0]])
    carry = translator.model.begin(Sentences(source, torch.ones_like(source, dtype=torch.bool)))
    rows = []
    for before in [0, *ids[:-1]]:
        with listen(translator.model, "alpha") as heard:
            _, carry = translator.model(torch.tensor([[before]]), carry)
        cross = [v[0] for k, v in heard.items() if "cross" in k] or [v[0] for v in heard.values()]
        rows.append(torch.cat([v.reshape(-1, v.size(-1)) for v in cross]).mean(0))
    return torch.stack(rows)


@pytest.mark.parametrize("name", ATTENTIVE)
def test_a_score_with_coverage_is_the_mean_per_token_and_what_was_not_looked_at(name) -> None:
    translator, beta = build(name), 0.7
    target = translator.bitext.target
    for answer in translator.translate(EN, beam=3, n=3, coverage=beta):
        for written in answer.best:
            ids = [*target.encode(" ".join(written.tokens)), *([0] if written.finished else [])]
            seen = weights(translator, answer.source, ids).sum(0)[:-1]  # `</s>` need not be seen
            cost = sum(math.log(min(float(s), 1.0)) for s in seen)
            expected = written.log_prob / len(ids) + beta * cost
            assert written.score == pytest.approx(expected, abs=1e-9)
        assert [w.score for w in answer.best] == sorted(w.score for w in answer.best)[::-1]


@pytest.mark.parametrize("name", ATTENTIVE)
def test_coverage_does_not_depend_on_the_neighbours(name) -> None:
    translator = build(name)
    together = translator.translate(EN, beam=3, coverage=0.5)
    alone = [translator.translate(line, beam=3, coverage=0.5) for line in EN]
    assert [a.text for a in together] == [a.text for a in alone]


@pytest.mark.parametrize("name", ATTENTIVE)
def test_an_unknown_word_becomes_the_word_that_was_looked_at_most(name) -> None:
    translator = build(name)
    out = translator.model.out.softmax if name == "bahdanau" else translator.model.out
    out.bias.data[1] += 3.0
    replaced = 0
    for line in (*EN, "Unseen words"):
        plain = translator.translate(line, beam=2, unknown=True).best[0]
        found = translator.translate(line, beam=2, replace_unknown=True).best[0]
        assert found.log_prob == plain.log_prob
        ids = [1 if w == "<unk>" else translator.bitext.target.encode(w)[0] for w in plain.tokens]
        looks = weights(translator, line, ids)
        words = line.split()
        expected = [
            words[int(look[: len(words)].argmax())] if i == 1 else word
            for i, word, look in zip(ids, plain.tokens, looks, strict=True)
        ]
        assert list(found.tokens) == expected
        assert found.text == " ".join(expected)
        replaced += ids.count(1)
    assert replaced


def test_a_translation_begins_with_its_prefix() -> None:
    translator = build()
    for answer in translator.translate(EN, beam=3, prefix="낱말 의"):
        assert answer.best[0].tokens[:2] == ("낱말", "의")
    greedy = translator.translate(EN, beam=1)
    for answer in greedy:  # what it would have written anyway changes nothing
        first = " ".join(answer.best[0].tokens[:2])
        (again,) = translator.translate(answer.source, beam=1, prefix=first).best
        assert again.tokens == answer.best[0].tokens
        assert again.log_prob == pytest.approx(answer.best[0].log_prob, rel=1e-12)
    unseen = translator.translate(EN[0], beam=2, prefix="안본말 의").best[0]
    assert unseen.tokens[:2] == ("안본말", "의")
    assert unseen.text.startswith("안본말 의")
    assert translator.translate(" ", prefix="낱말").text == ""


def test_a_ratio_limits_each_text_by_the_length_of_its_own_source() -> None:
    translator = build("transformer")
    lines = [*EN, "the " * 13]
    for answer in translator.translate(lines, beam=2, max_ratio=0.6):
        size = len(answer.source.split()) + 1
        best = answer.best[0]
        assert len(best.tokens) + best.finished <= max(1, math.ceil(0.6 * size))
    alone = [translator.translate(line, beam=2, max_ratio=0.6).text for line in lines]
    assert alone == [a.text for a in translator.translate(lines, beam=2, max_ratio=0.6)]
    for answer in translator.translate(lines, beam=2, max_ratio=9.0, maximum=3):
        assert len(answer.best[0].tokens) + answer.best[0].finished <= 3
    for answer in translator.translate(lines, beam=2, max_ratio=0.1, minimum=4):
        assert len(answer.best[0].tokens) >= 4


@pytest.mark.parametrize(
    "choice", [{"coverage": 0.2}, {"replace_unknown": True}, {"coverage": -1.0}, {"max_ratio": 0}]
)
def test_what_a_model_cannot_have_or_nobody_can_is_refused(choice) -> None:
    with pytest.raises(UsageError):
        build("sutskever").translate("a word", **choice)
    with pytest.raises(UsageError, match="no room"):
        build().translate("a word", prefix="낱말 의 목록", maximum=3)
    with pytest.raises(UsageError):
        Search(max_ratio=math.nan)


def test_a_word_of_the_text_that_looks_like_the_sign_is_left_as_it_is() -> None:
    text = Text.learn([*KO, "<unk> 낱말"], kind="given")
    literal, unknown = text.encode("<unk>")[0], 1
    ids = [unknown, literal, unknown, *text.encode("낱말"), 0]
    assert text.decode(ids, unknown={0: "Ada", 2: "<unk>"}) == "Ada <unk> <unk> 낱말"
    assert text.decode(ids, unknown={2: "Ada"}) == "<unk> <unk> Ada 낱말"
    assert text.decode(ids) == "<unk> <unk> <unk> 낱말"
