"""Word vectors against gensim: raw words a second of one epoch over the same sentences.

Both sides are given words whose vocabulary is known: ours a stream of ids, gensim lists of strings,
which is what its `train` takes.  Same width, window, negatives, subsampling, learning rate, epochs.
With `shared` ours is another algorithm: negatives are drawn once for a window.

An epoch is 1.4 million words, so that no turn is shorter than a quarter of a second.

WordSim-353 stands beside it: the rank correlation of the vectors after EPOCHS epochs from several
seeds, of both sides.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from statistics import mean, stdev

import numpy as np
from gensim.models import Word2Vec as Peer

from benchmarks.harness import Row, interleave, row
from malmoi.config import Sizes
from malmoi.data import catalogue
from malmoi.data.corpus import stream
from malmoi.models.word2vec import Config, Word2Vec
from malmoi.text import Text
from malmoi.vectors import WordVectors
from malmoi.vectors.exams import similarities

LINES, D, WINDOW, NEGATIVES, SAMPLE, LEAST = 16_000, 100, 5, 5, 1e-3, 2
LR = {"skipgram": (0.025, 0.0001), "cbow": (0.05, 0.0001)}
EPOCHS, SEEDS = 5, 3


class Sides:
    """One corpus, and both programs on it."""

    def __init__(self, name: str, lines: int) -> None:
        source = catalogue.find(name)
        found = (line for line in source.splits["train"]() if line.strip())
        self.name, self.lines = name, list(islice(found, lines))
        self.text = Text.learn(self.lines, kind="given", min_count=LEAST)
        known = self.text.vocabulary
        self.ids = stream(self.text.encode_lines(self.lines), len(known))
        self.words = int(np.count_nonzero(self.ids))
        self.spelt = [line.split() for line in self.lines]

    def ours(self, config: Config, *, threads: int, epochs: int = 1, seed: int = 1) -> WordVectors:
        known = self.text.vocabulary
        model = Word2Vec(config, Sizes(len(known)))
        model.begin(seed)
        for _ in model.learn(
            self.ids,
            known.types,
            known.counts,
            lr=LR[config.architecture],
            epochs=epochs,
            threads=threads,
            seed=seed,
        ):
            pass
        return model.vectors(known.types)

    def peer(self, config: Config, *, threads: int, seed: int = 1) -> Peer:
        """Gensim's model with its vocabulary; what is measured is its `train`."""
        lr, least = LR[config.architecture]
        model = Peer(
            vector_size=config.d,
            window=config.window,
            negative=config.negatives,
            sample=config.sample,
            sg=config.architecture == "skipgram",
            alpha=lr,
            min_alpha=least,
            min_count=LEAST,
            workers=threads,
            seed=seed,
        )
        model.build_vocab(self.spelt)
        return model


PLAIN = Config(d=D, window=WINDOW, negatives=NEGATIVES, sample=SAMPLE)
SHARED = replace(PLAIN, shared=True)
CBOW = replace(PLAIN, architecture="cbow")
CASES: tuple[tuple[str, Config, int, float], ...] = (
    ("skip-gram", PLAIN, 1, 1.8),
    ("skip-gram", PLAIN, 2, 1.8),
    ("skip-gram, shared negatives", SHARED, 2, 2.5),
    ("CBOW", CBOW, 1, 1.8),
    ("CBOW", CBOW, 2, 1.8),
)


def rows(*, tiny: bool = False) -> Iterator[Row]:
    shelf = catalogue.shelf_folder()
    real = not tiny and shelf is not None and (shelf / "wikitext-2").is_dir()
    sides = Sides("wikitext-2", LINES) if real else Sides("toy-en", 100 if tiny else LINES)
    exam = shelf / "wordvec-eval-en" / "wordsim353.tsv" if real and shelf else None
    repeats = 1 if tiny else 5
    for name, config, threads, goal in CASES:
        peer = sides.peer(config, threads=threads)

        def theirs(peer: Peer = peer) -> None:
            peer.train(sides.spelt, total_examples=len(sides.spelt), epochs=1)

        def ours(config: Config = config, threads: int = threads) -> None:
            sides.ours(config, threads=threads)

        quality = ""
        if exam is not None and exam.is_file() and threads == 1:
            quality = f"; WordSim-353 after {EPOCHS} epochs, {SEEDS} seeds: " + ", ".join(
                f"{who} {mean(found):.3f} ± {stdev(found):.3f}"
                for who, found in (
                    ("ours", [agreement(sides, config, seed, exam) for seed in range(SEEDS)]),
                    ("gensim", [peers(sides, config, seed, exam) for seed in range(SEEDS)]),
                )
            )
        yield row(
            f"vectors: {name}, {threads} thread{'s' if threads > 1 else ''}",
            interleave(ours, theirs, repeats=repeats),
            amount=sides.words,
            unit="words",
            goal=goal,
            setting=f"one epoch of {sides.words:,} words of {sides.name}, vocabulary "
            f"{len(sides.text.vocabulary):,}, d = {D}, window {WINDOW}, {NEGATIVES} negatives, "
            f"against gensim's Word2Vec.train with as many workers; median of {repeats}{quality}",
        )


def agreement(sides: Sides, config: Config, seed: int, exam: object) -> float:
    vectors = sides.ours(config, threads=1, epochs=EPOCHS, seed=seed)
    return similarities(vectors, str(exam)).spearman


def peers(sides: Sides, config: Config, seed: int, exam: object) -> float:
    model = sides.peer(config, threads=1, seed=seed)
    model.train(sides.spelt, total_examples=len(sides.spelt), epochs=EPOCHS)
    vectors = WordVectors(model.wv.index_to_key, model.wv.vectors)
    return similarities(vectors, str(exam)).spearman
