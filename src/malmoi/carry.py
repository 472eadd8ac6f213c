"""What a model carries from one step to the next.

A carry is a tensor, None, or a tuple of carries.  One convention holds for every model in
malmoi: **axis 0 of every tensor in a carry is the batch.**  Beam search can then re-order any
model's memory, truncated back-propagation can cut it, and several processes can share it, without
knowing whether it is an n-gram's last words, an LSTM's (h, c) or a Transformer's keys and values.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from torch import Tensor

Carry: TypeAlias = Tensor | tuple[Any, ...] | None
C = TypeVar("C")


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


def select(carry: C, rows: Tensor) -> C:
    """Take the given batch rows, repeats allowed (beam search)."""
    return tree_map(lambda t: t.index_select(0, rows), carry)
