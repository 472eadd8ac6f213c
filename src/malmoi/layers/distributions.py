"""What a reader answers with: a distribution that knows its likeliest values.

    Categorical    p(y) = exp(logits_y) / Σ_v exp(logits_v)              one label a text
    Several        p(y) = Π_k σ(±logits_k), + where y_k = 1, − where 0   labels of yes or no
    Independent    p(y) = Π_t exp(logits_t(y_t)) / Σ_v exp(logits_t(v))  a label a place
    LinearChain    see `crf`                                             labels that know neighbours

    loss = -distribution.log_prob(y).mean()
    y = distribution.best();  y, logp = distribution.nbest(5);  p = distribution.marginals()

`log_prob` is a number a text, in nats, in float32 at least; all but it carries no gradient.  Of
equally likely labels the lowest is the best.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor
from torch.nn import functional as F

from malmoi.errors import UsageError
from malmoi.layers.crf import LinearChain, Moves


@dataclass(frozen=True, eq=False)
class Categorical:
    """One of K labels."""

    logits: Float[Tensor, "B K"]

    def log_prob(self, y: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        return self._chain().log_prob(y[:, None])

    @torch.no_grad()
    def best(self) -> Int[Tensor, " B"]:
        return self.logits.argmax(-1)

    @torch.no_grad()
    def nbest(self, k: int) -> tuple[Int[Tensor, "B k"], Float[Tensor, "B k"]]:
        """The k likeliest labels, falling; 0 and −inf after the last."""
        y, logp = self._chain().nbest(k)
        return y[:, :, 0], logp

    @torch.no_grad()
    def marginals(self) -> Float[Tensor, "B K"]:
        """p(y)."""
        return self._chain().marginals()[:, 0]

    def _chain(self) -> "Independent":
        """A sentence of one place."""
        there = torch.ones(len(self.logits), 1, dtype=torch.bool, device=self.logits.device)
        return Independent(self.logits[:, None], there)


@dataclass(frozen=True, eq=False)
class Several:
    """Each of K labels for itself; y is a matrix of 0 and 1."""

    logits: Float[Tensor, "B K"]

    def log_prob(self, y: Shaped[Tensor, "B K"]) -> Float[Tensor, " B"]:
        logits = _wide(self.logits)
        return F.logsigmoid(torch.where(y.bool(), logits, -logits)).sum(-1)

    @torch.no_grad()
    def best(self) -> Int[Tensor, "B K"]:
        """1 for what is more likely than not."""
        return (self.logits > 0).long()

    @torch.no_grad()
    def nbest(self, k: int) -> tuple[Int[Tensor, "B k K"], Float[Tensor, "B k"]]:
        """The k likeliest sets of labels, falling; 0 and −inf after the last."""
        logits = _wide(self.logits)
        no_or_yes = torch.stack([F.logsigmoid(-logits), F.logsigmoid(logits)], -1)
        return Independent(no_or_yes, torch.ones_like(self.logits, dtype=torch.bool)).nbest(k)

    @torch.no_grad()
    def marginals(self) -> Float[Tensor, "B K"]:
        """p(y_k = 1)."""
        return _wide(self.logits).sigmoid()


@dataclass(frozen=True, eq=False)
class Independent:
    """Tags that do not know each other: `LinearChain` with all transitions 0, and its verbs."""

    logits: Float[Tensor, "B T K"]
    mask: Bool[Tensor, "B T"]

    def __post_init__(self) -> None:
        if self.mask.shape != self.logits.shape[:2]:
            raise UsageError(
                "the mask is of another shape than the logits",
                where=f"logits {tuple(self.logits.shape)}; mask {tuple(self.mask.shape)}",
            )

    def log_prob(self, tags: Int[Tensor, "B T"]) -> Float[Tensor, " B"]:
        """log p(tags); any integer may stand where masked."""
        y = tags.masked_fill(~self.mask, 0).long()[:, :, None]
        logits, none = self._there()
        logp = logits.log_softmax(-1).gather(2, y)[:, :, 0].masked_fill(~self.mask, 0.0)
        return logp.sum(1).masked_fill(none, -math.inf)

    def log_partition(self) -> Float[Tensor, " B"]:
        """log Σ over all paths of exp(the sum of their logits)."""
        logits, none = self._there()
        log_z = logits.logsumexp(-1).masked_fill(~self.mask, 0.0)
        return log_z.sum(1).masked_fill(none, -math.inf)

    @torch.no_grad()
    def best(self) -> Int[Tensor, "B T"]:
        """The likeliest tag of every place, 0 where masked; all 0 if every path is forbidden."""
        logits, none = self._there()
        return logits.argmax(-1).masked_fill(~self.mask | none[:, None], 0)

    @torch.no_grad()
    def marginals(self) -> Float[Tensor, "B T K"]:
        """p(y_t); 0 where masked, and all 0 if every path is forbidden."""
        logits, none = self._there()
        return logits.softmax(-1).masked_fill(~self.mask[:, :, None] | none[:, None, None], 0.0)

    def nbest(self, k: int) -> tuple[Int[Tensor, "B k T"], Float[Tensor, "B k"]]:
        return self.chain().nbest(k)

    def edges(self) -> Float[Tensor, "B _ K K"]:
        return self.chain().edges()

    def constrained(self, allowed: Moves) -> LinearChain:
        return self.chain().constrained(allowed)

    def chain(self) -> LinearChain:
        """The same as a chain."""
        logits = _wide(self.logits)
        K = logits.size(-1)
        zero = logits.new_zeros(K, K)
        return LinearChain(logits, self.mask, zero, zero[0], zero[0])

    def _there(self) -> tuple[Tensor, Tensor]:
        """The logits, 0 where masked; the rows [B] without a possible path.

        A place where all is −inf gets 0 too: a difference of infinities has no gradient.
        """
        logits = _wide(self.logits)
        none = (logits == -math.inf).all(-1) & self.mask
        return logits.masked_fill((none | ~self.mask)[:, :, None], 0.0), none.any(1)


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))
