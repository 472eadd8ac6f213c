"""A model with a finite context, made to read without end.

A GPT has positions 1 … C and no more.  `Endless` reads C tokens; when the next one comes, it
forgets the first C // 2, reads the rest again from the beginning of the positions, and goes on:

    window 1   tokens 1 … C                     all C scored
    window 2   tokens C/2+1 … 3C/2              the last C/2 scored
    window 3   tokens C+1 … 2C                  the last C/2 scored …

so that every token is scored once, each after at least C − C // 2 others (the first C after all
there are), and the same rule serves generation, perplexity and beam search: what a model would
write is what it is measured by.  Where a window ends depends only on how many tokens came before,
never on the pieces in which they came.
"""

from typing import Any, Generic, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from malmoi.carry import C, LanguageModel


class Window(NamedTuple):
    """carry: the model's own.  x: the tokens of this window, all that the carry knows."""

    carry: Any
    x: Int[Tensor, "B n"]


class Endless(Generic[C]):
    """A language model over `model` that has no limit; equal to it while the context lasts."""

    context: int | None = None

    def __init__(self, model: LanguageModel[C]) -> None:
        if model.context is None or model.context < 1:
            raise ValueError(f"a finite context is at least 1, not {model.context}")
        self.model = model
        self.size = model.context
        self.stride = max(1, model.context // 2)
        self.kept = self.size - self.stride

    def begin(self, batch: int) -> Window:
        return Window(self.model.begin(batch), torch.zeros(batch, 0, dtype=torch.long))

    def __call__(
        self, x: Int[Tensor, "B T"], carry: Window
    ) -> tuple[Float[Tensor, "B T V"], Window]:
        said = []
        while x.size(1):
            carry, room = self._turn(carry, x)
            logits, inner = self.model(x[:, :room], carry.carry)
            said.append(logits)
            carry, x = Window(inner, torch.cat([carry.x, x[:, :room]], 1)), x[:, room:]
        return torch.cat(said, 1), carry

    def log_prob(
        self, x: Int[Tensor, "B T"], y: Int[Tensor, "B T"], carry: Window
    ) -> tuple[Float[Tensor, "B T"], Window]:
        said = []
        while x.size(1):
            if carry.x.size(1) == self.size and x.size(1) >= self.stride:
                logp, carry = self._windows(x, y, carry)
            else:
                carry, room = self._turn(carry, x)
                logp, inner = self.model.log_prob(x[:, :room], y[:, :room], carry.carry)
                carry = Window(inner, torch.cat([carry.x, x[:, :room]], 1))
            said.append(logp)
            x, y = x[:, logp.size(1) :], y[:, logp.size(1) :]
        return torch.cat(said, 1), carry

    def _turn(self, carry: Window, x: Int[Tensor, "B T"]) -> tuple[Window, int]:
        """The carry with room for at least one more token, and for how many."""
        inner, seen = carry.carry, carry.x.to(x.device)
        if seen.size(1) == self.size:
            inner, seen = self.model.begin(x.size(0)), seen[:, self.stride :]
            if self.kept:
                inner = self.model(seen, inner)[1]
        return Window(inner, seen), self.size - seen.size(1)

    def _windows(
        self, x: Int[Tensor, "B T"], y: Int[Tensor, "B T"], carry: Window
    ) -> tuple[Float[Tensor, "B n"], Window]:
        """All the windows that x fills, side by side: each begins anew, none needs the last."""
        B, W = x.size(0), x.size(1) // self.stride
        n = W * self.stride
        old = carry.x[:, self.stride :].to(x.device)
        rows = torch.cat([old, x[:, :n]], 1).unfold(1, self.size, self.stride)  # [B, W, C]
        said = torch.cat([old, y[:, :n]], 1).unfold(1, self.size, self.stride)
        logp, _ = self.model.log_prob(
            rows.flatten(0, 1), said.flatten(0, 1), self.model.begin(B * W)
        )
        # the last window is full: its tokens will be read again, its carry never
        return logp[:, self.kept :].reshape(B, n), Window(carry.carry, rows[:, -1])


def endless(model: LanguageModel[Any]) -> LanguageModel[Any]:
    """The model itself where it has no limit, an `Endless` over it where it has one."""
    return model if model.context is None else Endless(model)
