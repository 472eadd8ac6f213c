"""The made-up languages: their numbers are true, and their agreement is far away."""

import hashlib
import itertools
import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from malmoi.data import toy
from malmoi.data.grammar import Grammar
from malmoi.data.hangul_endings import Verb

NAMES = tuple(toy.LANGUAGES)


def ambiguous(grammar: Grammar) -> bool:
    """Whether some sentence has two derivations: walk the chain twice at once.

    Two walks that say the same classes and stand on different stacks are two derivations of one
    prefix; the grammar is ambiguous if from such a pair both can end with the same words.
    """
    chain = grammar.chain
    moves: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for s, c, t in zip(chain.source, chain.word_class, chain.target, strict=True):
        moves[int(s)][int(c)].append(int(t))
    if any(len(set(to)) < len(to) for by in moves.values() for to in by.values()):
        return True
    pairs, before = {(0, 0)}, defaultdict(set)
    waiting = [(0, 0)]
    while waiting:
        a, b = waiting.pop()
        for c in moves[a].keys() & moves[b].keys():
            for pair in itertools.product(moves[a][c], moves[b][c]):
                before[pair].add((a, b))
                if pair not in pairs:
                    pairs.add(pair)
                    waiting.append(pair)
    ends, waiting = {(chain.end, chain.end)}, [(chain.end, chain.end)]
    while waiting:
        for pair in before[waiting.pop()]:
            if pair not in ends:
                ends.add(pair)
                waiting.append(pair)
    return any(a != b for a, b in ends)


@pytest.mark.parametrize("name", NAMES)
def test_no_sentence_has_two_derivations(name: str) -> None:
    assert not ambiguous(toy.language(name).grammar)


def test_the_test_of_ambiguity_finds_one() -> None:
    words = {"a": {"a": 1.0}}
    rules = {"S": {("A", "B"): 1.0}, "A": {("a",): 0.5, ("a", "a"): 0.5}}
    assert ambiguous(Grammar("S", {**rules, "B": {("a",): 0.5, ("a", "a"): 0.5}}, words))
    assert not ambiguous(Grammar("S", {**rules, "B": {("a",): 1.0}}, words))


@pytest.mark.parametrize("name", NAMES)
def test_the_true_perplexity_is_what_drawn_sentences_cost(name: str) -> None:
    it = toy.language(name)
    lines = list(it.sentences("a test", 2000))
    nats = np.array([-it.log_prob(line) for line in lines])
    lengths = np.array([len(line.split()) + 1 for line in lines])
    assert abs(nats.mean() - it.grammar.entropy) < 4 * nats.std() / math.sqrt(len(lines))
    assert abs(lengths.mean() - it.grammar.events) < 4 * lengths.std() / math.sqrt(len(lines))
    spent = it.limit(lines)
    assert spent.nats == pytest.approx(nats.sum())
    assert spent.events == lengths.sum()
    per_event = nats - lengths * math.log(it.perplexity)  # its mean is 0 by definition
    assert abs(per_event.mean()) < 4 * per_event.std() / math.sqrt(len(lines))


@pytest.mark.parametrize("name", NAMES)
def test_the_entropy_of_the_rules_is_the_entropy_of_the_chain(name: str) -> None:
    """Two closed forms: H linear in the symbols, and Σ visits × entropy of the next move."""
    grammar = toy.language(name).grammar
    chain, visits = grammar.chain, grammar.chain.visits
    moves = visits[chain.source] * chain.p
    classes = [-sum(p * math.log(p) for p in words.values()) for words in grammar.words.values()]
    nats = -(moves * np.log(chain.p)).sum() + (moves * np.array(classes)[chain.word_class]).sum()
    assert nats == pytest.approx(grammar.entropy, rel=1e-9)
    assert moves.sum() + visits[chain.end] == pytest.approx(grammar.events, rel=1e-9)
    assert visits[chain.end] == pytest.approx(1, rel=1e-12), "every sentence ends"


@pytest.mark.parametrize("name", NAMES)
def test_what_can_follow_sums_to_one_after_every_prefix(name: str) -> None:
    it = toy.language(name)
    for line in it.sentences("prefixes", 30):
        words = line.split(" ")
        spent = it.surprisals(line)
        for t in range(len(words) + 1):
            following = it.grammar.next_words(words[:t])
            assert math.fsum(following.values()) == pytest.approx(1, abs=1e-12)
            truth = following[words[t] if t < len(words) else ""]
            assert -math.log(truth) == pytest.approx(spent[t], abs=1e-12)


@pytest.mark.parametrize(("name", "apart"), [("toy-ko", 1.25), ("toy-en", 1.15)])
def test_no_ngram_comes_near_the_limit(name: str, apart: float) -> None:
    it = toy.language(name)
    limits = [it.ngram_limit(n) for n in range(1, 6)]
    assert limits == sorted(limits, reverse=True)
    assert limits[-1] > apart * it.perplexity


def test_what_the_best_bigram_spends_on_the_text_it_counted_comes_up_to_its_limit() -> None:
    """Relative frequencies fit their own text a little too well: a little less with every line."""
    it = toy.language("toy-ko")
    joint: Counter[tuple[str, ...]] = Counter()
    history: Counter[str] = Counter()
    ratios = []
    drawn = it.sentences("counted", 8_000)
    for _ in range(4):
        for line in itertools.islice(drawn, 2_000):
            padded = ["<s>", *line.split(" "), "</s>"]
            history.update(padded[:-1])
            joint.update(itertools.pairwise(padded))
        nats = -sum(n * math.log(n / history[h]) for (h, _), n in joint.items())
        ratios.append(math.exp(nats / history.total()) / it.ngram_limit(2))
    assert ratios == sorted(ratios)
    assert 0.98 < ratios[-1] < 1.0


