"""GPT: a causal Transformer that predicts the next token.

Radford et al., "Improving language understanding by generative pre-training" (2018)
    h_0 = U W_e + W_p        h_l = block(h_{l-1})        P(u) = softmax(h_n W_eᵀ)       eq. 2
Radford et al., "Language models are unsupervised multitask learners" (2019), GPT-2:
    layer norms before each sub-layer and one more after the last block;
    weights N(0, 0.02), those that write into the residual divided by √(2 layers)

paper    here           GPT-2's files    here, blocks[l]
W_e      embed          ln_1, ln_2       norm_1, norm_2
W_p      positions      attn.c_attn      attention.qkv      (weights transposed)
h_l      x              attn.c_proj      attention.o        (transposed)
α        tap `alpha`    mlp.c_fc         mlp[0]             (transposed)
ln_f     norm           mlp.c_proj       mlp[2]             (transposed)

Differs: attention weights have a dropout of their own, off unless asked: without it the weights
need never be formed.

The carry is the keys and values of every layer, [B, H, S, k]: S tells how much was read.
"""

from typing import Annotated, Literal, TypeAlias

from jaxtyping import Float, Int
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from malmoi.config import CONFIG, Depth, Size, Sizes
from malmoi.errors import UsageError
from malmoi.layers.adaptive import Cutoffs, check_cutoffs, output
from malmoi.layers.attention import KeyValue
from malmoi.layers.dropout import Dropout
from malmoi.layers.transformer import Block

Carry: TypeAlias = tuple[KeyValue, ...]


@dataclass(frozen=True, config=CONFIG)
class Config:
    """d: width.  heads: d / heads each.  context: the most tokens it can read.

    dropout: of the embedding and of what each block adds.  dropout_alpha: of the attention weights.
    norm: "pre" as GPT-2, "post" as GPT.  tied: the output layer's table is the embedding's.
    samples: train the softmax on so many words of V (`layers.softmax`), 0: on all of them.
    adaptive: or one with clusters of rarer words that begin at these ids (`layers.adaptive`).
    """

    d: Size = 256
    heads: Size = 4
    layers: Depth = 4
    context: Size = 256
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    dropout_alpha: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    norm: Literal["pre", "post"] = "pre"
    tied: bool = True
    samples: Annotated[int, Field(ge=0)] = 0
    adaptive: Cutoffs = ()

    def __post_init__(self) -> None:
        check_cutoffs(self.adaptive, samples=self.samples, tied=self.tied)
        if self.d % self.heads:
            raise ValueError(
                f"d = {self.d} cannot be shared by {self.heads} heads: d must be a multiple"
            )

    def build(self, sizes: Sizes) -> "GPT":
        return GPT(self, sizes)


class GPT(nn.Module):
    def __init__(self, config: Config, sizes: Sizes) -> None:
        super().__init__()
        self.config = config
        self.context: int | None = config.context
        d = config.d
        self.embed = nn.Embedding(sizes.vocabulary, d)
        self.positions = nn.Embedding(config.context, d)
        self.drop = Dropout(config.dropout)
        self.blocks = nn.ModuleList(
            Block(
                d,
                config.heads,
                dropout=config.dropout,
                dropout_alpha=config.dropout_alpha,
                norm=config.norm,
            )
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(d) if config.norm == "pre" else nn.Identity()
        self.out = output(
            d,
            sizes.vocabulary,
            tied=self.embed if config.tied else None,
            bias=False,
            samples=config.samples,
            adaptive=config.adaptive,
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                residual = name.endswith(("attention.o.weight", "mlp.2.weight"))
                scale = (2 * self.config.layers) ** -0.5 if residual else 1.0
                nn.init.normal_(weight, std=0.02 * scale)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    def begin(self, batch: int) -> Carry:
        c = self.config
        empty = self.embed.weight.new_zeros(batch, c.heads, 0, c.d // c.heads)
        return ((empty, empty),) * c.layers

    def _read(self, x: Int[Tensor, "B T"], carry: Carry) -> tuple[Float[Tensor, "B T d"], Carry]:
        start, end = carry[0][0].size(2), carry[0][0].size(2) + x.size(1)
        if end > self.config.context:
            raise UsageError(
                "this GPT cannot read that far",
                where=f"{start:,} tokens read and {x.size(1):,} more; context = "
                f"{self.config.context:,}",
                hint="begin again with the last tokens, or train with a longer context",
            )
        h = self.drop(self.embed(x) + self.positions.weight[start:end])
        new = []
        for block, past in zip(self.blocks, carry, strict=True):
            h, past = block(h, past)
            new.append(past)
        return self.norm(h), tuple(new)

    def forward(self, x: Int[Tensor, "B T"], carry: Carry) -> tuple[Float[Tensor, "B T V"], Carry]:
        h, carry = self._read(x, carry)
        return self.out(h), carry

    def log_prob(
        self, x: Int[Tensor, "B T"], y: Int[Tensor, "B T"], carry: Carry
    ) -> tuple[Float[Tensor, "B T"], Carry]:
        h, carry = self._read(x, carry)
        return self.out.log_prob(h, y), carry
