"""Find what was copied from a source: words that a model of the source expects and others do not.

    r_w = log₂ p(w | …; source) − log₂ p(w | …; background)     the evidence of a word, in bits

One model has read the suspected source, the other any text of the kind.  Where words come in the
order of the source, r is high word after word; elsewhere it is below 0, since the source's model
knows less of the language.  A passage is a run of words whose Σ (r_w − price) cannot be made larger
by making the run longer or shorter: all such runs are found in one pass (Ruzzo & Tompa 1999, "A
linear time algorithm for finding all maximal scoring subsequences").  Kept are those with enough
evidence and enough words: 20 bits are odds of a million to one for a passage that one looks at.

The words are those that white space parts, whatever the tokens of the two models are: a word's
log p is the sum over its tokens.  Lines are read one by one, each from its beginning.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from malmoi.errors import UsageError
from malmoi.use.language_model import LanguageModel, TokenScore

MOST = 40.0
"""Bits that one word counts at most, for or against: one surprise is no passage."""


class WordEvidence(NamedTuple):
    """bits: by how much likelier the source makes the word.  start, end: in the line."""

    text: str
    start: int
    end: int
    bits: float


class Passage(NamedTuple):
    """start, end: in the line.  bits: the evidence of all its words."""

    text: str
    start: int
    end: int
    words: int
    bits: float


class Reading(NamedTuple):
    """A line, the evidence of each of its words, and the passages that were copied."""

    line: str
    words: tuple[WordEvidence, ...]
    passages: tuple[Passage, ...]


def copied(
    source: LanguageModel,
    background: LanguageModel,
    lines: Iterable[str],
    *,
    evidence: float | int = 20.0,
    words: int = 4,
    price: float | int = 1.0,
) -> Iterator[Reading]:
    """Read each line by both models.

    evidence: the fewest bits of a passage.  words: the fewest words.  price: bits a word of a
    passage must have on average, before it is evidence.
    """
    if words < 1 or not evidence >= 0 or not price >= 0:
        raise UsageError(
            f"a passage cannot have {words} words, {evidence} bits and a price of {price}",
            hint="at least 1 word, and 0 bits or more",
        )
    some = list(lines)
    for line, ours, theirs in zip(
        some, source.tokens_of(some), background.tokens_of(some), strict=True
    ):
        found = tuple(evidence_of(line, ours, theirs))
        passages = []
        for first, last in maximal([word.bits - price for word in found]):
            part = found[first:last]
            bits = math.fsum(word.bits for word in part)
            if len(part) >= words and bits >= evidence:
                start, end = part[0].start, part[-1].end
                passages.append(Passage(line[start:end], start, end, len(part), bits))
        yield Reading(line, found, tuple(passages))


def evidence_of(
    line: str, source: Sequence[TokenScore], background: Sequence[TokenScore]
) -> Iterator[WordEvidence]:
    """The evidence of each word; the end of the line is none."""
    spans, at = [], 0
    for word in line.split():
        at = line.index(word, at)
        spans.append((at, at + len(word)))
        at += len(word)
    ours, theirs = (_costs(spans, tokens[:-1]) for tokens in (source, background))
    for (start, end), a, b in zip(spans, ours, theirs, strict=True):
        nats = 0.0 if a == b else b - a  # ∞ twice says nothing
        bits = min(max(nats / math.log(2), -MOST), MOST)
        yield WordEvidence(line[start:end], start, end, bits)


def _costs(spans: Sequence[tuple[int, int]], tokens: Sequence[TokenScore]) -> list[float]:
    """−log p of each word: of the tokens whose last character stands in it or before it."""
    costs, k = [0.0] * len(spans), 0
    for token in tokens:
        while k + 1 < len(spans) and max(token.end - 1, token.start) >= spans[k + 1][0]:
            k += 1
        if spans:
            costs[k] += token.surprisal
    return costs


def maximal(scores: Sequence[float]) -> list[tuple[int, int]]:
    """All maximal scoring runs [first, last) of the scores, from left to right."""
    runs: list[tuple[int, int, float, float]] = []  # first, last, the sums before and after
    total = 0.0
    for i, score in enumerate(scores):
        before, total = total, total + score
        if score <= 0:
            continue
        first, left, right = i, before, total
        while True:
            # the last run before it that begins lower
            j = next((j for j in range(len(runs) - 1, -1, -1) if runs[j][2] < left), None)
            if j is None or runs[j][3] >= right:
                runs.append((first, i + 1, left, right))
                break
            first, left = runs[j][0], runs[j][2]
            del runs[j:]
    return [(first, last) for first, last, _, _ in runs]
