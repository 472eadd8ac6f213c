"""The Transformer's blocks: attention, then a small network at each place, each with a residual.

post    x ← LN(x + F(x))     Vaswani et al. (2017), GPT
pre     x ← x + F(LN(x))     GPT-2; the last block is followed by one more LN

                F: attention, then          looks at
Block           MLP                         itself and what came before
EncoderBlock    MLP                         everything that is there
DecoderBlock    attention to a memory, MLP  itself and what came before

MLP(x) = W_2 f(W_1 x + b_1) + b_2

f     relu     max(0, x)            gelu-tanh   x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))
      gelu     x Φ(x)               swish       x σ(x)
"""

from typing import Literal, TypeAlias

from jaxtyping import Bool, Float
from torch import Tensor, nn

from malmoi.layers.attention import CausalSelfAttention, CrossAttention, KeyValue, SelfAttention
from malmoi.layers.dropout import Dropout

Activation: TypeAlias = Literal["relu", "gelu", "gelu-tanh", "swish"]
Norm: TypeAlias = Literal["pre", "post"]


class _Residual(nn.Module):
    """norm: where the layer norms stand, "pre" or "post" of each sub-layer."""

    def __init__(self, dropout: float, norm: Norm) -> None:
        super().__init__()
        self.norm = norm
        self.drop = Dropout(dropout)

    def before(self, norm: nn.Module, x: Tensor) -> Tensor:
        """What the sub-layer reads."""
        return norm(x) if self.norm == "pre" else x

    def after(self, norm: nn.Module, x: Tensor, f: Tensor) -> Tensor:
        """x with what the sub-layer says."""
        x = x + self.drop(f)
        return x if self.norm == "pre" else norm(x)


class Block(_Residual):
    """What a language model is built of.  d_ff: the width within the MLP, 4d unless given."""

    def __init__(
        self,
        d: int,
        heads: int,
        *,
        d_ff: int | None = None,
        dropout: float = 0.0,
        dropout_alpha: float = 0.0,
        norm: Norm = "pre",
        activation: Activation = "gelu-tanh",
    ) -> None:
        super().__init__(dropout, norm)
        self.norm_1 = nn.LayerNorm(d)
        self.attention = CausalSelfAttention(d, heads, dropout=dropout_alpha)
        self.norm_2 = nn.LayerNorm(d)
        self.mlp = mlp(d, d_ff or 4 * d, activation)

    def forward(
        self, x: Float[Tensor, "B T d"], past: KeyValue
    ) -> tuple[Float[Tensor, "B T d"], KeyValue]:
        a, past = self.attention(self.before(self.norm_1, x), past)
        x = self.after(self.norm_1, x, a)
        return self.after(self.norm_2, x, self.mlp(self.before(self.norm_2, x))), past


class EncoderBlock(_Residual):
    """What a text is read with, all of it at once."""

    def __init__(
        self,
        d: int,
        heads: int,
        *,
        d_ff: int,
        dropout: float = 0.0,
        dropout_alpha: float = 0.0,
        norm: Norm = "post",
        activation: Activation = "relu",
    ) -> None:
        super().__init__(dropout, norm)
        self.norm_1 = nn.LayerNorm(d)
        self.attention = SelfAttention(d, heads, dropout=dropout_alpha)
        self.norm_2 = nn.LayerNorm(d)
        self.mlp = mlp(d, d_ff, activation)

    def forward(
        self, x: Float[Tensor, "B T d"], mask: Bool[Tensor, "B T"] | None
    ) -> Float[Tensor, "B T d"]:
        x = self.after(self.norm_1, x, self.attention(self.before(self.norm_1, x), mask))
        return self.after(self.norm_2, x, self.mlp(self.before(self.norm_2, x)))


class DecoderBlock(_Residual):
    """What is written with, looking at `memory`, the keys and values of what was read."""

    def __init__(
        self,
        d: int,
        heads: int,
        *,
        d_ff: int,
        dropout: float = 0.0,
        dropout_alpha: float = 0.0,
        norm: Norm = "post",
        activation: Activation = "relu",
    ) -> None:
        super().__init__(dropout, norm)
        self.norm_1 = nn.LayerNorm(d)
        self.attention = CausalSelfAttention(d, heads, dropout=dropout_alpha)
        self.norm_2 = nn.LayerNorm(d)
        self.cross = CrossAttention(d, heads, dropout=dropout_alpha)
        self.norm_3 = nn.LayerNorm(d)
        self.mlp = mlp(d, d_ff, activation)

    def forward(
        self,
        x: Float[Tensor, "R T d"],
        past: KeyValue,
        memory: KeyValue,
        mask: Bool[Tensor, "M S"] | None,
    ) -> tuple[Float[Tensor, "R T d"], KeyValue]:
        a, past = self.attention(self.before(self.norm_1, x), past)
        x = self.after(self.norm_1, x, a)
        x = self.after(self.norm_2, x, self.cross(self.before(self.norm_2, x), memory, mask))
        return self.after(self.norm_3, x, self.mlp(self.before(self.norm_3, x))), past


def mlp(d: int, d_ff: int, activation: Activation) -> nn.Sequential:
    return nn.Sequential(nn.Linear(d, d_ff), _function(activation), nn.Linear(d_ff, d))


def _function(activation: Activation) -> nn.Module:
    match activation:
        case "relu":
            return nn.ReLU()
        case "gelu":
            return nn.GELU()
        case "gelu-tanh":
            return nn.GELU(approximate="tanh")
        case "swish":
            return nn.SiLU()
