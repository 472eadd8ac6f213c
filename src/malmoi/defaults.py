"""A sensible recipe for a model's name, from the size of the text alone.

Small texts want narrow networks and much dropout, large ones the opposite.  The classes below were
found on python-docs (75 thousand words), tiny-shakespeare (1.1 million characters) and WikiText-2
(2.1 million words); a recipe of your own is better than any of them.
"""

import dataclasses
from typing import NamedTuple, cast

from malmoi.data.dataset import DataSet
from malmoi.errors import UsageError, did_you_mean
from malmoi.models import MODELS, ModelConfig, gpt, ngram, rnn
from malmoi.recipe import Recipe
from malmoi.tasks.language_modelling import LanguageModelling
from malmoi.text import KINDS, Kind
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


def recipe_for(
    name: str,
    source: DataSet,
    *,
    data: str,
    tokens: str | None = None,
    seed: int = 1,
) -> Recipe:
    """The recipe for the model `name` on a data set, found under the name or path `data`.

    tokens: None is the kind that the data set is usually read in.
    Raises UsageError for a name that is not on the ladder.
    """
    characters = sum(len(line) + 1 for line in source.lines("train"))
    kind = tokens or source.tokens
    return recommend(name, data=data, tokens=kind, characters=characters, seed=seed)


def recommend(name: str, *, data: str, tokens: str, characters: int, seed: int = 1) -> Recipe:
    """The recipe for a training text of so many characters."""
    if name not in MODELS:
        raise UsageError(f"there is no model {name!r}", hint=did_you_mean(name, MODELS))
    if tokens not in KINDS:
        raise UsageError(f"there is no kind of token {tokens!r}", hint=did_you_mean(tokens, KINDS))
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
        case "elman":
            # the plain network has no gates to hold its gradient: smaller steps
            return rnn.ElmanConfig(
                d=c.width, layers=c.layers, dropout=dropout, tied=True
            ), dataclasses.replace(training, lr=1e-3)
        case "gru":
            return rnn.GRUConfig(d=c.width, layers=c.layers, dropout=dropout, tied=True), training
        case "lstm":
            return rnn.LSTMConfig(d=c.width, layers=c.layers, dropout=dropout, tied=True), training
        case _:
            config = gpt.Config(
                d=c.gpt_width,
                heads=4,
                layers=c.gpt_layers,
                context=128 if by_character else 64,
                dropout=min(dropout, 0.3),
            )
            return config, dataclasses.replace(training, lr=2e-3, weight_decay=0.1)


ESTIMATORS = {
    "kneser-ney": "modified Kneser–Ney",
    "katz": "Katz back-off",
    "interpolated": "Jelinek–Mercer",
    "additive": "additive smoothing",
    "mle": "maximum likelihood",
    "stupid-backoff": "stupid back-off",
}


def describe(model: ModelConfig) -> str:
    """A configuration in a few words, for a table: `2 × 256, dropout 0.3`."""
    match model:
        case ngram.Config():
            return f"{model.order}-gram, {ESTIMATORS[model.estimator]}"
        case gpt.Config():
            shape = f"{model.layers} × {model.d}, {model.heads} heads, context {model.context}"
        case _:
            shape = f"{model.layers} × {model.d}" + (", tied" if model.tied else "")
    return shape + (f", dropout {model.dropout:g}" if model.dropout else "")
