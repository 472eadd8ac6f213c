"""What a model is given at one step: frozen dataclasses of tensors, batch first."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from malmoi.sentences import Sentences


@dataclass(frozen=True)
class LanguageBatch:
    """Tokens and the tokens that follow them.

    x: what is read.  y: what is to be said, y_t the token after x_t.  mask: True where y counts.
    fresh: the carry of the batch before does not belong to these rows: begin anew.
    """

    x: Int[Tensor, "B T"]
    y: Int[Tensor, "B T"]
    mask: Bool[Tensor, "B T"]
    fresh: bool = True

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def events(self) -> int:
        """How many tokens are scored: the loss is a sum over this many."""
        return int(self.mask.sum())

    def to(self, device: torch.device) -> "LanguageBatch":
        return LanguageBatch(self.x.to(device), self.y.to(device), self.mask.to(device), self.fresh)

    def rows(self, part: slice) -> "LanguageBatch":
        """Some of the rows: what one of several processes works on."""
        return LanguageBatch(self.x[part], self.y[part], self.mask[part], self.fresh)


@dataclass(frozen=True)
class LabelledBatch:
    """Texts and what was said of them.

    y: [B] a label a text; [B, K] which of the labels a text has; or, `tokenwise`, [B, T] a label
    a token.
    """

    x: Sentences
    y: Tensor
    tokenwise: bool = False
    fresh: bool = True

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def events(self) -> int:
        """How many decisions are scored: texts, or tokens where each has its own."""
        return int(self.x.mask.sum()) if self.tokenwise else len(self)

    def to(self, device: torch.device) -> "LabelledBatch":
        return replace(self, x=self.x.to(device), y=self.y.to(device))

    def rows(self, part: slice) -> "LabelledBatch":
        return replace(self, x=self.x.rows(part), y=self.y[part])


@dataclass(frozen=True)
class PairBatch:
    """Texts that are read, and texts that are written from them.

    source: each with its `</s>`.  x: what is read while writing, `<s>` first.  y: what is to be
    said, y_t the token after x_t.  mask: True where y counts.
    """

    source: Sentences
    x: Int[Tensor, "B T"]
    y: Int[Tensor, "B T"]
    mask: Bool[Tensor, "B T"]
    fresh: bool = True

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def events(self) -> int:
        """How many tokens are written."""
        return int(self.mask.sum())

    def to(self, device: torch.device) -> "PairBatch":
        x, y, mask = (t.to(device) for t in (self.x, self.y, self.mask))
        return PairBatch(self.source.to(device), x, y, mask)

    def rows(self, part: slice) -> "PairBatch":
        return PairBatch(self.source.rows(part), self.x[part], self.y[part], self.mask[part])
