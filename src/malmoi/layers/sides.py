"""What a translator has at its two ends: tables of word vectors, and the way from a state to words.

e(x_j), e(y_i)                        a row of a table for each side, or of one for both
p(y_i | …) = softmax(W_o P t_i)       W_o may be the target's table; P only where widths differ
maxout: t_j = max(t̃_{2j−1}, t̃_{2j})   Goodfellow et al. (2013, arXiv:1302.4389), pools of two
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from malmoi.config import Sizes
from malmoi.layers.softmax import Softmax


class Tables(nn.Module):
    """Word vectors of both sides, d wide.  shared: one table, which is the target's.

    Raises ValueError if shared is asked of two vocabularies.
    """

    def __init__(self, sizes: Sizes, d: int, *, shared: bool = False) -> None:
        super().__init__()
        if shared and not sizes.joint:
            raise ValueError(
                "shared = true wants one table for both sides, and source and target have a "
                "vocabulary each: learn a joint one, or leave shared = false"
            )
        self.target = nn.Embedding(sizes.vocabulary, d)
        self.source = None if shared else nn.Embedding(sizes.source, d)
        for table in self.children():
            nn.init.normal_(table.get_parameter("weight"), std=d**-0.5)

    def read(self, x: Int[Tensor, "B S"]) -> Float[Tensor, "B S d"]:
        """The vectors of words of the source."""
        table = self.target if self.source is None else self.source
        vectors: Tensor = table(x)
        return vectors

    def write(self, y: Int[Tensor, "R T"]) -> Float[Tensor, "R T d"]:
        """The vectors of words of the target."""
        vectors: Tensor = self.target(y)
        return vectors


class Readout(nn.Module):
    """From t_i, d wide, to words.  tied: the table that is W_o."""

    def __init__(
        self, d: int, vocabulary: int, *, tied: nn.Embedding | None, smoothing: float = 0.0
    ) -> None:
        super().__init__()
        width = d if tied is None else tied.embedding_dim
        self.project = nn.Identity() if width == d else nn.Linear(d, width)
        self.softmax = Softmax(width, vocabulary, tied=tied, smoothing=smoothing)

    def forward(self, t: Float[Tensor, "R T d"]) -> Float[Tensor, "R T V"]:
        logits: Tensor = self.softmax(self.project(t))
        return logits

    def log_prob(self, t: Float[Tensor, "R T d"], y: Int[Tensor, "R T"]) -> Float[Tensor, "R T"]:
        return self.softmax.log_prob(self.project(t), y)


def maxout(t: Float[Tensor, "*B two_d"]) -> Float[Tensor, "*B d"]:
    """The larger of each two neighbours."""
    return torch.maximum(t[..., ::2], t[..., 1::2])
