"""Learning phrase representations using RNN encoder–decoder for statistical machine translation
(Cho, van Merriënboer, Gulcehre, Bahdanau, Bougares, Schwenk & Bengio, EMNLP 2014, arXiv:1406.1078).

    h_j = z ⊙ h_{j−1} + (1 − z) ⊙ h̃_j      h̃_j = tanh(W e(x_j) + U (r ⊙ h_{j−1}))       eq. 5–8
    c = tanh(V h_N)                         h'_0 = tanh(V' c)                        appendix A
    r', z' = σ(W' e(y_{t−1}) + U' h'_{t−1} + C c)
    h̃'_t = tanh(W' e(y_{t−1}) + r' ⊙ (U' h'_{t−1} + C c))    h'_t = z' ⊙ h'_{t−1} + (1 − z') ⊙ h̃'_t
    s'_t = O_h h'_t + O_y e(y_{t−1}) + O_c c                 s_ti = max(s'_{t,2i−1}, s'_{t,2i})
    p(y_t | y_1 … y_{t−1}, x) = softmax(G s_t)

paper    here                paper            here
c        `summary(source)`   O_h, O_y, O_c    O_h, O_y, O_c
h'_t     carry[1]            G                out
V, V'    V, V_               W', U', C        decoder.W, decoder.U, decoder.C

C c and O_c c are made once for a source and are what the carry's memory is.

Differs: biases everywhere.  reset = "after" reads the source with torch's form of the gate, which
is faster.  The GRUs' W and C begin by Glorot's rule, U orthogonal, other maps uniform in ±1/√n of
their n inputs, word vectors as N(0, 1/d_word), where the paper draws all but U from N(0, 0.01²).
"""

from typing import Literal, NamedTuple, TypeAlias

import torch
from jaxtyping import Float, Int
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from malmoi.carry import Memory
from malmoi.config import CONFIG, Depth, Share, Size, Sizes
from malmoi.layers.bidirectional import Encoder
from malmoi.layers.conditional import ConditionalGRU
from malmoi.layers.dropout import Dropout
from malmoi.layers.pooling import Last
from malmoi.layers.sides import Readout, Tables, maxout
from malmoi.sentences import Sentences


@dataclass(frozen=True, config=CONFIG)
class Config:
    """d: width of the states and of c (the paper: 1,000).  d_word: of the word vectors (100), d
    unless given.  d_out: of s_t (500), d_word unless given.

    layers: GRUs that read the source one above the other (1).  reset: where their gate r acts,
    "before" U as in the paper, or "after" it.  smoothing: of the labels.  tied: the output layer's
    table is the target's word vectors.  shared: both sides have one table of word vectors, which
    wants a joint vocabulary.
    """

    d: Size = 256
    d_word: Size | None = None
    d_out: Size | None = None
    layers: Depth = 1
    reset: Literal["before", "after"] = "before"
    dropout: Share = 0.2
    smoothing: Share = 0.0
    tied: bool = False
    shared: bool = False

    def build(self, sizes: Sizes) -> "Cho":
        return Cho(self, sizes)


class Told(NamedTuple):
    """What c says to every step."""

    to_state: Float[Tensor, "M G"]
    to_word: Float[Tensor, "M two_l"]


Carry: TypeAlias = tuple[Memory, Float[Tensor, "R d"]]


class Cho(nn.Module):
    context: int | None = None

    def __init__(self, config: Config, sizes: Sizes) -> None:
        super().__init__()
        self.config = config
        d, d_word, p = config.d, config.d_word or config.d, config.dropout
        d_out = config.d_out or d_word
        self.words = Tables(sizes, d_word, shared=config.shared)
        self.encoder = Encoder(
            "gru", d_word, d, config.layers, bidirectional=False, dropout=p, reset=config.reset
        )
        self.last = Last(d)
        self.V = nn.Linear(d, d)
        self.V_ = nn.Linear(d, d)
        self.decoder = ConditionalGRU(d_word, d, d, reset="inside")
        self.O_h = nn.Linear(d, 2 * d_out)
        self.O_y = nn.Linear(d_word, 2 * d_out, bias=False)
        self.O_c = nn.Linear(d, 2 * d_out, bias=False)
        self.drop = Dropout(p)
        self.out = Readout(
            d_out,
            sizes.vocabulary,
            tied=self.words.target if config.tied else None,
            smoothing=config.smoothing,
        )

    def summary(self, source: Sentences) -> Float[Tensor, "B d"]:
        """c: one vector for each text that is read, of a sentence or of a phrase."""
        h = self.encoder(self.drop(self.words.read(source.ids)), source.mask)
        return torch.tanh(self.V(self.last(h, source.mask)))

    def begin(self, source: Sentences) -> Carry:
        c = self.summary(source)
        told = Told(self.decoder.C(c), self.O_c(c))
        return Memory(told), torch.tanh(self.V_(c))

    def _read(self, x: Int[Tensor, "R T"], carry: Carry) -> tuple[Float[Tensor, "R T l"], Carry]:
        memory, h = carry
        k = len(h) // len(memory.of.to_state)
        to_state, to_word = (part.repeat_interleave(k, 0) for part in memory.of)
        e = self.drop(self.words.write(x))
        hs = self.decoder(e, to_state, h)
        s = maxout(self.O_h(hs) + self.O_y(e) + to_word[:, None])
        return self.drop(s), (memory, hs[:, -1])

    def forward(self, x: Int[Tensor, "R T"], carry: Carry) -> tuple[Float[Tensor, "R T V"], Carry]:
        s, carry = self._read(x, carry)
        return self.out(s), carry

    def log_prob(
        self, x: Int[Tensor, "R T"], y: Int[Tensor, "R T"], carry: Carry
    ) -> tuple[Float[Tensor, "R T"], Carry]:
        s, carry = self._read(x, carry)
        return self.out.log_prob(s, y), carry
