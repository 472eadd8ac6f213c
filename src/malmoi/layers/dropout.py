"""Dropout (Srivastava et al. 2014), and the locked kind (Gal & Ghahramani 2016, arXiv:1512.05287).

y_t = x_t ⊙ m_t / (1 − p)      m_t ~ Bernoulli(1 − p): drawn anew at every step t
y_t = x_t ⊙ m / (1 − p)        locked: drawn once for a sequence, the same at every step
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
        steps = 1 if self.locked else x.size(1)
        keep = torch.empty(x.size(0), steps, x.size(2), dtype=x.dtype, device=x.device)
        return x * keep.bernoulli_(1.0 - self.p).div_(1.0 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}, locked={self.locked}"
