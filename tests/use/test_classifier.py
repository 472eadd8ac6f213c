"""A classifier in the hand."""

import math
import unicodedata

import numpy as np
import pytest
import torch

from malmoi.data.examples import Example
from malmoi.errors import DataError, EmptyText, UsageError
from malmoi.text.sentences import sentences
from malmoi.use import classifier as module

TEXTS = [
    "오늘은 날씨가 좋다",
    "",
    "the list of the words. 비가 온다! 내일은 좋다",
    unicodedata.normalize("NFD", "오늘은 비가 온다"),
    "the\r\nlist\r\n",
    " 👨‍👩‍👧 🇰🇷 long",
    "비가 온다 " * 40,
    "is",
]
MODELS = ["bow", "elman", "gru", "lstm", "attention", "selfattentive", "han"]


@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
@pytest.mark.parametrize("name", MODELS)
def test_an_answer_is_that_of_the_text_alone(name, dtype, close, make_classifier):
    reader = make_classifier(name, dtype=dtype)
    answers = reader.classify(TEXTS)
    assert [answer.text for answer in answers] == TEXTS
    assert len({answer.probability for answer in answers}) > 4, "it has no opinions"
    for text, answer in zip(TEXTS, answers, strict=True):
        alone = reader.classify(text)
        assert alone.label == answer.label
        assert alone.probabilities == pytest.approx(answer.probabilities, abs=close)


@pytest.mark.parametrize("name", MODELS)
def test_an_answer_is_the_distribution_of_the_model(name, make_classifier):
    reader = make_classifier(name)
    for text, answer in zip(TEXTS, reader.classify(TEXTS), strict=True):
        x, (tokens,) = reader.read([text])
        with torch.no_grad():
            p = reader.model(x).logits.softmax(-1)[0].tolist()
        due = dict(zip(reader.labels.types, p, strict=True))
        assert answer.probabilities == pytest.approx(due, abs=1e-12)
        falling = list(answer.probabilities.values())
        assert falling == sorted(falling, reverse=True)
        assert (answer.label,) == answer.labels == (max(due, key=due.__getitem__),)
        assert answer.probability == max(answer.probabilities.values())
        assert math.fsum(answer.probabilities.values()) == pytest.approx(1)
        assert len(tokens) == int(x.mask.sum())


@pytest.mark.parametrize("kind", ["words", "characters", "jamo"])
@pytest.mark.parametrize("name", ["lstm", "han"])
def test_what_is_read_is_what_stands_in_the_text_as_it_was_given(name, kind, make_classifier):
    reader = make_classifier(name, kind=kind)
    x, tokens = reader.read(TEXTS)
    assert x.mask.sum(1).tolist() == [len(some) for some in tokens]
    for i, (text, some) in enumerate(zip(TEXTS, tokens, strict=True)):
        parts = [text[a:b] for a, b in sentences(text)] if name == "han" else [text]
        ids = [reader.text.encode(part) for part in parts]
        assert x.ids[i][x.mask[i]].tolist() == [k for part in ids for k in part]
        for token in some:
            piece = unicodedata.normalize("NFC", text[token.start : token.end])
            assert len(piece) == 1 if kind == "jamo" else token.text == piece
        assert [t.start for t in some] == sorted(t.start for t in some)
        if name == "han":
            ends = np.cumsum([len(part) for part in ids if part]) - 1
            assert x.ends[i].nonzero()[:, 0].tolist() == ends.tolist()
        else:
            assert x.ends is None


def test_the_same_text_in_two_unicode_forms_has_the_same_answer(make_classifier):
    reader = make_classifier("lstm", kind="characters")
    composed = reader.classify("오늘은 비가 온다 é")
    apart = reader.classify(unicodedata.normalize("NFD", "오늘은 비가 온다 é"))
    assert composed.probabilities == apart.probabilities
    assert composed.text != apart.text


