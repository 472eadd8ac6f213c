"""Convolution over a text, gated, its weights told apart into length and direction.

    v([A B]) = A ⊙ σ(B)                            gated linear unit, Dauphin et al. 2016
    y = g · (v x) / ‖v‖ + b                        weight normalisation, Salimans & Kingma 2016

A text of T places and k − 1 more before or around them has T windows of k places: a convolution is
one linear map of each.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class Normed(nn.Module):
    """A linear map whose rows are g v / ‖v‖; begun as N(0, variance / a), b = 0, with g = ‖v‖."""

    def __init__(self, a: int, b: int, *, variance: float = 1.0) -> None:
        super().__init__()
        self.v = nn.Parameter(torch.empty(b, a))
        self.g = nn.Parameter(torch.empty(b))
        self.bias = nn.Parameter(torch.zeros(b))
        nn.init.normal_(self.v, std=math.sqrt(variance / a))
        with torch.no_grad():
            self.g.copy_(self.v.norm(dim=1))

    def forward(self, x: Float[Tensor, "*B a"]) -> Float[Tensor, "*B b"]:
        y = F.linear(x, self.v)  # the few outputs are scaled, not the many weights
        scale: Tensor = self.g / self.v.norm(dim=1)
        return y * scale.to(y) + self.bias.to(y)


class GLU(nn.Module):
    """A convolution of width k from d to d channels, gated.  variance: see `Normed`."""

    def __init__(self, d: int, k: int, *, variance: float = 4.0) -> None:
        super().__init__()
        self.k = k
        self.W = Normed(k * d, 2 * d, variance=variance)

    def forward(self, x: Float[Tensor, "B Tk d"]) -> Float[Tensor, "B T d"]:
        """x has k − 1 places more than the answer."""
        T = x.size(1) - self.k + 1
        windows = torch.cat([x[:, j : j + T] for j in range(self.k)], -1)
        return F.glu(self.W(windows), -1)
