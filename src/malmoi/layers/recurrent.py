"""Recurrent layers: a state that is the summary of everything read so far.

Elman (1990)      h_t = tanh(W x_t + U h_{t-1} + b)

GRU, Cho et al. (2014, arXiv:1406.1078), z keeping the old state
                  r = σ(W_r x + U_r h + b_r)      z = σ(W_z x + U_z h + b_z)
  reset="before"  h̃ = tanh(W x + U (r ⊙ h) + b)
  reset="after"   h̃ = tanh(W x + b + r ⊙ (U h + b'))
                  h_t = z ⊙ h_{t-1} + (1 − z) ⊙ h̃

LSTM, Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000)
                  i, f, o = σ(·)   g = tanh(·)   of   W x + U h + b
                  c_t = f ⊙ c_{t-1} + i ⊙ g       h_t = o ⊙ tanh(c_t)

paper    here                    paper    here
W        weight_ih_l0            b        bias_ih_l0 + bias_hh_l0 (their sum is what counts)
U        weight_hh_l0            b'       the last third of bias_hh_l0

The rows of W, U, b stand in torch's order (GRU r z n, LSTM i f g o), so that weights can be copied
from and to `torch.nn`.  A state has the batch first, [B, L, d], and is an argument and a result.

Differs: papers that write z for the new state's share are the same family with z ↔ 1 − z:
`swap_update_gate` maps one onto the other.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from malmoi.layers import unrolled
from malmoi.layers.dropout import Dropout

PARAMETERS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class Hidden(NamedTuple):
    """What Elman's network and the GRU carry."""

    h: Float[Tensor, "B L d"]


class HiddenCell(NamedTuple):
    """What the LSTM carries."""

    h: Float[Tensor, "B L d"]
    c: Float[Tensor, "B L d"]


class ResetBeforeGRU(nn.Module):
    """One GRU layer whose gate resets the state before U reads it; named as `nn.GRU` names."""

    def __init__(self, d_in: int, d: int) -> None:
        super().__init__()
        self.weight_ih_l0 = nn.Parameter(torch.empty(3 * d, d_in))
        self.weight_hh_l0 = nn.Parameter(torch.empty(3 * d, d))
        self.bias_ih_l0 = nn.Parameter(torch.empty(3 * d))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = self.weight_hh_l0.size(1) ** -0.5
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound)

    def forward(
        self, x: Float[Tensor, "B T _"], h: Float[Tensor, "1 B d"]
    ) -> tuple[Float[Tensor, "B T d"], Float[Tensor, "1 B d"]]:
        d = h.size(-1)
        U_rz, U_n = torch.split(self.weight_hh_l0, [2 * d, d])
        Wx = nn.functional.linear(x, self.weight_ih_l0, self.bias_ih_l0)  # [B, T, 3d]
        Wx_rz, Wx_n = torch.split(Wx, [2 * d, d], -1)
        state, states = h[0], []
        for t in range(x.size(1)):
            r, z = (Wx_rz[:, t] + state @ U_rz.T).sigmoid().chunk(2, -1)
            n = (Wx_n[:, t] + (r * state) @ U_n.T).tanh()
            state = n + z * (state - n)
            states.append(state)
        return torch.stack(states, 1), state[None]


class _Stack(nn.Module):
    """Layers one above the other, with dropout on what each reads from the layer below."""

    layers: nn.ModuleList

    def __init__(self, layers: Sequence[nn.Module], *, dropout: float, locked: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.drop = Dropout(dropout, locked=locked)


class _OneState(_Stack):
    def forward(
        self, x: Float[Tensor, "B T _"], carry: Hidden
    ) -> tuple[Float[Tensor, "B T d"], Hidden]:
        ends = []
        for i, layer in enumerate(self.layers):
            x, h = layer(self.drop(x) if i else x, carry.h[:, i][None].contiguous().to(x.dtype))
            ends.append(h[0])
        return x, Hidden(torch.stack(ends, 1))


class Elman(_OneState):
    """h_t = tanh(W x_t + U h_{t-1} + b)."""

    def __init__(
        self, d_in: int, d: int, layers: int, *, dropout: float = 0.0, locked: bool = False
    ) -> None:
        super().__init__(
            [nn.RNN(d if i else d_in, d, batch_first=True) for i in range(layers)],
            dropout=dropout,
            locked=locked,
        )


class GRU(_OneState):
    """reset="before": h̃ = tanh(W x + U (r ⊙ h) + b).  "after": tanh(W x + b + r ⊙ (U h + b'))."""

    def __init__(
        self,
        d_in: int,
        d: int,
        layers: int,
        *,
        reset: Literal["before", "after"],
        dropout: float = 0.0,
        locked: bool = False,
    ) -> None:
        widths = [d_in, *[d] * (layers - 1)]
        super().__init__(
            [ResetBeforeGRU(width, d) for width in widths]
            if reset == "before"
            else [nn.GRU(width, d, batch_first=True) for width in widths],
            dropout=dropout,
            locked=locked,
        )


class LSTM(_Stack):
    """c_t = f ⊙ c_{t-1} + i ⊙ g,  h_t = o ⊙ tanh(c_t)."""

    def __init__(
        self, d_in: int, d: int, layers: int, *, dropout: float = 0.0, locked: bool = False
    ) -> None:
        super().__init__(
            [nn.LSTM(d if i else d_in, d, batch_first=True) for i in range(layers)],
            dropout=dropout,
            locked=locked,
        )

    def forward(
        self, x: Float[Tensor, "B T _"], carry: HiddenCell
    ) -> tuple[Float[Tensor, "B T d"], HiddenCell]:
        hs, cs = [], []
        for i, layer in enumerate(self.layers):
            x = self.drop(x) if i else x
            if unrolled.is_faster(x, carry.h.size(-1)):
                W, U, b, b2 = (layer.get_parameter(f"{name}_l0") for name in PARAMETERS)
                x, c = unrolled.lstm(x, (carry.h[:, i], carry.c[:, i]), (W, U, b + b2))
                h = x[:, -1]
            else:
                state = tuple(s[:, i][None].contiguous().to(x.dtype) for s in carry)
                x, ((h,), (c,)) = layer(x, state)
            hs.append(h)
            cs.append(c)
        return x, HiddenCell(torch.stack(hs, 1), torch.stack(cs, 1))


def swap_update_gate(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """A GRU's weights in the other convention, where z multiplies the new state: z ↔ 1 − z.

    1 − σ(a) = σ(−a), so the update gate's rows change sign.  Its own inverse.
    """

    def flip(name: str, w: Tensor) -> Tensor:
        if not name.rpartition(".")[2].startswith(("weight_", "bias_")):
            return w
        r, z, n = w.chunk(3)
        return torch.cat([r, -z, n])

    return {name: flip(name, w) for name, w in weights.items()}
