"""Made-up languages whose perplexity is known: how far from the limit is a model?

    language("toy-ko").perplexity          what the best of all models has in the long run
    language("toy-ko").limit(lines)        what it has on these very lines
    language("toy-ko").ngram_limit(5)      what the best of all 5-gram models has

Their sentences are drawn from the grammars of toy_ko.py and toy_en.py, independently, by a
generator that is seeded with the names of language and split: the same lines everywhere.  Because
they are independent, nothing is gained from the sentence before, and a sentence may occur twice.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial

from malmoi.data import toy_en, toy_ko
from malmoi.data.dataset import DataSet, Limit
from malmoi.data.grammar import Grammar

SENTENCES = {"train": 20_000, "valid": 2_000, "test": 2_000}


@dataclass(frozen=True)
class Language:
    """A grammar by name.  Sentences are strings of words with one space between."""

    name: str
    called: str
    grammar: Grammar

    @property
    def perplexity(self) -> float:
        """exp of entropy a sentence over events a sentence, in closed form."""
        return self.grammar.perplexity

    def ngram_limit(self, n: int) -> float:
        """The perplexity of the best n-gram model there can be."""
        return self.grammar.ngram_limit(n)

    def sentences(self, seed: str, count: int) -> Iterator[str]:
        """So many sentences, the same for the same seed on every machine."""
        chance = random.Random(f"{self.name}/{seed}")
        return (" ".join(self.grammar.sample(chance)) for _ in range(count))

    def log_prob(self, sentence: str) -> float:
        """ln p(sentence), its end included; minus infinity for what is not of the language."""
        return self.grammar.log_prob(sentence.split(" "))

    def surprisals(self, sentence: str) -> list[float]:
        """Nats of every word and of the end, given all before it."""
        return self.grammar.surprisals(sentence.split(" "))

    def limit(self, lines: Iterable[str]) -> Limit:
        """What the true probabilities spend on these lines."""
        nats, events = 0.0, 0
        for line in lines:
            nats -= self.log_prob(line)
            events += len(line.split(" ")) + 1
        return Limit(nats, events)


GRAMMARS: Mapping[str, tuple[str, Callable[[], Grammar]]] = {
    "toy-ko": ("Korean", toy_ko.grammar),
    "toy-en": ("English", toy_en.grammar),
}
LANGUAGES = tuple(GRAMMARS)


@cache
def language(name: str) -> Language:
    called, make = GRAMMARS[name]
    return Language(name, called, make())


def data_set(name: str) -> DataSet:
    """A made-up language as a data set."""
    it = language(name)
    return DataSet(
        name=name,
        description=f"a made-up {it.called} of long-distance agreement, true perplexity "
        f"{it.perplexity:.3f}",
        licence="Apache-2.0",
        language=it.called,
        tokens="given",
        truth=it.limit,
        splits={split: partial(it.sentences, split, n) for split, n in SENTENCES.items()},
        announcements=(
            f"{name}: the true perplexity is {it.perplexity:.4f}; no model does better in the "
            f"long run, no 3-gram better than {it.ngram_limit(3):.4f}",
        ),
    )
