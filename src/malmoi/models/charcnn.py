"""A language model that reads words by their letters and says them as words.

Kim, Jernite, Sontag & Rush, "Character-aware neural language models" (2016, arXiv:1508.06615)
    f_i = tanh(⟨C^k[:, i : i + w], H⟩ + b)    y^k = max_i f_i, of every filter H
    z = T ⊙ g(W_H y + b_H) + (1 − T) ⊙ y      T = σ(W_T y + b_T)            g = ReLU
    h_t = LSTM(z_t, h_{t-1})                  p(w_{t+1} | w_1 … w_t) = softmax(P h_t + q)

paper    here                              paper    here
C        letters.embed, `spelling`         z        _words
H, b     letters.H, letters.bias           LSTM     recurrent
T, W_H   highway.T, highway.H              P, q     out

Table 2            letters    filters of widths w             highway    LSTM
LSTM-Char-Small    15         25 · w, 1 … 6                   1          2 × 300
LSTM-Char-Large    15         min(200, 50 · w), 1 … 7         2          2 × 650

How each word is spelt is part of the model, a table of letters that is filled from the vocabulary
before training (`spell`) and saved with the weights.  Each different word of a batch is convolved
once, and its vector does not depend on what else is there (`layers.letters`).

Differs: `d_out` puts a linear map before the softmax, whose table is most of the weights.
"""

from typing import Annotated

import torch
from jaxtyping import Float, Int
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn import functional as F

from malmoi.config import CONFIG, Depth, Share, Size, Sizes
from malmoi.errors import UsageError
from malmoi.layers.adaptive import Cutoffs, check_cutoffs, output
from malmoi.layers.dropout import Dropout
from malmoi.layers.highway import Highway
from malmoi.layers.initialise import uniform_
from malmoi.layers.letters import Filters
from malmoi.layers.recurrent import LSTM, HiddenCell

FEW_SHAPES = 64  # words are convolved so many at a time: oneDNN keeps a program for each shape


@dataclass(frozen=True, config=CONFIG)
class Config:
    """d_letter: of a letter's vector.  widths: of the filters, of which there are min(most,
    filters · w) for each width w.  highway: layers of it.  d, layers: of the LSTM.
    d_out: of what the softmax reads, d unless given.

    dropout: between the layers of the LSTM.  dropout_in: of words' vectors.  dropout_out: after
    the last layer.  locked: one mask for all steps.  init: weights begin uniform in ±init.
    forget_bias: what the forget gate's bias begins with.  samples, adaptive: how the softmax is
    trained (`layers.softmax`, `layers.adaptive`).
    """

    d_letter: Size = 15
    widths: tuple[Annotated[int, Field(gt=0, le=64)], ...] = (1, 2, 3, 4, 5, 6)
    filters: Size = 25
    most: Size = 200
    highway: Annotated[int, Field(ge=0, le=2**10)] = 1
    d: Size = 300
    layers: Depth = 2
    d_out: Size | None = None
    dropout: Share = 0.0
    dropout_in: Share = 0.0
    dropout_out: Share = 0.0
    locked: bool = False
    init: Annotated[float, Field(gt=0.0, le=1e3)] = 0.1
    forget_bias: float = 1.0
    samples: Annotated[int, Field(ge=0)] = 0
    adaptive: Cutoffs = ()

    def __post_init__(self) -> None:
        if not self.widths or len(set(self.widths)) < len(self.widths):
            raise ValueError(f"widths = {list(self.widths)}: at least one, and each once")
        check_cutoffs(self.adaptive, samples=self.samples, tied=False)

    def build(self, sizes: Sizes) -> "CharCNN":
        return CharCNN(self, sizes)


class CharCNN(nn.Module):
    context: int | None = None
    spelling: Tensor

    def __init__(self, config: Config, sizes: Sizes) -> None:
        super().__init__()
        if not sizes.characters:
            raise UsageError(
                "a charcnn reads the letters of words, and the task gives none",
                hint='task.spelling = "characters", "jamo" or "bytes"',
            )
        self.config = config
        V, d, d_out = sizes.vocabulary, config.d, config.d_out or config.d
        self.register_buffer("spelling", torch.zeros(V, sizes.longest, dtype=torch.int32))
        filters = [min(config.most, config.filters * width) for width in config.widths]
        self.letters = Filters(sizes.characters, config.d_letter, config.widths, filters)
        self.highway = Highway(sum(filters), config.highway)
        self.drop = Dropout(config.dropout_in, locked=config.locked)
        self.recurrent = LSTM(
            sum(filters), d, config.layers, dropout=config.dropout, locked=config.locked
        )
        self.drop_out = Dropout(config.dropout_out, locked=config.locked)
        self.project = nn.Linear(d, d_out) if d_out != d else nn.Identity()
        self.out = output(d_out, V, samples=config.samples, adaptive=config.adaptive)
        uniform_(self, config.init, forget_bias=config.forget_bias)
        self.highway.close()

    def spell(self, spelling: Int[Tensor, "V L"]) -> None:
        """Tell how every word is spelt: the numbers of its letters from 1, 0 behind the last."""
        self.spelling.copy_(spelling)

    def begin(self, batch: int) -> HiddenCell:
        zeros = self.letters.embed.new_zeros(batch, self.config.layers, self.config.d)
        return HiddenCell(zeros, zeros)

    def vectors(self, words: Int[Tensor, " U"]) -> Float[Tensor, "U d"]:
        """z, for each of these words."""
        spelt = self.spelling[words].long()
        order = (spelt > 0).sum(1).argsort(descending=True, stable=True)
        y = self.letters(spelt[order])
        z = self.highway(F.pad(y, (0, 0, 0, -len(y) % FEW_SHAPES)))
        return F.embedding(order.argsort(), z)

    def _words(self, x: Int[Tensor, "B T"]) -> Float[Tensor, "B T d"]:
        words, index = torch.unique(x, return_inverse=True)
        return F.embedding(index, self.vectors(words))

    def _read(
        self, x: Int[Tensor, "B T"], carry: HiddenCell
    ) -> tuple[Float[Tensor, "B T _"], HiddenCell]:
        h, carry = self.recurrent(self.drop(self._words(x)), carry)
        return self.project(self.drop_out(h)), carry

    def forward(
        self, x: Int[Tensor, "B T"], carry: HiddenCell
    ) -> tuple[Float[Tensor, "B T V"], HiddenCell]:
        h, carry = self._read(x, carry)
        return self.out(h), carry

    def log_prob(
        self, x: Int[Tensor, "B T"], y: Int[Tensor, "B T"], carry: HiddenCell
    ) -> tuple[Float[Tensor, "B T"], HiddenCell]:
        h, carry = self._read(x, carry)
        return self.out.log_prob(h, y), carry
