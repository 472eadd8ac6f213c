"""One vector for a whole sentence, from one a token.

    last        [→h_T ; ←h_1]: where each direction ends
    max         max_t h_t, element by element
    mean        (1/T) Σ_t h_t
    attention   Σ_t α_t h_t,   α = softmax_t(u_tᵀ u_w),   u_t = tanh(W h_t + b)
                                          Yang et al. (2016), eq. 5–7

An empty sentence is the zero vector.  The weights of attention pass the tap `alpha`, and which
token won each element of max passes the tap `winner`.
"""

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from malmoi.layers.tap import Tap

Pooling = Literal["last", "max", "mean", "attention"]


def masked_softmax(e: Float[Tensor, "*B T"], mask: Bool[Tensor, "*B T"]) -> Float[Tensor, "*B T"]:
    """softmax over the places that are there; exactly 0 elsewhere, and for a row without any.
    In float32 at least: what is summed to one should."""
    e = e.to(torch.promote_types(e.dtype, torch.float32))
    # not −∞: a row of nothing else has no gradient then, instead of one that is not a number
    alpha = e.masked_fill(~mask, torch.finfo(e.dtype).min).softmax(-1)
    return alpha.masked_fill(~mask, 0.0)


class Last(nn.Module):
    """d: how much of the width belongs to the forward half; what is behind it reads backward."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.d = d

    def forward(self, h: Float[Tensor, "B T w"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B w"]:
        first = mask.to(torch.uint8).argmax(1)
        last = mask.size(1) - 1 - mask.flip(1).to(torch.uint8).argmax(1)
        rows = torch.arange(len(h), device=h.device)
        ends = torch.cat([h[rows, last, : self.d], h[rows, first, self.d :]], -1)
        return ends * mask.any(1)[:, None]


class Max(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.winner = Tap()

    def forward(self, h: Float[Tensor, "B T w"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B w"]:
        best, winner = h.masked_fill(~mask[..., None], -math.inf).max(1)
        self.winner(winner)
        return best.masked_fill(~mask.any(1)[:, None], 0.0)


class Mean(nn.Module):
    def forward(self, h: Float[Tensor, "B T w"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B w"]:
        total = (h * mask[..., None]).sum(1)
        return total / mask.sum(1).clamp(min=1)[:, None]


class Attention(nn.Module):
    """d_alpha: the width of u."""

    def __init__(self, width: int, d_alpha: int) -> None:
        super().__init__()
        self.W = nn.Linear(width, d_alpha)
        self.u_w = nn.Parameter(torch.randn(d_alpha) / math.sqrt(d_alpha))
        self.alpha = Tap()

    def forward(self, h: Float[Tensor, "B T w"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B w"]:
        e = torch.tanh(self.W(h)) @ self.u_w
        alpha = self.alpha(masked_softmax(e, mask))
        return torch.einsum("bt,btw->bw", alpha.to(h), h)


def pooler(kind: Pooling, d: int, width: int) -> nn.Module:
    """The layer of this name, over an encoder of so much width, d of it reading forward."""
    match kind:
        case "last":
            return Last(d)
        case "max":
            return Max()
        case "mean":
            return Mean()
        case "attention":
            return Attention(width, width)
