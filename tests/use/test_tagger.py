"""A tagger in the hand."""

import math
import unicodedata
from itertools import product

import pytest
import torch

from malmoi.data.examples import Tagged
from malmoi.errors import EmptyText, UsageError
from malmoi.metrics.schemes import check, spans
from malmoi.metrics.spans import Spans
from malmoi.use import tagger as module
from malmoi.use.entities import probabilities

TEXTS = [
    "오늘은 날씨가 좋다. The list is long!",
    "",
    unicodedata.normalize("NFD", "내일은 é 비가 온다"),
    "the\r\nlist\r\n\r\nof 말모이",
    " 👨‍👩‍👧 🇰🇷 long",
    "비가 온다 " * 30,
    "is",
]
MODELS = ["softmax", "crf", "spelt", "plain"]


@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
@pytest.mark.parametrize("name", MODELS)
def test_an_answer_is_that_of_the_text_alone(name, dtype, close, make_tagger):
    tagger = make_tagger(name, dtype=dtype)
    answers = tagger.tag(TEXTS)
    assert [answer.text for answer in answers] == TEXTS
    assert len({tag for answer in answers for tag in answer.tags}) > 2, "it has no opinions"
    for text, answer in zip(TEXTS, answers, strict=True):
        alone = tagger.tag(text)
        assert [t[:4] for t in alone.tokens] == [t[:4] for t in answer.tokens]
        assert [e[:4] for e in alone.entities] == [e[:4] for e in answer.entities]
        for some, others in ((alone.tokens, answer.tokens), (alone.entities, answer.entities)):
            due = [one.probability for one in others]
            assert [one.probability for one in some] == pytest.approx(due, abs=close)


@pytest.mark.parametrize("words", ["words", "characters", "given"])
def test_places_are_those_of_the_string_as_it_was_given(words, make_tagger):
    tagger = make_tagger("crf", words=words)
    for text in TEXTS:
        answer = tagger.tag(text)
        assert all(text[t.start : t.end] == t.text for t in answer.tokens)
        assert all(text[e.start : e.end] == e.text for e in answer.entities)
        assert sum(answer.sentences) == len(answer.tokens)
        said = [unicodedata.normalize("NFC", t.text) for t in answer.tokens]
        parts = unicodedata.normalize("NFC", text).split("\n") if words != "words" else [text]
        if words == "words":
            assert said == tagger.lexicon.text.split(text)
        elif words == "given":
            assert said == " ".join(parts).split()
        else:
            assert "".join(said).replace(" ", "") == "".join("".join(parts).split())


def test_a_text_is_cut_into_sentences_that_are_read_alone(make_tagger):
    tagger = make_tagger("crf")
    one, other = "오늘은 날씨가 좋다.", "The list is long!"
    both = tagger.tag(f"{one} {other}")
    first, second = tagger.tag([one, other])
    assert both.sentences == (len(first.tokens), len(second.tokens))
    assert both.tags == first.tags + second.tags
    moved = [(t.start + len(one) + 1, t.tag) for t in second.tokens]
    assert [(t.start, t.tag) for t in both.tokens[len(first.tokens) :]] == moved
    whole = tagger.tag(f"{one} {other}", split=False)
    assert whole.sentences == (len(both.tokens),)
    assert [t.probability for t in whole.tokens] != [t.probability for t in both.tokens]


def test_two_unicode_forms_have_the_same_tags(make_tagger):
    tagger = make_tagger("spelt")
    composed, apart = "내일은 é 비가 온다", unicodedata.normalize("NFD", "내일은 é 비가 온다")
    a, b = tagger.tag([composed, apart])
    assert a.tags == b.tags
    assert [t.probability for t in a.tokens] == [t.probability for t in b.tokens]


