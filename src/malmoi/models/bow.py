"""Bag of words and n-grams: the baseline to beat before believing in anything deeper.

Logistic regression (Cox 1958) on which words, and which n words in a row, a text has; as a linear
text classifier Wang & Manning (2012), Joulin et al., "Bag of tricks" (2017, arXiv:1607.01759).

    φ_f(x) = [feature f occurs in x]          f: a word, or n ≤ N words in a row
    p(y | x) = softmax(W φ(x) / ‖φ(x)‖ + b)

paper    here                     paper    here
W        weight  [F, K]           φ        the rows of `weight` that are summed
b        bias

Differs: a feature's number is its hash modulo F (Weinberger et al. 2009), single words apart, so
nothing has to be counted beforehand; two n-grams may share a weight.  W is convex to learn and
begins with zeros: every training ends at the same place.
"""

from typing import Annotated

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn import functional as F

from malmoi.config import CONFIG, Sizes
from malmoi.layers.distributions import Categorical, Several
from malmoi.sentences import Sentences

MULTIPLIER = 0x9E3779B1  # odd: a bijection of 32 bits


@dataclass(frozen=True, config=CONFIG)
class Config:
    """order: N, the longest n-gram.  buckets: the weights that n-grams of n ≥ 2 share."""

    order: Annotated[int, Field(ge=1, le=8)] = 2
    buckets: Annotated[int, Field(ge=1)] = 500_000

    def build(self, sizes: Sizes) -> "BagOfWords":
        return BagOfWords(self, sizes)


class BagOfWords(nn.Module):
    def __init__(self, config: Config, sizes: Sizes) -> None:
        super().__init__()
        self.config = config
        self.several = sizes.several
        self.vocabulary = sizes.vocabulary
        shared = config.buckets if config.order > 1 else 0
        self.weight = nn.Parameter(torch.zeros(sizes.vocabulary + shared, sizes.labels))
        self.bias = nn.Parameter(torch.zeros(sizes.labels))

    def forward(self, x: Sentences) -> Categorical | Several:
        features, counts = self.features(x.ids, x.mask)
        total = F.embedding(features, self.weight)  # [B, n, K]
        norm = counts.sum(1, keepdim=True).clamp(min=1).sqrt()
        logits = (total * counts[..., None]).sum(1) / norm + self.bias
        return Several(logits) if self.several else Categorical(logits)

    def features(
        self, ids: Int[Tensor, "B T"], mask: Bool[Tensor, "B T"]
    ) -> tuple[Int[Tensor, "B n"], Float[Tensor, "B n"]]:
        """The numbers of the features of each text, and 1 where one counts, 0 where it is a
        repetition or reaches over the edge."""
        found, there = self.places(ids, mask)
        features = torch.cat(found, 1).masked_fill(~torch.cat(there, 1), -1)
        features, _ = features.sort(1)
        new = features != F.pad(features[:, :-1], (1, 0), value=-1)
        return features.clamp(min=0), (new & (features >= 0)).to(self.weight.dtype)

    def places(
        self, ids: Int[Tensor, "B T"], mask: Bool[Tensor, "B T"]
    ) -> tuple[list[Int[Tensor, "B _"]], list[Bool[Tensor, "B _"]]]:
        """[n − 1][:, t]: the feature of the n words from place t on, and whether there are n."""
        found, there = [ids], [mask]
        h = ids + 1
        inside = mask
        for n in range(2, min(self.config.order, ids.size(1)) + 1):
            # of places t … t + n − 1: what was mixed so far from t, and the word at t + n − 1
            h = ((h[:, :-1] * MULTIPLIER) & 0xFFFFFFFF) ^ (ids[:, n - 1 :] + n)
            inside = inside[:, :-1] & mask[:, n - 1 :]
            mixed = ((h ^ (h >> 15)) * MULTIPLIER) & 0xFFFFFFFF
            found.append(self.vocabulary + (mixed ^ (mixed >> 13)) % self.config.buckets)
            there.append(inside)
        return found, there

    def loss(self, x: Sentences, y: Tensor) -> Float[Tensor, " B"]:
        """What each text costs, in nats."""
        nats: Tensor = -self(x).log_prob(y)
        return nats