def test_no_more_is_read_than_the_longest(make_classifier):
    reader = make_classifier("lstm", longest=3)
    assert [t.text for t in reader.tokens("the list of the words")] == ["the", "list", "of"]
    cut, whole = reader.classify(["the list of the words", "the list of"])
    assert cut.probabilities == whole.probabilities


@pytest.mark.parametrize("name", ["bow", "selfattentive", "han"])
def test_of_several_labels_each_is_decided_for_itself(name, make_classifier):
    reader = make_classifier(name, several=True)
    x, _ = reader.read(TEXTS)
    with torch.no_grad():
        p = reader.model(x).logits.sigmoid().numpy()
    for threshold in (None, 0.0, 0.3, 0.9, 1.0):
        limit = 0.5 if threshold is None else threshold
        answers = reader.classify(TEXTS, threshold=threshold)
        for row, answer in zip(p, answers, strict=True):
            due = {k for k, value in zip(reader.labels.types, row, strict=True) if value >= limit}
            assert set(answer.labels) == due
            assert answer.label == (answer.labels[0] if due else "")
            assert answer.probability == pytest.approx(
                np.prod(np.where(row >= limit, row, 1 - row)), abs=1e-9
            )
            said = [answer.probabilities[label] for label in answer.labels]
            assert said == sorted(said, reverse=True)
    assert len({answer.labels for answer in reader.classify(TEXTS)}) > 1


def test_a_threshold_is_refused_where_it_means_nothing(make_classifier):
    with pytest.raises(UsageError, match="threshold"):
        make_classifier("bow").classify("오늘은", threshold=0.3)
    with pytest.raises(UsageError, match="between 0 and 1"):
        make_classifier("bow", several=True).classify("오늘은", threshold=1.5)


def test_a_stream_is_read_some_at_a_time(make_classifier, monkeypatch):
    reader = make_classifier("gru")
    due = reader.classify(TEXTS)
    monkeypatch.setattr(module, "CHUNK", 3)
    taken = []

    def source():
        for text in TEXTS:
            taken.append(text)
            yield text

    found = reader.stream(source())
    assert not taken
    first = next(found)
    assert len(taken) == 3
    for answer, expected in zip([first, *found], due, strict=True):
        assert answer.text == expected.text
        assert answer.probabilities == pytest.approx(expected.probabilities, abs=1e-12)


def test_no_text_is_no_answer(make_classifier):
    assert make_classifier("lstm").classify([]) == []


def test_measures_count_what_was_said(make_classifier):
    reader = make_classifier("lstm")
    said = [answer.label for answer in reader.classify(TEXTS)]
    gold = [said[0], "never seen", *["good"] * (len(TEXTS) - 2)]
    examples = [Example(text, (label,)) for text, label in zip(TEXTS, gold, strict=True)]
    steps = []
    report, answers = reader.evaluate(examples, read=steps.append)
    assert [answer.label for answer in answers] == said
    assert sum(steps) == len(TEXTS)
    right = sum(a == b for a, b in zip(said, gold, strict=True))
    assert (report.right, report.examples) == (right, len(TEXTS))
    assert report.measures()["nats"] == math.inf  # what it can never say
    assert report.by_label["never seen"].recall == 0


def test_several_labels_are_measured_each_for_itself(make_classifier):
    reader = make_classifier("bow", several=True)
    answers = reader.classify(TEXTS)
    examples = [Example(a.text, a.labels) for a in answers]
    examples[0] = Example(TEXTS[0], ("good", "never seen"))
    report, _ = reader.evaluate(examples)
    assert report.right == len(TEXTS) - 1
    assert report.by_label["never seen"].f1 == 0


def test_what_cannot_be_measured_is_refused(make_classifier):
    reader = make_classifier("bow")
    with pytest.raises(EmptyText):
        reader.evaluate([])
    with pytest.raises(DataError, match="every text one label"):
        reader.evaluate([Example("a", ("good",)), Example("b", ())])
