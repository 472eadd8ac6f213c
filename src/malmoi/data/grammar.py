"""Probabilistic context-free grammars whose entropy is known exactly.

A rule A → α has probability p(α | A); a sentence's probability is the product over its derivation,
and if the grammar is unambiguous, every sentence has exactly one.  Then

    H(A) = Σ_α p(α|A) [ −ln p(α|A) + Σ_{B in α} H(B) ]      nats a sentence      linear in H
    N(A) = Σ_α p(α|A) [ Σ_{B in α} N(B) ],   N(word) = 1     words a sentence     linear in N

    perplexity = exp( H(S) / (N(S) + 1) )                    one event more: the end

(Grenander 1967; Booth & Thompson 1973).  No model can do better than this in the long run.

A grammar that only ever repeats at the end of a rule has finitely many *stacks*: what is still to
be derived when a prefix has been read.  They are the states of a hidden Markov chain, from which
come the probability of the next word after any prefix (`surprisals`, the forward algorithm), and
the expected number of times any n words stand next to each other, hence the lowest perplexity that
any n-gram model can have, however much text it counts (`ngram_limit`).

Words are drawn from classes.  A word belongs to one class only, so a history of words says neither
more nor less about what follows than the history of their classes.
"""

import math
import random
from bisect import bisect
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple, TypeAlias

import numpy as np

from malmoi.data.chain import Chain

Symbols: TypeAlias = tuple[str, ...]
Rules: TypeAlias = dict[str, dict[Symbols, float]]
Words: TypeAlias = dict[str, dict[str, float]]
DEEPEST_STACK = 100
MOST_EXPANSIONS = 10_000


class Move(NamedTuple):
    """From a stack: with probability p say a word of this class, and `rest` is left to say."""

    p: float
    word_class: str
    rest: Symbols


