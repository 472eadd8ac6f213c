"""Entities are the same in every scheme, and what is illegal is no entity."""

import itertools
import random
from typing import Any

import pytest

from malmoi.metrics import schemes
from malmoi.metrics.schemes import Fault, Scheme, Span, check, convert, moves, sniff, spans, tags_of
from tests.conftest import oracle

WRITTEN: dict[Scheme, str] = {
    "bio": "B-p I-p O O B-l I-l I-l O",
    "bioes": "B-p E-p O O B-l I-l E-l O",
    "iob1": "I-p I-p O O I-l I-l I-l O",
}
ENTITIES = [Span(0, 2, "p"), Span(4, 7, "l")]


@pytest.mark.parametrize("old", WRITTEN)
@pytest.mark.parametrize("new", WRITTEN)
def test_the_example_of_the_docstring_is_read_and_written_in_every_scheme(
    old: Scheme, new: Scheme
) -> None:
    assert spans(WRITTEN[old].split(), old) == ENTITIES
    assert tags_of(ENTITIES, 8, new) == WRITTEN[new].split()
    assert convert(WRITTEN[old].split(), old, new) == WRITTEN[new].split()


def random_entities(dice: random.Random, length: int) -> list[Span]:
    cuts = sorted(dice.sample(range(length + 1), dice.randint(2, min(6, length + 1))))
    pairs = itertools.pairwise(cuts)
    return [Span(a, b, dice.choice("pl")) for a, b in pairs if dice.random() < 0.7]


@pytest.mark.parametrize("scheme", WRITTEN)
def test_what_is_written_is_read_again_and_is_legal_and_sniffed(scheme: Scheme) -> None:
    dice = random.Random(1)
    written = []
    for _ in range(300):
        entities = random_entities(dice, 9)
        tags = tags_of(entities, 9, scheme)
        assert spans(tags, scheme) == entities
        assert check(tags, scheme) == []
        written.append(tags)
    assert sniff(written) == scheme


@pytest.mark.parametrize(("scheme", "theirs"), [("bio", "IOB2"), ("bioes", "IOBES"), ("iob1",) * 2])
def test_random_tags_most_of_them_illegal_are_read_as_seqeval_reads_them(
    scheme: Scheme, theirs: str
) -> None:
    oracle("seqeval")
    from seqeval import scheme as seqeval

    kind: Any = getattr(seqeval, theirs.upper())
    labels = [f"{prefix}-{x}" for prefix in schemes.PREFIXES[scheme] if prefix != "O" for x in "pl"]
    dice = random.Random(2)
    illegal = 0
    for _ in range(1000):
        tags = dice.choices([*labels, "O"], k=dice.randint(1, 8))
        due = [(e.start, e.end, e.tag) for e in seqeval.Tokens(tags, kind).entities]
        assert spans(tags, scheme) == due, tags
        illegal += bool(check(tags, scheme))
    assert illegal > 500


@pytest.mark.parametrize("scheme", WRITTEN)
def test_moves_lead_through_exactly_the_sequences_that_can_be_written(scheme: Scheme) -> None:
    labels = [f"{prefix}-{x}" for prefix in schemes.PREFIXES[scheme] if prefix != "O" for x in "pl"]
    labels.append("O")
    start, transitions, end = moves(labels, scheme)
    K = len(labels)
    legal = 0
    for path in itertools.product(range(K), repeat=4):
        tags = [labels[k] for k in path]
        can = start[path[0]] and end[path[-1]]
        can = can and all(transitions[a][b] for a, b in itertools.pairwise(path))
        written = convert(tags, scheme, scheme) == tags
        assert can == written == (check(tags, scheme) == []), tags
        legal += can
    assert 0 < legal < K**4


def test_without_a_scheme_everything_may_follow_everything() -> None:
    assert moves(["NOUN", "VERB"], "none") == ([True] * 2, [[True] * 2] * 2, [True] * 2)
    assert check(["NOUN", "I-x"], "none") == []
    for verb in (lambda: spans(["NOUN"], "none"), lambda: tags_of([], 1, "none")):
        with pytest.raises(ValueError, match="bio, bioes"):
            verb()


def test_faults_say_where_and_why() -> None:
    assert check(["O", "I-p", "I-p"], "bio") == [
        Fault(1, "I-p", "I continues no entity of its label")
    ]
    assert check(["B-p", "I-l"], "bio")[0].at == 1
    assert check(["B-p", "O", "B-p"], "bioes") == [
        Fault(1, "O", "the entity before it has no E"),
        Fault(2, "B-p", "the entity before it has no E"),
    ]
    assert check(["E-p"], "bio")[0].why == "'E-p' is no tag of bio: B, I, O"
    assert check(["O", "B-p"], "iob1")[0].at == 1
    assert check([], "bioes") == []


def test_tags_may_have_no_label_and_labels_may_have_hyphens() -> None:
    assert spans(["B", "I", "B"], "bio") == [Span(0, 2, ""), Span(2, 3, "")]
    assert convert(["B", "I", "B"], "bio", "bioes") == ["B", "E", "S"]
    assert spans(["B-creative-work"], "bio") == [Span(0, 1, "creative-work")]


@pytest.mark.parametrize(
    ("sentences", "due"),
    [
        (["NOUN VERB"], "none"),
        (["O O"], "none"),
        (["B-x O", "U-x O"], "none"),
        (["O Biology"], "none"),
        (["B-x I-x", "I-y O"], "bio"),  # one slip makes no other scheme
        (["I-x I-x", "I-y B-y"], "iob1"),
        (["B-x E-x"], "bioes"),
        (["S-x", "B-x I-x"], "bioes"),
        ([], "none"),
    ],
)
def test_a_scheme_is_told_by_its_tags(sentences: list[str], due: Scheme) -> None:
    assert sniff(s.split() for s in sentences) == due


def test_entities_that_overlap_cannot_be_written() -> None:
    for wrong in ([Span(0, 2, "a"), Span(1, 3, "a")], [Span(0, 4, "a")], [Span(1, 1, "a")]):
        with pytest.raises(ValueError, match="overlaps"):
            tags_of(wrong, 3, "bio")
