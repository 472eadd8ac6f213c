"""The output layer: a distribution over the vocabulary.

    logits = W h + b        p(w | h) = exp(logits_w) / Σ_v exp(logits_v)

Training needs log p of one word a place, not V of them.  `log_prob` keeps one [N, V], p, in the
precision of the product (bfloat16 under autocast), and multiplies by it twice on the way back:

    L = Σ_n g_n log p(y_n)      ∂L/∂h_n = g_n (W_{y_n} − Σ_v p_nv W_v)
                                ∂L/∂W_v = Σ_n g_n ([v = y_n] − p_nv) h_n

With `smoothing` ε, training looks at a little of every word (Szegedy et al. 2016,
arXiv:1512.00567, §7): `log_prob` then is the mean of log p under q, and q stands for [v = y] above.

    q_nv = (1 − ε) [v = y_n] + ε / V        E_q[log p] = (1 − ε) log p(y_n) + ε / V Σ_v log p(v)

There is no word for padding, so padding has no mass; it has no loss because a mask says so.

With `samples`, training estimates the sum over the vocabulary from part of it, after Bengio &
Senécal (2003) and Jean et al. (2015, arXiv:1412.2007); reading, scoring and writing never do:

    Ẑ = Σ_{v ∈ F ∪ Y} exp(logits_v) + (|R| / |S|) Σ_{v ∈ S} exp(logits_v)      E[Ẑ] = Z

F are the frequent words (ids are sorted by frequency), Y what the batch says, R the rest, and S
words drawn from R without replacement.
"""

import math
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from malmoi.layers.precision import precision
from malmoi.layers.times import is_of_use, times

CHUNK = 2**23
"""The most logits alive at a time beside the probabilities: rows are read in chunks of so many."""
MANY, LARGE = 64, 2**20
"""From so many rows on, and so many weights, it pays to lay W out for reading (`layers.times`)."""


