"""A sensible recipe for a translator, from the number of its pairs alone.

The classes are those of the recipes that we trained (docs/results.md: 3,000 pairs, 9,500 and
140,000); the largest is a guess.
"""

import math
from dataclasses import replace
from typing import NamedTuple, cast

from malmoi.models import Translator, bahdanau, cho, convs2s, luong, sutskever, transformer
from malmoi.recipe import Recipe
from malmoi.tasks.translation import Translation
from malmoi.text import Kind
from malmoi.training.config import Training


class Class(NamedTuple):
    """What so many pairs can feed.  vocabulary: of subwords.  batch: tokens of both sides."""

    pairs: float
    width: int
    layers: int
    vocabulary: int
    batch: int
    dropout: float
    epochs: int


CLASSES = (
    Class(6e3, width=128, layers=2, vocabulary=2_000, batch=1_024, dropout=0.4, epochs=30),
    Class(6e4, width=256, layers=3, vocabulary=4_000, batch=1_536, dropout=0.3, epochs=15),
    Class(5e5, width=256, layers=3, vocabulary=6_000, batch=2_560, dropout=0.2, epochs=5),
    Class(float("inf"), width=512, layers=6, vocabulary=16_000, batch=8_192, dropout=0.1, epochs=5),
)
SMOOTHING = 0.1
SUBWORDS = ("bpe", "unigram")


def recommend_translator(
    name: str, *, data: str, tokens: str, source_tokens: str = "", pairs: int, seed: int = 1
) -> Recipe:
    """The recipe for so many pairs."""
    c = next(c for c in CLASSES if pairs <= c.pairs)
    model, training = _model(name, c)
    subwords = tokens in SUBWORDS
    task = Translation(
        data=data,
        tokens=cast(Kind, tokens),
        source_tokens=cast(Kind, source_tokens) if source_tokens != tokens else "",
        vocabulary=c.vocabulary if subwords else 30_000,
        min_count=2 if tokens in ("words", "morphemes") and pairs > 1e4 else 1,
        batch=c.batch,
        longest=100 if subwords else 400,
    )
    return Recipe(task=task, model=model, training=training, seed=seed)


def _model(name: str, c: Class) -> tuple[Translator, Training]:
    """The network and how it likes to be trained."""
    p, d = c.dropout, c.width
    training = Training(
        optimizer="adamw",
        lr=2e-3 if d < 512 else 1e-3,
        schedule="cosine",
        floor=0.02,
        warmup=300,
        epochs=c.epochs,
        clip=1.0,
        precision="bf16",
        patience=4,
    )
    wide = replace(training, lr=0.75 * training.lr, warmup=400, betas=(0.9, 0.98))
    init = round(3.2 / math.sqrt(d), 2)  # of LSTMs: smaller weights learn nothing for long
    match name:
        case "sutskever":
            deep = sutskever.Config(d=d, layers=2, dropout=p, smoothing=SMOOTHING, init=init)
            return deep, training
        case "cho":
            short = cho.Config(d=d, reset="after", dropout=p, smoothing=SMOOTHING, tied=True)
            return short, training
        case "bahdanau":
            both = bahdanau.Config(d=d, reset="after", dropout=p, smoothing=SMOOTHING, tied=True)
            return both, training
        case "luong":
            fed = luong.Config(
                d=d, layers=2, scaled=True, bidirectional=True, dropout=p, smoothing=SMOOTHING,
                tied=True, init=init,
            )  # fmt: skip
            return fed, training
        case "convs2s":
            windows = convs2s.Config(
                d=d, layers=c.layers + 1, dropout=p, smoothing=SMOOTHING, tied=True
            )  # fmt: skip
            return windows, wide
        case _:
            small = transformer.Config(
                d=d, heads=d // 64, layers=c.layers, d_ff=4 * d, dropout=max(0.1, p - 0.1),
                smoothing=SMOOTHING, norm="pre",
            )  # fmt: skip
            return small, wide
