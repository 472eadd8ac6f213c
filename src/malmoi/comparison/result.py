"""What a comparison found: frozen values, the same in Python and in `comparison.json`.

    Comparison
    ├── ground         Ground      which text, cut how, into how many tokens; its limit
    ├── entries        Entry …     one a model: its cost and what it reached
    │   ├── dev, test  Measures    perplexity, bits per character and byte
    │   ├── curve      Point …     what it had reached when
    │   ├── surprisals Said …      token by token, one row a sentence of `sentences`
    │   └── samples    str …       what it writes after `prompt`
    └── prompt, sentences, commands, machine, version, date

Nothing here reads a clock or a machine: the caller says both.  Infinity is a result like any other
(an unsmoothed n-gram has it); JSON has no word for it, so it is spelt "Infinity" there.
"""

import math
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from malmoi.errors import RunError

STRICT = ConfigDict(extra="forbid", strict=True, ser_json_inf_nan="strings")

Amount = Annotated[
    float,
    BeforeValidator(lambda value: math.inf if value == "Infinity" else value),
    Field(ge=0),  # also refuses not-a-number
]
Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, config=STRICT)
class Ground:
    """The text and its tokens: perplexities compare only where this agrees.

    train, dev, test: events, that is tokens and one `</s>` a line.  unknown: how many of the
    test's tokens are `<unk>`.  held_out: SHA-256 of the dev and test lines, so that two texts of
    one name are told apart.  limit: the perplexity that a made-up language itself has on the test
    text, below which no model stays in the long run.
    """

    data: str
    tokenisation: str
    vocabulary: Count
    train: Count
    dev: Count
    test: Count
    unknown: Count = 0
    held_out: str = ""
    limit: Amount | None = None


@dataclass(frozen=True, config=STRICT)
class Measures:
    """How well one part of the text was foreseen; perplexity is a token's, bits a character's."""

    perplexity: Amount
    bits_per_character: Amount
    bits_per_byte: Amount


@dataclass(frozen=True, config=STRICT)
class Point:
    """What a model had reached after so much: seconds of training, tokens read, optimiser steps.

    train_loss: nats a token, as the optimiser saw it.  Either measure may be missing.
    """

    seconds: Amount
    tokens: Count
    step: Count
    train_loss: Amount | None = None
    dev_perplexity: Amount | None = None


class Said(NamedTuple):
    """One token and what it cost the model: -ln p(token | what came before)."""

    token: str
    nats: Amount

    @property
    def bits(self) -> float:
        return self.nats / math.log(2)

    @property
    def probability(self) -> float:
        return math.exp(-self.nats)


@dataclass(frozen=True, config=STRICT)
class Entry:
    """One model of the comparison.

    name: unique in the comparison.  description: a few words, `5-gram, modified Kneser-Ney`.
    seconds: of training, whole.  dev, test: None where the model has no perplexity to show
    (`stupid-backoff` is not normalised); say why in `announcements`.  surprisals: one row for each
    of the comparison's sentences, each ending with its `</s>`, or no rows at all.
    ground: None means the comparison's own.
    """

    name: str
    description: str
    parameters: Count
    seconds: Amount
    tokens_per_second: Amount
    size_bytes: Count
    dev: Measures | None = None
    test: Measures | None = None
    curve: tuple[Point, ...] = ()
    samples: tuple[str, ...] = ()
    surprisals: tuple[tuple[Said, ...], ...] = ()
    announcements: tuple[str, ...] = ()
    ground: Ground | None = None


@dataclass(frozen=True, config=STRICT)
class Comparison:
    """Models side by side.  commands: what a reader types to make this again, a line each."""

    ground: Ground
    entries: tuple[Entry, ...]
    prompt: str = ""
    sentences: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    machine: str = ""
    version: str = ""
    date: str = ""

    def __post_init__(self) -> None:
        names = [entry.name for entry in self.entries]
        for name in {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two entries of a comparison have the name {name!r}")
        for entry in self.entries:
            if entry.surprisals and len(entry.surprisals) != len(self.sentences):
                raise ValueError(
                    f"{entry.name!r} has {len(entry.surprisals)} rows of surprisals "
                    f"for {len(self.sentences)} sentences"
                )

    def ground_of(self, entry: Entry) -> Ground:
        """The text and the tokens that this entry was measured on."""
        return entry.ground or self.ground

    def to_json(self) -> str:
        """The whole of it, to be read by people and by `from_json`."""
        return _ADAPTER.dump_json(self, indent=1).decode() + "\n"


_ADAPTER = TypeAdapter(Comparison)


def from_json(text: str, *, where: str = "comparison.json") -> Comparison:
    """Read what `to_json` wrote.  Raises RunError, naming `where` and every fault."""
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        faults = [
            f"{where}: {'.'.join(map(str, fault['loc'])) or 'the whole'}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        ]
        raise RunError(
            "this is not a comparison that malmoi wrote",
            where=faults[:20],
            hint="make it again with `malmoi compare`",
        ) from error