def every_path(tagger, words):
    """All ways to tag some words, and the probability of each, asked for one by one."""
    types = tagger.labels.types
    paths = list(product(range(len(types)), repeat=len(words)))
    x, _ = tagger.read([words] * len(paths))
    with torch.no_grad():
        said = tagger.model(x)
        said = said if tagger.moves is None else said.constrained(tagger.moves)
        p = said.log_prob(torch.tensor(paths)).exp().tolist()
    found = {tuple(types[k] for k in path): each for path, each in zip(paths, p, strict=True)}
    assert math.fsum(found.values()) == pytest.approx(1, abs=1e-9)
    return found


WORDS = ["the", "list", "말모이", "온다"]


@pytest.mark.parametrize("constrained", [True, False])
@pytest.mark.parametrize("scheme", ["bio", "bioes"])
@pytest.mark.parametrize("name", ["softmax", "crf", "spelt"])
def test_probabilities_are_sums_over_all_ways_to_tag(name, scheme, constrained, make_tagger):
    tagger = make_tagger(name, scheme=scheme, constrained=constrained)
    for words in (WORDS, WORDS[::-1], WORDS[1:3], ["비가"], ["좋다", "the", "list", "온다"]):
        paths = every_path(tagger, words)
        (answer,) = tagger.tag_words([words])
        assert paths[answer.tags] == pytest.approx(max(paths.values()))
        for i, token in enumerate(answer.tokens):
            due = math.fsum(p for path, p in paths.items() if path[i] == token.tag)
            assert token.probability == pytest.approx(due, abs=1e-9)


ANSWERS = {
    "bio": ["B-PER I-PER O B-LOC", "B-PER B-PER I-PER I-PER", "B-LOC I-LOC B-PER O"],
    "bioes": ["B-PER I-PER E-PER S-PER", "S-PER S-PER B-PER E-PER", "O B-PER E-PER O"],
}


@pytest.mark.parametrize("constrained", [True, False])
@pytest.mark.parametrize("scheme", ["bio", "bioes"])
@pytest.mark.parametrize("name", ["softmax", "crf", "spelt"])
def test_an_entity_is_as_likely_as_all_ways_to_write_it(name, scheme, constrained, make_tagger):
    tagger = make_tagger(name, scheme=scheme, constrained=constrained)
    paths = every_path(tagger, WORDS)
    answers = [answer.split() for answer in ANSWERS[scheme]]
    x, _ = tagger.read([WORDS] * len(answers))
    with torch.no_grad():
        said = tagger.model(x)
        said = said if tagger.moves is None else said.constrained(tagger.moves)
    tags = torch.tensor([tagger.labels.ids(answer) for answer in answers])
    there = [spans(answer, scheme) for answer in answers]
    assert min(map(len, there)) > 0
    found = probabilities(said, there, tags, tagger.labels.types)
    for some, of in zip(there, found, strict=True):
        for span, p in zip(some, of, strict=True):
            due = math.fsum(q for path, q in paths.items() if span in spans(path, scheme))
            assert p == pytest.approx(due, abs=1e-9)


@pytest.mark.parametrize("scheme", ["bio", "bioes"])
@pytest.mark.parametrize("name", ["softmax", "crf"])
def test_answers_are_legal_where_they_are_held_to_be(name, scheme, make_tagger):
    some = ["the", "list", "of", "words", "말모이", "비가", "온다", "좋다"]
    words = [some[i:] for i in range(8)] + [some[:i] for i in range(1, 8)]
    held = make_tagger(name, scheme=scheme).tag_words(words)
    assert [check(answer.tags, scheme) for answer in held] == [[]] * len(words)
    free = make_tagger(name, scheme=scheme, constrained=False).tag_words(words)
    assert any(check(answer.tags, scheme) for answer in free), "nothing was held"


