"""Which figures of a comparison may stand side by side.

    same held-out text   same tokens      what compares
    yes                  yes              everything
    yes                  no               bits per character and byte: the text is the unit
    no                   -                nothing; bits are shown, no model is called the best

A perplexity is *per token*: the same model of the same text has another one when words are cut
into syllables.  Bits per character do not mind how the text was cut, with one exception that is
said aloud: a model that reads an unknown word as `<unk>` never paid for spelling it.
"""

import math
from dataclasses import dataclass

from malmoi.comparison import figures
from malmoi.comparison.result import Comparison, Entry, Measures


@dataclass(frozen=True)
class Verdict:
    """perplexity, bits: may this be compared across all entries?  reasons: sentences for people."""

    perplexity: bool
    bits: bool
    reasons: tuple[str, ...] = ()


def judge(comparison: Comparison) -> Verdict:
    """What the grounds of the entries allow to be said."""
    grounds = [comparison.ground_of(entry) for entry in comparison.entries]
    texts = {(ground.data, ground.held_out) for ground in grounds}
    if len(texts) > 1:
        names = sorted({ground.data for ground in grounds})
        which = ", ".join(names) if len(names) > 1 else f"two texts both called {names[0]}"
        return Verdict(
            perplexity=False,
            bits=False,
            reasons=(
                f"The models were measured on different texts ({which}): "
                "no figure compares them, and none is marked as the best.",
            ),
        )
    units = {(ground.tokenisation, ground.vocabulary) for ground in grounds}
    if len(units) > 1:
        which = ", ".join(f"{figures.unit(kind)} of {size:,} types" for kind, size in sorted(units))
        reasons = [
            f"The models cut the text differently ({which}): a perplexity is per token, so only "
            "bits per character and per byte are compared.",
        ]
        if unknown := [
            f"{entry.name} ({ground.unknown:,})"
            for entry, ground in zip(comparison.entries, grounds, strict=True)
            if ground.unknown
        ]:
            reasons.append(
                f"Unknown tokens are read as <unk> and never spelt out by {', '.join(unknown)}: "
                "their bits per character look better than they are."
            )
        return Verdict(perplexity=False, bits=True, reasons=tuple(reasons))
    return Verdict(perplexity=True, bits=True)


def ranked(comparison: Comparison) -> tuple[Entry, ...]:
    """Best first by what may be compared; models without a measure last; else as given."""
    verdict = judge(comparison)
    if not verdict.bits:
        return comparison.entries
    return tuple(sorted(comparison.entries, key=lambda e: _key(e.test, verdict.perplexity)))


def best(comparison: Comparison) -> Entry | None:
    """The model that foresaw the test text best, if that can be said of one."""
    if not comparison.entries or not judge(comparison).bits:
        return None
    first = ranked(comparison)[0]
    return first if first.test and math.isfinite(first.test.bits_per_character) else None


def _key(test: Measures | None, perplexity: bool) -> tuple[bool, float]:
    # infinity is a measure too: it comes before a model that has none
    if test is None:
        return (True, 0.0)
    return (False, test.perplexity if perplexity else test.bits_per_character)
