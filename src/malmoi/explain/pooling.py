"""What a text was made into one vector from: the words that won the maximum, or that had influence.

winners     max pooling: the share of the elements of v that each token won (the taps `winner`);
            Conneau et al. (2017), figure 6
gradient    any network: x_t · ∂s/∂x_t, s the score of a label over the mean of all labels; how
            the score would move if the vector of the token grew (Simonyan et al. 2014;
            Denil et al. 2014).  A straight line laid along a curve: true near by
"""

from typing import Literal

import torch
from jaxtyping import Float
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from malmoi.explain.blocks import Bar, Bars, Heading, Row, Rows, Scale
from malmoi.explain.listen import listen
from malmoi.explain.page import Block, Page
from malmoi.explain.picture import (
    STRICT,
    Answer,
    Piece,
    passage,
    pieces_of,
    ranked,
    title_of,
    unread,
    with_sign,
)
from malmoi.sentences import Sentences
from malmoi.use.classifier import Classifier

STRONGEST = 12  # words listed


@dataclass(frozen=True, config=STRICT)
class Winners:
    """won[token]: the share of the elements that it won; they sum to 1."""

    text: str
    pieces: tuple[Piece, ...]
    answer: Answer
    won: tuple[float, ...]
    width: int
    kind: Literal["winners"] = "winners"

    def page(self) -> Page:
        top = max(self.won, default=1.0) or 1.0
        words = passage(self.text, self.pieces, lambda w: w / top, self.won, self._told)
        best = ranked(self.text, self.pieces, self.won, STRONGEST)
        bars = [Bar(word, w / (best[0][1] or 1.0), self._told(w)) for word, w in best]
        lead = (
            f"Each of the {self.width} elements of the text's vector is the largest that any word "
            f"offers. The stronger its colour, the more of them a word won."
            f"{unread(self.text, self.pieces)}"
        )
        blocks: list[Block] = [*self.answer.blocks(), Heading("Which words won the maximum", lead)]
        blocks += [Rows([Row(words)]), Scale(self._told(top))]
        blocks += [Heading("Most elements"), Bars(bars, "elements won")] if bars else []
        won = f" {best[0][0]} won {100 * best[0][1]:.0f} % of it." if best else ""
        return Page(title_of(self.text), self.answer.sentence + won, tuple(blocks))

    def _told(self, share: float) -> str:
        return f"{share * self.width:.0f} of {self.width}"


@dataclass(frozen=True, config=STRICT)
class Influence:
    """influence[token]: for the label, or against it where negative."""

    text: str
    pieces: tuple[Piece, ...]
    answer: Answer
    label: str
    influence: tuple[float, ...]
    kind: Literal["influence"] = "influence"

    def page(self) -> Page:
        lead = (
            f"Gradient × input: blue words speak for {self.label}, orange ones against it, as far "
            f"as a small change tells.{unread(self.text, self.pieces)}"
        )
        blocks = signed(self.text, self.pieces, self.influence, self.label, lead)
        best = ranked(self.text, self.pieces, self.influence, 1)
        most = f" {best[0][0]} had the most influence." if best else ""
        return Page(
            title_of(self.text),
            self.answer.sentence + most,
            (*self.answer.blocks(self.label), *blocks),
        )


def signed(
    text: str, pieces: tuple[Piece, ...], values: tuple[float, ...], label: str, lead: str
) -> list[Block]:
    """The text in two colours, and the strongest words as bars."""
    top = max(map(abs, values), default=1.0) or 1.0
    words = passage(text, pieces, lambda v: v / top, values, with_sign)
    best = ranked(text, pieces, values, STRONGEST)
    most = max((abs(v) for _, v in best), default=1.0) or 1.0
    bars = [Bar(word, v / most, with_sign(v)) for word, v in best]
    blocks: list[Block] = [Heading(f"What speaks for {label}", lead), Rows([Row(words)])]
    blocks += [Scale(f"{top:.3f}", signed=True)]
    return [*blocks, Heading("The strongest"), Bars(bars, "influence")] if bars else blocks


def winners(reader: Classifier, text: str) -> Winners | None:
    """The picture of a text; None if the model does not pool by the maximum over its tokens."""
    x, _ = reader.read([text])
    with torch.no_grad(), listen(reader.model, "pool.winner") as heard:
        reader.model(x)
    if "pool.winner" not in heard:
        return None
    won = heard["pool.winner"][0][0]  # [w]: the token that won each element
    count = torch.bincount(won, minlength=x.mask.size(1))[x.mask[0]].double()
    return Winners(
        text,
        pieces_of(reader, text),
        Answer.of(reader.classify(text)),
        tuple((count / len(won)).tolist()),
        len(won),
    )


def influence(reader: Classifier, text: str, label: str) -> Influence:
    """Gradient × input of every token for one label."""
    x, _ = reader.read([text])
    found = gradient(reader.model, x, reader.labels.types.index(label), reader.labels.several)
    return Influence(
        text,
        pieces_of(reader, text),
        Answer.of(reader.classify(text)),
        label,
        tuple(found[0][x.mask[0]].double().tolist()),
    )


def gradient(model: nn.Module, x: Sentences, label: int, several: bool) -> Float[Tensor, "B T"]:
    """x_t · ∂s/∂x_t.  s: the label's logit, less the mean of all where only one label is said."""
    heard: list[Tensor] = []

    def hold(_words: nn.Module, _x: object, h: Tensor) -> Tensor:
        heard.append(h.detach().requires_grad_())
        return heard[0]

    hook = model.get_submodule("words").register_forward_hook(hold)
    try:
        # a fused recurrent kernel has no gradient while it evaluates
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            logits = model(x).logits
            s = logits[:, label] - (0.0 if several else logits.mean(1))
            (slope,) = torch.autograd.grad(s.sum(), heard)
    finally:
        hook.remove()
    return (slope * heard[0]).sum(-1).detach()
