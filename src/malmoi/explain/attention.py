"""Where a classifier looks: its text shaded by attention, hop by hop and all together.

Lin et al. (ICLR 2017), figures 2 and 4: r hops, each a row of A that sums to 1 over the tokens;
"all together" is their sum over r, which sums to 1 again.  |A Aᵀ| tells how much two hops look at
the same (the paper's penalty is ‖A Aᵀ − I‖²_F).  A classifier with attention pooling has one hop.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from pydantic.dataclasses import dataclass
from torch import Tensor

from malmoi.explain.blocks import Graphic, Heading, Row, Rows, Scale, Word
from malmoi.explain.draw import Real
from malmoi.explain.heat import Heat
from malmoi.explain.listen import listen
from malmoi.explain.page import Block, Page
from malmoi.explain.picture import (
    STRICT,
    Answer,
    Piece,
    passage,
    pieces_of,
    ranked,
    relative,
    title_of,
    unread,
)
from malmoi.models.han import grid_of
from malmoi.sentences import Sentences
from malmoi.use.classifier import Classifier

LONG = 250  # tokens from which on a hop is told by its heaviest words
HEAVIEST = 10


class Attended(NamedTuple):
    """words: the weights of each hop over the tokens; in a hierarchy over those of a sentence.
    sentences: of a hierarchy, over its sentences."""

    words: Float[Tensor, "B r T"]
    sentences: Float[Tensor, "B L"] | None = None


@torch.no_grad()
def attended(model: torch.nn.Module, x: Sentences) -> Attended | None:
    """The weights with which a model reads; None if it has none.  Exactly 0 where masked."""
    with listen(model, "alpha") as heard:
        model(x)
    taps = {name.removesuffix("alpha").rstrip("."): found[0] for name, found in heard.items()}
    if "pool_words" in taps and "pool_sentences" in taps:
        grid, there = grid_of(x)
        inside = there[there.any(2)]  # [N, T]
        words = torch.zeros_like(x.mask, dtype=taps["pool_words"].dtype)
        words.view(-1)[grid[there]] = taps["pool_words"][inside]
        return Attended(words[:, None], taps["pool_sentences"])
    if "pool" in taps:
        return Attended(taps["pool"][:, None])
    return Attended(taps[""]) if "" in taps else None


@dataclass(frozen=True, config=STRICT)
class Attention:
    """weights[hop][token]: each row sums to 1.  overlap: A Aᵀ.  penalty: ‖A Aᵀ − I‖²_F."""

    text: str
    pieces: tuple[Piece, ...]
    answer: Answer
    weights: tuple[tuple[float, ...], ...]
    overlap: tuple[tuple[float, ...], ...]
    penalty: float
    kind: Literal["attention"] = "attention"

    @property
    def together(self) -> tuple[float, ...]:
        """The mean of the hops: sums to 1."""
        r = len(self.weights)
        return tuple(sum(column) / r for column in zip(*self.weights, strict=True))

    def page(self) -> Page:
        r = len(self.weights)
        blocks: list[Block] = self.answer.blocks()
        lead = "The stronger its colour, the more weight a word has; all sum to 1."
        lead += unread(self.text, self.pieces)
        blocks += [Heading("Where it looks", lead), self._rows([("", self.together)])]
        blocks += [Scale(f"{max(self.together, default=0.0):.3f}")]
        if r > 1:
            hops = [(f"hop {k + 1}", row) for k, row in enumerate(self.weights)]
            blocks += self._hops(hops)
            names = [name for name, _ in hops]
            shown = [[f"{v:.2f}" for v in row] for row in self.overlap] if r <= 12 else ()
            label = "overlap of the hops"
            heat = Heat(names, names, self._cosines(), label, shown=shown, strongest=1.0)
            lead = (
                "The numbers: A Aᵀ. The shade: the cosine of two hops, strong beside the diagonal "
                f"where both look at the same. Penalty ‖A Aᵀ − I‖² = {self.penalty:.3f}."
            )
            blocks += [Heading("How much the hops look at the same", lead)]
            blocks += [Graphic(heat.draw, heat.label)]
        heavy = [word for word, _ in ranked(self.text, self.pieces, self.together, 3)]
        looks = f" It looks most at {', '.join(heavy)}." if heavy else ""
        return Page(title_of(self.text), f"{self.answer.sentence}{looks}", tuple(blocks))

    def _cosines(self) -> list[list[float]]:
        norms = [math.sqrt(row[k]) or 1.0 for k, row in enumerate(self.overlap)]
        return [
            [v / (a * b) for v, b in zip(row, norms, strict=True)]
            for row, a in zip(self.overlap, norms, strict=True)
        ]

    def _hops(self, hops: Sequence[tuple[str, Sequence[float]]]) -> list[Block]:
        if len(self.pieces) <= LONG:
            lead = "Each hop is shaded by itself: its heaviest word is the strongest."
            return [Heading("Hop by hop", lead), self._rows(hops, ruled=True)]
        rows = []
        for name, weights in hops:
            heavy = ranked(self.text, self.pieces, weights, HEAVIEST)
            top = heavy[0][1] or 1.0
            rows.append(Row([Word(f"{word} {w:.2f}", w / top) for word, w in heavy], name))
        return [Heading("Hop by hop", "The heaviest words of each hop."), Rows(rows, ruled=True)]

    def _rows(self, rows: Sequence[tuple[str, Sequence[float]]], *, ruled: bool = False) -> Rows:
        drawn = []
        for name, weights in rows:
            shades = relative(weights)
            words = passage(self.text, self.pieces, shades, weights, weight_of)
            drawn.append(Row(words, name))
        return Rows(drawn, ruled)


def weight_of(value: Real) -> str:
    """A weight as it is told."""
    return f"{value:.4f}"


def attention(reader: Classifier, text: str) -> Attention | None:
    """The picture of a text; None if the model has no attention over a flat text."""
    x, _ = reader.read([text])
    found = attended(reader.model, x)
    if found is None or found.sentences is not None:
        return None
    A = found.words[0][:, x.mask[0]].double()
    overlap = A @ A.mT
    eye = torch.eye(len(A), dtype=A.dtype, device=A.device)
    return Attention(
        text,
        pieces_of(reader, text),
        Answer.of(reader.classify(text)),
        tuple(map(tuple, A.tolist())),
        tuple(map(tuple, overlap.tolist())),
        float((overlap - eye).square().sum()),
    )
