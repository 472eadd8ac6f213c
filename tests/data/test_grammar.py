"""The exact numbers of a grammar, against all its sentences written out."""

import itertools
import math
import random
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from malmoi.data.grammar import Grammar, Symbols, weighted

TINY = Grammar(
    start="S",
    rules={
        "S": {
            ("one", "Tail.one"): 0.5,
            ("many", "Tail.many"): 0.4,
            ("one", "that", "Rel2", "and", "one", "Tail.many"): 0.1,
        },
        "Tail.one": {("Verb.one",): 0.9, ("that", "Rel", "Tail.one"): 0.1},
        "Tail.many": {("Verb.many",): 0.95, ("that", "Rel", "Tail.many"): 0.05},
        "Rel": {("many", "Love.many"): 0.5, ("one", "Love.one"): 0.25, ("(", "Rel2", ")"): 0.25},
        "Rel2": {("many", "Love.many"): 0.75, ("one", "Love.one"): 0.25},
    },
    words={
        "one": {"dog": 0.75, "cat": 0.25},
        "many": {"dogs": 1.0},
        "that": {"that": 1.0},
        "and": {"and": 1.0},
        "(": {"(": 1.0},
        ")": {")": 1.0},
        "Verb.one": {"runs": 1.0},
        "Verb.many": {"run": 0.9, "sit": 0.1},
        "Love.one": {"loves": 1.0},
        "Love.many": {"love": 1.0},
    },
)


SHARED = ("dog", "that", "dogs", "love")  # a prefix of two structures, for four words


def enumerate_sentences(grammar: Grammar, least: float) -> Iterator[tuple[Symbols, float]]:
    """Every derivation of more than `least` probability, by rewriting the leftmost symbol."""
    waiting: list[tuple[float, Symbols, Symbols]] = [(1.0, (), (grammar.start,))]
    while waiting:
        p, said, left = waiting.pop()
        if p < least:
            continue
        if not left:
            yield said, p
            continue
        if left[0] in grammar.words:
            choices = {(word,): q for word, q in grammar.words[left[0]].items()}
        else:
            choices = dict(grammar.rules[left[0]])
        for expansion, q in choices.items():
            if left[0] in grammar.words:
                waiting.append((p * q, said + expansion, left[1:]))
            else:
                waiting.append((p * q, said, expansion + left[1:]))


@pytest.fixture(scope="module")
def sentences() -> list[tuple[Symbols, float]]:
    return list(enumerate_sentences(TINY, 1e-10))


def test_the_sentences_written_out_are_nearly_all_there_are(
    sentences: list[tuple[Symbols, float]],
) -> None:
    assert math.fsum(p for _, p in sentences) == pytest.approx(1, abs=1e-6)
    assert len({said for said, _ in sentences}) == len(sentences), "no sentence twice"


def test_the_entropy_in_closed_form_is_that_of_the_sentences_written_out(
    sentences: list[tuple[Symbols, float]],
) -> None:
    assert TINY.entropy == pytest.approx(
        -math.fsum(p * math.log(p) for _, p in sentences), rel=3e-5
    )
    assert TINY.events == pytest.approx(math.fsum(p * (len(s) + 1) for s, p in sentences), rel=3e-5)
    assert TINY.perplexity == math.exp(TINY.entropy / TINY.events)


def test_log_prob_is_that_of_the_one_derivation(sentences: list[tuple[Symbols, float]]) -> None:
    for said, p in sentences[:: len(sentences) // 500]:
        assert TINY.log_prob(said) == pytest.approx(math.log(p), rel=1e-12)


def test_the_next_words_are_those_of_the_sentences_that_begin_so(
    sentences: list[tuple[Symbols, float]],
) -> None:
    for prefix in (
        (),
        ("dog",),
        ("dogs", "that"),
        ("cat", "that", "(", "dog"),
        ("dog", "runs"),
        SHARED,
    ):
        due: Counter[str] = Counter()
        for said, p in sentences:
            if said[: len(prefix)] == prefix:
                due[said[len(prefix)] if len(said) > len(prefix) else ""] += p
        total = sum(due.values())
        found = TINY.next_words(prefix)
        assert math.fsum(found.values()) == pytest.approx(1, abs=1e-12)
        assert found == pytest.approx({w: p / total for w, p in due.items()}, rel=1e-4)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6])
