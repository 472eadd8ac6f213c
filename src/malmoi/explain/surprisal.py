"""What each token of a text cost a language model, and what the model thought of instead.

    surprisal of w_t = −log₂ p(w_t | w_1 … w_{t−1})       in bits; of `</s>`, too

Several models stand below one another, each with its own tokens.  The costs are those of
`LanguageModel.tokens`; they add up to −log₂ p of the line.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import torch
from pydantic.dataclasses import dataclass

from malmoi.decode.reading import CELLS, log_softmax, top
from malmoi.decode.window import endless
from malmoi.errors import UsageError
from malmoi.explain.blocks import Bar, Bars, Heading, Row, Rows, Word
from malmoi.explain.chain import Score
from malmoi.explain.page import Block, Page
from malmoi.explain.picture import STRICT, Piece, Unit, passage, title_of, visible
from malmoi.explain.strips import END, Steps, bits_of, chance, short, strength
from malmoi.explain.table import Table
from malmoi.text import Vocabulary
from malmoi.use.language_model import LanguageModel

LONGEST_TABLE = 40  # tokens; of a longer text those that cost most
DRAWN = 40  # lines; the JSON has all
AT_ONCE = 256  # places whose V logits exist together, if V is small


@dataclass(frozen=True, config=STRICT)
class Guess:
    """A token that might have come, and its probability."""

    token: str
    probability: float


@dataclass(frozen=True, config=STRICT)
class Cost:
    """nats: of the token, of `</s>` at the end.  start, end: where it stands in the line.

    known: whether it is a type of the model's vocabulary.  rank: how many were at least as likely,
    itself counted.  likeliest: what the model thought of, the likeliest first.
    """

    token: str
    start: int
    end: int
    nats: Score
    known: bool
    rank: int
    likeliest: tuple[Guess, ...]

    @property
    def bits(self) -> float:
        return bits_of(self.nats)


@dataclass(frozen=True, config=STRICT)
class Strip:
    """What a line cost one model, token by token."""

    model: str
    costs: tuple[Cost, ...]

    @property
    def bits(self) -> float:
        return bits_of(math.fsum(cost.nats for cost in self.costs))


@dataclass(frozen=True, config=STRICT)
class Sentence:
    """A line, and a strip for each model.  characters: in NFC, the end of the line counted."""

    text: str
    characters: int
    strips: tuple[Strip, ...]


@dataclass(frozen=True, config=STRICT)
class Surprisal:
    """models: their names, in the order of the strips."""

    models: tuple[str, ...]
    sentences: tuple[Sentence, ...]
    kind: Literal["surprisal"] = "surprisal"

    def bits(self, model: int) -> float:
        return math.fsum(s.strips[model].bits for s in self.sentences)

    def page(self) -> Page:
        one = len(self.sentences) == 1
        lead = (
            "The darker a token, the less the model expected it after what stands before it. "
            "Pointing at one tells what it cost and what was likelier."
        )
        if len(self.sentences) > DRAWN:
            lead += f" The first {DRAWN} lines are drawn."
        blocks: list[Block] = [Heading("Surprisal", lead)]
        for sentence in self.sentences[:DRAWN]:
            blocks.append(
                Rows([Row(_words(sentence.text, s), s.model) for s in sentence.strips], ruled=True)
            )
        blocks.append(Steps())
        if len(self.models) > 1 or not one:
            blocks += [Heading("In all"), self._totals()]
        if one and any(cost.likeliest for cost in self.sentences[0].strips[0].costs):
            blocks += [block for strip in self.sentences[0].strips for block in _expected(strip)]
        title = title_of(self.sentences[0].text) if one else f"{len(self.sentences):,} lines"
        return Page(title, self.finding, tuple(blocks))

    @property
    def finding(self) -> str:
        totals = [self.bits(k) for k in range(len(self.models))]
        if len(totals) == 1:
            costs = [cost for s in self.sentences for cost in s.strips[0].costs]
            worst = max(costs, key=lambda cost: cost.nats)
            return (
                f"{self.models[0]} needs {short(totals[0])} bits for it, "
                f"{short(totals[0] / len(costs))} a token. What surprised it most is "
                f"“{_shown(worst)}”, {short(worst.bits)} bits."
            )
        order = sorted(range(len(totals)), key=totals.__getitem__)
        others = ", ".join(f"{self.models[k]} {short(totals[k])}" for k in order[1:])
        best = order[0]
        return f"{self.models[best]} foresaw it best: {short(totals[best])} bits; {others}."

    def _totals(self) -> Table:
        head = ("model", "bits in all", "tokens", "bits a token", "bits a character")
        rows = []
        for k, model in enumerate(self.models):
            bits, tokens = self.bits(k), sum(len(s.strips[k].costs) for s in self.sentences)
            characters = sum(s.characters for s in self.sentences)
            each = (
                f"{value:.2f}".replace("inf", "∞") for value in (bits / tokens, bits / characters)
            )
            rows.append((model, short(bits), f"{tokens:,}", *each))
        return Table(head, rows)


@dataclass(frozen=True, config=STRICT)
class Expected:
    """What a model expects to come next, the likeliest first."""

    model: str
    likeliest: tuple[Guess, ...]


@dataclass(frozen=True, config=STRICT)
class Following:
    """What comes after a text, by each model; `</s>` is the end of the line."""

    text: str
    models: tuple[Expected, ...]
    kind: Literal["next"] = "next"

    def page(self) -> Page:
        told: list[str] = []
        blocks: list[Block] = []
        for one in self.models:
            blocks.append(Heading(one.model))
            bars = [
                Bar(visible(g.token), g.probability, chance(g.probability), strong=k == 0)
                for k, g in enumerate(one.likeliest)
            ]
            blocks.append(Bars(bars, f"what {one.model} expects"))
            best = one.likeliest[0]
            told.append(f"{one.model} “{visible(best.token)}” ({chance(best.probability)})")
        title = f"{title_of(self.text)} …" if self.text.strip() else "The beginning of a line"
        return Page(title, f"Likeliest next: {'; '.join(told)}.", tuple(blocks))


def surprisal(
    models: Mapping[str, LanguageModel], lines: Iterable[str], *, k: int = 5
) -> Surprisal:
    """What each line, read alone, cost each model.  k: how many likelier tokens are told."""
    some = list(lines)
    if not some:
        raise UsageError("there is no line to read", hint="give a text, a file, or - for stdin")
    first = next(iter(models.values()))
    sentences = tuple(
        Sentence(
            line,
            first.text.characters(line),
            tuple(Strip(name, tuple(costs(lm, line, k))) for name, lm in models.items()),
        )
        for line in some
    )
    return Surprisal(tuple(models), sentences)


def following(models: Mapping[str, LanguageModel], text: str, *, k: int = 10) -> Following:
    """The k likeliest tokens after a text."""
    found = []
    for name, lm in models.items():
        guesses = tuple(Guess(token, p) for token, p in lm.next(text, k=k))
        if not guesses:
            raise UsageError(f"{name} gives nothing a probability after this text")
        found.append(Expected(name, guesses))
    return Following(text, tuple(found))


@torch.no_grad()
def costs(lm: LanguageModel, line: str, k: int) -> list[Cost]:
    """Each token of a line and its end: what it cost, its rank, and the k likeliest."""
    said = lm.tokens(line)
    if not k:
        return [Cost(t.text, t.start, t.end, t.surprisal, not t.oov, 0, ()) for t in said]
    y = [*lm.text.encode(line), Vocabulary.BOUNDARY]
    x = torch.tensor([[Vocabulary.BOUNDARY, *y[:-1]]], device=lm.device)
    model = endless(lm.model)
    carry = model.begin(1)
    size = max(1, min(AT_ONCE, CELLS // len(lm.text.vocabulary)))
    found: list[Cost] = []
    for start in range(0, len(y), size):
        logits, carry = model(x[:, start : start + size], carry)
        logp = log_softmax(logits[0])
        best, ids = top(logp, k)
        here = logp.gather(1, torch.tensor(y[start : start + size])[:, None])
        rank = (logp >= here).sum(1).tolist()
        for row, t in enumerate(said[start : start + size]):
            guesses = tuple(
                Guess(lm.text.spell(i), math.exp(s))
                for i, s in zip(ids[row].tolist(), best[row].tolist(), strict=True)
                if s > -math.inf
            )
            found.append(Cost(t.text, t.start, t.end, t.surprisal, not t.oov, rank[row], guesses))
    return found


def _words(text: str, strip: Strip) -> list[Word]:
    """The line as it was written, shaded; then its end."""
    *inside, end = strip.costs
    pieces = [Piece(c.token, c.start, c.end, c.known) for c in inside]

    def likelier(unit: Unit) -> str:
        return _likelier(inside[unit.pieces[0]])

    words = passage(text, pieces, strength, [c.bits for c in inside], _told, likelier)
    told = f"the end of the line: {_told(end.bits)}{_likelier(end)}"
    return [*words, Word(END, strength(end.bits), told)]


def _told(bits: float) -> str:
    return f"{short(bits)} bits, probability {chance(2.0**-bits)}"


def _likelier(cost: Cost) -> str:
    if not cost.likeliest:
        return ""
    return f"; likeliest: {_guesses(cost.likeliest)}"


def _guesses(guesses: Sequence[Guess]) -> str:
    told = (f"{_end(visible(g.token))} {chance(g.probability)}" for g in guesses)
    return " · ".join(one.replace(" ", "\u00a0") for one in told)


def _shown(cost: Cost) -> str:
    return _end(visible(cost.token))


def _end(token: str) -> str:
    return END if token == "</s>" else token


def _expected(strip: Strip) -> list[Block]:
    """A table of what the model thought of at each place."""
    kept = list(range(len(strip.costs)))
    lead = "Rank: how many tokens were at least as likely, the one that came counted."
    if len(kept) > LONGEST_TABLE:
        kept = sorted(sorted(kept, key=lambda i: -strip.costs[i].nats)[:LONGEST_TABLE])
        lead += f" The {LONGEST_TABLE} that cost most."
    rows = [
        (
            _shown(cost) + ("" if cost.known else " (unknown)"),
            short(cost.bits),
            f"{cost.rank:,}",
            _guesses(cost.likeliest),
        )
        for cost in (strip.costs[i] for i in kept)
    ]
    heading = Heading(f"What {strip.model} expected", lead)
    return [heading, Table(("token", "bits", "rank", "likeliest there"), rows)]
