"""The Transformer: a text is read, and another is written from it, by attention alone.

Vaswani et al., "Attention is all you need" (2017, arXiv:1706.03762)
    x_t = √d E[w_t] + PE_t                                                                §3.4
    PE_{t, 2i} = sin(t / 10000^{2i/d})      PE_{t, 2i+1} = cos(t / 10000^{2i/d})           §3.5
    encoder   x ← LN(x + Attention(x, x, x))        x ← LN(x + FFN(x))                     §3.1
    decoder   x ← LN(x + Attention(x, x≤, x≤))      x ← LN(x + Attention(x, memory, memory))
              x ← LN(x + FFN(x))                    p(w | x) = softmax(E x + b)
    FFN(x) = max(0, x W_1 + b_1) W_2 + b_2                                                 §3.3

paper        here                           paper           here
E            embed; embed_source where      P_drop          dropout
             two vocabularies are           ε_ls            smoothing
N            layers                         d_model, d_ff   d, d_ff
W^Q W^K W^V  attention.qkv; cross.q, .kv    h               heads
W^O          attention.o; cross.o           A               taps `alpha`

The paper's base model is `Config(d=512, heads=8, layers=6, d_ff=2048)`; the defaults are a smaller
one, for a processor and tens of thousands of pairs.  Its schedule is `noam` of `training.schedules`
with lr = (d · warmup)^-½, warmup = 4000.

Tables are tied as in §3.4: one where source and target share a vocabulary, otherwise one for
the source and one for the target, its words read and written.

Differs: the first token that is read while writing, `<s>`, is a vector of its own, since row 0 of
the table is `</s>`; the output layer has a bias b, as Marian's; norms may stand before ("pre"), one
more then after the last block of each side (Wang et al. 2019, arXiv:1906.01787).

The memory is the keys and values that each block of the decoder has of the source, [M, H, S, k],
made once.  The carry are those of what was written, [R, H, T, k]: T tells how much it was.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from malmoi.carry import Memory
from malmoi.config import CONFIG, Depth, Share, Size, Sizes
from malmoi.layers.attention import KeyValue
from malmoi.layers.dropout import Dropout
from malmoi.layers.softmax import Softmax
from malmoi.layers.transformer import Activation, DecoderBlock, EncoderBlock, Norm
from malmoi.sentences import Sentences


class Read(NamedTuple):
    """What is known of the source: keys and values a block, and where there are words."""

    blocks: tuple[KeyValue, ...]
    mask: Bool[Tensor, "M S"]


class Carry(NamedTuple):
    memory: Memory
    past: tuple[KeyValue, ...]


@dataclass(frozen=True, config=CONFIG)
class Config:
    """d: width.  heads: d / heads each.  layers: of each side; layers_decoder: of the one that
    writes, if not as many.  d_ff: width within a block.  dropout: of the embedding and of what each
    sub-layer adds.  dropout_alpha: of the attention weights, which then must be formed.
    smoothing: the share of the mass that all words get while training.
    norm: "post" as the paper, "pre" which needs less warm-up.
    """

    d: Size = 256
    heads: Size = 4
    layers: Depth = 3
    layers_decoder: Depth | None = None
    d_ff: Size = 1024
    dropout: Share = 0.1
    dropout_alpha: Share = 0.0
    smoothing: Share = 0.1
    norm: Norm = "post"
    activation: Activation = "relu"

    def __post_init__(self) -> None:
        if self.d % self.heads:
            raise ValueError(
                f"d = {self.d} cannot be shared by {self.heads} heads: d must be a multiple"
            )
        if self.d % 2:
            raise ValueError(f"d = {self.d} must be even: positions are pairs of sine and cosine")

    def build(self, sizes: Sizes) -> "Transformer":
        return Transformer(self, sizes)


class Transformer(nn.Module):
    context: int | None = None

    def __init__(self, config: Config, sizes: Sizes) -> None:
        super().__init__()
        self.config = config
        c, d = config, config.d
        self.embed = nn.Embedding(sizes.vocabulary, d)
        self.embed_source = None if sizes.joint else nn.Embedding(sizes.source, d)
        self.start = nn.Parameter(torch.empty(d))
        self.drop = Dropout(c.dropout)
        self.encoder = nn.ModuleList(
            EncoderBlock(
                d, c.heads, d_ff=c.d_ff, dropout=c.dropout, dropout_alpha=c.dropout_alpha,
                norm=c.norm, activation=c.activation,
            )
            for _ in range(c.layers)
        )  # fmt: skip
        self.decoder = nn.ModuleList(
            DecoderBlock(
                d, c.heads, d_ff=c.d_ff, dropout=c.dropout, dropout_alpha=c.dropout_alpha,
                norm=c.norm, activation=c.activation,
            )
            for _ in range(c.layers_decoder or c.layers)
        )  # fmt: skip
        self.norm_encoder = nn.LayerNorm(d) if c.norm == "pre" else nn.Identity()
        self.norm_decoder = nn.LayerNorm(d) if c.norm == "pre" else nn.Identity()
        self.out = Softmax(d, sizes.vocabulary, tied=self.embed, smoothing=c.smoothing)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Glorot's uniform; attention's queries, keys and values divided by √2; words N(0, 1/d)."""
        d = self.config.d
        for name, weight in self.named_parameters():
            if "embed" in name or name == "start":
                nn.init.normal_(weight, std=d**-0.5)
            elif name.endswith((".qkv.weight", ".q.weight", ".kv.weight")):
                nn.init.uniform_(weight, -math.sqrt(1.5 / d), math.sqrt(1.5 / d))
            elif weight.dim() > 1:
                nn.init.xavier_uniform_(weight)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    def encode(self, source: Sentences) -> Float[Tensor, "B S d"]:
        """One vector a token of the source, having seen all of it."""
        table = self.embed if self.embed_source is None else self.embed_source
        place = (source.mask.cumsum(1) - 1).clamp(min=0)  # padding may be on either side
        PE = sinusoids(0, source.mask.size(1), table.weight)[place]
        x = self.drop(math.sqrt(self.config.d) * table(source.ids) + PE)
        mask = _unless_all(source.mask)
        for block in self.encoder:
            x = block(x, mask)
        return self.norm_encoder(x)  # type: ignore[no-any-return]  # a module's

    def begin(self, source: Sentences) -> Carry:
        x = self.encode(source)
        blocks = tuple(block.cross.remember(x) for block in self._decoder())
        c = self.config
        empty = x.new_zeros(len(x), c.heads, 0, c.d // c.heads)
        return Carry(Memory(Read(blocks, source.mask)), ((empty, empty),) * len(self.decoder))

    def _decoder(self) -> Iterator[DecoderBlock]:
        for block in self.decoder:
            assert isinstance(block, DecoderBlock)
            yield block

    def _read(self, x: Int[Tensor, "R T"], carry: Carry) -> tuple[Float[Tensor, "R T d"], Carry]:
        memory, past = carry
        words = torch.where((x == 0)[..., None], self.start, self.embed(x))
        PE = sinusoids(past[0][0].size(2), x.size(1), words)
        h = self.drop(math.sqrt(self.config.d) * words + PE)
        mask, new = _unless_all(memory.of.mask), []
        for block, kept, keys in zip(self._decoder(), past, memory.of.blocks, strict=True):
            h, kept = block(h, kept, keys, mask)
            new.append(kept)
        return self.norm_decoder(h), Carry(memory, tuple(new))

    def forward(self, x: Int[Tensor, "R T"], carry: Carry) -> tuple[Float[Tensor, "R T V"], Carry]:
        h, carry = self._read(x, carry)
        return self.out(h), carry

    def log_prob(
        self, x: Int[Tensor, "R T"], y: Int[Tensor, "R T"], carry: Carry
    ) -> tuple[Float[Tensor, "R T"], Carry]:
        h, carry = self._read(x, carry)
        return self.out.log_prob(h, y), carry


def sinusoids(start: int, T: int, like: Tensor) -> Float[Tensor, "T d"]:
    """PE of the places start … start + T − 1, of the width, kind and device of `like`."""
    d = like.size(-1)
    t = torch.arange(start, start + T, dtype=torch.float64, device=like.device)
    rate = 10000.0 ** (-torch.arange(0, d, 2, dtype=torch.float64, device=like.device) / d)
    angle = t[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1).to(like.dtype)


def _unless_all(mask: Bool[Tensor, "B S"]) -> Bool[Tensor, "B S"] | None:
    """None where there is no padding: attention is faster without a mask."""
    return None if bool(mask.all()) else mask
