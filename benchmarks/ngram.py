"""Estimating Kneser–Ney, against NLTK; scoring a text, against KenLM on the ARPA file we wrote.

Estimation beside NLTK: both sides are given the vocabulary and the sentences; ours cuts lines into
words and looks their ids up, NLTK is given words already cut.  Ours ends with every probability and
back-off weight; NLTK's `fit` only counts, and computes each probability when it is asked.  From a
text to a model there is no peer (KenLM's estimator is not in its Python module): the speed is set
beside what is promised.

Scoring: a file in, a log-probability for each line out.  Both sides cut lines into words and look
the words up.  `kenlm.Model.score` adds in float32, ours in float64: lines of thousands of words
differ by a hundred-thousandth of their cost, and what `full_scores` says of each word does not.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import kenlm
import numpy as np
import torch
from nltk.lm import KneserNeyInterpolated, Vocabulary
from nltk.lm.preprocessing import padded_everygrams

from benchmarks import corpus
from benchmarks.estimate import estimate
from benchmarks.harness import Row, interleave, machine, row
from malmoi.config import Sizes
from malmoi.data import catalogue
from malmoi.data.corpus import stream
from malmoi.export.arpa import write_arpa
from malmoi.models.ngram import Config, NGram
from malmoi.text import Text
from malmoi.use.language_model import LanguageModel

COUNTED = 2_000  # lines, at most; NLTK takes minutes for more


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
        small = load("toy-en", 100, 50)
    else:
        shelf = catalogue.shelf_folder()
        real = shelf is not None and (shelf / "wikitext-2").is_dir()
        name = "wikitext-2" if real else "python-docs"
        small = load(name, COUNTED, 1)
    for order in (3, 5):
        yield estimation(small, order, repeats=1 if tiny else 5)
    with tempfile.TemporaryDirectory() as folder:
        yield from large(Path(folder), tiny=tiny)


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


def quietly_loaded(path: Path) -> kenlm.Model:
    config = kenlm.Config()
    config.show_progress = False
    config.arpa_complain = kenlm.ARPALoadComplain.NONE
    return kenlm.Model(os.fspath(path), config)


def large(folder: Path, *, tiny: bool) -> Iterator[Row]:
    """A corpus of ten million words, and two million that follow other lines of it."""
    train, test = folder / "train.txt", folder / "test.txt"
    corpus.write(folder / "all.txt", 20_000 if tiny else 12_000_000)
    with train.open("w") as learnt, test.open("w") as held, (folder / "all.txt").open() as lines:
        for i, line in enumerate(lines):
            (learnt if i % 6 else held).write(line)
    for order in (3, 5):
        yield from scoring(train, test, order, repeats=1 if tiny else 9)
    for order, promise in ((3, 3.8e6), (5, 1.3e6)):
        yield estimating(train, order, promise)
    if not tiny:
        corpus.write(folder / "all.txt", 20_000_000)
        yield memory(folder / "all.txt", 5)


class Scoring:
    """A held-out file in, log10 p of each of its lines out, in two ways."""

    def __init__(self, train: Path, test: Path, order: int) -> None:
        self.test = test
        self.model, text = estimate(train, order)
        self.ready = LanguageModel(self.model, text)
        arpa = train.with_suffix(".arpa")
        write_arpa(arpa, self.model, list(text.vocabulary.types))
        self.loaded = quietly_loaded(arpa)
        arpa.unlink()

    def ours(self) -> np.ndarray:
        return self.ready.score_file(self.test) / np.log(10)

    def peer(self) -> list[float]:
        score = self.loaded.score
        with self.test.open(encoding="utf-8") as lines:
            return [score(line) for line in lines]


def scoring(train: Path, test: Path, order: int, *, repeats: int) -> Iterator[Row]:
    sides = Scoring(train, test, order)
    worst = np.abs(sides.ours() - sides.peer()).max()
    whole = test.read_text("utf-8")
    words = len(whole.split()) + whole.count("\n")
    usual = torch.get_num_threads()
    for threads, goal in ((1, 1.5), (2, 2.5)):
        torch.set_num_threads(threads)
        yield row(
            f"ngram: scoring a file, order {order}, {threads} thread{'s' * (threads > 1)}",
            interleave(sides.ours, sides.peer, repeats=repeats),
            amount=words,
            unit="words",
            goal=goal,
            setting=f"a file in, log p of each line out, against kenlm.Model.score of each line of "
            f"the same file on the ARPA file of the same model (one thread); order {order}, "
            f"{sides.model.level[-1]:,} n-grams, vocabulary {sides.model.V:,}, {words:,} words; no "
            f"line differs by more than {worst:.1g} (log10); median of {repeats}",
        )
    torch.set_num_threads(usual)


def alone(path: Path, order: int) -> dict[str, float]:
    """`benchmarks.estimate` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.estimate", os.fspath(path), str(order)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def estimating(path: Path, order: int, promise: float) -> Row:
    best = min((alone(path, order) for _ in range(3)), key=lambda found: found["seconds"])
    return row(
        f"ngram: from a text to a model, order {order}",
        (best["seconds"], best["words"] / promise),
        amount=best["words"],
        unit="words",
        goal=1.0,
        setting=f"a file in, modified Kneser–Ney of order {order} out, ready to be asked, against "
        f"the speed that is promised; {best['words']:,} words, {best['ngrams']:,} n-grams, peak "
        f"{best['peak'] / 1e9:.2f} GB; one thread, a process of its own, best of 3",
    )


def memory(path: Path, order: int) -> Row:
    found = alone(path, order)
    peak = found["peak"] / 1e9
    return Row(
        f"ngram: memory from a text to a model, order {order}",
        "GB",
        peak,
        2.0,
        2.0 / peak,
        1.0,
        f"the peak of the process, against what is promised; {found['words']:,} words, "
        f"{found['ngrams']:,} n-grams",
        machine(),
    )
