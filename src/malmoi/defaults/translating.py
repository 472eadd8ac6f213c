"""A sensible recipe for a translator, from the number of its pairs alone.

The classes below are guesses from the literature's sizes, which nobody has tried against others: a
recipe of your own is better than any of them.
"""

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
    Class(1e4, width=128, layers=2, vocabulary=2_000, batch=1_024, dropout=0.3, epochs=40),
    Class(6e4, width=256, layers=2, vocabulary=6_000, batch=2_048, dropout=0.3, epochs=20),
    Class(5e5, width=256, layers=3, vocabulary=8_000, batch=4_096, dropout=0.2, epochs=10),
    Class(float("inf"), width=512, layers=6, vocabulary=16_000, batch=8_192, dropout=0.1, epochs=5),
)
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
    training = Training(
        optimizer="adam",
        lr=2e-3 if c.width < 512 else 1e-3,
        schedule="cosine",
        floor=0.05,
        warmup=200,
        epochs=c.epochs,
        clip=1.0,
        precision="bf16",
        patience=4,
    )
    narrow = c.width if c.width <= 128 else 256
    match name:
        case "sutskever":
            return sutskever.Config(d=c.width, layers=2, dropout=c.dropout), training
        case "cho":
            return cho.Config(d=c.width, d_word=narrow, dropout=c.dropout), training
        case "bahdanau":
            return bahdanau.Config(d=c.width, d_word=narrow, dropout=c.dropout), training
        case "luong":
            return luong.Config(d=c.width, layers=2, dropout=c.dropout), training
        case "convs2s":
            deep = convs2s.Config(d=c.width, layers=2 * c.layers, dropout=c.dropout)
            return deep, training
        case _:
            small = transformer.Config(
                d=c.width, heads=4 if c.width < 512 else 8, layers=c.layers, d_ff=4 * c.width,
                dropout=c.dropout, norm="pre",
            )  # fmt: skip
            return small, training
