"""What a model carries from one step to the next.

A carry is a tensor, None, or a tuple of carries.  One convention holds for every model in
malmoi: **axis 0 of every tensor in a carry is the batch.**  Beam search can then re-order any
model's memory, truncated back-propagation can cut it, and several processes can share it, without
knowing whether it is an n-gram's last words, an LSTM's (h, c) or a Transformer's keys and values.

What was read once and is only looked at from then on, the source of a translation, stands in a
`Memory`.  k texts written from one source, as in a beam, may share its row: a carry whose memory
has M rows and whose other tensors have R = M·k gives memory row i to the rows i·k … i·k + k − 1.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar, runtime_checkable

import torch
from torch import Tensor

Carry: TypeAlias = Tensor | tuple[Any, ...] | None
C = TypeVar("C")


class Memory(NamedTuple):
    """What is made once from a source and never changes; its tensors have M rows."""

    of: Any


@runtime_checkable
class Stepper(Protocol[C]):
    """Anything that reads tokens one after another: the whole ladder, seen from above."""

    def __call__(self, x: Tensor, carry: C, /) -> tuple[Tensor, C]:
        """Read x [B, T]; return logits of the next token at each place [B, T, V], and the carry."""
        ...


@runtime_checkable
class LanguageModel(Stepper[C], Protocol[C]):
    """A stepper that can begin by itself and say how likely a text is.

    Token 0 is the boundary: read, it is the beginning of a sentence `<s>`; written, its end
    `</s>`.  V counts `</s>` and `<unk>`, so every conditional sums to 1 over the V logits.
    """

    context: int | None
    """The most tokens it can read in one go (positions of a GPT), or None if there is no limit."""

    def begin(self, batch: int) -> C:
        """The carry before anything is read."""
        ...

    def log_prob(self, x: Tensor, y: Tensor, carry: C) -> tuple[Tensor, C]:
        """log p(y_t | x_1..t, carry), natural logarithm, [B, T]; equals a gather of the whole."""
        ...


def tree_map(f: Callable[[Tensor], Tensor], carry: C) -> C:
    """Apply `f` to every tensor of `carry`, keeping its structure."""
    tree: Any = carry
    if tree is None:
        return carry
    if isinstance(tree, Tensor):
        return f(tree)  # type: ignore[return-value]
    parts = [tree_map(f, part) for part in tree]
    return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)  # type: ignore[return-value]


def detach(carry: C) -> C:
    """Keep the values and forget how they were computed (truncated BPTT)."""
    return tree_map(Tensor.detach, carry)


def select(carry: C, rows: Tensor, *, each: int = 1, into: int | None = None) -> C:
    """Take the given batch rows, repeats allowed (beam search).

    each: how many rows share a row of memory; the rows then come in groups of so many (of `into`,
    if the groups shall have another size from now on), and those of a group are from one group.
    A memory whose rows all stay where they are is not copied.
    """
    if isinstance(carry, Memory):
        rows = rows[:: into or each] // each
        stays = torch.equal(rows, torch.arange(_size(carry), device=rows.device))
        return carry if stays else tree_map(lambda t: t.index_select(0, rows), carry)
    if isinstance(carry, tuple):
        parts = [select(part, rows, each=each, into=into) for part in carry]
        return type(carry)(*parts) if hasattr(carry, "_fields") else tuple(parts)  # type: ignore[return-value]
    return tree_map(lambda t: t.index_select(0, rows), carry)


def shares(carry: C) -> bool:
    """Does the carry have a memory, whose rows several others may share?"""
    if isinstance(carry, tuple) and not isinstance(carry, Memory):
        return any(shares(part) for part in carry)
    return isinstance(carry, Memory)


def _size(carry: Any) -> int:
    """How many rows the first of the tensors has; -1 if there is none."""
    if isinstance(carry, tuple):
        return next((size for part in carry if (size := _size(part)) >= 0), -1)
    return -1 if carry is None else carry.size(0)


def widen(carry: C, each: int) -> C:
    """Every row `each` times, one after another; a memory stays as it is and is shared."""
    if isinstance(carry, Memory):
        return carry
    if isinstance(carry, tuple):
        parts = [widen(part, each) for part in carry]
        return type(carry)(*parts) if hasattr(carry, "_fields") else tuple(parts)  # type: ignore[return-value]
    return tree_map(lambda t: t.repeat_interleave(each, 0), carry)
