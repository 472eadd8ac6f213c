"""Neural machine translation by jointly learning to align and translate
(Bahdanau, Cho & Bengio, ICLR 2015, arXiv:1409.0473).

    h_j = [→h_j ; ←h_j]                     a bidirectional GRU over the source          §3.2
    s_0 = tanh(W_s ←h_1)                                                                 §A.2.2
    e_ij = v_aᵀ tanh(W_a s_{i−1} + U_a h_j)                                              §A.1.2
    α_ij = softmax_j e_ij                   c_i = Σ_j α_ij h_j                           eq. 5, 6
    r, z = σ(W e(y_{i−1}) + U s_{i−1} + C c_i)
    s̃_i = tanh(W e(y_{i−1}) + U (r ⊙ s_{i−1}) + C c_i)
    s_i = (1 − z) ⊙ s_{i−1} + z ⊙ s̃_i                                                    §A.2.2
    t̃_i = U_o s_i + V_o e(y_{i−1}) + C_o c_i              t_ij = max(t̃_{i,2j−1}, t̃_{i,2j})
    p(y_i | y_1 … y_{i−1}, x) = softmax(W_o t_i)                                         eq. 4

paper           here                        paper            here
h_j             carry[0].of.h               U_o, V_o, C_o    U_o, V_o, C_o
U_a h_j         carry[0].of.keys            W, U, C          decoder.W, .U, .C
s_i             carry[1]                    W_a, U_a, v_a    attention.score.W, .U, .v
α_ij            tap `attention.alpha`       n, m, l, n'      d, d_word, d_out, d_alpha

Differs: t_i = tanh(t̃_i) unless `maxout = true`.  §A.2.2 prints s_{i−1} in t̃_i; here it is s_i, as
g(y_{i−1}, s_i, c_i) of eq. 4 says.  z keeps the old state (`recurrent.swap_update_gate` maps the
one onto the other).  Biases everywhere.  The GRUs' W and C begin by Glorot's rule, U orthogonal,
other maps uniform in ±1/√n of their n inputs, word vectors as N(0, 1/d_word): wider than there.
"""

from typing import Literal, TypeAlias

import torch
from jaxtyping import Float, Int
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from malmoi.carry import Memory
from malmoi.config import CONFIG, Depth, Share, Size, Sizes
from malmoi.layers.alignment import Additive, Alignment
from malmoi.layers.bidirectional import Encoder
from malmoi.layers.conditional import ConditionalGRU
from malmoi.layers.dropout import Dropout
from malmoi.layers.pooling import Last
from malmoi.layers.sides import Readout, Tables, maxout
from malmoi.sentences import Sentences


@dataclass(frozen=True, config=CONFIG)
class Config:
    """d: width of the states, each way (the paper: 1,000).  d_word: of the word vectors (620), d
    unless given.  d_alpha: inside the attention (1,000), d unless given.  d_out: of t_i (500),
    d_word unless given.

    layers: bidirectional GRUs that read the source one above the other (1).  reset: where the
    gates r act, "before" U as in the paper, or "after" it, which is faster.  maxout: as in the
    paper.  smoothing: of the labels.  tied: the output layer's table is the target's word vectors.
    shared: both sides have one table of word vectors, which wants a joint vocabulary.
    """

    d: Size = 256
    d_word: Size | None = None
    d_alpha: Size | None = None
    d_out: Size | None = None
    layers: Depth = 1
    reset: Literal["before", "after"] = "before"
    maxout: bool = False
    dropout: Share = 0.2
    smoothing: Share = 0.0
    tied: bool = False
    shared: bool = False

    def build(self, sizes: Sizes) -> "Bahdanau":
        return Bahdanau(self, sizes)


Carry: TypeAlias = tuple[Memory, Float[Tensor, "R d"]]


class Bahdanau(nn.Module):
    context: int | None = None

    def __init__(self, config: Config, sizes: Sizes) -> None:
        super().__init__()
        self.config = config
        d, d_word, p = config.d, config.d_word or config.d, config.dropout
        l = config.d_out or d_word
        self.words = Tables(sizes, d_word, shared=config.shared)
        self.encoder = Encoder("gru", d_word, d, config.layers, dropout=p, reset=config.reset)
        self.last = Last(d)
        self.W_s = nn.Linear(d, d)
        self.attention = Alignment(Additive(d, 2 * d, config.d_alpha or d), d)
        self.decoder = ConditionalGRU(d_word, 2 * d, d, reset=config.reset)
        pools = 2 * l if config.maxout else l
        self.U_o = nn.Linear(d, pools)
        self.V_o = nn.Linear(d_word, pools, bias=False)
        self.C_o = nn.Linear(2 * d, pools, bias=False)
        self.drop = Dropout(p)
        self.out = Readout(
            l,
            sizes.vocabulary,
            tied=self.words.target if config.tied else None,
            smoothing=config.smoothing,
        )

    def begin(self, source: Sentences) -> Carry:
        h = self.encoder(self.drop(self.words.read(source.ids)), source.mask)
        first = self.last(h, source.mask)[:, self.config.d :]  # ←h_1
        return Memory(self.attention.annotate(h, source.mask)), torch.tanh(self.W_s(first))

    def _read(self, x: Int[Tensor, "R T"], carry: Carry) -> tuple[Float[Tensor, "R T l"], Carry]:
        memory, s = carry
        e = self.drop(self.words.write(x))
        states, contexts = self.decoder.attending(e, s, self.attention, memory.of)
        t = self.U_o(states) + self.V_o(e) + self.C_o(contexts)
        t = maxout(t) if self.config.maxout else torch.tanh(t)
        return self.drop(t), (memory, states[:, -1])

    def forward(self, x: Int[Tensor, "R T"], carry: Carry) -> tuple[Float[Tensor, "R T V"], Carry]:
        t, carry = self._read(x, carry)
        return self.out(t), carry

    def log_prob(
        self, x: Int[Tensor, "R T"], y: Int[Tensor, "R T"], carry: Carry
    ) -> tuple[Float[Tensor, "R T"], Carry]:
        t, carry = self._read(x, carry)
        return self.out.log_prob(t, y), carry
