"""What a comparison found: frozen values, the same in Python and in `comparison.json`.

    Comparison
    ├── ground         Ground      which data, cut how, what is decided; a level that needs no model
    ├── entries        Entry …     one a model: its cost and what it reached
    │   ├── dev, test  Measures    perplexity and bits, or accuracy and F1  (measures.py)
    │   ├── curve      Point …     what it had reached when
    │   ├── trials     Trial …     each seed's own figures, where there are several seeds
    │   ├── surprisals Said …      a language model: token by token, a row a sentence
    │   ├── samples    str …       a language model: what it writes after `prompt`
    │   ├── reading    Reading     a classifier or a tagger: what it answered
    │   └── renderings Rendering … a translator: what it wrote, and where it looked  (rendered.py)
    ├── differences    Difference  the best model and each other one, and what is chance
    └── prompt, sentences, examples, originals, commands, machine, version, date

Nothing here reads a clock or a machine: the caller says both.  Infinity is a result like any other
(an unsmoothed n-gram has it); JSON has no word for it, so it is spelt "Infinity" there.
"""

import math
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from malmoi.comparison.measures import STRICT, Amount, Count, Headline, Measures, Share
from malmoi.comparison.rendered import Original, Rendering
from malmoi.errors import RunError

Unit = Literal["tokens", "texts", "words"]


@dataclass(frozen=True, config=STRICT)
class Level:
    """What is reached without a model: by a made-up language's own probabilities (no model stays
    below that in the long run), or by whoever says `label`, the commonest, every time."""

    name: str
    test: Measures
    label: str = ""


@dataclass(frozen=True, config=STRICT)
class Ground:
    """The data and what is asked of it: figures compare only where this agrees.

    headline: the figure that counts.  unit: what train, dev and test are numbers of; tokens have
    one `</s>` a line among them.  unknown: how many of the test's tokens are `<unk>`.
    held_out: SHA-256 of the dev and test data, labels included, so that two of one name are told
    apart.  labels: what is chosen from, or the kinds of entities.  column, scheme: of the tags.
    pairs, beam, signatures: of translators: pairs to learn from, slots of the search, and how
    sacreBLEU counts.
    """

    data: str
    tokenisation: str
    vocabulary: Count
    train: Count
    dev: Count
    test: Count
    unknown: Count = 0
    held_out: str = ""
    level: Level | None = None
    headline: Headline = "perplexity"
    unit: Unit = "tokens"
    labels: tuple[str, ...] = ()
    column: str = ""
    scheme: str = ""
    pairs: Count = 0
    beam: Count = 0
    signatures: tuple[str, ...] = ()


@dataclass(frozen=True, config=STRICT)
class Point:
    """What a model had reached after so much: seconds of training, tokens (texts, words) read,
    optimiser steps.

    train_loss: nats an event, as the optimiser saw it.  dev: the headline figure.  Either may be
    missing.
    """

    seconds: Amount
    read: Count
    step: Count
    train_loss: Amount | None = None
    dev: Amount | None = None


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


class Scored(NamedTuple):
    """How well one label was found.  support: how often it is true."""

    label: str
    precision: Share
    recall: Share
    f1: Share
    support: Count


class Confused(NamedTuple):
    """How often what is `true` was called `said`; "" is nothing: an entity made up, or missed."""

    true: str
    said: str
    times: Annotated[int, Field(gt=0)]


class Sure(NamedTuple):
    """Decisions of like confidence, and how many of them were right."""

    confidence: Share
    accuracy: Share
    decisions: Count


class Answer(NamedTuple):
    """What was said of an example: its labels, or a tag a word.  probability: of the one label."""

    labels: tuple[str, ...]
    probability: Share | None = None


class Example(NamedTuple):
    """Something of the test split, and its true labels: of the text, or of each of its words."""

    text: str
    labels: tuple[str, ...]
    words: tuple[str, ...] = ()


@dataclass(frozen=True, config=STRICT)
class Reading:
    """What a classifier or a tagger answered to the test split, all seeds together.

    confusion: pairs that occur; none where labels are several.  answers: to the comparison's
    examples, by the first seed.
    """

    by_label: tuple[Scored, ...]
    confusion: tuple[Confused, ...] = ()
    reliability: tuple[Sure, ...] = ()
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True, config=STRICT)
class Trial:
    """One seed's training of a model."""

    seed: Count
    seconds: Amount
    dev: Measures | None = None
    test: Measures | None = None
    curve: tuple[Point, ...] = ()


@dataclass(frozen=True, config=STRICT)
class Entry:
    """One model of the comparison.

    name: unique in the comparison.  description: a few words, `5-gram, modified Kneser-Ney`.
    seconds: of a training, whole.  dev, test: None where the model has no perplexity to show
    (`stupid-backoff` is not normalised); say why in `announcements`.  trials: where there are
    several seeds; seconds, dev and test are then their means, the rest is the first seed's.
    surprisals: one row for each of the comparison's sentences, each ending with its `</s>`, or no
    rows at all.  renderings: one for each of the comparison's originals, or none.  ground: None
    means the comparison's own.
    """

    name: str
    description: str
    parameters: Count
    seconds: Amount
    per_second: Amount
    size_bytes: Count
    dev: Measures | None = None
    test: Measures | None = None
    curve: tuple[Point, ...] = ()
    trials: tuple[Trial, ...] = ()
    samples: tuple[str, ...] = ()
    surprisals: tuple[tuple[Said, ...], ...] = ()
    reading: Reading | None = None
    renderings: tuple[Rendering, ...] = ()
    announcements: tuple[str, ...] = ()
    ground: Ground | None = None


class Difference(NamedTuple):
    """How much better `better` is than `other` in the headline figure of the test split, both of
    all seeds together, and what chance would make of it (`metrics.significance`)."""

    better: str
    other: str
    difference: float
    interval: tuple[float, float]
    p: Share


@dataclass(frozen=True, config=STRICT)
class Comparison:
    """Models side by side.  commands: what a reader types to make this again, a line each."""

    ground: Ground
    entries: tuple[Entry, ...]
    prompt: str = ""
    sentences: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    originals: tuple[Original, ...] = ()
    differences: tuple[Difference, ...] = ()
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
            if entry.renderings and len(entry.renderings) != len(self.originals):
                raise ValueError(
                    f"{entry.name!r} has {len(entry.renderings)} translations "
                    f"of {len(self.originals)} sources"
                )
            if entry.reading and entry.reading.answers:
                self._answered(entry.name, entry.reading.answers)
        for difference in self.differences:
            if strangers := {difference.better, difference.other} - set(names):
                raise ValueError(f"a difference is of {min(strangers)!r}, which is no entry")

    def _answered(self, name: str, answers: tuple[Answer, ...]) -> None:
        """Raises ValueError unless there is an answer to each example, and a tag to each word."""
        if len(answers) != len(self.examples):
            raise ValueError(
                f"{name!r} has {len(answers)} answers to {len(self.examples)} examples"
            )
        for answer, example in zip(answers, self.examples, strict=True):
            if example.words and not len(answer.labels) == len(example.words):
                raise ValueError(
                    f"{name!r} has {len(answer.labels)} tags for {len(example.words)} words"
                )

    def ground_of(self, entry: Entry) -> Ground:
        """The data that this entry was measured on."""
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
