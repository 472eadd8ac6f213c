"""A deep LSTM that reads sentences, and says what it saw at each word and where it ended.

    →h^l_t, →c^l_t = LSTM(h^{l−1}_t, →h^l_{t−1}, →c^l_{t−1})     ←: from the last word on
    memory h_t = h^L_t           ends (h^l, c^l) of every layer, where each direction read last

In both directions each half is d / 2 wide, so that whatever begins where this ended is d wide.

A row may be shorter than its batch.  Padding stands behind and is told to the gates by one input
more, x'_t = [x_t ; 1 where no word is], with the weights −K for i, +K for f and 0 for g and o: then
i = 0 and f = 1 exactly, and c_t = c_{t−1} there.  So one call reads rows of all lengths.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from malmoi.layers import unrolled
from malmoi.layers.bidirectional import Ends, deep
from malmoi.layers.dropout import Dropout
from malmoi.layers.recurrent import PARAMETERS, HiddenCell

K = 1e4
"""σ(−K) = 0 and σ(K) = 1 in every precision, whatever the other inputs say."""


class LSTMEncoder(nn.Module):
    """dropout: between the layers."""

    def __init__(
        self, d_in: int, d: int, layers: int, *, bidirectional: bool, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if bidirectional and d % 2:
            raise ValueError(f"d = {d} cannot be halved between two directions: d must be even")
        half = d // 2 if bidirectional else d
        widths = [d_in, *[d] * (layers - 1)]
        self.forwards = nn.ModuleList(nn.LSTM(width, half, batch_first=True) for width in widths)
        self.backwards = nn.ModuleList(
            nn.LSTM(width, half, batch_first=True) for width in widths if bidirectional
        )
        self.drop = Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "B S _"], mask: Bool[Tensor, "B S"]
    ) -> tuple[Float[Tensor, "B S d"], HiddenCell]:
        """What was seen at each word, zeros where there is none; and where each layer ended."""
        seen, ends = deep(x, mask, list(self.forwards), list(self.backwards), self.drop, _read)
        h, c = (torch.stack(of_layers, 1) for of_layers in zip(*ends, strict=True))
        return seen, HiddenCell(h, c)


def _read(
    layer: nn.Module, x: Float[Tensor, "B S _"], mask: Bool[Tensor, "B S"]
) -> tuple[Float[Tensor, "B S d"], Ends]:
    """Every h, and the h and c of each row's last word; zeros for a row of none."""
    weights: list[Tensor] = [layer.get_parameter(f"{name}_l0") for name in PARAMETERS]
    W, U, b, b2 = weights
    d = U.size(1)
    if not bool(mask.all()):
        column = W.new_zeros(4, d)
        column[0], column[1] = -K, K
        W = torch.cat([W, column.view(4 * d, 1)], 1)
        x = torch.cat([x, (~mask)[..., None].to(x)], -1)
    zeros = x.new_zeros(len(x), d)
    if unrolled.is_faster(x, d):
        hs, c = unrolled.lstm(x, (zeros, zeros), (W, U, b + b2))
    else:
        hs, _, c = torch.lstm(
            x, (zeros[None], zeros[None]), [W, U, b, b2], True, 1, 0.0, layer.training, False, True
        )
        c = c[0]
    last = (mask.sum(1) - 1).clamp(min=0)
    h = hs[torch.arange(len(hs), device=hs.device), last]
    return hs, (h * mask[:, :1], c)
