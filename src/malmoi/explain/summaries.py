"""The vectors that a translator has of a word and of a whole source.

words     a row of the table of each side
sources   cho          c = tanh(V h_N), which it was made for
          sutskever    the last state of the upper LSTM
          others       the mean of what they remember of each token: h_j, z_j, the encoder's x_j
"""

from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from malmoi.layers.sides import Tables
from malmoi.models.cho import Cho
from malmoi.models.convs2s import ConvS2S
from malmoi.models.sutskever import Sutskever
from malmoi.models.transformer import Transformer
from malmoi.sentences import Sentences

Side = Literal["source", "target"]
SIDES: tuple[Side, ...] = ("source", "target")


def table(model: nn.Module, side: Side) -> Float[Tensor, "V d"]:
    """The word vectors of a side."""
    if isinstance(model, Transformer):
        own = model.embed if side == "target" else model.embed_source or model.embed
        return own.weight.detach()
    words = model.words
    assert isinstance(words, Tables)
    chosen = words.target if side == "target" else words.source or words.target
    return chosen.weight.detach()


@torch.no_grad()
def summary(model: nn.Module, source: Sentences) -> Float[Tensor, "B d"]:
    """One vector for each text that is read."""
    if isinstance(model, Cho):
        return model.summary(source)
    if isinstance(model, Sutskever):
        return model.begin(source).h[:, -1]
    if isinstance(model, Transformer):
        memory = model.encode(source)
    else:
        begun: Any = model.begin(source)  # type: ignore[operator]  # a translator's
        known = begun[0].of
        memory = known.z if isinstance(model, ConvS2S) else known.h
    there = source.mask[..., None].to(memory)
    return (memory * there).sum(1) / there.sum(1)


def named(model: nn.Module) -> str:
    """What `summary` is of, in words."""
    if isinstance(model, Cho):
        return "c, the vector that the encoder makes of a phrase"
    if isinstance(model, Sutskever):
        return "the last state of the encoder's upper LSTM"
    return "the mean of what the encoder remembers of its tokens, since the model has no single one"
