"""What every head of a Transformer looks at while it reads a text and writes another.

Vaswani et al. (2017), figures 3–5.  Three kinds of attention, each with a map a layer and head:

encoder    a row a word that is read          columns: all the words that are read
decoder    a row a word that was written so far, `<s>` first       columns: it and those before
cross      a row a word that is written       columns: the words that were read

self       of a language model: a row a word that is read, `<s>` first      columns: as of decoder

Rows sum to 1.  The weights of a translator are those of the translation that the search found, read
once more from its beginning; those of a language model are of the text that is given.
"""

import re
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Literal

import torch
from pydantic.dataclasses import dataclass

from malmoi.decode.hypothesis import Hypothesis
from malmoi.errors import EmptyText, UsageError
from malmoi.explain.blocks import Graphic, Heading
from malmoi.explain.heat import FAINT, Heat
from malmoi.explain.listen import listen
from malmoi.explain.page import Block, Page
from malmoi.explain.picture import STRICT, title_of, visible
from malmoi.explain.tiles import Tiles
from malmoi.explain.written import START, Read, best_of
from malmoi.text import Vocabulary
from malmoi.use.language_model import LanguageModel
from malmoi.use.translator import Translator

Part = Literal["encoder", "decoder", "cross", "self"]
SAID: dict[Part, tuple[str, str]] = {
    "encoder": (
        "Encoder self-attention",
        "A row a word that is read, a column a word that it looks at.",
    ),
    "decoder": (
        "Decoder self-attention",
        "A row a word that was written so far, a column that word or one before it.",
    ),
    "cross": (
        "Cross attention",
        "A row a word that is written, a column a word of the source.",
    ),
    "self": (
        "Self-attention",
        "A row a word that is read, a column that word or one before it.",
    ),
}
TAP = re.compile(r"(encoder|decoder)\.(\d+)\.(attention|cross)\.alpha")
GPT_TAP = re.compile(r"blocks\.(\d+)\.attention\.alpha")


@dataclass(frozen=True, config=STRICT)
class Head:
    """weights[i][j]: how much the i-th row looks at the j-th column.  layer, head: from 1 on."""

    part: Part
    layer: int
    head: int
    weights: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, config=STRICT)
class Heads:
    """text: of the source.  source, target: tokens, `</s>` too where it is.  maps: part by part,
    layer by layer.  Of a language model, target are the tokens of the text, and nothing else is."""

    text: str
    translation: str
    source: tuple[str, ...]
    target: tuple[str, ...]
    maps: tuple[Head, ...]
    kind: Literal["heads"] = "heads"

    def page(self) -> Page:
        blocks: list[Block] = []
        for part, (name, lead) in SAID.items():
            some = [one for one in self.maps if one.part == part]
            if not some:
                continue
            blocks.append(Heading(name, f"{lead} Each row sums to 1."))
            for layer, heads in groupby(some, key=lambda one: one.layer):
                tiles = Tiles(
                    [(f"layer {layer}, head {one.head}", self._heat(one)) for one in heads]
                )
                blocks.append(Graphic(tiles.draw, f"{name}: layer {layer}"))
        if self.maps[0].part == "self":
            finding = habits(self.maps)
        else:
            finding = f"The model writes: {self.translation or '(nothing)'}"
        return Page(title_of(self.text), finding, tuple(blocks))

    def _heat(self, one: Head) -> Heat:
        read = [visible(token) for token in self.source]
        written = [visible(token) for token in self.target]
        before = [START, *written][: len(one.weights)]
        rows, columns = {
            "encoder": (read, read),
            "decoder": (before, before),
            "cross": (written, read),
            "self": (before, before),
        }[one.part]
        label = f"{one.part}, layer {one.layer}, head {one.head}"
        return Heat(rows, columns, one.weights, label, strongest=1.0, faint=FAINT)


