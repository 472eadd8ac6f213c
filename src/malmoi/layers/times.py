"""x Wᵀ + b with W laid out once, as a processor multiplies (`layers.packed` says what it is worth).

PyTorch has this under names of its own (`torch.ops.mkldnn`, for its compiler); where it has not,
or where it is of no use, the product is the ordinary one.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

ROWS = 32
"""The rows of x that the layout is chosen for; any other number takes no longer with it."""


def times(
    W: Float[Tensor, "m n"], b: Float[Tensor, " m"] | None = None, *, rows: int = ROWS
) -> Callable[[Float[Tensor, "*_ n"]], Float[Tensor, "*_ m"]]:
    """x ↦ x Wᵀ + b for a loop, without gradient.  rows: of x, about."""
    if not is_of_use(W):
        return lambda x: F.linear(x, W, b)
    blocks = torch.ops.mkldnn._reorder_linear_weight(W.contiguous(), rows)

    def multiply(x: Tensor) -> Tensor:
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, blocks, b, "none", [], "")
        return y

    return multiply


def is_of_use(W: Tensor) -> bool:
    if W.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        return False
    names = ("_reorder_linear_weight", "_linear_pointwise", "_is_mkldnn_bf16_supported")
    known = all(hasattr(torch.ops.mkldnn, name) for name in names)
    if not known or torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
        return False
    low = W.dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return low or W.dtype == torch.float32
