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

from collections.abc import Callable
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
        self.kept = model.context - max(1, model.context // 2)

    def begin(self, batch: int) -> Window:
        return Window(self.model.begin(batch), torch.zeros(batch, 0, dtype=torch.long))

    def __call__(
        self, x: Int[Tensor, "B T"], carry: Window
    ) -> tuple[Float[Tensor, "B T V"], Window]:
        return self._slide(lambda part, c: self.model(x[:, part], c), x, carry)

    def log_prob(
        self, x: Int[Tensor, "B T"], y: Int[Tensor, "B T"], carry: Window
    ) -> tuple[Float[Tensor, "B T"], Window]:
        return self._slide(lambda part, c: self.model.log_prob(x[:, part], y[:, part], c), x, carry)

    def _slide(
        self,
        say: Callable[[slice, C], tuple[Tensor, C]],
        x: Int[Tensor, "B T"],
        carry: Window,
    ) -> tuple[Tensor, Window]:
        inner, seen = carry.carry, carry.x.to(x.device)
        said, start = [], 0
        while start < x.size(1):
            if seen.size(1) == self.size:
                inner, seen = self.model.begin(x.size(0)), seen[:, self.size - self.kept :]
                if self.kept:
                    inner = self.model(seen, inner)[1]
            part = slice(start, min(x.size(1), start + self.size - seen.size(1)))
            out, inner = say(part, inner)
            said.append(out)
            seen = torch.cat([seen, x[:, part]], 1)
            start = part.stop
        return torch.cat(said, 1), Window(inner, seen)


def endless(model: LanguageModel[Any]) -> LanguageModel[Any]:
    """The model itself where it has no limit, an `Endless` over it where it has one."""
    return model if model.context is None else Endless(model)
