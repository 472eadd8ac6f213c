"""Estimating Kneser–Ney, against NLTK; scoring a text, against KenLM on the ARPA file we wrote.

Estimation: both sides are given the vocabulary and the sentences; ours cuts lines into words and
looks their ids up, NLTK is given words already cut.  Ours ends with every probability and back-off
weight; NLTK's `fit` only counts, and computes each probability when it is asked.

Scoring: a log-probability for each word on our side, for each line on KenLM's, which takes spelt
words and nothing else.  From lines, both sides cut them into words and look the words up; from ids,
as malmoi evaluates, since the ids of a text are on its disk, only KenLM does.
"""

import os
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import kenlm
import numpy as np
from nltk.lm import KneserNeyInterpolated, Vocabulary
from nltk.lm.preprocessing import padded_everygrams

from benchmarks.harness import Row, interleave, row
from malmoi.config import Sizes
from malmoi.data import catalogue
from malmoi.data.corpus import stream
from malmoi.data.order import Lanes
from malmoi.export.arpa import escape, write_arpa
from malmoi.models.ngram import Config, NGram
from malmoi.text import Text

COUNTED, TRAIN, TEST = 2_000, 10_000, 2_000  # lines, at most; NLTK takes minutes for more


class Data(NamedTuple):
    name: str
    train: list[str]
    test: list[str]
    text: Text


def load(name: str, train: int, test: int) -> Data:
    """So many lines of the two splits, and the words of the first."""
    splits = catalogue.find(name).splits
    lines, unseen = list(islice(splits["train"](), train)), list(islice(splits["test"](), test))
    return Data(name, lines, unseen, Text.learn(lines, kind="given"))


def rows(*, tiny: bool = False) -> Iterator[Row]:
    if tiny:
        small = large = load("toy-en", 100, 50)
    else:
        shelf = catalogue.shelf_folder()
        real = shelf is not None and (shelf / "wikitext-2").is_dir()
        name = "wikitext-2" if real else "python-docs"
        small, large = load(name, COUNTED, 1), load(name, TRAIN, TEST)
    for order in (3, 5):
        yield estimation(small, order, repeats=1 if tiny else 5)
    yield from scoring(large, 5, repeats=1 if tiny else 15)


def about(data: Data, lines: list[str], order: int, repeats: int) -> str:
    words = sum(len(line.split()) for line in lines)
    return (
        f"order {order}, {words:,} words of {data.name}, vocabulary {len(data.text.vocabulary):,}, "
        f"one thread each; median of {repeats}"
    )


def estimated(data: Data, order: int) -> NGram:
    V = len(data.text.vocabulary)
    model = Config(order=order).build(Sizes(V))
    model.estimate(stream(data.text.encode_lines(data.train), V))
    return model


def estimation(data: Data, order: int, *, repeats: int) -> Row:
    sentences = [line.split() for line in data.train]
    known = Vocabulary(["<s>", "</s>", *(word for words in sentences for word in words)])

    def peer() -> None:
        model = KneserNeyInterpolated(order, vocabulary=known)
        model.fit(padded_everygrams(order, words) for words in sentences)

    return row(
        f"ngram: estimation, order {order}",
        interleave(lambda: estimated(data, order), peer, repeats=repeats),
        amount=sum(map(len, sentences)),
        unit="words",
        goal=30.0,
        setting="modified Kneser–Ney, from lines to every probability, against the counting that "
        f"NLTK's KneserNeyInterpolated.fit does; {about(data, data.train, order, repeats)}",
    )


class Scoring:
    """One text, one model, two ways to score it; both return Σ log10 p."""

    def __init__(self, data: Data, order: int) -> None:
        self.data, self.V = data, len(data.text.vocabulary)
        self.model = estimated(data, order)
        self.ids = self.encoded()
        self.spelt = [" ".join(map(escape, data.text.split(line))) for line in data.test]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.arpa"
            types = [data.text.spell(i) for i in range(2, self.V)]
            write_arpa(path, self.model, types)
            self.peer = quietly_loaded(path)

    def encoded(self) -> np.ndarray:
        return stream(self.data.text.encode_lines(self.data.test), self.V)

    def from_ids(self) -> float:
        """As an evaluation does: one lane."""
        (batch,) = Lanes(self.ids, lanes=1, length=len(self.ids))
        logp, _ = self.model.log_prob(batch.x, batch.y, self.model.begin(1))
        return logp.sum().item() / np.log(10)

    def from_lines(self) -> float:
        self.ids = self.encoded()
        return self.from_ids()

    def by_kenlm(self) -> float:
        score = self.peer.score
        return sum(score(line) for line in self.spelt)


def quietly_loaded(path: Path) -> kenlm.Model:
    config = kenlm.Config()
    config.show_progress = False
    config.arpa_complain = kenlm.ARPALoadComplain.NONE
    return kenlm.Model(os.fspath(path), config)


def scoring(data: Data, order: int, *, repeats: int) -> Iterator[Row]:
    sides = Scoring(data, order)
    setting = about(data, data.test, order, repeats)
    for source, ours, goal in (("lines", sides.from_lines, None), ("ids", sides.from_ids, 1.5)):
        yield row(
            f"ngram: scoring from {source}, order {order}",
            interleave(ours, sides.by_kenlm, repeats=repeats),
            amount=len(sides.ids) - 1,
            unit="words",
            goal=goal,
            setting=f"log-probabilities of a held-out text from {source}, against "
            f"kenlm.Model.score of each line on the ARPA file of the same model; {setting}",
        )
