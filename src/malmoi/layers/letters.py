"""A vector from the letters of a word: convolutions and their maximum over time.

Kim, Jernite, Sontag & Rush, "Character-aware neural language models" (2016, arXiv:1508.06615)
    f_i = tanh(⟨C[:, i : i + w], H⟩ + b)        y = max_i f_i        for each filter H

A window of w letters begins at each letter of the word, and what lies behind its last letter is
zero; so a word may be shorter than w, and its vector depends on nothing but the word.  As tanh
rises, the maximum is taken first: max tanh(z_i + b) = tanh(max z_i + b).

Differs: windows that hold no letter at all, which are tanh(b) wherever words are filled up to the
longest of the corpus, do not compete.

How it is fast: a batch has no padding.  All words' first letters come first, then all second ones,
the longest words in front; so those that have a letter i are the first of those that have one
before it.  Filters of all widths are one matrix, zero where a narrow one does not reach.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

ROWS = 256
"""Rows of products come in multiples of so many: oneDNN keeps a program for each shape it meets."""


class Filters(nn.Module):
    """letters: how many there are, numbered from 1.  filters: how many of each width."""

    def __init__(self, letters: int, d: int, widths: Sequence[int], filters: Sequence[int]) -> None:
        super().__init__()
        self.embed = nn.Parameter(torch.empty(letters, d))
        self.H = nn.ParameterList(
            torch.empty(n, width, d) for width, n in zip(widths, filters, strict=True)
        )
        self.bias = nn.Parameter(torch.zeros(sum(filters)))
        self.widest, self.width = max(widths), sum(filters)
        for weight in (self.embed, *self.H):
            nn.init.uniform_(weight, -0.1, 0.1)

    def forward(self, words: Int[Tensor, "U L"]) -> Float[Tensor, "U d"]:
        """words: the numbers of their letters, 0 behind the last; the longest word comes first.

        Raises ValueError for a word without a letter.
        """
        alive = (words > 0).sum(0).tolist()
        if alive[0] < len(words):
            raise ValueError("a word without letters: was the model told how its words are spelt?")
        alive = [n for n in alive if n]
        windows = F.pad(words[:, : len(alive)], (0, self.widest - 1)).unfold(1, self.widest, 1)
        rows = torch.cat([windows[:n, i] for i, n in enumerate(alive)])  # [P, widest]
        rows = F.pad(rows, (0, 0, 0, -len(rows) % ROWS))
        H = torch.cat([F.pad(H, (0, 0, 0, self.widest - H.size(1))) for H in self.H])
        z = F.linear(F.embedding(rows, F.pad(self.embed, (0, 0, 1, 0))).flatten(1), H.flatten(1))
        best: Tensor = _Max.apply(z, alive)  # type: ignore[no-untyped-call]
        return torch.tanh(best + self.bias)


class _Max(torch.autograd.Function):
    """The largest z of each word: row k of part i, of alive[i] rows, is word k's letter i."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, alive: list[int]) -> Tensor:
        best = z[: alive[0]].clone()
        at = torch.zeros_like(best, dtype=torch.uint8)
        higher = torch.empty_like(best, dtype=torch.bool)
        for i, (n, end) in enumerate(zip(alive, accumulate(alive), strict=True)):
            new = z[end - n : end]
            now = torch.gt(new, best[:n], out=higher[:n]).view(torch.uint8).mul_(i)
            torch.maximum(at[:n], now, out=at[:n])  # the last i at which it rose
            torch.maximum(best[:n], new, out=best[:n])
        ctx.save_for_backward(at)
        ctx.alive, ctx.rows = alive, len(z)
        return best

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (at,), g = ctx.saved_tensors, grads[0]
        U, d = g.shape
        first = torch.tensor([0, *accumulate(ctx.alive[:-1])], device=g.device)
        row = first[at.long()] + torch.arange(U, device=g.device)[:, None]
        place = row * d + torch.arange(d, device=g.device)
        dz = g.new_zeros(ctx.rows * d)
        return dz.scatter_(0, place.flatten(), g.flatten()).view(ctx.rows, d), None
