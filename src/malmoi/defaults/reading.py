"""A sensible recipe for a classifier or a tagger, from the size of the data alone.

The classes below are first guesses, tried on nsmc (135,000 short reviews), UD Korean-Kaist (23,000
sentences) and wnut17 (3,400, entities); a recipe of your own is better than any of them.
"""

from typing import Literal, NamedTuple, cast

from malmoi.data.table import TOLD, Columns
from malmoi.models import Reader, bow, classifier, han, selfattentive, tagger
from malmoi.recipe import Recipe
from malmoi.tasks.classification import Classification
from malmoi.tasks.tagging import Tagging
from malmoi.text import Kind
from malmoi.training.config import Training


class Class(NamedTuple):
    """What so many examples can feed."""

    examples: float
    width: int
    dropout: float
    epochs: int


CLASSES = (
    Class(3e3, width=64, dropout=0.5, epochs=30),
    Class(3e4, width=128, dropout=0.5, epochs=12),
    Class(float("inf"), width=128, dropout=0.3, epochs=4),
)
POOLING: dict[str, Literal["last", "max", "mean", "attention"]] = {
    "rnn-last": "last",
    "rnn-max": "max",
    "rnn-mean": "mean",
    "rnn-attention": "attention",
}


def recommend_classifier(
    name: str,
    *,
    data: str,
    tokens: str,
    examples: int,
    words: float,
    columns: Columns = TOLD,
    seed: int = 1,
) -> Recipe:
    """The recipe for so many labelled texts, of so many words each."""
    c = _class(examples)
    task = Classification(
        data=data,
        text_column=columns.text,
        label_columns=columns.labels,
        labels_separator=columns.separator,
        tokens=cast(Kind, tokens),
        min_count=1 if tokens in ("bpe", "unigram") else 2,
        vocabulary=8_000 if tokens in ("bpe", "unigram") else 50_000,
        sentences=name == "han",
        longest=1_000,
        batch=64 if examples > 5e3 and words < 100 else 16,
    )
    model: Reader
    match name:
        case "bow":
            model = bow.Config(order=4 if tokens in ("characters", "jamo") else 2)
        case "selfattentive":
            model = selfattentive.Config(d=c.width, d_word=c.width, dropout=c.dropout)
        case "han":
            model = han.Config(dropout=c.dropout)
        case _:
            model = classifier.Config(
                d=c.width, d_word=c.width, pooling=POOLING[name], dropout=c.dropout
            )
    training = _training(c, lr=1e-2 if name == "bow" else 2e-3)
    return Recipe(task=task, model=model, training=training, seed=seed)


def recommend_tagger(name: str, *, data: str, tokens: str, sentences: int, seed: int = 1) -> Recipe:
    """The recipe for so many tagged sentences."""
    c = _class(sentences)
    by_character = tokens == "characters"
    task = Tagging(
        data=data,
        words="characters" if by_character else "words",
        spelling="jamo" if by_character else "characters",
        batch=32 if sentences > 1e4 else 16 if sentences > 2e3 else 8,
    )
    plain = name == "rnn"
    model = tagger.Config(
        cell="elman" if plain else "lstm",
        bidirectional=not plain,
        speller="none" if plain else "cnn",
        head="crf" if name == "bilstm-crf" else "softmax",
        d=c.width,
        dropout=min(c.dropout, 0.4),
    )
    return Recipe(task=task, model=model, training=_training(c, lr=3e-3), seed=seed)


def _class(examples: int) -> Class:
    return next(c for c in CLASSES if examples <= c.examples)


def _training(c: Class, *, lr: float) -> Training:
    return Training(
        optimizer="adamw",
        lr=lr,
        schedule="cosine",
        warmup=50,
        epochs=c.epochs,
        clip=1.0,
        weight_decay=0.01,
        precision="bf16",
        patience=5,
    )
