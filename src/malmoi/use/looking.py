"""What a translator looks at while it writes: the mean over its layers and heads.

with looking(model) as look:
    model(x, carry)
    look()                  [R, T, S], of what was read last; rows sum to 1
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from malmoi.decode.hypothesis import Hypothesis
from malmoi.errors import UsageError
from malmoi.layers.tap import Tap
from malmoi.sentences import Sentences

CROSS = ("cross.alpha", "attention.alpha")
"""The taps of attention to the source: the first of these that a decoder has."""


def crossing(model: nn.Module) -> list[Tap]:
    """Where the weights of its looks at the source pass, a tap a layer; none without attention."""
    taps = {name: part for name, part in model.named_modules() if isinstance(part, Tap)}
    for ending in CROSS:
        if found := [tap for name, tap in taps.items() if name.endswith(ending)]:
            return found
    return []


@contextmanager
def looking(model: nn.Module) -> Iterator[Callable[[], Float[Tensor, "R T S"]]]:
    """Listen to its looks at the source.  Raises UsageError for a model that has none."""
    taps = crossing(model)
    if not taps:
        raise UsageError(
            "this translator does not look back at its source",
            hint="bahdanau, luong, convs2s and transformer have attention",
        )
    heard: dict[Tap, Tensor] = {}

    def write_down(tap: Any, _x: Any, alpha: Tensor) -> None:
        heard[tap] = alpha.detach()

    hooks = [tap.register_forward_hook(write_down) for tap in taps]
    try:
        yield lambda: torch.stack([_over_heads(heard[tap]) for tap in taps]).mean(0)
    finally:
        for hook in hooks:
            hook.remove()


def _over_heads(alpha: Tensor) -> Float[Tensor, "R T S"]:
    return alpha.mean(1) if alpha.dim() == 4 else alpha


@torch.no_grad()
def look_of(model: Any, source: Sentences, hypothesis: Hypothesis) -> Float[Tensor, "T S"]:
    """With what look each of its tokens was written, `</s>` left out; read once more, from the
    beginning.  source: one."""
    x = torch.tensor([[0, *hypothesis.tokens[:-1]]], device=source.ids.device)
    carry = model.begin(source)
    with looking(model) as look:
        model(x, carry)
        return look()[0]
