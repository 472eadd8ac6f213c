"""Attention: a soft choice among memories.

    Attention(Q, K, V) = softmax(Q Kᵀ / √k) V                 Vaswani et al. (2017), eq. 1
    MultiHead = Concat(head_1 … head_H) W^O                               ibid., 3.2.2

Shapes: B batch, T queries, S memories (S − T of them read earlier), d width, H heads, k = d / H.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from malmoi.layers.tap import Tap

FEW, MANY = 16, 32
"""Queries of a head, and heads of all rows: from where the attention weights are cheap to form."""

KeyValue = tuple[Float[Tensor, "_ H _ k"], Float[Tensor, "_ H _ k"]]


def causal(T: int, S: int, device: torch.device) -> Bool[Tensor, "T S"]:
    """True where a query may look: the last T of S places, each at itself and before."""
    return torch.ones(T, S, dtype=torch.bool, device=device).tril(S - T)


def fold(x: Float[Tensor, "R T *_"], M: int) -> Float[Tensor, "M kT *_"]:
    """Rows that share a memory (`carry.Memory`) as more queries of its row: R = M·k."""
    R, T, *rest = x.shape
    k = R // M if M else 1
    assert M * k == R, f"{R} rows cannot share {M} memories"
    return x.reshape(M, k * T, *rest)


def unfold(x: Float[Tensor, "M kT *_"], R: int) -> Float[Tensor, "R T *_"]:
    """What `fold` put together, apart again."""
    M, kT, *rest = x.shape
    k = R // M if M else 1
    return x.reshape(R, kT // k, *rest)


class CausalSelfAttention(nn.Module):
    """Every place looks at itself and what came before; `past` are the keys and values so far.

    The weights pass the tap `alpha` [B, H, T, S].  Where nobody listens they are never formed.
    """

    def __init__(self, d: int, heads: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.qkv = nn.Linear(d, 3 * d)
        self.o = nn.Linear(d, d)
        self.alpha = Tap()

    def forward(
        self, x: Float[Tensor, "B T d"], past: KeyValue
    ) -> tuple[Float[Tensor, "B T d"], KeyValue]:
        q, k, v = _heads(self.qkv(x), 3, self.heads)
        if past[0].size(2):
            k, v = torch.cat([past[0].to(k), k], 2), torch.cat([past[1].to(v), v], 2)
        p = self.dropout if self.training else 0.0
        if self.alpha.heard or _weights_are_cheaper(q):
            alpha = self.alpha(_weights(q, k, causal(q.size(2), k.size(2), x.device)))
            out = F.dropout(alpha, p) @ v
        else:
            out = _fused(q, k, v, p)
        return self.o(out.transpose(1, 2).flatten(2)), (k, v)


class SelfAttention(nn.Module):
    """Every place looks at every place that is there: `mask`, None where all are.

    At least one must be there.  The weights pass the tap `alpha` [B, H, T, T].
    """

    def __init__(self, d: int, heads: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.qkv = nn.Linear(d, 3 * d)
        self.o = nn.Linear(d, d)
        self.alpha = Tap()

    def forward(
        self, x: Float[Tensor, "B T d"], mask: Bool[Tensor, "B T"] | None
    ) -> Float[Tensor, "B T d"]:
        q, k, v = _heads(self.qkv(x), 3, self.heads)
        there = None if mask is None else mask[:, None, None]
        p = self.dropout if self.training else 0.0
        if self.alpha.heard or _weights_are_cheaper(q):
            out = F.dropout(self.alpha(_weights(q, k, there)), p) @ v
        else:
            out = F.scaled_dot_product_attention(q, k, v, there, dropout_p=p)
        y: Tensor = self.o(out.transpose(1, 2).flatten(2))
        return y


class CrossAttention(nn.Module):
    """Every place of what is written looks at every place of what was read.

    `remember` makes the keys and values, once; M of them serve R = M·k rows of queries.
    The weights pass the tap `alpha` [R, H, T, S].
    """

    def __init__(self, d: int, heads: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.q = nn.Linear(d, d)
        self.kv = nn.Linear(d, 2 * d)
        self.o = nn.Linear(d, d)
        self.alpha = Tap()

    def remember(self, memory: Float[Tensor, "M S d"]) -> KeyValue:
        k, v = _heads(self.kv(memory), 2, self.heads)
        return k.contiguous(), v.contiguous()

    def forward(
        self, x: Float[Tensor, "R T d"], memory: KeyValue, mask: Bool[Tensor, "M S"] | None
    ) -> Float[Tensor, "R T d"]:
        R, M = len(x), len(memory[0])
        (q,) = _heads(fold(self.q(x), M), 1, self.heads)  # [M, H, kT, d/H]
        k, v = (part.to(q) for part in memory)
        there = None if mask is None else mask[:, None, None]
        p = self.dropout if self.training else 0.0
        if self.alpha.heard or _weights_are_cheaper(q):
            alpha = unfold(_weights(q, k, there).transpose(1, 2), R).transpose(1, 2)
            alpha = fold(self.alpha(alpha).transpose(1, 2), M).transpose(1, 2)
            out = F.dropout(alpha, p) @ v
        else:
            out = F.scaled_dot_product_attention(q, k, v, there, dropout_p=p)
        y: Tensor = self.o(unfold(out.transpose(1, 2).flatten(2), R))
        return y


def _heads(x: Float[Tensor, "B T _"], parts: int, heads: int) -> list[Float[Tensor, "B H T k"]]:
    """Queries, keys, values, as many as there are, each shared among the heads."""
    return [
        part.view(*x.shape[:2], heads, -1).transpose(1, 2) for part in torch.chunk(x, parts, -1)
    ]


def _weights(q: Tensor, k: Tensor, mask: Tensor | None) -> Float[Tensor, "B H T S"]:
    """softmax(Q Kᵀ / √k), exactly 0 where nothing is."""
    e = (q / math.sqrt(q.size(-1))) @ k.mT
    return (e if mask is None else e.masked_fill(~mask, -math.inf)).softmax(-1)


def _fused(q: Tensor, k: Tensor, v: Tensor, p: float) -> Tensor:
    T, S = q.size(2), k.size(2)
    mask = causal(T, S, q.device) if 1 < T < S else None
    return F.scaled_dot_product_attention(q, k, v, mask, dropout_p=p, is_causal=T == S)


def _weights_are_cheaper(q: Float[Tensor, "B H T k"]) -> bool:
    """On a CPU, where the fused kernel is made for many queries: as many as a beam has slots take
    up to 5 times as long there.  In bfloat16 its way back takes 1.6 to 3 times as long (T ≤ 256).
    """
    if q.device.type != "cpu":
        return False
    few = q.size(2) <= FEW and q.size(0) * q.size(1) >= MANY
    return few or (q.dtype == torch.bfloat16 and q.requires_grad)
