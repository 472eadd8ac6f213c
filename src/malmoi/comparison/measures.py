"""What models are measured by: one class a way of being right, its first field the one that counts.

    Foreseen      perplexity   of a language model, with bits per character and byte
    Labelled      accuracy     of one label a text or a word, with F1 and calibration
    ManyLabelled  micro_f1     of labels each for itself
    Entities      f1           of entities found in sentences, right words and right label
    Translated    bleu         of texts written from others, with chrF and perplexity

`FIGURES` says what a figure is called, how it is written and which way is up, so that a table or a
page need not know what was learnt.
"""

import dataclasses
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Literal, NamedTuple, TypeAlias, get_args

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from malmoi.comparison import figures

STRICT = ConfigDict(extra="forbid", strict=True, ser_json_inf_nan="strings")

Amount = Annotated[
    float,
    BeforeValidator(lambda value: math.inf if value == "Infinity" else value),
    Field(ge=0),  # also refuses not-a-number
]
Share = Annotated[float, Field(ge=0, le=1)]
Score = Annotated[float, Field(ge=0, le=100.001)]  # sacreBLEU's 100 may be a hair more
Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, config=STRICT)
class Foreseen:
    """How well a text was foreseen; perplexity is a token's, bits a character's."""

    perplexity: Amount
    bits_per_character: Amount
    bits_per_byte: Amount


@dataclass(frozen=True, config=STRICT)
class Labelled:
    """One label a text or a word.  macro_f1: the mean over labels.  calibration_error: expected
    (ECE), None where no probabilities were asked for."""

    accuracy: Share
    macro_f1: Share
    calibration_error: Share | None = None


@dataclass(frozen=True, config=STRICT)
class ManyLabelled:
    """Any number of labels a text.  exact: the share of texts whose labels are all right."""

    micro_f1: Share
    macro_f1: Share
    exact: Share
    calibration_error: Share | None = None


@dataclass(frozen=True, config=STRICT)
class Entities:
    """Entities found, micro-averaged over all labels.  tags: the share of words rightly tagged."""

    f1: Share
    precision: Share
    recall: Share
    tags: Share


@dataclass(frozen=True, config=STRICT)
class Translated:
    """What translations are worth.  whole: the share that is one of the references, to the letter.
    bleu_characters: where words are not written with spaces between them."""

    bleu: Score
    chrf: Score
    perplexity: Amount
    whole: Share
    bleu_characters: Score | None = None


Measures: TypeAlias = Foreseen | Labelled | ManyLabelled | Entities | Translated
Way: TypeAlias = Literal["lower", "higher"]
Headline: TypeAlias = Literal["perplexity", "accuracy", "micro_f1", "f1", "bleu"]

KINDS: dict[Headline, type[Measures]] = {
    dataclasses.fields(kind)[0].name: kind  # type: ignore[misc]  # the names are those of Headline
    for kind in get_args(Measures)
}


class Figure(NamedTuple):
    """name: the field.  title: what people call it.  column: over a table, `{}` where it says
    which part was measured.  keep: how long the column stays where room is short.
    per_token: it compares only where tokens are the same.  optional: its column goes where no
    model has it.
    """

    name: str
    title: str
    column: str
    form: Callable[[float], str]
    way: Way
    keep: int
    aside: str
    per_token: bool = False
    optional: bool = False


def _share(
    name: str, title: str, column: str, keep: int, *, way: Way = "higher", optional: bool = False
) -> Figure:
    aside = f"{title} {{}} %" if keep else ""  # what stays need not be said twice
    return Figure(name, title, column, figures.percent, way, keep, aside, optional=optional)


FIGURES = {
    figure.name: figure
    for figure in (
        Figure(
            "perplexity", "perplexity", "perplexity\n{}", figures.perplexity,
            "lower", 0, "", per_token=True,
        ),
        Figure(
            "bits_per_character", "bits per character", "bits per\ncharacter", figures.bits,
            "lower", 1, "{} bits/character",
        ),
        Figure(
            "bits_per_byte", "bits per byte", "bits per\nbyte", figures.bits,
            "lower", 7, "{} bits/byte",
        ),
        _share("accuracy", "accuracy", "accuracy\n{}, %", 0),
        _share("micro_f1", "micro F1", "micro F1\n{}, %", 0),
        _share("f1", "entity F1", "entity F1\n{}, %", 0),
        _share("macro_f1", "macro F1", "macro\nF1, %", 1),
        _share("precision", "precision", "precision\n%", 1),
        _share("recall", "recall", "recall\n%", 1),
        _share("exact", "all labels right", "all labels\nright, %", 2),
        _share("tags", "tags right", "tags\nright, %", 7),
        Figure("bleu", "BLEU", "BLEU\n{}", figures.score, "higher", 0, ""),
        Figure("chrf", "chrF", "chrF", figures.score, "higher", 1, "chrF {}"),
        Figure(
            "bleu_characters", "BLEU of characters", "BLEU of\ncharacters", figures.score,
            "higher", 1, "BLEU of characters {}", optional=True,
        ),
        _share("whole", "right to the letter", "right to the\nletter, %", 7),
        _share(
            "calibration_error", "calibration error", "calibration\nerror, %", 7,
            way="lower", optional=True,
        ),
    )
}  # fmt: skip


def of_kind(headline: Headline) -> tuple[Figure, ...]:
    """The figures that go with a headline, itself first."""
    return tuple(FIGURES[field.name] for field in dataclasses.fields(KINDS[headline]))


def watched(headline: Headline) -> Headline:
    """What is measured on the way: BLEU is not, the model would have to stop and write."""
    return "perplexity" if headline == "bleu" else headline


def value(measures: Measures | None, figure: str) -> float | None:
    """A figure by name; None where the measures do not have it."""
    found = getattr(measures, figure, None)
    return None if found is None else float(found)


def read(measured: Mapping[str, float | int | str], headline: Headline) -> Measures:
    """The measures among what a run's report says of a split."""
    # as the metrics call them
    names = {"exact": "accuracy", "tags": "accuracy", "whole": "exact"}
    kind = KINDS[headline]
    fields = [field.name for field in dataclasses.fields(kind)]
    return kind(
        **{f: float(measured[name]) for f in fields if (name := names.get(f, f)) in measured}
    )


def mean(several: Iterable[Measures | None]) -> Measures | None:
    """Figure by figure, of measures of one kind; None if one has none."""
    given = list(several)
    known = [one for one in given if one is not None]
    if not given or len(known) < len(given):
        return None
    kind, figures_of = type(known[0]), {}
    for field in dataclasses.fields(kind):
        values = [value(one, field.name) for one in known]
        told = [one for one in values if one is not None]
        figures_of[field.name] = statistics.fmean(told) if len(told) == len(values) else None
    found: Measures = kind(**figures_of)  # type: ignore[arg-type]  # only what may be None is
    return found


def deviation(several: Sequence[Measures | None], figure: str) -> float | None:
    """The standard deviation of a sample (n - 1); None where there is none to tell."""
    known = [value(one, figure) for one in several]
    told = [one for one in known if one is not None and math.isfinite(one)]
    return statistics.stdev(told) if len(told) == len(known) > 1 else None
