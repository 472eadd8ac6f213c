"""An output layer that spends little on rare words.

Grave et al., "Efficient softmax approximation for GPUs" (2017, arXiv:1609.04309)
    head of the words below c_1 and of one place for each cluster:   p(w | h)      = σ(W_0 h)_w
    cluster k of the words from c_k below c_{k+1}, of width d / 4^k:  p(w | h)      =
                                                p(cluster k | h) · σ(W_k V_k h)_w         σ: softmax

Ids are sorted by frequency (`text.Vocabulary`), so the head holds the words that are read most, and
a word of a cluster is looked for there alone.  This is a model of its own, normalised by
construction: training and evaluation are both exact, and the whole distribution sums to 1.

Named and shaped as `torch.nn.AdaptiveLogSoftmaxWithLoss` without a bias, which is the oracle.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, TypeAlias

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from malmoi.errors import UsageError
from malmoi.layers.precision import precision
from malmoi.layers.softmax import Softmax, log_prob

SHRINK = 4  # each cluster is so many times narrower than the one before
ROWS = 64  # a cluster's rows come in multiples of so many: oneDNN keeps a program for each shape

Cutoffs: TypeAlias = tuple[Annotated[int, Field(gt=0)], ...]


def check_cutoffs(cutoffs: Sequence[int], *, samples: int, tied: bool) -> None:
    """Raises ValueError if an output layer cannot be cut there."""
    if any(a >= b for a, b in pairwise(cutoffs)):
        raise ValueError(f"adaptive = {list(cutoffs)} must rise: where the clusters of words begin")
    if cutoffs and samples:
        raise ValueError(
            f"an adaptive softmax is exact, and samples = {samples} leave words out: choose one"
        )
    if cutoffs and tied:
        raise ValueError("an adaptive softmax has no table that could be tied: tied = false")


def output(
    d: int,
    vocabulary: int,
    *,
    tied: nn.Embedding | None = None,
    bias: bool = True,
    samples: int = 0,
    adaptive: Sequence[int] = (),
) -> "Softmax | Adaptive":
    """The output layer that a config asks for."""
    if adaptive:
        return Adaptive(d, vocabulary, adaptive)
    return Softmax(d, vocabulary, tied=tied, bias=bias, samples=samples)


class Adaptive(nn.Module):
    """cutoffs: the first word of each cluster.  Raises UsageError if V is not above them."""

    def __init__(self, d: int, vocabulary: int, cutoffs: Sequence[int]) -> None:
        super().__init__()
        if cutoffs[-1] >= vocabulary:
            raise UsageError(
                f"adaptive = {list(cutoffs)}: the last cluster has no words",
                where=f"the vocabulary has {vocabulary:,}",
                hint="leave out the cutoffs that are not below it",
            )
        self.cutoffs = (*cutoffs, vocabulary)
        self.head = nn.Linear(d, cutoffs[0] + len(cutoffs), bias=False)
        self.tail = nn.ModuleList(
            nn.Sequential(
                nn.Linear(d, width, bias=False), nn.Linear(width, end - start, bias=False)
            )
            for k, (start, end) in enumerate(self._clusters)
            for width in [max(1, d // SHRINK ** (k + 1))]
        )

    @property
    def _clusters(self) -> list[tuple[int, int]]:
        return list(pairwise(self.cutoffs))

    def forward(self, h: Float[Tensor, "B T d"]) -> Float[Tensor, "B T V"]:
        """log p of every word."""
        first, wide = self.cutoffs[0], torch.promote_types(h.dtype, torch.float32)
        head = self.head(h).log_softmax(-1, dtype=wide)
        parts = [head[..., :first]]
        for k, cluster in enumerate(self.tail):
            inside = cluster(h).log_softmax(-1, dtype=wide)
            parts.append(head[..., first + k, None] + inside)
        return torch.cat(parts, -1)

    def log_prob(self, h: Float[Tensor, "B T d"], y: Int[Tensor, "B T"]) -> Float[Tensor, "B T"]:
        """log p of y, computed in the head and in y's own cluster."""
        first, low = self.cutoffs[0], precision(h)
        rows, said = h.flatten(0, 1), y.flatten().long()
        place = said.clone()
        members = []
        for k, (start, end) in enumerate(self._clusters):
            inside = (said >= start) & (said < end)
            place[inside] = first + k
            members.append(inside.nonzero().squeeze(1))
        logp = log_prob(rows, self.head.weight, None, place, low)
        for k, ((start, _), member) in enumerate(zip(self._clusters, members, strict=True)):
            shrink, words = self.tail[k].children()
            more = -len(member) % ROWS
            narrow = shrink(F.pad(rows.index_select(0, member), (0, 0, 0, more)))
            which = F.pad(said[member] - start, (0, more))
            inside = log_prob(narrow, words.get_parameter("weight"), None, which, low)
            logp = logp.index_add(0, member, inside[: len(member)])
        return logp.view(y.shape)