class _LogProb(torch.autograd.Function):
    """E_q[log softmax(h Wᵀ + b)], q = [y] unless `epsilon` > 0.

    What is kept for the way back is p, once, in `low` precision.
    """

    @staticmethod
    def forward(
        ctx: Any,
        h: Tensor,
        W: Tensor,
        b: Tensor | None,
        y: Tensor,
        low: torch.dtype,
        epsilon: float,
    ) -> Tensor:
        middle = W.mean(0) if epsilon else None  # Σ_v logits_v / V = middle · h + b's mean
        even = b.mean() if epsilon and b is not None else 0.0
        h, W_low = h.to(low), W.to(low)
        b_low = W_low.new_zeros(1) if b is None else b.to(low)
        learning = any(ctx.needs_input_grad)
        N, V = h.size(0), W.size(0)
        rows = max(1, CHUNK // V)
        again = not learning and N >= MANY and W.numel() >= LARGE and is_of_use(W_low)
        multiply = times(W_low, b if b is None else b_low, rows=min(rows, N)) if again else None
        buffer = h.new_empty(min(rows, N), V)
        p = h.new_empty(N, V) if learning else buffer
        logp = torch.empty(N, dtype=torch.promote_types(low, torch.float32), device=h.device)
        for at in range(0, N, rows):
            part, said = h[at : at + rows], y[at : at + rows, None]
            if multiply:
                logits = multiply(part)
            else:
                logits = torch.addmm(b_low, part, W_low.T, out=buffer[: len(part)])
            score = logits.gather(-1, said).to(logp)
            if learning:
                q = torch.softmax(logits, -1, out=p[at : at + rows])
                lse = logits.amax(-1, True).to(logp) - q.amax(-1, True).to(logp).log()
            else:
                wide = logits.to(logp)
                top = wide.amax(-1, True)
                lse = top + wide.sub_(top).exp_().sum(-1, True).log()
            if middle is not None:
                mean = part.to(middle) @ middle + even
                score = (1.0 - epsilon) * score + epsilon * mean.to(logp)[:, None]
            logp[at : at + rows] = (score - lse).squeeze(-1)
        if learning:
            ctx.save_for_backward(h, W_low, y, p, middle)
        ctx.biased, ctx.kind, ctx.epsilon = b is not None, W.dtype, epsilon
        return logp

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        h, W, y, p, middle = ctx.saved_tensors
        g = grads[0][:, None].to(ctx.kind)
        gh = g * h
        sure, spread = 1.0 - ctx.epsilon, ctx.epsilon / len(W)
        dh = dW = db = None
        if ctx.needs_input_grad[0]:
            dh = g * (sure * W[y] - p @ W)
            if middle is not None:
                dh += ctx.epsilon * g * middle
        if ctx.needs_input_grad[1]:
            dW = (p.T @ gh.neg().to(p)).to(g).index_add_(0, y, gh, alpha=sure)
            if middle is not None:
                dW += spread * gh.sum(0)
        if ctx.biased:
            db = (p.T @ g.neg().to(p)).to(g).index_add_(0, y, g, alpha=sure).squeeze(1)
            db += spread * g.sum()
        return dh, dW, db, None, None, None


def log_prob(
    h: Float[Tensor, "N d"],
    W: Float[Tensor, "V d"],
    b: Float[Tensor, " V"] | None,
    y: Int[Tensor, " N"],
    low: torch.dtype,
    smoothing: float = 0.0,
) -> Float[Tensor, " N"]:
    """log softmax(h Wᵀ + b) at y, its products taken in `low` precision."""
    if not torch.is_grad_enabled():  # a Function is told what wants a gradient, not whether it can
        h, W, b = h.detach(), W.detach(), b if b is None else b.detach()
    with torch.autocast(h.device.type, enabled=False):
        logp: Tensor = _LogProb.apply(h, W, b, y, low, smoothing)  # type: ignore[no-untyped-call]
    return logp


class Softmax(nn.Module):
    """logits = W h + b.  tied: an embedding whose table is W, which then is saved once, there.

    samples: |F| + |S| while training, half each; 0: the sum over all of the vocabulary.
    smoothing: ε, the share of the mass that every word gets while training.
    """

    def __init__(
        self,
        d: int,
        vocabulary: int,
        *,
        tied: nn.Embedding | None = None,
        bias: bool = True,
        samples: int = 0,
        smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        if samples and smoothing:
            raise ValueError(
                f"smoothing = {smoothing} gives mass to words that samples = {samples} leave out: "
                "choose one of them"
            )
        self.samples = samples
        self.smoothing = smoothing
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
        """The log-probability of y, the same as `forward(h).log_softmax(-1)` gathered at y.

        While training with `smoothing`, its mean under q.
        """
        W: Tensor = self.W
        b: Tensor | None = self.bias
        said = y.flatten().long()
        if self.training and 0 < self.samples < W.size(0):
            words, log_weight, said = self.sample(said, W.size(0))
            W = W.index_select(0, words)
            b = log_weight.to(W) + (0.0 if b is None else b.index_select(0, words))
        smoothing = self.smoothing if self.training else 0.0
        return log_prob(h.flatten(0, 1), W, b, said, precision(h), smoothing).view(y.shape)

    def sample(
        self, y: Int[Tensor, "N"], V: int
    ) -> tuple[Int[Tensor, "K"], Float[Tensor, "K"], Int[Tensor, "N"]]:
        """F ∪ Y ∪ S; the logarithm of what each stands for, 0 or log |R| / |S|; y's places."""
        frequent = self.samples // 2
        sure = torch.zeros(V, dtype=torch.bool, device=y.device)
        sure[:frequent] = True
        sure[y] = True
        exact, rest = sure.nonzero().squeeze(1), (~sure).nonzero().squeeze(1)
        drawn = rest[torch.randperm(len(rest), device=y.device)[: self.samples - frequent]]
        words = torch.cat([exact, drawn])
        log_weight = torch.zeros(len(words), device=y.device)
        if len(drawn):  # unless the batch says every word there is
            log_weight[len(exact) :] = math.log(len(rest) / len(drawn))
        place = sure.cumsum(0) - 1
        return words, log_weight, place[y]
