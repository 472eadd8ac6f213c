"""A document as a hierarchical attention network reads it: which sentences, and which words there.

Yang et al. (NAACL 2016), figures 5 and 6.  At the left of each sentence its weight α_i, red, all of
them summing to 1; inside it the words, blue, darkness √α_i · α_it: words that matter in sentences
that matter, and the root lets those of lesser sentences be seen (the paper's √p_s p_w).
"""

import math
from typing import Literal

from pydantic.dataclasses import dataclass

from malmoi.explain.attention import attended, weight_of
from malmoi.explain.blocks import Heading, Row, Rows, Scale
from malmoi.explain.page import Block, Page
from malmoi.explain.picture import (
    STRICT,
    Answer,
    Piece,
    passage,
    pieces_of,
    title_of,
    unread,
)
from malmoi.models.han import grid_of
from malmoi.use.classifier import Classifier


@dataclass(frozen=True, config=STRICT)
class Sentence:
    """weight: α_i.  first, end: its pieces.  words: α_it of each of them, summing to 1."""

    weight: float
    first: int
    end: int
    words: tuple[float, ...]

    @property
    def darkness(self) -> tuple[float, ...]:
        """√α_i · α_it."""
        return tuple(math.sqrt(self.weight) * w for w in self.words)


@dataclass(frozen=True, config=STRICT)
class Document:
    """The sentences of a document, their weights summing to 1."""

    text: str
    pieces: tuple[Piece, ...]
    answer: Answer
    sentences: tuple[Sentence, ...]
    kind: Literal["document"] = "document"

    def page(self) -> Page:
        darkest = max((max(s.darkness) for s in self.sentences), default=1.0) or 1.0
        rows = []
        for s in self.sentences:
            root = math.sqrt(s.weight)
            words = passage(
                self.text,
                self.pieces[s.first : s.end],
                lambda w, root=root: root * w / darkest,  # type: ignore[misc]  # bound at once
                s.words,
                weight_of,
            )
            rows.append(Row(words, f"{s.weight:.3f}", s.weight))
        lead = (
            "Left: the weight of each sentence; all of them sum to 1. Inside: the words, as "
            "strong as √(weight of the sentence) × weight of the word in it."
        )
        blocks: list[Block] = [*self.answer.blocks()]
        blocks += [Heading("Where it looks", lead + unread(self.text, self.pieces))]
        blocks += [Rows(rows, ruled=True), Scale(f"{darkest:.3f}")]
        return Page(title_of(self.text), self._finding(), tuple(blocks))

    def _finding(self) -> str:
        if not self.sentences:
            return self.answer.sentence
        top = max(range(len(self.sentences)), key=lambda i: self.sentences[i].weight)
        share = f"{100 * self.sentences[top].weight:.0f} %"
        where = f"sentence {top + 1} of {len(self.sentences)}"
        return f"{self.answer.sentence} {share} of its attention is on {where}."


def document(reader: Classifier, text: str) -> Document | None:
    """The picture of a document; None if the model has no attention in two levels."""
    x, _ = reader.read([text])
    found = attended(reader.model, x)
    if found is None or found.sentences is None:
        return None
    words = found.words[0, 0].double().tolist()
    lengths = grid_of(x)[1][0].sum(1).tolist()
    sentences, first = [], 0
    for length, weight in zip(lengths, found.sentences[0].double().tolist(), strict=True):
        if length:
            end = first + length
            sentences.append(Sentence(weight, first, end, tuple(words[first:end])))
            first = end
    answer = Answer.of(reader.classify(text))
    return Document(text, pieces_of(reader, text), answer, tuple(sentences))