@torch.no_grad()
def looks(model: torch.nn.Module, read: Read, hypothesis: Hypothesis) -> list[Head]:
    """Every head's weights.  Raises UsageError for what is no Transformer."""
    said = list(hypothesis.tokens) if hypothesis.finished else list(hypothesis.tokens[:-1])
    x = torch.tensor([[0, *said]], device=read.sentences.ids.device)
    with listen(model, "alpha") as heard:
        model(x, model.begin(read.sentences))  # type: ignore[operator]  # a translator's
    found: list[Head] = []
    for name, passed in heard.items():
        place = TAP.fullmatch(name)
        if place is None or passed[0].dim() != 4:
            continue
        side, layer, kind = place.groups()
        part: Part = "cross" if kind == "cross" else "encoder" if side == "encoder" else "decoder"
        S = len(read.tokens)
        alpha = passed[0][0].to("cpu", torch.float64)[..., : S if part != "decoder" else None]
        alpha = alpha[:, :S] if part == "encoder" else alpha
        for head, weights in enumerate(alpha.tolist(), 1):
            found.append(Head(part, int(layer) + 1, head, _frozen(weights)))
    if not any(one.part == "cross" for one in found):
        raise UsageError(
            "only a Transformer has heads to draw",
            hint="the alignment of other translators: malmoi explain RUN TEXT",
        )
    return sorted(found, key=lambda one: (list(SAID).index(one.part), one.layer, one.head))


HABITS: dict[str, Callable[[int], int]] = {
    "The word before": lambda t: t - 1,
    "the word itself": lambda t: t,
    "the beginning": lambda t: 0,
}


def habits(maps: Sequence[Head]) -> str:
    """Which head looks most where heads often look, and with what weight in the mean."""
    told: list[str] = []
    for what, place in HABITS.items():
        means = []
        for one in maps:
            rows = list(enumerate(one.weights))
            rows = rows[2:] or rows[-1:]  # where the three are three
            means.append(sum(row[max(0, place(t))] for t, row in rows) / len(rows))
        best = max(range(len(maps)), key=means.__getitem__)
        told.append(
            f"{what} {'' if told else 'is looked at most '}by head {maps[best].head} of layer "
            f"{maps[best].layer} ({means[best]:.2f} on average)"
        )
    return f"{'; '.join(told)}."


@torch.no_grad()
def self_attention(lm: LanguageModel, text: str) -> Heads:
    """What every head of a GPT looks at while it reads a text.

    Raises EmptyText for a text of no token, UsageError for a model without heads and a text beyond
    its context.
    """
    ids = lm.text.encode(text)
    if not ids:
        raise EmptyText("there is no token in this text to look at")
    context = lm.model.context
    if context is not None and len(ids) + 1 > context:
        raise UsageError(
            f"this text is longer than the model can look back: {len(ids):,} tokens, "
            f"context = {context:,}",
            hint="give a part of it",
        )
    x = torch.tensor([[Vocabulary.BOUNDARY, *ids]], device=lm.device)
    found: list[Head] = []
    if isinstance(lm.model, torch.nn.Module):
        with listen(lm.model, "attention.alpha") as heard:
            lm.model(x, lm.model.begin(1))
        for name, passed in heard.items():
            place = GPT_TAP.fullmatch(name)
            if place is not None:
                alpha = passed[0][0].to("cpu", torch.float64).tolist()
                layer = int(place[1]) + 1
                found += (Head("self", layer, h, _frozen(w)) for h, w in enumerate(alpha, 1))
    if not found:
        raise UsageError(
            "this language model has no heads to draw",
            hint="gpt has; of a recurrent network: --show gates, --show units",
        )
    tokens = tuple(token.text for token in lm.text.tokens(text))
    return Heads(text, "", (), tokens, tuple(found))


def _frozen(weights: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, weights))


def heads(translator: Translator, text: str, *, beam: int = 5) -> Heads:
    """A translation as `translate` writes it, and what every head looked at.

    Raises EmptyText for a text of no token, UsageError for what is no Transformer.
    """
    read, best, target, translation = best_of(translator, text, beam=beam)
    maps: Sequence[Head] = looks(translator.model, read, best)
    return Heads(text, translation, read.tokens, target, tuple(maps))