@pytest.mark.parametrize("name", ["softmax", "crf"])
def test_the_n_best_of_a_text_are_those_of_its_sentences_together(name, make_tagger):
    tagger = make_tagger(name)
    text = "the list. 말모이 온다."
    found = tagger.nbest(text, 7)
    first, second = every_path(tagger, ["the", "list", "."]), every_path(
        tagger, ["말모이", "온다", "."]
    )  # fmt: skip
    due = sorted((p * q for p in first.values() for q in second.values()), reverse=True)[:7]
    assert [math.exp(one.log_prob) for one in found] == pytest.approx(due, abs=1e-9)
    assert len({one.tags for one in found}) == 7
    for one in found:
        assert math.exp(one.log_prob) == pytest.approx(first[one.tags[:3]] * second[one.tags[3:]])
    assert found[0].tags == tagger.tag(text).tags
    assert tagger.nbest("", 3) == [((), 0.0)]
    assert len(tagger.nbest(["the"], 100)) == 3  # an I cannot begin
    with pytest.raises(UsageError, match="one at least"):
        tagger.nbest(text, 0)


def test_words_that_are_cut_are_tagged_as_they_are(make_tagger):
    tagger = make_tagger("crf")
    given = ["New York", "don't", "말모이"]
    (answer, none) = tagger.tag_words([given, []])
    assert answer.text == "New York don't 말모이"
    assert [t.text for t in answer.tokens] == given
    assert none == ("", (), (), ())
    text = "the list, 말모이"
    assert tagger.tag_words([["the", "list", ",", "말모이"]])[0].tags == tagger.tag(text).tags
    known = Tagged(("the", "list", ","), {}, "the list,", ((0, 3), (4, 8), (8, 9)))
    (placed,) = tagger.tag_words([known])
    assert placed.text == "the list,"
    assert [(t.start, t.end) for t in placed.tokens] == [(0, 3), (4, 8), (8, 9)]
    with pytest.raises(UsageError, match="a list of words"):
        tagger.tag_words(["the list"])


def test_tags_of_no_scheme_are_no_entities(make_tagger):
    answer = make_tagger("crf", scheme="none").tag(TEXTS[0])
    assert answer.entities == ()
    assert set(answer.tags) <= {"ADJ", "NOUN", "VERB"}


def test_what_is_read_are_the_words_side_by_side(make_tagger):
    tagger = make_tagger("crf")
    x, tokens = tagger.read([TEXTS[0], "", ["말모이", "the list"]])
    assert x.mask.sum(1).tolist() == [len(some) for some in tokens] == [9, 0, 2]
    assert [t.text for t in tokens[2]] == ["말모이", "the list"]
    known = tagger.lexicon.text.vocabulary.ids([t.text for t in tokens[0]])
    assert x.ids[0][x.mask[0]].tolist() == known


def test_a_stream_is_read_some_at_a_time(make_tagger, monkeypatch):
    tagger = make_tagger("crf")
    due = tagger.tag(TEXTS)
    monkeypatch.setattr(module, "CHUNK", 2)
    found = tagger.stream(iter(TEXTS))
    assert [a.tags for a in found] == [a.tags for a in due]


def test_small_batches_change_nothing(make_tagger, monkeypatch):
    tagger = make_tagger("crf")
    due = tagger.tag(TEXTS)
    monkeypatch.setattr(module, "CELLS", 7)
    for a, b in zip(tagger.tag(TEXTS), due, strict=True):
        assert [e[:4] for e in a.entities] == [e[:4] for e in b.entities]
        of = [[e.probability for e in x.entities] for x in (a, b)]
        assert of[0] == pytest.approx(of[1], abs=1e-12)


def test_measures_count_what_was_said(make_tagger):
    tagger = make_tagger("crf")
    words = [WORDS, WORDS[:2], ["비가"]]
    said = [list(a.tags) for a in tagger.tag_words(words)]
    gold = [["B-PER", "I-PER", "O", "B-NEW"], said[1], ["O"]]
    steps = []
    report, answers = tagger.evaluate(words, gold, read=steps.append)
    assert answers == said
    assert sum(steps) == 3
    assert report == Spans.of(gold, said, "bio")
    with pytest.raises(EmptyText):
        tagger.evaluate([], [])