def test_the_limit_of_an_ngram_is_that_of_its_counts_over_all_sentences(
    n: int, sentences: list[tuple[Symbols, float]]
) -> None:
    joint: Counter[Symbols] = Counter()
    history: Counter[Symbols] = Counter()
    for said, p in sentences:
        padded = ("<s>", *said, "</s>")
        for t in range(1, len(padded)):
            seen = padded[max(0, t - n + 1) : t]
            history[seen] += p
            joint[(*seen, padded[t])] += p
    nats = -math.fsum(p * math.log(p / history[h[:-1]]) for h, p in joint.items())
    events = math.fsum(history.values())
    assert TINY.ngram_limit(n) == pytest.approx(math.exp(nats / events), rel=3e-5)


def test_longer_memories_come_nearer_and_never_below_the_truth() -> None:
    limits = [TINY.ngram_limit(n) for n in range(1, 12)]
    assert all(a >= b - 1e-12 for a, b in itertools.pairwise(limits))
    assert limits[-1] > TINY.perplexity


def test_where_one_word_of_memory_is_enough_the_bigram_reaches_the_truth() -> None:
    chain = Grammar(
        "A",
        {
            "A": {("a", "A"): 0.3, ("b", "B"): 0.7},
            "B": {("a", "A"): 0.5, ("b", "B"): 0.2, ("c",): 0.3},
        },
        {"a": {"a": 1.0}, "b": {"b": 1.0}, "c": {"c": 1.0}},
    )
    assert chain.ngram_limit(2) == pytest.approx(chain.perplexity, rel=1e-12)
    assert chain.ngram_limit(1) > chain.perplexity * 1.1


def test_what_was_drawn_is_distributed_as_was_said() -> None:
    chance = random.Random(5)
    drawn = [tuple(TINY.sample(chance)) for _ in range(4000)]
    nats = np.array([-TINY.log_prob(s) for s in drawn])
    assert abs(nats.mean() - TINY.entropy) < 4 * nats.std() / math.sqrt(len(nats))
    share = Counter(drawn)[("dogs", "run")] / len(drawn)
    p = math.exp(TINY.log_prob(("dogs", "run")))
    assert abs(share - p) < 4 * math.sqrt(p * (1 - p) / len(drawn))


def test_what_is_no_sentence_has_no_probability() -> None:
    for said in ([], ["dog"], ["dog", "run"], ["dog", "runs", "runs"], ["zebra", "runs"]):
        assert TINY.log_prob(said) == -math.inf
    spent = TINY.surprisals(["dog", "run", "runs"])
    assert math.isfinite(spent[0])
    assert spent[1:] == [math.inf] * 3


def test_zipfs_law_gives_the_second_word_half_the_share_of_the_first() -> None:
    shares = weighted(["a", "b", "c"])
    assert math.fsum(shares.values()) == pytest.approx(1, abs=1e-15)
    assert shares["a"] == pytest.approx(2 * shares["b"]) == pytest.approx(3 * shares["c"])


@pytest.mark.parametrize(
    ("rules", "words", "said"),
    [
        ({"S": {("a",): 0.9}}, {"a": {"a": 1.0}}, "sum to 1"),
        ({"S": {("a",): 1.0}}, {"a": {"a": 0.5}}, "sum to 1"),
        ({"S": {("a", "b"): 1.0}}, {"a": {"a": 1.0}}, "not defined"),
        ({"S": {("a",): 0.5, (): 0.5}}, {"a": {"a": 1.0}}, "becomes nothing"),
        ({"S": {("a", "b"): 1.0}}, {"a": {"x": 1.0}, "b": {"x": 1.0}}, "two classes"),
    ],
)
def test_what_is_no_grammar_is_refused(
    rules: dict[str, dict[Symbols, float]], words: dict[str, dict[str, float]], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Grammar("S", rules, words)


def test_a_grammar_without_averages_or_without_a_finite_chain_says_so() -> None:
    word = {"a": {"a": 1.0}}
    grows = Grammar("S", {"S": {("a", "S", "S"): 0.6, ("a",): 0.4}}, word)
    with pytest.raises(ValueError, match="no average length"):
        _ = grows.entropy
    nests = Grammar("S", {"S": {("a", "S", "a"): 0.4, ("a",): 0.6}}, word)
    assert nests.events == pytest.approx(1 + 1 / 0.6 * 0.6 + 2 * 0.4 / 0.6)
    with pytest.raises(ValueError, match="nests without end"):
        _ = nests.chain
    left = Grammar("S", {"S": {("S", "a"): 0.4, ("a",): 0.6}}, word)
    with pytest.raises(ValueError, match="first in its own expansion"):
        left.log_prob(["a"])
