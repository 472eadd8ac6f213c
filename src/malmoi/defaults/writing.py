"""A sensible recipe for a language model, from the size of the text alone.

Small texts want narrow networks and much dropout, large ones the opposite.  The classes below were
found on python-docs (75 thousand words), tiny-shakespeare (1.1 million characters) and WikiText-2
(2.1 million words); a recipe of your own is better than any of them.
"""

import dataclasses
from typing import NamedTuple, cast

from malmoi.models import ModelConfig, charcnn, gpt, ngram, nplm, rnn
from malmoi.recipe import Recipe
from malmoi.tasks.language_modelling import LanguageModelling
from malmoi.text import Kind
from malmoi.training.config import Training

CHARACTERWISE = ("characters", "jamo")


class Class(NamedTuple):
    """What a text of up to `tokens` tokens can feed."""

    tokens: float
    width: int
    layers: int
    gpt_width: int
    gpt_layers: int
    dropout: float
    epochs: int


CLASSES = (
    Class(3e5, width=200, layers=1, gpt_width=128, gpt_layers=2, dropout=0.5, epochs=30),
    Class(5e6, width=256, layers=2, gpt_width=256, gpt_layers=4, dropout=0.3, epochs=8),
    Class(float("inf"), width=512, layers=2, gpt_width=384, gpt_layers=6, dropout=0.1, epochs=2),
)


def recommend(name: str, *, data: str, tokens: str, characters: int, seed: int = 1) -> Recipe:
    """The recipe for a training text of so many characters."""
    by_character = tokens in CHARACTERWISE
    size = characters if by_character else characters / 5
    c = next(c for c in CLASSES if size <= c.tokens)
    model, training = _model(name, c, by_character)
    length = 128 if by_character else 64 if name == "gpt" else 35
    task = LanguageModelling(
        data=data,
        tokens=cast(Kind, tokens),
        min_count=1 if tokens in ("bpe", "unigram") else 2,
        vocabulary=8_000 if tokens in ("bpe", "unigram") else 50_000,
        spelling="characters" if name == "charcnn" else "none",
        order="windows" if name == "gpt" else "lanes",
        batch=32 if size > 1e5 else 16,
        length=length,
    )
    return Recipe(task=task, model=model, training=training, seed=seed)


def _model(name: str, c: Class, by_character: bool) -> tuple[ModelConfig, Training]:
    """The network and how it likes to be trained."""
    dropout = c.dropout / 2 if by_character else c.dropout
    training = Training(
        optimizer="adamw",
        lr=3e-3,
        schedule="cosine",
        warmup=50,
        epochs=c.epochs,
        clip=1.0,
        weight_decay=0.01,
        precision="bf16",
        patience=4,
    )
    match name:
        case "ngram":
            return ngram.Config(order=7 if by_character else 5), Training(epochs=1)
        case "nplm":
            # a window is learnt by heart sooner than a state: more dropout, smaller steps
            more = min(0.5, 1.5 * dropout)
            window = nplm.Config(
                order=10 if by_character else 6,
                d_word=c.width // 2,
                d=2 * c.width,
                dropout=more,
                dropout_out=more,
                tied=True,
            )
            return window, dataclasses.replace(training, lr=2e-3)
        case "elman":
            # the plain network has no gates to hold its gradient: smaller steps
            return rnn.ElmanConfig(
                d=c.width, layers=c.layers, dropout=dropout, tied=True
            ), dataclasses.replace(training, lr=1e-3)
        case "gru":
            return rnn.GRUConfig(d=c.width, layers=c.layers, dropout=dropout, tied=True), training
        case "lstm":
            return rnn.LSTMConfig(d=c.width, layers=c.layers, dropout=dropout, tied=True), training
        case "charcnn":
            wide = c.width > 300
            letters = charcnn.Config(
                widths=tuple(range(1, 8 if wide else 7)),
                filters=50 if wide else 25,
                highway=2 if wide else 1,
                d=c.width,
                layers=c.layers,
                d_out=c.width // 2,
                dropout=dropout,
                dropout_out=dropout,
            )
            return letters, training
        case _:
            config = gpt.Config(
                d=c.gpt_width,
                heads=4,
                layers=c.gpt_layers,
                context=128 if by_character else 64,
                dropout=min(dropout, 0.3),
            )
            return config, dataclasses.replace(training, lr=2e-3, weight_decay=0.1)
