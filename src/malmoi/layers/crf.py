"""Conditional random fields over a chain (Lafferty, McCallum & Pereira, ICML 2001), as on top of
the tagger of Lample et al. (NAACL 2016, arXiv:1603.01360).

    s(X, y)   = Σ_{i=0..n} A_{y_i, y_{i+1}} + Σ_{i=1..n} P_{i, y_i}     Lample et al., section 2.2
    p(y | X)  = exp(s(X, y)) / Z       Z = Σ_ỹ exp(s(X, ỹ))             ibid., eq. 1 is its log
    y*        = argmax_ỹ s(X, ỹ)                                        ibid., eq. 2

The score is a sum: some lecture notes print a product.  y_0 and y_{n+1} are the beginning and the
end, with transitions of their own.

paper     here                  paper                here
P         emissions             A                    transitions, from the row to the column
A_{0,j}   start                 A_{j,n+1}            end
Z         exp(log_partition())  α_i, β_i (Lafferty)  exp(before + e), exp(after), forward_backward

Differs: A is learnt from zero, where the chain is `Independent`.  What is masked is left out,
wherever it stands: its neighbours are then neighbours.  Everything is counted in float64 (float32
where a device has no other), since log p is a small difference of large scores.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from malmoi.errors import UsageError
from malmoi.kernels import paths
from malmoi.layers import forward_backward as sums
from malmoi.layers.forward_backward import Places, Scores


class Moves(NamedTuple):
    """Which tags may begin, follow each other (row, then column), and end."""

    start: Bool[Tensor, " K"]
    transitions: Bool[Tensor, "K K"]
    end: Bool[Tensor, " K"]


@dataclass(frozen=True, eq=False)
class LinearChain:
    """p(y | X) over the tags of a sentence; logarithms are natural."""

    emissions: Float[Tensor, "B T K"]
    mask: Bool[Tensor, "B T"]
    transitions: Float[Tensor, "K K"]
    start: Float[Tensor, " K"]
    end: Float[Tensor, " K"]

    def __post_init__(self) -> None:
        B, T, K = self.emissions.shape  # a loop in machine code would read past a wrong one
        shapes = [tuple(x.shape) for x in (self.mask, self.transitions, self.start, self.end)]
        if K == 0 or shapes != [(B, T), (K, K), (K,), (K,)]:
            raise UsageError(
                "the parts of a chain do not fit together",
                where=f"emissions {(B, T, K)}; mask, transitions, start, end: {shapes}",
            )

    @cached_property
    def places(self) -> Places:
        return Places.of(self.mask)

    @property
    def given(self) -> Scores:
        return Scores(self.emissions, self.transitions, self.start, self.end)

    @property
    def scores(self) -> Scores:
        """In the precision they are added up in; the emissions alone may stay float32."""
        wide = torch.float32 if self.emissions.device.type == "mps" else torch.float64
        e, *moves = self.given
        narrow = torch.promote_types(e.dtype, torch.float32)
        return Scores(e.to(narrow), *(x.to(wide) for x in moves))

    def log_prob(self, tags: Int[Tensor, "B T"]) -> Float[Tensor, " B"]:
        """log p(tags | X), −inf for a forbidden path; any integer may stand where masked."""
        score, log_z = sums.score_and_all(self.scores, self.places, tags)
        return self._given((score - log_z).masked_fill(log_z == -math.inf, -math.inf))

    def log_partition(self) -> Float[Tensor, " B"]:
        """log Z, −inf if every path is forbidden, 0 for a sentence of no words."""
        return self._given(sums.log_partition(self.scores, self.places))

    @torch.no_grad()
    def best(self) -> Int[Tensor, "B T"]:
        """The likeliest path, 0 where masked; all 0 if every path is forbidden.

        Of equally likely ones the one whose last tag is lowest, then the one before it, and so on.
        """
        tags = torch.zeros(self.mask.shape, dtype=torch.long)
        paths.viterbi(sums.arrays(self.given, self.places), tags.numpy())
        return tags.to(self.mask.device)

    @torch.no_grad()
    def nbest(self, k: int) -> tuple[Int[Tensor, "B k T"], Float[Tensor, "B k"]]:
        """The k likeliest paths, all different, and log p of each: falling, −inf where there are
        fewer.  Ties as in `best`."""
        if k < 1:
            raise UsageError("a list of the best holds one at least", where=f"k = {k}")
        B, T = self.mask.shape
        scores, places = self.scores, self.places
        tags = torch.zeros(B, k, T, dtype=torch.long)
        total = torch.empty(B, k, dtype=torch.float64)
        paths.k_best(sums.arrays(self.given, places), tags.numpy(), total.numpy())
        log_z = sums.log_partition(scores, places).cpu()[:, None]
        logp = (total - log_z).masked_fill(log_z == -math.inf, -math.inf)
        return tags.to(self.mask.device), self._given(logp).to(self.mask.device)

    @torch.no_grad()
    def marginals(self) -> Float[Tensor, "B T K"]:
        """p(y_t = j | X); 0 where masked, and all 0 if every path is forbidden."""
        return self._given(sums.marginals(self.scores, self.places))

    @torch.no_grad()
    def edges(self) -> Float[Tensor, "B _ K K"]:
        """[:, t, i, j]: p(y_s = i, y_{t+1} = j | X), s the last place before t + 1 that is there.

        0 where there is no such place, and where t + 1 is masked.
        """
        return self._given(sums.edges(self.scores, self.places))

    def constrained(self, allowed: Moves) -> "LinearChain":
        """The same given that only allowed moves are made: the others' scores become −inf."""
        start, transitions, end = (~moves.to(self.mask.device) for moves in allowed)
        return replace(
            self,
            transitions=self.transitions.masked_fill(transitions, -math.inf),
            start=self.start.masked_fill(start, -math.inf),
            end=self.end.masked_fill(end, -math.inf),
        )

    def _given(self, x: Tensor) -> Tensor:
        """In the precision of the scores, float32 at least."""
        kind = torch.promote_types(self.emissions.dtype, self.transitions.dtype)
        return x.to(torch.promote_types(kind, torch.float32))


class CRF(nn.Module):
    """The transitions among so many labels, 0 at first; with emissions they make a chain."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.transitions = nn.Parameter(torch.zeros(labels, labels))
        self.start = nn.Parameter(torch.zeros(labels))
        self.end = nn.Parameter(torch.zeros(labels))

    def forward(self, emissions: Float[Tensor, "B T K"], mask: Bool[Tensor, "B T"]) -> LinearChain:
        return LinearChain(emissions, mask, self.transitions, self.start, self.end)
