"""Which order of an n-gram model fired at each word, what was backed off, and with what counts.

    p(w | h) = p*(h w)                 if the model has the n-gram h w: order |h| + 1 fires
             = β(h) p(w | h')          otherwise: h is backed off to h', which lacks its oldest word

The order that fired is the model's own word (`NGram.matched`).  The counts are of the text that it
was trained on, counted again: c(h w), how often the words stand there one after another, and c(h),
how often something follows h.  A history stops at the beginning of its line, `<s>`.

Interpolating estimators mix the shorter orders in as well; the longest one that they have fires.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Integer
from pydantic.dataclasses import dataclass

from malmoi.errors import UsageError
from malmoi.explain.blocks import Graphic, Heading
from malmoi.explain.chain import Score
from malmoi.explain.heat import Heat
from malmoi.explain.page import Block, Page
from malmoi.explain.picture import STRICT, title_of, visible
from malmoi.explain.strips import END, bits_of, short
from malmoi.explain.table import Table
from malmoi.models.ngram import NGram
from malmoi.text import Vocabulary
from malmoi.use.language_model import LanguageModel

BOUNDARY = Vocabulary.BOUNDARY
LONGEST = 60  # words a page draws; the JSON has all


@dataclass(frozen=True, config=STRICT)
class Rung:
    """An n-gram that ends in the word.  said: c(h w).  history: c(h).  None: not counted."""

    order: int
    said: int | None
    history: int | None


@dataclass(frozen=True, config=STRICT)
class Fired:
    """order: of the n-gram that fired.  longest: the order that its place allows.  nats: what the
    word cost.  rungs: from order 1 to the longest."""

    token: str
    order: int
    longest: int
    nats: Score
    rungs: tuple[Rung, ...]


@dataclass(frozen=True, config=STRICT)
class Orders:
    """n: the order of the model.  counted: in which text; nothing if it was not there."""

    text: str
    n: int
    estimator: str
    counted: str
    words: tuple[Fired, ...]
    kind: Literal["orders"] = "orders"

    @property
    def finding(self) -> str:
        fired = [word.order for word in self.words]
        told = [
            f"{order} at {fired.count(order)}" for order in range(self.n, 0, -1) if order in fired
        ]
        backed = sum(word.order < word.longest for word in self.words)
        fired_at = f"The order that fired: {', '.join(told)} of {len(fired)} places."
        if not backed:
            return f"{fired_at} No history had to be backed off."
        return f"{fired_at} At {backed} of them a longer history was backed off."

    def page(self) -> Page:
        words = self.words[:LONGEST]
        names = [_name(word.token) for word in words]
        orders = range(self.n, 0, -1)
        seen = [[_cell(word, order) for word in words] for order in orders]
        lead = (
            "Dark: the n-gram that fired. Pale: shorter ones, there as well. White: tried in vain."
        )
        if self.counted:
            lead += f" The numbers: how often {self.counted} says the n-gram."
        heat = Heat(
            [f"order {order}" for order in orders],
            names,
            [[_shade(word, order) for word in words] for order in orders],
            "which order fired",
            shown=seen,
            told=[[self._told(i, order) for i in range(len(words))] for order in orders],
            rings=frozenset((self.n - word.order, t) for t, word in enumerate(words)),
            strongest=1.0,
            words=True,
        )
        blocks: list[Block] = [
            Heading("Which order fired", lead),
            Graphic(heat.draw, "the order that fired at each word"),
            Heading("Word by word", self._columns()),
            Table(self._head(), [self._row(i) for i in range(len(words))]),
        ]
        return Page(title_of(self.text) or "An empty line", self.finding, tuple(blocks))

    def _spelt(self, i: int, order: int) -> str:
        """The n-gram of an order that ends in the i-th word."""
        before = ["<s>", *(word.token for word in self.words[:i])]
        return " ".join(_name(t) for t in [*before[len(before) - order + 1 :], self.words[i].token])

    def _told(self, i: int, order: int) -> str:
        word = self.words[i]
        if order > word.longest:
            return f"order {order}: the line begins later"
        rung = word.rungs[order - 1]
        how = (
            "fired"
            if order == word.order
            else "there, shorter"
            if order < word.order
            else "not in the model"
        )
        counts = "" if rung.said is None else f"; {rung.said:,} of {rung.history:,}"
        return f"{self._spelt(i, order)}: {how}{counts}"

    def _columns(self) -> str:
        if not self.counted:
            return "The text that the model was trained on is not here: nothing is counted."
        return "Said: how often the n-gram that fired. Of: how often something follows its history."

    def _head(self) -> tuple[str, ...]:
        counts = ("said", "of") if self.counted else ()
        return ("word", "fired", *counts, "backed off", "bits")

    def _row(self, i: int) -> tuple[str, ...]:
        word = self.words[i]
        rung = word.rungs[word.order - 1]
        counts = (f"{rung.said:,}", f"{rung.history:,}") if self.counted else ()
        off = word.longest - word.order
        backed = f"{off} ({self._spelt(i, word.longest)})" if off else "–"
        return (
            _name(word.token),
            f"{word.order} ({self._spelt(i, word.order)})",
            *counts,
            backed,
            short(bits_of(word.nats)),
        )


def orders(
    lm: LanguageModel,
    text: str,
    *,
    lines: Iterable[str] | None = None,
    counted: str = "",
) -> Orders:
    """lines: what the model was trained on, to count in; counted: its name.

    Raises UsageError for a model that is no n-gram model.
    """
    model = lm.model
    if not isinstance(model, NGram):
        raise UsageError(
            "only an n-gram model has orders that fire", hint="malmoi train ngram --data …"
        )
    y = [*lm.text.encode(text), BOUNDARY]
    x = [BOUNDARY, *y[:-1]]
    n = model.config.order
    fired = model.matched(torch.tensor([x]), torch.tensor([y]), model.begin(1))[0].tolist()
    costs = lm.tokens(text)
    stream = None if lines is None else _stream(lm, lines)
    words = []
    for t, (order, cost) in enumerate(zip(fired, costs, strict=True)):
        longest = min(n, t + 2)
        counts: Sequence[tuple[int | None, int | None]] = (
            [(None, None)] * longest
            if stream is None
            else counts_of(stream, [*x[: t + 1], y[t]], longest)
        )
        rungs = tuple(Rung(k, said, before) for k, (said, before) in enumerate(counts, 1))
        words.append(Fired(cost.text, order, longest, cost.surprisal, rungs))
    name = "" if stream is None else counted or "the training text"
    return Orders(text, n, model.config.estimator, name, tuple(words))


def counts_of(
    stream: Integer[np.ndarray, " N"], words: Sequence[int], longest: int
) -> list[tuple[int, int]]:
    """(c(h w), c(h)) of the n-grams that end the words, from order 1 to the longest."""
    *before, w = words
    places = np.flatnonzero(stream[1:] == w) + 1  # the first token is never said
    histories: np.ndarray | None = None  # where h has just been read; None: everywhere
    found = [(len(places), len(stream) - 1)]
    for k in range(1, longest):
        token = before[-k]
        places = places[places >= k]
        places = places[stream[places - k] == token]
        if histories is None:
            histories = np.flatnonzero(stream[:-1] == token)
        else:
            histories = histories[histories >= k - 1]
            histories = histories[stream[histories - (k - 1)] == token]
        found.append((len(places), len(histories)))
    return found


def _stream(lm: LanguageModel, lines: Iterable[str]) -> Integer[np.ndarray, " N"]:
    parts = [np.array([BOUNDARY], np.int64)]
    parts += (np.array([*ids, BOUNDARY], np.int64) for ids in lm.text.encode_lines(lines))
    return np.concatenate(parts)


def _name(token: str) -> str:
    return END if token == "</s>" else visible(token)


def _shade(word: Fired, order: int) -> float:
    return 1.0 if order == word.order else 0.3 if order < word.order else 0.0


def _cell(word: Fired, order: int) -> str:
    if order > word.longest:
        return ""
    said = word.rungs[order - 1].said
    return ("×" if order > word.order else "") if said is None else f"{said:,}"