@dataclass(frozen=True)
class Grammar:
    """rules: for each symbol its expansions and their probabilities.  words: for each class its
    words and their probabilities.  Raises ValueError if one of these is not a distribution, if a
    symbol is not defined, or if a word has two classes."""

    start: str
    rules: Mapping[str, Mapping[Symbols, float]]
    words: Mapping[str, Mapping[str, float]]

    def __post_init__(self) -> None:
        sums = {symbol: sum(choices.values()) for symbol, choices in self.rules.items()}
        sums |= {name: sum(choices.values()) for name, choices in self.words.items()}
        for symbol, total in sums.items():
            if not math.isclose(total, 1.0, abs_tol=1e-12):
                raise ValueError(f"what {symbol} becomes does not sum to 1")
        for symbol, expansions in self.rules.items():
            for part in {part for expansion in expansions for part in expansion}:
                if part not in self.rules and part not in self.words:
                    raise ValueError(f"{symbol} becomes {part}, which is not defined")
            if () in expansions:
                raise ValueError(f"{symbol} becomes nothing")
        if len(self.class_of) != sum(len(words) for words in self.words.values()):
            raise ValueError("a word belongs to two classes")

    @cached_property
    def class_of(self) -> dict[str, str]:
        return {word: name for name, words in self.words.items() for word in words}

    # -- what is true on average ---------------------------------------------------------------

    @cached_property
    def _averages(self) -> tuple[float, float]:
        """H(S) and N(S): (I − M) x = b, where M_AB is how many B an A becomes, on average."""
        index = {symbol: i for i, symbol in enumerate((*self.rules, *self.words))}
        M = np.zeros((len(index), len(index)))
        b = np.zeros((len(index), 2))  # own entropy, own words
        for symbol, expansions in self.rules.items():
            for expansion, p in expansions.items():
                b[index[symbol], 0] -= p * math.log(p)
                for part in expansion:
                    M[index[symbol], index[part]] += p
        for name, words in self.words.items():
            b[index[name]] = -sum(p * math.log(p) for p in words.values()), 1
        if np.abs(np.linalg.eigvals(M)).max() >= 1:
            raise ValueError("sentences of this grammar have no average length")
        entropy, length = np.linalg.solve(np.eye(len(index)) - M, b)[index[self.start]]
        return float(entropy), float(length)

    @property
    def entropy(self) -> float:
        """Nats a sentence."""
        return self._averages[0]

    @property
    def events(self) -> float:
        """Words a sentence, and its end."""
        return self._averages[1] + 1

    @property
    def perplexity(self) -> float:
        return math.exp(self.entropy / self.events)

    # -- sentences -----------------------------------------------------------------------------

    def sample(self, chance: random.Random) -> list[str]:
        """A sentence, its words drawn from left to right."""
        said: list[str] = []
        stack = [self.start]
        while stack:
            symbol = stack.pop()
            sums, choices = self._drawing[symbol]
            choice = choices[min(bisect(sums, chance.random()), len(choices) - 1)]
            if symbol in self.words:
                said += choice
            else:
                stack += choice[::-1]
        return said

    @cached_property
    def _drawing(self) -> dict[str, tuple[list[float], list[Symbols]]]:
        """For each symbol the running sums of its probabilities, and what they stand for."""
        choices = dict(self.rules)
        choices |= {name: {(w,): p for w, p in words.items()} for name, words in self.words.items()}
        return {s: (list(accumulate(of.values())), list(of)) for s, of in choices.items()}

    def surprisals(self, sentence: Sequence[str]) -> list[float]:
        """−ln p(w_t | w_1 … w_{t−1}) of every word and of the end.

        Infinite from where it is no sentence of the language.
        """
        stacks: dict[Symbols, float] = {(self.start,): 1.0}
        said = []
        for word in sentence:
            stacks, p = self._read(stacks, word)
            said.append(-math.log(p) if p else math.inf)
        end = stacks.get((), 0.0)
        return [*said, -math.log(end) if end else math.inf]

    def log_prob(self, sentence: Sequence[str]) -> float:
        """ln p(sentence); minus infinity if it is none of the language."""
        return -sum(self.surprisals(sentence))

    def next_words(self, prefix: Sequence[str]) -> dict[str, float]:
        """The true probability of every word that can follow, and of the end, spelt ""."""
        stacks: dict[Symbols, float] = {(self.start,): 1.0}
        for word in prefix:
            stacks, _ = self._read(stacks, word)
        following: dict[str, float] = defaultdict(float)
        for stack, q in stacks.items():
            if not stack:
                following[""] += q
            for p, word_class, _ in self.moves[stack]:
                for word, share in self.words[word_class].items():
                    following[word] += q * p * share
        return dict(following)

    def _read(self, stacks: dict[Symbols, float], word: str) -> tuple[dict[Symbols, float], float]:
        """The forward algorithm: which stacks there can be after a word, and how likely it was."""
        name = self.class_of.get(word)
        after: dict[Symbols, float] = defaultdict(float)
        for stack, q in stacks.items():
            for p, word_class, rest in self.moves[stack]:
                if word_class == name:
                    after[rest] += q * p
        total = sum(after.values())
        if not total or name is None:
            return {}, 0.0
        return {stack: q / total for stack, q in after.items()}, total * self.words[name][word]

    # -- the hidden Markov chain ---------------------------------------------------------------

    @cached_property
    def moves(self) -> "_Moves":
        """Everything that can be said next, for what is left to derive."""
        return _Moves(self.rules, self.words)

    @cached_property
    def chain(self) -> Chain:
        """All stacks and moves as arrays.  Raises ValueError if stacks grow without end."""
        classes = {name: i for i, name in enumerate(self.words)}
        index: dict[Symbols, int] = {(self.start,): 0}
        waiting: deque[Symbols] = deque(index)
        moves: list[tuple[int, int, int]] = []
        shares: list[float] = []
        while waiting:
            stack = waiting.popleft()
            for p, word_class, rest in self.moves[stack]:
                if rest not in index:
                    index[rest] = len(index)
                    waiting.append(rest)
                moves.append((index[stack], classes[word_class], index[rest]))
                shares.append(p)
            if len(stack) > DEEPEST_STACK:
                raise ValueError("the grammar nests without end: its chain is not finite")
        sources, said, targets = np.array(moves).T
        return Chain(len(index), index[()], sources, said, targets, np.array(shares))

    def ngram_limit(self, n: int) -> float:
        """The lowest perplexity an n-gram model can have, however much text it has counted.

        The average over what such a model sees, n − 1 words or all since the beginning, of the
        entropy of what follows, by the expected counts E[h w]; and the choice within the classes.
        """
        chain = self.chain
        nats = chain.undecided(chain.histories(chain.visits, n - 1))
        for t in range(n - 1):  # the first words of a sentence: their history begins with <s>
            nats += chain.undecided(chain.histories(np.eye(1, chain.states)[0], t))
        said = np.bincount(chain.word_class, chain.visits[chain.source] * chain.p)
        own = [-sum(q * math.log(q) for q in words.values()) for words in self.words.values()]
        return math.exp((nats + float(said @ own)) / self.events)


class _Moves(dict[Symbols, tuple[Move, ...]]):
    """The moves from each stack, found when first asked for."""

    def __init__(
        self,
        rules: Mapping[str, Mapping[Symbols, float]],
        words: Mapping[str, Mapping[str, float]],
    ) -> None:
        self.rules, self.words = rules, words

    def __missing__(self, stack: Symbols) -> tuple[Move, ...]:
        self[stack] = found = tuple(self._expand(stack))
        return found

    def _expand(self, stack: Symbols) -> Iterator[Move]:
        waiting = [(1.0, stack)] if stack else []
        for _ in range(MOST_EXPANSIONS):
            if not waiting:
                return
            p, (top, *below) = waiting.pop()
            if top in self.words:
                yield Move(p, top, tuple(below))
            else:
                waiting += [(p * q, (*e, *below)) for e, q in self.rules[top].items()]
        raise ValueError(f"{stack[0]} comes first in its own expansion")


def weighted(words: Sequence[str]) -> dict[str, float]:
    """Zipf's law: the r-th of the words has a share that goes with 1 / r."""
    total = sum(1 / r for r in range(1, len(words) + 1))
    return {word: 1 / r / total for r, word in enumerate(words, start=1)}
