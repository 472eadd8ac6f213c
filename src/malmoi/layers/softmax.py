"""The output layer: a distribution over the vocabulary.

    logits = W h + b        p(w | h) = exp(logits_w) / Σ_v exp(logits_v)

Training needs log p of one word a place, not V of them.  `log_prob` reads `h` in chunks, keeps no
float32 [N, V], and writes the gradient over the probabilities:

    ∂ log p(y_n) / ∂ logits_n = onehot(y_n) − p_n
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

CHUNK = 2**24
"""The most logits computed at a time: what fits a cache or two, and far from what fills memory."""


class _LogProb(torch.autograd.Function):
    """log softmax(h Wᵀ + b)[y], a chunk of rows at a time; p is kept in h's own precision."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, W: Tensor, b: Tensor | None, y: Tensor) -> Tensor:
        rows = max(1, CHUNK // W.size(0))
        keep = any(ctx.needs_input_grad)
        logp, ps = [], []
        for part, said in zip(torch.split(h, rows), torch.split(y, rows), strict=True):
            logits = part @ W.T
            if b is not None:
                logits += b
            wide = logits.float() if logits.dtype in (torch.bfloat16, torch.half) else logits
            lse = wide.logsumexp(-1, keepdim=True)
            logp.append((wide.gather(-1, said[:, None]) - lse).squeeze(-1))
            if keep:
                ps.append(wide.sub_(lse).exp_().to(h.dtype))
        ctx.save_for_backward(h, W, y, *ps)
        ctx.biased = b is not None
        return torch.cat(logp)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        h, W, y, *ps = ctx.saved_tensors
        dh = torch.empty_like(h)
        dW = torch.zeros_like(W)
        db = torch.zeros_like(W[:, 0]) if ctx.biased else None
        at = 0
        for p in ps:
            here = slice(at, at + p.size(0))
            g = grad[here, None].to(p.dtype)
            d_logits = p.neg().mul_(g)
            d_logits.scatter_add_(1, y[here, None], g)
            dh[here] = d_logits @ W
            dW.addmm_(d_logits.T, h[here])
            if db is not None:
                db += d_logits.sum(0)
            at += p.size(0)
        return dh, dW, db, None


class Softmax(nn.Module):
    """logits = W h + b.  tied: an embedding whose table is W, which then is saved once, there."""

    def __init__(
        self, d: int, vocabulary: int, *, tied: nn.Embedding | None = None, bias: bool = True
    ) -> None:
        super().__init__()
        self._tied = (tied,)  # in a tuple, lest the table be saved twice
        self.weight = None if tied is not None else nn.Parameter(torch.empty(vocabulary, d))
        self.bias = nn.Parameter(torch.zeros(vocabulary)) if bias else None
        if self.weight is not None:
            nn.init.uniform_(self.weight, -(d**-0.5), d**-0.5)

    @property
    def W(self) -> Float[Tensor, "V d"]:
        (tied,) = self._tied
        weight = self.weight if tied is None else tied.weight
        assert weight is not None
        return weight

    def forward(self, h: Float[Tensor, "B T d"]) -> Float[Tensor, "B T V"]:
        return F.linear(h, self.W, self.bias)

    def log_prob(self, h: Float[Tensor, "B T d"], y: Int[Tensor, "B T"]) -> Float[Tensor, "B T"]:
        """The log-probability of y, the same as `forward(h).log_softmax(-1)` gathered at y."""
        W: Tensor = self.W
        b: Tensor | None = self.bias
        kind = h.device.type
        if torch.is_autocast_enabled(kind):
            low = torch.get_autocast_dtype(kind)
            h, W, b = h.to(low), W.to(low), None if b is None else b.to(low)
        with torch.autocast(kind, enabled=False):
            logp: Tensor = _LogProb.apply(h.flatten(0, 1), W, b, y.flatten().long())  # type: ignore[no-untyped-call]
        return logp.view(y.shape)
