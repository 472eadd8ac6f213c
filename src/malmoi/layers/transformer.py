"""The Transformer's block: attention, then a small network at each place, each with a residual.

post    x ← LN(x + Attention(x))     x ← LN(x + MLP(x))        Vaswani et al. (2017), GPT
pre     x ← x + Attention(LN(x))     x ← x + MLP(LN(x))        GPT-2

MLP(x) = W_2 gelu(W_1 x)    gelu(x) = x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))
"""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from malmoi.layers.attention import CausalSelfAttention, KeyValue
from malmoi.layers.dropout import Dropout


class Block(nn.Module):
    """norm: where the layer norms stand, "pre" or "post" of each sub-layer."""

    def __init__(
        self,
        d: int,
        heads: int,
        *,
        dropout: float = 0.0,
        dropout_alpha: float = 0.0,
        norm: Literal["pre", "post"] = "pre",
    ) -> None:
        super().__init__()
        self.norm = norm
        self.norm_1 = nn.LayerNorm(d)
        self.attention = CausalSelfAttention(d, heads, dropout=dropout_alpha)
        self.norm_2 = nn.LayerNorm(d)
        self.mlp = nn.Sequential(
            nn.Linear(d, 4 * d), nn.GELU(approximate="tanh"), nn.Linear(4 * d, d)
        )
        self.drop = Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "B T d"], past: KeyValue
    ) -> tuple[Float[Tensor, "B T d"], KeyValue]:
        if self.norm == "pre":
            a, past = self.attention(self.norm_1(x), past)
            x = x + self.drop(a)
            return x + self.drop(self.mlp(self.norm_2(x))), past
        a, past = self.attention(x, past)
        x = self.norm_1(x + self.drop(a))
        return self.norm_2(x + self.drop(self.mlp(x))), past
