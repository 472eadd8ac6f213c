"""Convolutional sequence to sequence learning
(Gehring, Auli, Grangier, Yarats & Dauphin, ICML 2017, arXiv:1705.03122).

    e_j = w_j + p_j                                    and g_i likewise for the target       §3.1
    h^l_i = v(W^l [h^{l−1}_{i−k/2} ; … ; h^{l−1}_{i+k/2}] + b^l) + h^{l−1}_i                 §3.2
    the decoder's window ends at i: k − 1 zeros stand before its first place
    d^l_i = W^l_d h^l_i + b^l_d + g_i                                                       eq. 1
    a^l_ij = softmax_j d^l_i · z_j      c^l_i = Σ_j a^l_ij (z_j + e_j),  added to h^l_i     eq. 2
    p(y_{i+1} | …) = softmax(W_o h^L_i + b_o)                                                §3.2

Variances are kept (§3.4): each sum of two is multiplied by √½; c^l_i by m √(1/m), m the length of
the source; what the encoder's layers learn from is divided by the number of attentions, of which
the word vectors are exempt.  Weights are normalised.  They begin (§3.5) as N(0, (1 − p) / n), those
before a gate as N(0, 4 (1 − p) / n), embeddings as N(0, 0.01), biases as 0; p is the dropout of
the n inputs, 0 where they have none.

paper    here                          paper       here
w, p     words, positions              W_d         attention.query
e, g     e, g                          a^l_ij      taps `decoder.l.attention.alpha`  [R, T, S]
v(W …)   glu                           f, d        d_word, d
z        memory.of.z                   z + e       memory.of.values

Linear maps lead from the width of embeddings to that of states and back (§3.2), one of them from
c^l_i to h^l_i, as in the authors' program.  Dropout: of embeddings, of what enters a convolution,
and before W_o (§4.2).

Differs: one width for all layers; places beyond the table of positions share the last of them.

The memory is (z, z + e, where there are words).  The carry is, for each layer of the decoder, what
it read at the last k − 1 places, [R, k − 1, d], and the number of places read, [R].
"""

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from malmoi.carry import Memory
from malmoi.config import CONFIG, Depth, Share, Size, Sizes
from malmoi.layers.attention import fold, unfold
from malmoi.layers.convolution import GLU, Normed
from malmoi.layers.dropout import Dropout
from malmoi.layers.pooling import masked_softmax
from malmoi.layers.sides import Tables
from malmoi.layers.softmax import Softmax
from malmoi.layers.tap import Tap
from malmoi.sentences import Sentences

ROOT_HALF = math.sqrt(0.5)


class Source(NamedTuple):
    """What is known of the source; values: z + e."""

    z: Float[Tensor, "M S f"]
    values: Float[Tensor, "M S f"]
    mask: Bool[Tensor, "M S"]


class Carry(NamedTuple):
    memory: Memory
    past: tuple[Float[Tensor, "R k1 d"], ...]
    position: Int[Tensor, " R"]


@dataclass(frozen=True, config=CONFIG)
class Config:
    """d: width of the states.  d_word: of embeddings and of what attention sees, d unless given.
    layers: of the encoder; layers_decoder: of the decoder, if not as many.  kernel: places of a
    window, odd.  positions: places that are told apart.  smoothing: of the labels.  tied: the
    output layer's table is the target's word vectors.  shared: both sides have one table of word
    vectors, which wants a joint vocabulary.

    The paper's model of WMT'16 English–Romanian: d = 512, layers = 20, kernel = 3.
    """

    d: Size = 256
    d_word: Size | None = None
    layers: Depth = 4
    layers_decoder: Depth | None = None
    kernel: Size = 3
    positions: Size = 1024
    dropout: Share = 0.2
    smoothing: Share = 0.0
    tied: bool = False
    shared: bool = False

    def __post_init__(self) -> None:
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel = {self.kernel} must be odd: a window has a middle")

    def build(self, sizes: Sizes) -> "ConvS2S":
        return ConvS2S(self, sizes)


