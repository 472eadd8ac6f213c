"""Effective approaches to attention-based neural machine translation
(Luong, Pham & Manning, EMNLP 2015, arXiv:1508.04025).

    h̄_s, and where the encoder ends = LSTMs, one above the other, over the source
    h_t = LSTMs over e(y_{t−1}), or over [e(y_{t−1}) ; h̃_{t−1}] with input feeding          §3.3
    α_t(s) = softmax_s score(h_t, h̄_s)      dot, general, concat                            eq. 7
    α_t(s) ← α_t(s) exp(−(s − p_t)² / 2σ²)  local-p                                         eq. 10
    c_t = Σ_s α_t(s) h̄_s                    h̃_t = tanh(W_c [c_t ; h_t] + b)                 eq. 5
    p(y_t | y_1 … y_{t−1}, x) = softmax(W_s h̃_t + b)                                        eq. 6

paper       here                     paper    here
h̄_s         carry.memory.of.h        W_c      W_c
h_t         carry.state.h            W_s      out.softmax
h̃_{t−1}     carry.fed; h̃_0 = 0       α_t      tap `attention.alpha`

The scores and local-p are those of `layers.alignment`.  Without input feeding the LSTMs run over
all of y, and all its places look at the source at once.

Differs: h̃ and the output layer have biases; biases begin at 0, forget gates open (1).  The source
is read from its first word on, or with `bidirectional` both ways, each d / 2 wide (Bahdanau et al.
2015), where the paper reads it backwards.
"""

from typing import Annotated, Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from malmoi.carry import Memory
from malmoi.config import CONFIG, Depth, Share, Size, Sizes
from malmoi.layers.alignment import Alignment, luongs
from malmoi.layers.dropout import Dropout
from malmoi.layers.feeding import fed
from malmoi.layers.initialise import uniform_
from malmoi.layers.lstm_encoder import LSTMEncoder
from malmoi.layers.recurrent import LSTM, HiddenCell
from malmoi.layers.sides import Readout, Tables
from malmoi.sentences import Sentences


@dataclass(frozen=True, config=CONFIG)
class Config:
    """d: width of the states (the paper: 1,000).  d_word: of the word vectors, d unless given.

    layers: of each LSTM (4).  score, scaled: what attention asks; scaled divides by √d.
    feeding: h̃_{t−1} is read with the next word.  window: D of local-p (10); without it attention
    is global.  bidirectional: the source is read both ways.  init: weights begin uniform in ±init.
    smoothing: of the labels.  tied: the output layer's table is the target's word vectors.
    shared: both sides have one table of word vectors, which wants a joint vocabulary.
    """

    d: Size = 256
    d_word: Size | None = None
    layers: Depth = 2
    score: Literal["dot", "general", "concat"] = "general"
    scaled: bool = False
    feeding: bool = True
    window: Size | None = None
    bidirectional: bool = False
    dropout: Share = 0.2
    smoothing: Share = 0.0
    tied: bool = False
    shared: bool = False
    init: Annotated[float, Field(gt=0.0, le=1e3)] = 0.1

    def __post_init__(self) -> None:
        if self.scaled and self.score == "concat":
            raise ValueError('scaled = true divides products, and score = "concat" has none')
        if self.bidirectional and self.d % 2:
            raise ValueError(
                f"d = {self.d} cannot be halved between two directions: d must be even"
            )

    def build(self, sizes: Sizes) -> "Luong":
        return Luong(self, sizes)


class Carry(NamedTuple):
    """fed: h̃ of the step before, None without input feeding."""

    memory: Memory
    state: HiddenCell
    fed: Float[Tensor, "R d"] | None


class Luong(nn.Module):
    context: int | None = None

    def __init__(self, config: Config, sizes: Sizes) -> None:
        super().__init__()
        self.config = config
        d, d_word, p = config.d, config.d_word or config.d, config.dropout
        self.words = Tables(sizes, d_word, shared=config.shared)
        self.encoder = LSTMEncoder(
            d_word, d, config.layers, bidirectional=config.bidirectional, dropout=p
        )
        self.decoder = LSTM(d_word + d if config.feeding else d_word, d, config.layers, dropout=p)
        score = luongs(config.score, d, d, scaled=config.scaled)
        self.attention = Alignment(score, d, window=config.window)
        self.W_c = nn.Linear(2 * d, d)
        self.drop = Dropout(p)
        self.out = Readout(
            d,
            sizes.vocabulary,
            tied=self.words.target if config.tied else None,
            smoothing=config.smoothing,
        )
        uniform_(self, config.init, forget_bias=1.0)

    def begin(self, source: Sentences) -> Carry:
        h, ends = self.encoder(self.drop(self.words.read(source.ids)), source.mask)
        memory = Memory(self.attention.annotate(h, source.mask))
        return Carry(memory, ends, torch.zeros_like(ends.h[:, 0]) if self.config.feeding else None)

    def _read(self, x: Int[Tensor, "R T"], carry: Carry) -> tuple[Float[Tensor, "R T d"], Carry]:
        memory, state, last = carry
        e = self.drop(self.words.write(x))
        if last is None:
            h, state = self.decoder(e, state)
            c = self.attention(h, memory.of)
            seen = torch.tanh(self.W_c(torch.cat([c, h], -1)))
        else:
            seen, state = fed(self.decoder, self.attention, self.W_c, e, last, state, memory.of)
            last = seen[:, -1]
        return self.drop(seen), Carry(memory, state, last)

    def forward(self, x: Int[Tensor, "R T"], carry: Carry) -> tuple[Float[Tensor, "R T V"], Carry]:
        seen, carry = self._read(x, carry)
        return self.out(seen), carry

    def log_prob(
        self, x: Int[Tensor, "R T"], y: Int[Tensor, "R T"], carry: Carry
    ) -> tuple[Float[Tensor, "R T"], Carry]:
        seen, carry = self._read(x, carry)
        return self.out.log_prob(seen, y), carry
