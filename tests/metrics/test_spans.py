"""Entities are scored as seqeval scores them in strict mode."""

import random
import warnings
from typing import Any

import pytest

from malmoi.errors import EmptyText
from malmoi.metrics.schemes import PREFIXES, Scheme
from malmoi.metrics.spans import Spans
from tests.conftest import oracle


def corpus(scheme: Scheme, seed: int) -> tuple[list[list[str]], list[list[str]]]:
    """Random tags, and others that agree with most of them; legal or not."""
    dice = random.Random(seed)
    tags = ["O", *(f"{prefix}-{x}" for prefix in PREFIXES[scheme] if prefix != "O" for x in "plq")]
    true = [dice.choices(tags, k=dice.randint(1, 12)) for _ in range(80)]
    said = [[t if dice.random() < 0.8 else dice.choice(tags) for t in of] for of in true]
    return true, said


@pytest.mark.parametrize(
    ("scheme", "theirs"), [("bio", "IOB2"), ("bioes", "IOBES"), ("iob1", "IOB1")]
)
@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_seqeval(scheme: Scheme, theirs: str, seed: int) -> None:
    oracle("seqeval")
    from seqeval import metrics, scheme as schemes

    true, said = corpus(scheme, seed)
    asked: dict[str, Any] = {"mode": "strict", "scheme": getattr(schemes, theirs)}
    report = Spans.of(true, said, scheme)
    found = report.measures()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = metrics.classification_report(true, said, output_dict=True, **asked)
        for name in ("precision", "recall", "f1"):
            due = getattr(metrics, f"{name}_score")(true, said, **asked)
            assert 0 < due < 1
            assert found[name] == pytest.approx(due)
    assert found["macro_f1"] == pytest.approx(table["macro avg"]["f1-score"])
    for label, s in report.by_label.items():
        due = table[label]
        assert s == pytest.approx(
            (due["precision"], due["recall"], due["f1-score"], due["support"])
        )
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(true, said))


def test_a_report_of_parts_is_the_report_of_the_whole() -> None:
    true, said = corpus("bio", 7)
    whole = Spans.of(true, said, "bio")
    assert Spans.of(true[:30], said[:30], "bio") + Spans.of(true[30:], said[30:], "bio") == whole
    each = [Spans.of_sentence(*pair, "bio").counts for pair in zip(true, said, strict=True)]
    assert tuple(map(sum, zip(*each, strict=True))) == whole.counts


def test_an_entity_is_right_only_with_all_its_words_and_its_label() -> None:
    true = ["B-p", "I-p", "O", "B-l", "O", "B-q"]
    said = ["B-p", "O", "O", "B-q", "O", "B-q"]
    report = Spans.of([true], [said], "bio")
    assert report.counts == (1, 2, 2)
    assert report.by_label["q"] == (0.5, 1.0, pytest.approx(2 / 3), 1)
    assert report.accuracy == pytest.approx(4 / 6)


def test_nothing_to_find_and_nothing_found_is_no_error_but_no_sentence_is() -> None:
    found = Spans.of([["O", "O"]], [["O", "O"]], "bio").measures()
    assert (found["f1"], found["accuracy"]) == (0, 1)
    with pytest.raises(EmptyText):
        Spans().measures()
    with pytest.raises(ValueError, match="2 words were given 1 tags"):
        Spans.of([["O", "O"]], [["O"]], "bio")