class ConvS2S(nn.Module):
    context: int | None = None

    def __init__(self, config: Config, sizes: Sizes) -> None:
        super().__init__()
        self.config = config
        c, d, f, p = config, config.d, config.d_word or config.d, config.dropout
        self.words = Tables(sizes, f, shared=c.shared)
        self.positions_source = nn.Embedding(c.positions, f)
        self.positions = nn.Embedding(c.positions, f)
        self.drop = Dropout(p)
        self.into_encoder = Normed(f, d, variance=1 - p)
        self.encoder = nn.ModuleList(
            GLU(d, c.kernel, variance=4 * (1 - p)) for _ in range(c.layers)
        )
        self.to_z = Normed(d, f)
        self.into_decoder = Normed(f, d, variance=1 - p)
        self.decoder = nn.ModuleList(
            Block(d, f, c.kernel, p) for _ in range(c.layers_decoder or c.layers)
        )
        self.to_words = Normed(d, f)
        tied = self.words.target if c.tied else None
        self.out = Softmax(f, sizes.vocabulary, tied=tied, smoothing=c.smoothing)
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.1)
        if not c.tied:
            nn.init.normal_(self.out.W, std=math.sqrt((1 - p) / f))

    def begin(self, source: Sentences) -> Carry:
        n, mask, B = len(self.decoder), source.mask, len(source)
        place = (mask.cumsum(1) - 1).clamp(0, self.config.positions - 1)  # padding on either side
        e = self.drop(self.words.read(source.ids) + self.positions_source(place))
        h, there = self.into_encoder(_learning(e, float(n))), mask[..., None]
        edge = h.new_zeros(B, self.config.kernel // 2, h.size(-1))
        for glu in self.encoder:
            inner = self.drop(h) * there
            h = (glu(torch.cat([edge, inner, edge], 1)) + h) * ROOT_HALF
        z = _learning(self.to_z(h), 1 / n)
        known = Source(z, (z + e) * ROOT_HALF, mask)
        past = h.new_zeros(B, self.config.kernel - 1, h.size(-1))
        return Carry(Memory(known), (past,) * n, mask.new_zeros(B, dtype=torch.long))

    def _read(self, x: Int[Tensor, "R T"], carry: Carry) -> tuple[Float[Tensor, "R T f"], Carry]:
        place = carry.position[:, None] + torch.arange(x.size(1), device=x.device)
        place = place.clamp(max=self.config.positions - 1)
        g = self.drop(self.words.write(x) + self.positions(place))
        h, new = self.into_decoder(g), []
        for block, past in zip(self.decoder, carry.past, strict=True):
            h, past = block(h, g, past, carry.memory.of)
            new.append(past)
        t = self.drop(self.to_words(h))
        return t, Carry(carry.memory, tuple(new), carry.position + x.size(1))

    def forward(self, x: Int[Tensor, "R T"], carry: Carry) -> tuple[Float[Tensor, "R T V"], Carry]:
        t, carry = self._read(x, carry)
        return self.out(t), carry

    def log_prob(
        self, x: Int[Tensor, "R T"], y: Int[Tensor, "R T"], carry: Carry
    ) -> tuple[Float[Tensor, "R T"], Carry]:
        t, carry = self._read(x, carry)
        return self.out.log_prob(t, y), carry


class Block(nn.Module):
    """A layer of the decoder: a window of what was written, then a look at the source."""

    def __init__(self, d: int, f: int, k: int, p: float) -> None:
        super().__init__()
        self.drop = Dropout(p)
        self.glu = GLU(d, k, variance=4 * (1 - p))
        self.attention = Attention(d, f)

    def forward(
        self, h: Tensor, g: Tensor, past: Tensor, source: Source
    ) -> tuple[Float[Tensor, "R T d"], Float[Tensor, "R k1 d"]]:
        seen = torch.cat([past.to(h), self.drop(h)], 1)
        h = (self.glu(seen) + h) * ROOT_HALF
        c: Tensor = self.attention(h, g, source)
        return (h + c) * ROOT_HALF, seen[:, h.size(1) :]


class Attention(nn.Module):
    """Where in the source to look, from the state and the word read last."""

    def __init__(self, d: int, f: int) -> None:
        super().__init__()
        self.query = Normed(d, f)
        self.value = Normed(f, d)
        self.alpha = Tap()

    def forward(self, h: Tensor, g: Tensor, source: Source) -> Float[Tensor, "R T d"]:
        R, M = len(h), len(source.mask)
        query = fold((self.query(h) + g) * ROOT_HALF, M)  # [M, kT, f]
        e = query @ source.z.to(query).mT  # [M, kT, S]
        a = masked_softmax(e, source.mask[:, None].expand_as(e))
        a = fold(self.alpha(unfold(a, R)), M)
        m = source.mask.sum(1)[:, None, None]
        c = (a.to(query) @ source.values.to(query)) * m.to(query).sqrt()  # m √(1/m) = √m
        y: Tensor = self.value(unfold(c, R))
        return y


class _Learning(torch.autograd.Function):
    """x itself, whose gradient is multiplied by a number."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rate: float) -> Tensor:
        ctx.rate = rate
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0] * ctx.rate, None


def _learning(x: Tensor, rate: float) -> Tensor:
    y: Tensor = _Learning.apply(x, rate)  # type: ignore[no-untyped-call]
    return y
