"""Recurrent language models: Elman, GRU, LSTM.

Elman, "Finding structure in time" (1990); as a language model Mikolov et al. (2010)
    h_t = tanh(W x_t + U h_{t-1} + b)

Cho et al., "Learning phrase representations using RNN encoder–decoder" (2014, arXiv:1406.1078)
    h_t = z ⊙ h_{t-1} + (1 − z) ⊙ h̃      h̃ = tanh(W x + U (r ⊙ h) + b)        eq. 5–8

Hochreiter & Schmidhuber, "Long short-term memory" (1997); as a language model
Zaremba, Sutskever & Vinyals, "Recurrent neural network regularization" (2014, arXiv:1409.2329)
    c^l_t = f ⊙ c^l_{t-1} + i ⊙ g        h^l_t = o ⊙ tanh(c^l_t)                §3.1
    i, f, o, g of D(h^{l-1}_t), h^l_{t-1}: dropout D on what comes from below, never on time  §3.2

    x_t = C(w_t)        p(w_{t+1} | w_1 … w_t) = softmax(W_y h^L_t + b_y)

paper    here                     paper    here
C        embed                    h, c     carry.h, carry.c        [B, L, d]
W, U, b  recurrent.layers[l]      W_y      out.W, the embedding's own table if `tied`
D        drop, recurrent.drop

Differs: Zaremba also drops after the last layer; here that is `dropout_out`, off unless asked.
A tied table whose width is not d is reached through a linear map `project`.
"""

from typing import Annotated, Literal, TypeAlias

from jaxtyping import Float, Int
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from malmoi.config import CONFIG, Depth, Share, Size, Sizes
from malmoi.layers.adaptive import Cutoffs, check_cutoffs, output
from malmoi.layers.dropout import Dropout
from malmoi.layers.initialise import uniform_
from malmoi.layers.recurrent import GRU, LSTM, Elman, Hidden, HiddenCell

Carry: TypeAlias = Hidden | HiddenCell


@dataclass(frozen=True, config=CONFIG)
class Config:
    """d: width of the state.  d_word: of the word vectors, d unless given.

    dropout: into every layer.  dropout_out: after the last.  locked: one mask for all steps.
    tied: the output layer's table is the embedding's.  init: weights begin uniform in ±init.
    samples: train the softmax on so many words of V (`layers.softmax`), 0: on all of them.
    adaptive: or one with clusters of rarer words that begin at these ids (`layers.adaptive`).
    """

    d: Size = 200
    d_word: Size | None = None
    layers: Depth = 2
    dropout: Share = 0.0
    dropout_out: Share = 0.0
    locked: bool = False
    tied: bool = False
    init: Annotated[float, Field(gt=0.0, le=1e3)] = 0.1
    samples: Annotated[int, Field(ge=0)] = 0
    adaptive: Cutoffs = ()

    def __post_init__(self) -> None:
        check_cutoffs(self.adaptive, samples=self.samples, tied=self.tied)


@dataclass(frozen=True, config=CONFIG)
class ElmanConfig(Config):
    def build(self, sizes: Sizes) -> "RNN":
        return RNN(self, sizes)


@dataclass(frozen=True, config=CONFIG)
class GRUConfig(Config):
    """reset: the gate r acts on h "before" U reads it (Cho 2014) or "after" (cuDNN, torch)."""

    reset: Literal["before", "after"] = "after"

    def build(self, sizes: Sizes) -> "RNN":
        return RNN(self, sizes)


@dataclass(frozen=True, config=CONFIG)
class LSTMConfig(Config):
    """forget_bias: what f's bias begins with; 1 remembers unless taught (Jozefowicz 2015)."""

    forget_bias: float = 1.0

    def build(self, sizes: Sizes) -> "RNN":
        return RNN(self, sizes)


class RNN(nn.Module):
    """A recurrent language model; which one, the config says."""

    context: int | None = None

    def __init__(self, config: ElmanConfig | GRUConfig | LSTMConfig, sizes: Sizes) -> None:
        super().__init__()
        self.config = config
        V, d, d_word = sizes.vocabulary, config.d, config.d_word or config.d
        self.embed = nn.Embedding(V, d_word)
        self.drop = Dropout(config.dropout, locked=config.locked)
        self.recurrent = self._recurrent(d_word)
        self.drop_out = Dropout(config.dropout_out, locked=config.locked)
        through = config.tied and d_word != d
        self.project = nn.Linear(d, d_word) if through else nn.Identity()
        self.out = output(
            d_word if through else d,
            V,
            tied=self.embed if config.tied else None,
            samples=config.samples,
            adaptive=config.adaptive,
        )
        forget_bias = config.forget_bias if isinstance(config, LSTMConfig) else None
        uniform_(self, config.init, forget_bias=forget_bias)

    def _recurrent(self, d_word: int) -> Elman | GRU | LSTM:
        c = self.config
        if isinstance(c, LSTMConfig):
            return LSTM(d_word, c.d, c.layers, dropout=c.dropout, locked=c.locked)
        if isinstance(c, GRUConfig):
            return GRU(d_word, c.d, c.layers, reset=c.reset, dropout=c.dropout, locked=c.locked)
        return Elman(d_word, c.d, c.layers, dropout=c.dropout, locked=c.locked)

    def begin(self, batch: int) -> Carry:
        zeros = self.embed.weight.new_zeros(batch, self.config.layers, self.config.d)
        if isinstance(self.config, LSTMConfig):
            return HiddenCell(zeros, zeros)
        return Hidden(zeros)

    def _read(self, x: Int[Tensor, "B T"], carry: Carry) -> tuple[Float[Tensor, "B T _"], Carry]:
        h, carry = self.recurrent(self.drop(self.embed(x)), carry)
        return self.project(self.drop_out(h)), carry

    def forward(self, x: Int[Tensor, "B T"], carry: Carry) -> tuple[Float[Tensor, "B T V"], Carry]:
        h, carry = self._read(x, carry)
        return self.out(h), carry

    def log_prob(
        self, x: Int[Tensor, "B T"], y: Int[Tensor, "B T"], carry: Carry
    ) -> tuple[Float[Tensor, "B T"], Carry]:
        h, carry = self._read(x, carry)
        return self.out.log_prob(h, y), carry