@pytest.mark.parametrize(
    ("name", "frame", "subjects", "verbs"),
    [
        (
            "toy-ko",
            "어제 {} 할아버지께서 사시는 마을에서 아이가 심은 동생이 가꾼 꽃을 {}",
            ("동생이", "임금님께서"),
            ("돌봤다", "돌보셨다"),
        ),
        (
            "toy-ko",
            "내일 {} “ 어제 나는 아이가 쉬는 들에서 선생님께서 들으신 노래를 배웠다 ” 하고 {}",
            ("우리는", "너는"),
            ("말하자", "말해라"),
        ),
        (
            "toy-ko",
            "{} 나는 할머니께서 들에서 나누신 떡을 {}",
            ("지난봄에", "올가을에"),
            ("먹었다", "먹으련다"),
        ),
        (
            "toy-en",
            "the {} near the boats that the boys love ( as the old monk says ) {}".replace(
                "old ", ""
            ),
            ("queen", "girls"),
            ("loves herself", "love themselves"),
        ),
        (
            "toy-en",
            "the {} that the wolves follow [ as a nun ( as the boys say ) thinks ] "
            "sings in {} house",
            ("king", "fox"),
            ("his", "its"),
        ),
        (
            "toy-en",
            "{} the king near the hills that the maid loves waits in his dream {} the dog sings",
            ("either", "if"),
            ("or", "then"),
        ),
    ],
)
def test_agreement_reaches_over_more_words_than_an_ngram_sees(
    name: str, frame: str, subjects: tuple[str, str], verbs: tuple[str, str]
) -> None:
    it = toy.language(name)
    for (i, subject), (j, verb) in itertools.product(enumerate(subjects), enumerate(verbs)):
        possible = it.log_prob(frame.format(subject, verb)) > -math.inf
        assert possible == (i == j), frame.format(subject, verb)
    between = frame.split("{}")[1].split()
    assert len(between) >= 5


def test_brackets_close_as_they_were_opened() -> None:
    it = toy.language("toy-en")
    right = "the king ( as the nun [ as the boys say ] thinks ) sings"
    assert it.log_prob(right) > -math.inf
    for wrong in (right.replace(")", "]"), right.replace("] thinks )", ") thinks ]")):
        assert it.log_prob(wrong) == -math.inf
    ko = toy.language("toy-ko")
    assert ko.log_prob("어제 나는 「 오늘 아이가 시를 듣는다 」 하고 말했다") > -math.inf
    assert ko.log_prob("어제 나는 「 오늘 아이가 시를 듣는다 ” 하고 말했다") == -math.inf


@pytest.mark.parametrize(
    ("name", "digest"), [("toy-ko", "be1387b5be5c2750"), ("toy-en", "968f02bbf169e056")]
)
def test_the_lines_are_the_same_everywhere(name: str, digest: str) -> None:
    """Results are compared over years: a change of these lines is a change of the data set."""
    found = hashlib.sha256()
    for split, count in toy.SENTENCES.items():
        lines = list(toy.data_set(name).lines(split))
        assert len(lines) == count
        found.update("\n".join(lines).encode())
    assert found.hexdigest()[:16] == digest


def test_the_limit_on_the_test_lines_lies_near_the_true_perplexity() -> None:
    for name in NAMES:
        data = toy.data_set(name)
        assert data.limit is not None
        assert data.limit == pytest.approx(toy.language(name).perplexity, rel=0.02)


def test_splits_are_drawn_apart() -> None:
    """As often as chance has it a short sentence is in both; a long one is not."""
    data = toy.data_set("toy-ko")
    train = {line for line in data.lines("train") if len(line.split(" ")) > 9}
    test = [line for line in data.lines("test") if len(line.split(" ")) > 9]
    assert len(test) > 500
    assert sum(line in train for line in test) < 0.02 * len(test)


def test_verbs_are_inflected_as_in_korean() -> None:
    known = {
        Verb(
            "심", "심으", "심어"
        ): "심었다 심으셨다 심는다 심으신다 심겠다 심으시겠다 심으련다 심자 심어라",
        Verb(
            "가꾸", "가꾸", "가꿔"
        ): "가꿨다 가꾸셨다 가꾼다 가꾸신다 가꾸겠다 가꾸시겠다 가꾸련다 가꾸자 가꿔라",
        Verb(
            "듣", "들으", "들어"
        ): "들었다 들으셨다 듣는다 들으신다 듣겠다 들으시겠다 들으련다 듣자 들어라",
        Verb(
            "먹", "먹으", "먹어", elder="드시"
        ): "먹었다 드셨다 먹는다 드신다 먹겠다 드시겠다 먹으련다 먹자 먹어라",
        Verb(
            "굽", "구우", "구워"
        ): "구웠다 구우셨다 굽는다 구우신다 굽겠다 구우시겠다 구우련다 굽자 구워라",
    }
    endings = ["past.plain", "past.elder", "now.plain", "now.elder", "future.plain"]
    endings += ["future.elder", "future.I", "future.we", "future.you"]
    for verb, forms in known.items():
        assert [verb.form(ending) for ending in endings] == forms.split()
    assert Verb("듣", "들으", "들어").relative("plain") == "들은"
    assert Verb("먹", "먹으", "먹어", elder="드시").relative("elder") == "드신"
