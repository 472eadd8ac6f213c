"""A GRU that looks before it steps, all steps of it, and its gradient by hand.

    e_tj = vᵀ tanh(W_a s_{t−1} + K_j)      α_t = softmax(e_t)      c_t = Σ_j α_tj h_j
    s_t = GRU(W e_t + C c_t + b, s_{t−1})      "before" or "after", `layers.conditional`

On the way back, with δs and δc what arrives at s_t and c_t, and a_r, a_z, a_n before σ, σ, tanh,

    δa_n = δs ⊙ (1 − z) ⊙ (1 − n²)      δa_z = δs ⊙ (s_{t−1} − n) ⊙ z (1 − z)
    δa_r = δr ⊙ r (1 − r)               δc ← δc + Cᵀ δa
    δα_j = h_jᵀ δc                      δe = α ⊙ (δα − αᵀ δα)     D_j = 1 − tanh²(W_a s_{t−1} + K_j)
    δ(W_a s_{t−1}) = v ⊙ Σ_j δe_j D_j      δK_j = v ⊙ Σ_t δe_tj D_tj

Only this is done step by step.  The tanh, S times as wide as a state, is taken anew and not kept;
the gradients of W_a, U, C, W and h are one product each for all steps together.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class Attending(torch.autograd.Function):
    """Time first inside.  We: W e_t + b of all steps.  before: the form of the reset gate."""

    @staticmethod
    def forward(
        ctx: Any,
        We: Tensor,
        s: Tensor,
        keys: Tensor,
        memory: Tensor,
        mask: Tensor,
        W_a: Tensor,
        v: Tensor,
        C: Tensor,
        U: Tensor,
        before: bool,
        low: torch.dtype,
    ) -> tuple[Tensor, Tensor, Tensor]:
        (R, T, _), d = We.shape, s.size(1)
        M, S, A = keys.shape
        k = R // M
        ctx.kinds = [t.dtype for t in (We, s, keys, memory, W_a, v, C, U)]
        wide = torch.promote_types(low, torch.float32)
        keys, memory, W_a, v, C, U = (t.to(low) for t in (keys, memory, W_a, v, C, U))
        a = We.transpose(0, 1).to(low, copy=True).contiguous()  # [T, R, 3d]
        states = We.new_empty(T + 1, R, d, dtype=wide)
        contexts = We.new_empty(T, R, memory.size(2), dtype=low)
        read = We.new_empty(T, R, d, dtype=low)  # before: r ⊙ s;  after: U_n s
        q = We.new_empty(T, R, A, dtype=low)
        alpha = We.new_empty(T, M, k, S, dtype=wide)
        bent = We.new_empty(M, k, S, A, dtype=low)
        nowhere = alpha.new_zeros(M, 1, S).masked_fill_(~mask[:, None], torch.finfo(wide).min)
        states[0] = s
        for t in range(T):
            s = states[t].to(low)
            torch.mm(s, W_a.T, out=q[t])
            torch.add(q[t].view(M, k, 1, A), keys[:, None], out=bent).tanh_()
            torch.softmax((bent @ v).to(wide).add_(nowhere), -1, out=alpha[t])
            contexts[t] = (alpha[t].to(low) @ memory).view(R, -1)
            a[t].addmm_(contexts[t], C.T)
            if before:
                a[t, :, : 2 * d] = torch.addmm(a[t, :, : 2 * d], s, U[: 2 * d].T).sigmoid_()
                torch.mul(a[t, :, :d], s, out=read[t])
                n = torch.addmm(a[t, :, 2 * d :], read[t], U[2 * d :].T).tanh_()
            else:
                Us = s @ U.T
                a[t, :, : 2 * d] = (a[t, :, : 2 * d] + Us[:, : 2 * d]).sigmoid_()
                read[t] = Us[:, 2 * d :]
                n = torch.addcmul(a[t, :, 2 * d :], a[t, :, :d], read[t]).tanh_()
            a[t, :, 2 * d :] = n
            torch.lerp(n.to(wide), states[t], a[t, :, d : 2 * d].to(wide), out=states[t + 1])
        alpha.masked_fill_(~mask[None, :, None], 0.0)  # of a source of nothing
        ctx.save_for_backward(a, states, contexts, read, q, alpha, keys, memory, W_a, v, C, U)
        ctx.before = before
        told = alpha.permute(1, 2, 0, 3).reshape(R, T, S)
        ctx.mark_non_differentiable(told)
        out = states[1:].to(low).transpose(0, 1).contiguous()
        return out, contexts.transpose(0, 1).contiguous(), told

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        a, states, contexts, read, q, alpha, keys, memory, W_a, v, C, U = ctx.saved_tensors
        T, R, d = a.size(0), a.size(1), states.size(2)
        (M, S, A), k, low = keys.shape, a.size(1) // len(keys), keys.dtype
        G, G_c = (g.transpose(0, 1) for g in grads[:2])
        r, z, n = a.to(states).chunk(3, -1)
        to_z, to_n = (states[:-1] - n) * z * (1 - z), (1 - z) * (1 - n.square())
        to_r = (states[:-1] if ctx.before else read) * r * (1 - r)
        da, dcontext = torch.empty_like(a), torch.empty_like(contexts)
        dn, dq = torch.empty_like(read), torch.empty_like(q)  # dn: what U_n's product gets
        dkeys = torch.zeros_like(keys, dtype=states.dtype)
        dv = v.new_zeros(1, A, dtype=states.dtype)
        bent = keys.new_empty(M, k, S, A)
        ds = states.new_zeros(R, d)
        for t in reversed(range(T)):
            ds = G[t].to(states) + ds
            da_n = ds * to_n[t]
            da[t, :, 2 * d :] = da_n
            da[t, :, d : 2 * d] = ds * to_z[t]
            ds = ds * z[t]
            if ctx.before:
                dn[t] = da_n
                back = (dn[t] @ U[2 * d :]).to(states)
                da[t, :, :d] = back * to_r[t]
                ds = torch.addcmul(ds, back, r[t])
            else:
                torch.mul(da_n, r[t], out=da_n)
                dn[t] = da_n
                da[t, :, :d] = da[t, :, 2 * d :] * to_r[t]
                ds = ds + dn[t] @ U[2 * d :]
            ds = ds + da[t, :, : 2 * d] @ U[: 2 * d]
            torch.addmm(G_c[t].to(low), da[t], C, out=dcontext[t])
            dalpha = (dcontext[t].view(M, k, -1) @ memory.mT).to(alpha)
            dalpha.sub_((alpha[t] * dalpha).sum(-1, keepdim=True))
            de = (alpha[t] * dalpha).to(low)  # [M, k, S]
            torch.add(q[t].view(M, k, 1, A), keys[:, None], out=bent).tanh_()
            dv += de.view(1, -1) @ bent.view(-1, A)
            bent.square_().neg_().add_(1)
            torch.mul((de[:, :, None] @ bent).view(R, A), v, out=dq[t])
            dkeys += (
                (bent.mul_(de[..., None])).sum(1) if k > 1 else bent[:, 0].mul_(de[:, 0, :, None])
            )
            ds = ds + dq[t] @ W_a

        def over_time(x: Tensor) -> Tensor:
            return x.view(T, M, k, x.size(-1)).transpose(0, 1).flatten(1, 2)  # [M, T·k, …]

        dmemory = over_time(alpha).to(low).mT @ over_time(dcontext)
        before = states[:-1].to(low).flatten(0, 1)  # s_{t−1}
        flat, flat_n = da.flatten(0, 1), dn.flatten(0, 1)
        seen_by_n = read.flatten(0, 1) if ctx.before else before
        dU = torch.cat([flat[:, : 2 * d].T @ before, flat_n.T @ seen_by_n])
        dW_a, dC = dq.flatten(0, 1).T @ before, flat.T @ contexts.flatten(0, 1)
        dWe = da.transpose(0, 1)
        found = [dWe, ds, dkeys * v, dmemory, dW_a, dv.view(A), dC, dU]
        out = [x.to(kind) for x, kind in zip(found, ctx.kinds, strict=True)]
        return *out[:4], None, *out[4:], None, None
