"""An LSTM layer step by step, and its gradient by hand, where that is faster than torch's.

    a_t = W x_t + U h_{t-1} + b        i, f, g, o = σ(a^i), σ(a^f), tanh(a^g), σ(a^o)
    c_t = f ⊙ c_{t-1} + i ⊙ g          h_t = o ⊙ tanh(c_t)

On the way back, with G_t what arrives at h_t from above and δ = ∂L/∂·,

    δh_t = G_t + Uᵀ δa_{t+1}           δc_t = f_{t+1} ⊙ δc_{t+1} + δh_t ⊙ o ⊙ (1 − tanh² c_t)
    δa_t = (δc_t ⊙ [g i (1−i), c_{t-1} f (1−f), i (1−g²)],  δh_t ⊙ tanh c_t ⊙ o (1−o))
    δW = Σ_t δa_t x_tᵀ                 δU = Σ_t δa_t h_{t-1}ᵀ              δx_t = Wᵀ δa_t

Only the products with U wait for one another.  Everything else is done for all steps at once: the
brackets as one array each, δW, δU and δx as one matrix product each.  (oneDNN's LSTM adds to δW and
δU at every step.)  Products are taken in `low` precision, the cell and its gradient in float32.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from malmoi.layers.precision import precision


class _LSTM(torch.autograd.Function):
    """Time first inside: [T, B, …]."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor, low: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        T, B, d = x.size(1), x.size(0), h.size(1)
        wide = torch.promote_types(low, torch.float32)
        W, U = W.to(low), U.to(low)
        x = x.transpose(0, 1).to(low).contiguous()
        a = torch.addmm(b.to(low), x.flatten(0, 1), W.T).view(T, B, 4, d)
        hs, cs = x.new_empty(T + 1, B, d), x.new_empty(T + 1, B, d, dtype=wide)
        hs[0], cs[0] = h, c
        for t in range(T):
            a[t].view(B, 4 * d).addmm_(hs[t], U.T)
            a[t, :, :2].sigmoid_()
            i, f, g, o = a[t, :, 0], a[t, :, 1], a[t, :, 2].tanh_(), a[t, :, 3].sigmoid_()
            torch.addcmul(f * cs[t], i.to(wide), g.to(wide), out=cs[t + 1])
            torch.mul(o, cs[t + 1].tanh(), out=hs[t + 1])
        ctx.save_for_backward(x, a, hs, cs, W, U)
        ctx.kind = b.dtype
        return hs[1:].transpose(0, 1), cs[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, a, hs, cs, W, U = ctx.saved_tensors
        T, B, _, d = a.shape
        G, dc = grads[0].transpose(0, 1), grads[1].to(cs)
        i, f, g, o = a.unbind(2)
        tanh_c = cs[1:].tanh()
        to_c = o * (1 - tanh_c.square())
        slope = torch.stack(
            [g * i * (1 - i), cs[:-1] * f * (1 - f), i * (1 - g.square()), tanh_c * o * (1 - o)], 2
        )  # [T, B, 4, d]
        da = torch.empty_like(a)
        dh = cs.new_zeros(B, d)
        for t in reversed(range(T)):
            dh = G[t].to(cs) + dh
            dc = torch.addcmul(dc, dh, to_c[t])
            torch.mul(slope[t, :, :3], dc[:, None], out=da[t, :, :3])
            torch.mul(slope[t, :, 3], dh, out=da[t, :, 3])
            dc = dc * f[t]
            dh = da[t].view(B, 4 * d) @ U
        da = da.view(T * B, 4 * d)
        dx = (da @ W).view(x.shape).transpose(0, 1)
        dW, dU = da.T @ x.flatten(0, 1), da.T @ hs[:-1].flatten(0, 1)
        db = da.sum(0, dtype=cs.dtype)
        return dx, dh, dc, dW.to(ctx.kind), dU.to(ctx.kind), db.to(ctx.kind), None


def is_faster(x: Tensor, d: int) -> bool:
    """While learning on a CPU in bfloat16, from a width of 512: by a tenth; at 1,024 by a third."""
    if x.device.type != "cpu" or not torch.is_grad_enabled() or d < 512:
        return False
    return torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16


def lstm(
    x: Float[Tensor, "B T _"],
    state: tuple[Float[Tensor, "B d"], Float[Tensor, "B d"]],
    weights: tuple[Float[Tensor, "G _"], Float[Tensor, "G d"], Float[Tensor, " G"]],
) -> tuple[Float[Tensor, "B T d"], Float[Tensor, "B d"]]:
    """Every h_t, and the last c.  weights: W, U, b with the rows i, f, g, o."""
    low = precision(weights[0])
    with torch.autocast(x.device.type, enabled=False):
        hs, c = _LSTM.apply(x, *state, *weights, low)  # type: ignore[no-untyped-call]
    return hs, c
