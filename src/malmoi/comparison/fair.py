"""Which figures of a comparison may stand side by side.

    same held-out data   same question    same tokens      what compares
    yes                  yes              yes              everything
    yes                  yes              no               what is not per token: of language models
                                                           bits per character and byte, of
                                                           translators BLEU and chrF
    yes                  no               -                nothing; no model is called the best
    no                   -                -                nothing; no model is called the best

A perplexity is *per token*: the same model of the same text has another one when words are cut
into syllables.  Bits per character do not mind how the text was cut, with one exception that is
said aloud: a model that reads an unknown word as `<unk>` never paid for spelling it.  Accuracy and
F1 do not mind either: there the text, the word or the entity is the unit.

The question is what is decided: by which figure it is judged, of which column of tags, between
which labels.
"""

import math
from dataclasses import dataclass

from malmoi.comparison import figures
from malmoi.comparison.measures import FIGURES, of_kind, value
from malmoi.comparison.result import Comparison, Difference, Entry, Ground


@dataclass(frozen=True)
class Verdict:
    """figures: the names of those that may be compared across all entries, the first of which
    orders them.  reasons: sentences for people."""

    figures: tuple[str, ...]
    reasons: tuple[str, ...] = ()

    @property
    def order(self) -> str:
        """The figure that says which model is the best; "" where none does."""
        return self.figures[0] if self.figures else ""


def judge(comparison: Comparison) -> Verdict:
    """What the grounds of the entries allow to be said."""
    grounds = [comparison.ground_of(entry) for entry in comparison.entries] or [comparison.ground]
    held_out = {(ground.data, ground.held_out) for ground in grounds}
    if len(held_out) > 1:
        names = sorted({ground.data for ground in grounds})
        which = ", ".join(names) if len(names) > 1 else f"two texts both called {names[0]}"
        return _apart(f"were measured on different texts ({which})")
    if reason := _other_question(grounds):
        return _apart(reason)
    known = of_kind(grounds[0].headline)
    units = {(ground.tokenisation, ground.vocabulary) for ground in grounds}
    if len(units) > 1 and any(figure.per_token for figure in known):
        which = ", ".join(f"{figures.unit(kind)} of {size:,} types" for kind, size in sorted(units))
        bits = grounds[0].headline == "perplexity"
        only = "only bits per character and per byte are compared" if bits else "it is left out"
        reasons = [
            f"The models cut the text differently ({which}): a perplexity is per token, so {only}.",
        ]
        if bits and (
            unknown := [
                f"{entry.name} ({ground.unknown:,})"
                for entry, ground in zip(comparison.entries, grounds, strict=True)
                if ground.unknown
            ]
        ):
            reasons.append(
                f"Unknown tokens are read as <unk> and never spelt out by {', '.join(unknown)}: "
                "their bits per character look better than they are."
            )
        return Verdict(tuple(f.name for f in known if not f.per_token), tuple(reasons))
    return Verdict(tuple(figure.name for figure in known))


def _other_question(grounds: list[Ground]) -> str:
    """Why the models were not asked the same, or nothing."""
    if len(said := {FIGURES[ground.headline].title for ground in grounds}) > 1:
        return f"are judged by different figures ({', '.join(sorted(said))})"
    if len(said := {ground.column for ground in grounds}) > 1:
        return f"give tags of different columns ({', '.join(sorted(said))})"
    if len({ground.labels for ground in grounds}) > 1:
        return "decide between different labels"
    if len(said := {ground.unit for ground in grounds}) > 1:
        return f"are measured by different units ({', '.join(sorted(said))})"
    return ""


def _apart(why: str) -> Verdict:
    return Verdict((), (f"The models {why}: no figure compares them, and none is the best.",))


def ranked(comparison: Comparison) -> tuple[Entry, ...]:
    """Best first by what may be compared; models without a measure last; else as given."""
    order = judge(comparison).order
    if not order:
        return comparison.entries
    return tuple(sorted(comparison.entries, key=lambda entry: _key(entry, order)))


def best(comparison: Comparison) -> Entry | None:
    """The model that is the best by the test split, if that can be said of one alone."""
    order = judge(comparison).order
    if not comparison.entries or not order:
        return None
    first, *others = ranked(comparison)
    figure = value(first.test, order)
    if figure is None or not math.isfinite(figure):
        return None
    return None if others and value(others[0].test, order) == figure else first


def rivals(comparison: Comparison, level: float = 0.05) -> tuple[Difference, ...]:
    """The differences between the best model and others that chance explains."""
    first = best(comparison)
    return tuple(
        d for d in comparison.differences if first and d.better == first.name and d.p >= level
    )


def _key(entry: Entry, order: str) -> tuple[bool, float]:
    # infinity is a measure too: it comes before a model that has none
    figure = value(entry.test, order)
    if figure is None:
        return (True, 0.0)
    return (False, figure if FIGURES[order].way == "lower" else -figure)
