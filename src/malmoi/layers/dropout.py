"""Dropout (Srivastava et al. 2014), and the locked kind (Gal & Ghahramani 2016, arXiv:1512.05287).

    y_t = x_t ⊙ m_t / (1 − p)      m_t ~ Bernoulli(1 − p): drawn anew at every step t
    y_t = x_t ⊙ m / (1 − p)        locked: drawn once for a sequence, the same at every step

Differs: on a CPU p is rounded to a multiple of 2⁻¹⁶, and four masks are made of each 64 random
bits: `torch.bernoulli` draws a number an element and takes nine times as long.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Dropout(nn.Module):
    """p: the share that is dropped, 0 ≤ p < 1.  locked: one mask for all the steps of a row."""

    def __init__(self, p: float, *, locked: bool = False) -> None:
        super().__init__()
        self.p = p
        self.locked = locked

    def forward(self, x: Float[Tensor, "B T d"]) -> Float[Tensor, "B T d"]:
        if not self.training or self.p == 0.0:
            return x
        B, T, d = x.shape
        mask = x.new_empty(B, 1 if self.locked else T, d)
        return x * bernoulli_(mask, 1.0 - self.p).div_(1.0 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}, locked={self.locked}"


def bernoulli_(mask: Tensor, p: float) -> Tensor:
    """Fill with 1 at a probability of p, else 0, independently at each place."""
    if mask.device.type != "cpu":
        return mask.bernoulli_(p)
    bits = torch.empty(-(-mask.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    below = min(round(p * 2**16) - 2**15, 2**15 - 1)
    return torch.lt(bits.view(torch.int16)[: mask.numel()].view(mask.shape), below, out=mask)
