"""The rules by which weights follow gradients: torch's own, in their one-pass (fused) form if
they have one.

    sgd       v ← μ v + g;                                   w ← w − lr v
              nesterov:                                      w ← w − lr (g + μ v)
    adam      m ← β₁ m + (1−β₁) g;  s ← β₂ s + (1−β₂) g²;    w ← w − lr m̂ / (√ŝ + ε)
    adamw     the same, and w ← w − lr λ w apart from g      (Loshchilov & Hutter 2019)
    adadelta  s ← ρ s + (1−ρ) g²;  Δ = g √(u+ε) / √(s+ε);    w ← w − lr Δ
              u ← ρ u + (1−ρ) Δ²                             (Zeiler 2012, arXiv:1212.5701)

With all but adamw the decay λ w is added to g.  Only tensors of two axes or more decay: shrinking a
bias or a norm's gain does not make a network simpler.
"""

from typing import Any

import torch
from torch import Tensor, nn

from malmoi.training.config import Training


def build(model: nn.Module, training: Training) -> torch.optim.Optimizer:
    """The optimiser of a training.  Its rate is set before every step, from the schedule."""
    weights = [p for p in model.parameters() if p.requires_grad]
    matrices, vectors = [p for p in weights if p.ndim > 1], [p for p in weights if p.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": training.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    fused = all(p.is_floating_point() and p.device.type in ("cpu", "cuda") for p in weights)
    match training.optimizer:
        case "sgd":
            return torch.optim.SGD(
                groups, lr=training.lr, momentum=training.momentum, nesterov=training.nesterov,
                fused=fused,
            )  # fmt: skip
        case "adadelta":
            return torch.optim.Adadelta(
                groups, lr=training.lr, rho=training.rho, eps=training.epsilon
            )
        case "adam":
            return torch.optim.Adam(
                groups, lr=training.lr, betas=training.betas, eps=training.epsilon, fused=fused
            )
        case "adamw":
            return torch.optim.AdamW(
                groups, lr=training.lr, betas=training.betas, eps=training.epsilon, fused=fused
            )


def norm_of(gradients: list[Tensor]) -> Tensor:
    """The length of all gradients as one vector."""
    return nn.utils.get_total_norm(gradients, foreach=True)


def clip_(gradients: list[Tensor], norm: float, longest: float) -> None:
    """Shorten the gradient to `longest` if it is longer, its direction kept."""
    if longest and norm > longest:
        torch._foreach_mul_(gradients, longest / norm)
