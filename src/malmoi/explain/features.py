"""What a bag of words decides by: the weight of every word and n-gram of a text, label by label.

    s_k = b_k + Σ_f w_fk / ‖φ‖        f: the features of the text, each once

The whole score, with nothing left out: the bars and b_k sum to it.  A token is shaded by its share
of the features that it is part of: an n-gram's weight is divided evenly among its places and words.
"""

from typing import Literal

import torch
from pydantic.dataclasses import dataclass

from malmoi.explain.blocks import Bar, Bars, Heading
from malmoi.explain.page import Block, Page
from malmoi.explain.picture import (
    STRICT,
    Answer,
    Piece,
    ends_visible,
    pieces_of,
    title_of,
    unread,
    with_sign,
)
from malmoi.explain.pooling import signed
from malmoi.models.bow import BagOfWords
from malmoi.use.classifier import Classifier

LISTED = 16


@dataclass(frozen=True, config=STRICT)
class Feature:
    """text: as it is written; n-grams that share a weight with " · " between.

    places: where it stands, pieces from and to.  scores: what it adds to the score of each label,
    w_fk / ‖φ‖.
    """

    text: str
    places: tuple[tuple[int, int], ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, config=STRICT)
class Features:
    """labels: of the scores.  bias: b_k.  label: the one that is drawn."""

    text: str
    pieces: tuple[Piece, ...]
    answer: Answer
    label: str
    labels: tuple[str, ...]
    bias: tuple[float, ...]
    features: tuple[Feature, ...]
    kind: Literal["features"] = "features"

    @property
    def influence(self) -> tuple[float, ...]:
        """Of each token on the score of the label."""
        k = self.labels.index(self.label)
        found = [0.0] * len(self.pieces)
        for f in self.features:
            share = f.scores[k] / sum(end - start for start, end in f.places)
            for start, end in f.places:
                for t in range(start, end):
                    found[t] += share
        return tuple(found)

    @property
    def score(self) -> float:
        """s_k of the label."""
        k = self.labels.index(self.label)
        return self.bias[k] + sum(f.scores[k] for f in self.features)

    def page(self) -> Page:
        k = self.labels.index(self.label)
        lead = (
            f"Blue words speak for {self.label}, orange ones against it; each by its share of the "
            f"weights of the words and n-grams it is in.{unread(self.text, self.pieces)}"
        )
        blocks = signed(self.text, self.pieces, self.influence, self.label, lead)[:3]
        best = sorted(self.features, key=lambda f: -abs(f.scores[k]))[:LISTED]
        most = max((abs(f.scores[k]) for f in best), default=1.0) or 1.0
        bars = [Bar(f.text, f.scores[k] / most, with_sign(f.scores[k])) for f in best]
        lead = (
            f"What each adds to the score of {self.label}: {with_sign(self.score)} in all, "
            f"{with_sign(self.bias[k])} of it whatever the text."
        )
        more: list[Block] = [Heading("Its words and n-grams", lead)]
        more += [Bars(bars, "weights of the features")] if bars else []
        most_told = f" {best[0].text} weighs most." if best else ""
        return Page(
            title_of(self.text),
            self.answer.sentence + most_told,
            (*self.answer.blocks(self.label), *blocks, *more),
        )


@torch.no_grad()
def features(reader: Classifier, text: str, label: str) -> Features | None:
    """The picture of a text; None if the model is no bag of words."""
    model = reader.model
    if not isinstance(model, BagOfWords):
        return None
    x, _ = reader.read([text])
    pieces = pieces_of(reader, text)
    found: dict[int, list[tuple[int, int]]] = {}
    numbers, there = model.places(x.ids, x.mask)
    for n, (row, inside) in enumerate(zip(numbers, there, strict=True), start=1):
        for t, (f, real) in enumerate(zip(row[0].tolist(), inside[0].tolist(), strict=True)):
            if real:
                found.setdefault(f, []).append((t, t + n))
    norm = max(1, len(found)) ** 0.5
    listed = []
    for f, places in found.items():
        spans = [(pieces[start].start, pieces[end - 1].end) for start, end in places]
        spelt = " · ".join(dict.fromkeys(ends_visible(text[a:b]) for a, b in spans))
        scores = (model.weight[f].double() / norm).tolist()
        listed.append(Feature(spelt, tuple(places), tuple(scores)))
    return Features(
        text,
        pieces,
        Answer.of(reader.classify(text)),
        label,
        tuple(reader.labels.types),
        tuple(model.bias.double().tolist()),
        tuple(listed),
    )
