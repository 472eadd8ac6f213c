"""In which precision products are taken."""

import torch
from torch import Tensor


def precision(x: Tensor) -> torch.dtype:
    """That of autocast where it is on, otherwise x's own.

    Layers whose gradient is taken by hand ask this, and switch autocast off within.
    """
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
