"""Input feeding: what was said of the source at one step is read at the next
(Luong et al. 2015, arXiv:1508.04025, §3.3).

    h_t = LSTMs over [e(y_{t−1}) ; h̃_{t−1}]      α_t = softmax(K h_t)      c_t = Σ_s α_ts h̄_s
    h̃_t = tanh(W_c [c_t ; h_t] + b)

K are the keys of the sources.  While learning, the gradient of scores that are products is taken by
hand: on the way back only what waits for the step after it is done step by step,

    δp_t = (G_t + δh̃_t) ⊙ (1 − h̃_t²)       [δc_t ; δh_t] = W_cᵀ δp_t       δα_t = h̄ δc_t
    δe_t = α_t ⊙ (δα_t − α_tᵀ δα_t)         δh_t ← δh_t + Kᵀ δe_t
    then through the cells from the top to the bottom, as in `layers.unrolled`,

and what is added up over steps, the gradients of W, U, W_c, K and h̄, is one product each.  (One
step at a time, every step would read and write all of each of them.)
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from malmoi.layers.alignment import Alignment, Annotations, Dot
from malmoi.layers.dropout import bernoulli_
from malmoi.layers.precision import precision
from malmoi.layers.recurrent import LSTM, PARAMETERS, HiddenCell
from malmoi.layers.times import times


class _Fed(torch.autograd.Function):
    """Time first inside.  weights: of each layer [W, U] and b, the first without b."""

    @staticmethod
    def forward(
        ctx: Any,
        gates: Tensor,
        last: Tensor,
        h: Tensor,
        c: Tensor,
        keys: Tensor,
        memory: Tensor,
        mask: Tensor,
        kept: Tensor | None,
        W_c: Tensor,
        b_c: Tensor,
        low: torch.dtype,
        *weights: Tensor,
    ) -> tuple[Tensor, ...]:
        R, T, _ = gates.shape
        (M, S, d), L = keys.shape, h.size(1)
        ctx.kinds = [t.dtype for t in (gates, last, h, c, keys, memory, W_c, b_c, *weights)]
        wide = torch.promote_types(low, torch.float32)
        keys, memory, W_c, b_c = (x.to(low) for x in (keys, memory, W_c, b_c))
        WU, b = [w.to(low) for w in weights[:L]], [w.to(low) for w in weights[L:]]
        a = gates.new_empty(L, T, R, 4, d, dtype=low)
        a[0] = gates.transpose(0, 1).reshape(T, R, 4, d)
        z = gates.new_empty(L, T + 1, R, 2 * d, dtype=low)  # [what is read ; h before]
        cs = gates.new_empty(L, T + 1, R, d, dtype=wide)
        y = gates.new_empty(T, R, 2 * d, dtype=low)  # [c_t ; h_t]
        seen = gates.new_empty(T + 1, R, d, dtype=low)
        alpha = gates.new_empty(T, M, R // M, S, dtype=wide)
        nowhere = alpha.new_zeros(M, 1, S).masked_fill_(~mask[:, None], torch.finfo(wide).min)
        z[:, 0, :, d:], cs[:, 0], seen[0] = h.transpose(0, 1), c.transpose(0, 1), last
        forward, together = [times(w) for w in WU], times(W_c)
        for t in range(T):
            x = seen[t]
            for l in range(L):
                read, before = z[l, t, :, :d], cs[l, t]
                if l and kept is not None:
                    torch.mul(x, kept[l - 1, t], out=read)
                else:
                    read.copy_(x)
                now, more = a[l, t].view(R, 4 * d), forward[l](z[l, t])
                if l:
                    torch.add(more, b[l - 1], out=now)
                else:
                    now += more
                a[l, t, :, :2].sigmoid_()
                i, f, g, o = a[l, t, :, 0], a[l, t, :, 1], a[l, t, :, 2].tanh_(), a[l, t, :, 3]
                torch.addcmul(f * before, i.to(wide), g.to(wide), out=cs[l, t + 1])
                x = (o.sigmoid_() * cs[l, t + 1].tanh()).to(low)
                z[l, t + 1, :, d:] = x
            e = (x.view(M, -1, d) @ keys.mT).to(wide)
            torch.softmax(e.add_(nowhere), -1, out=alpha[t])
            y[t, :, :d] = (alpha[t].to(low) @ memory).view(R, d)
            y[t, :, d:] = x
            torch.add(together(y[t]), b_c, out=seen[t + 1]).tanh_()
        alpha.masked_fill_(~mask[None, :, None], 0.0)  # of a source of nothing
        ctx.save_for_backward(a, z, cs, y, seen, alpha, keys, memory, W_c, kept, *WU)
        told = alpha.permute(1, 2, 0, 3).reshape(R, T, S)
        ctx.mark_non_differentiable(told)
        ends = z[:, T, :, d:].transpose(0, 1).clone(), cs[:, T].transpose(0, 1).clone()
        return seen[1:].transpose(0, 1).contiguous(), *ends, told

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        a, z, cs, y, seen, alpha, keys, memory, W_c, kept, *WU = ctx.saved_tensors
        L, T, R, _, d = a.shape
        M = len(keys)
        G = grads[0].transpose(0, 1)
        dh, dc = list(grads[1].unbind(1)), [g.to(cs) for g in grads[2].unbind(1)]
        i, f, g, o = a.unbind(3)
        tanh_c = cs[:, 1:].tanh()
        to_c = o * (1 - tanh_c.square())
        slope = torch.stack(
            [g * i * (1 - i), cs[:, :-1] * f * (1 - f), i * (1 - g.square()), tanh_c * o * (1 - o)],
            3,
        )  # [L, T, R, 4, d]
        da, dp, de = torch.empty_like(a), torch.empty_like(seen[1:]), torch.empty_like(alpha)
        dseen, dcontext = cs.new_zeros(R, d), torch.empty_like(dp)
        back, apart = [times(w.T) for w in WU], times(W_c.T)
        for t in reversed(range(T)):
            torch.mul(G[t] + dseen, 1 - seen[t + 1].square(), out=dp[t])
            dy = apart(dp[t])
            dcontext[t], above = dy[:, :d], dy[:, d:]
            dalpha = (dcontext[t].view(M, -1, d) @ memory.mT).to(alpha)
            mean = (alpha[t] * dalpha).sum(-1, keepdim=True)
            torch.mul(alpha[t], dalpha.sub_(mean), out=de[t])
            above = above + (de[t].to(keys) @ keys).view(R, d)
            for l in reversed(range(L)):
                grow = dh[l] + above.to(cs)
                dc[l] = torch.addcmul(dc[l], grow, to_c[l, t])
                torch.mul(slope[l, t, :, :3], dc[l][:, None], out=da[l, t, :, :3])
                torch.mul(slope[l, t, :, 3], grow, out=da[l, t, :, 3])
                dc[l] = dc[l] * f[l, t]
                dz = back[l](da[l, t].view(R, 4 * d))
                above, dh[l] = dz[:, :d], dz[:, d:].to(cs)
                if l and kept is not None:
                    above = above * kept[l - 1, t]
            dseen = above.to(cs)

        def over_time(x: Tensor) -> Tensor:
            return x.view(T, M, -1, x.size(-1)).transpose(0, 1).flatten(1, 2)  # [M, T·k, …]

        dkeys = over_time(de).to(keys).mT @ over_time(y[..., d:].contiguous())
        dmemory = over_time(alpha).to(keys).mT @ over_time(dcontext)
        da = da.view(L, T * R, 4 * d)
        dWU = [da[l].T @ z[l, :T].reshape(T * R, 2 * d) for l in range(L)]
        db = [da[l].sum(0) for l in range(1, L)]
        dW_c = dp.flatten(0, 1).T @ y.flatten(0, 1)
        dgates = da[0].view(T, R, 4 * d).transpose(0, 1)
        db_c = dp.sum((0, 1))
        found = [dgates, dseen, torch.stack(dh, 1), torch.stack(dc, 1), dkeys, dmemory, dW_c, db_c]
        out = [x.to(kind) for x, kind in zip([*found, *dWU, *db], ctx.kinds, strict=True)]
        return *out[:6], None, None, *out[6:8], None, *out[8:]


def fed(
    decoder: LSTM,
    attention: Alignment,
    W_c: nn.Module,
    e: Float[Tensor, "R T _"],
    last: Float[Tensor, "R d"],
    state: HiddenCell,
    of: Annotations,
) -> tuple[Float[Tensor, "R T d"], HiddenCell]:
    """h̃_t of every step, and where the LSTMs ended.  last: h̃ of the step before.  Where a
    source has no word, `of.h` must be zero."""
    (R, T, d_word), d = e.shape, last.size(1)
    weights = [[layer.get_parameter(f"{p}_l0") for p in PARAMETERS] for layer in decoder.layers]
    W_word, W_fed = torch.split(weights[0][0], [d_word, d], 1)
    gates = F.linear(e, W_word, weights[0][2] + weights[0][3])  # [R, T, 4d]
    W = [W_fed, *(w[0] for w in weights[1:])]
    b = [w[2] + w[3] for w in weights[1:]]
    kept = None
    if decoder.training and decoder.drop.p and b:
        p = 1 - decoder.drop.p
        kept = bernoulli_(e.new_empty(len(b), T, R, d), p).div_(p)
    if (
        torch.is_grad_enabled()
        and isinstance(W_c, nn.Linear)  # or what stands for it while a model only reads
        and isinstance(attention.score, Dot)
        and attention.window is None
    ):
        low = precision(W_c.weight)
        both = [torch.cat([w, layer[1]], 1) for w, layer in zip(W, weights, strict=True)]
        with torch.autocast(e.device.type, enabled=False):
            seen, h, c, alpha = _Fed.apply(  # type: ignore[no-untyped-call]
                gates, last, *state, of.keys, of.h, of.mask, kept, W_c.weight, W_c.bias, low,
                *both, *b,
            )  # fmt: skip
        attention.alpha(alpha)
        return seen, HiddenCell(h, c)
    hs, cs = list(state.h.unbind(1)), list(state.c.unbind(1))
    steps, alphas = [], []
    for t in range(T):
        x = last
        for l, (_, U, *_) in enumerate(weights):
            x = x * kept[l - 1, t] if l and kept is not None else x
            a = gates[:, t] + F.linear(x, W[0]) if l == 0 else F.linear(x, W[l], b[l - 1])
            i, f, g, o = (a + F.linear(hs[l], U)).chunk(4, 1)
            cs[l] = f.sigmoid() * cs[l] + i.sigmoid() * g.tanh()
            hs[l] = x = o.sigmoid() * cs[l].tanh()
        c, alpha = attention.look(x[:, None], of)
        last = torch.tanh(W_c(torch.cat([c[:, 0], x], 1)))
        steps.append(last)
        alphas.append(alpha)
    attention.alpha(torch.cat(alphas, 1))
    return torch.stack(steps, 1), HiddenCell(torch.stack(hs, 1), torch.stack(cs, 1))
