"""Highway layers: as much of a layer as a gate lets through.

Srivastava, Greff & Schmidhuber, "Training very deep networks" (2015, arXiv:1507.06228)
    y = T ⊙ g(W_H x + b_H) + (1 − T) ⊙ x        T = σ(W_T x + b_T)        eq. 3, g = ReLU

b_T begins at −2, as in Kim et al. (2016), so that a layer at first carries most of x on as it is.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

CLOSED = -2.0


class Highway(nn.Module):
    """layers, one after another; each as wide as what it reads."""

    def __init__(self, d: int, layers: int) -> None:
        super().__init__()
        self.H = nn.ModuleList(nn.Linear(d, d) for _ in range(layers))
        self.T = nn.ModuleList(nn.Linear(d, d) for _ in range(layers))
        self.close()

    @torch.no_grad()
    def close(self) -> None:
        """Begin by carrying on."""
        for gate in self.T:
            gate.get_parameter("bias").fill_(CLOSED)

    def forward(self, x: Float[Tensor, "N d"]) -> Float[Tensor, "N d"]:
        for H, gate in zip(self.H, self.T, strict=True):
            x = x + gate(x).sigmoid() * (H(x).relu() - x)
        return x
