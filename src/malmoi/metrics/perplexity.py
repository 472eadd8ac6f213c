"""How surprised a model was by a text, in the units people compare.

    perplexity           exp( Σ −log p / events )          per token: only for the same tokens
    bits per character   Σ −log₂ p / characters            for any two models of the same text
    bits per byte        Σ −log₂ p / bytes                 … and for any two scripts

Events are the words and one `</s>` a line; `<s>` is never scored, `<unk>` like any word.
Characters and bytes are those of the NFC text, and each line's end is one.

A token of probability 0 makes the sum infinite, and the report says so: perplexity is ∞ and
`impossible` tells how many such tokens there are.  Known and unknown tokens are summed apart, so
that the perplexity without OOV is right even when `<unk>` itself has probability 0 (∞ − ∞ is not
a number).  (Chen & Goodman 1999, §1.1)
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from malmoi.errors import EmptyText


def perplexity(nats: float, events: int) -> float:
    """exp of the mean negative log-likelihood: how many words the model hesitates between.

    nats: summed over the text, natural logarithm.  Infinite where a word has probability 0.
    Raises EmptyText if events is 0.
    """
    mean = _per(nats, events, "token")
    return math.exp(mean) if mean < 709.78 else math.inf  # beyond, exp overflows


def bits_per(nats: float, units: int, unit: str = "character") -> float:
    """Bits for each character or byte.  Raises EmptyText if there is none."""
    return _per(nats, units, unit) / math.log(2)


def _per(nats: float, units: int, unit: str) -> float:
    if units <= 0:
        raise EmptyText(
            "there is nothing to measure in this text",
            where=f"{units} {unit}s were scored",
            hint="give it at least one line",
        )
    return nats / units


@dataclass(frozen=True)
class Report:
    """What a text cost a model; reports of parts add up to the report of the whole.

    nats: −log p summed, natural logarithm.  oov: tokens that are `<unk>` to the model.
    impossible: tokens of probability 0.
    """

    known_nats: float = 0.0
    known_events: int = 0
    oov_nats: float = 0.0
    oov_events: int = 0
    characters: int = 0
    bytes: int = 0
    impossible: int = 0

    @classmethod
    def of(
        cls, nats: Iterable[float], oov: Iterable[bool], *, characters: int = 0, bytes: int = 0
    ) -> "Report":
        """A report of some tokens: what each cost, and which of them are `<unk>`."""
        sides: tuple[list[float], list[float]] = ([], [])
        for cost, unknown in zip(nats, oov, strict=True):
            sides[bool(unknown)].append(cost)
        known, unk = sides
        return cls(
            math.fsum(known),
            len(known),
            math.fsum(unk),
            len(unk),
            characters,
            bytes,
            sum(cost == math.inf for cost in known + unk),
        )

    def __add__(self, other: "Report") -> "Report":
        return Report(
            self.known_nats + other.known_nats,
            self.known_events + other.known_events,
            self.oov_nats + other.oov_nats,
            self.oov_events + other.oov_events,
            self.characters + other.characters,
            self.bytes + other.bytes,
            self.impossible + other.impossible,
        )

    @property
    def nats(self) -> float:
        return self.known_nats + self.oov_nats

    @property
    def events(self) -> int:
        return self.known_events + self.oov_events

    @property
    def perplexity(self) -> float:
        return perplexity(self.nats, self.events)

    @property
    def perplexity_without_oov(self) -> float:
        """Over the tokens the model knows and the ends of lines; not a number if there is none."""
        return perplexity(self.known_nats, self.known_events) if self.known_events else math.nan

    @property
    def bits_per_character(self) -> float:
        return bits_per(self.nats, self.characters, "character")

    @property
    def bits_per_byte(self) -> float:
        return bits_per(self.nats, self.bytes, "byte")

    @property
    def oov_rate(self) -> float:
        """Of the words and the ends of lines, the share that is `<unk>`."""
        return self.oov_events / self.events if self.events else 0.0

    def measures(self) -> dict[str, float]:
        """All of it by name, derived numbers first.  Raises EmptyText if nothing was scored."""
        return {
            "perplexity": self.perplexity,
            "perplexity_without_oov": self.perplexity_without_oov,
            "bits_per_character": self.bits_per_character,
            "bits_per_byte": self.bits_per_byte,
            "oov_rate": self.oov_rate,
            "nats": self.nats,
            "events": self.events,
            "oov": self.oov_events,
            "impossible": self.impossible,
            "characters": self.characters,
            "bytes": self.bytes,
        }
