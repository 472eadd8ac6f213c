"""Listen to a model's taps while it runs."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from malmoi.layers.tap import Tap


@contextmanager
def listen(model: nn.Module, *names: str) -> Iterator[dict[str, list[Tensor]]]:
    """Collect what passes each tap whose path ends with one of `names` (all, if none is given).

    >>> with listen(model, "alpha") as heard:
    ...     logits, carry = model(x, model.begin(len(x)))
    >>> heard["blocks.0.attention.alpha"][0]     # [B, H, T, S]
    """
    heard: dict[str, list[Tensor]] = defaultdict(list)

    def write_down(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda _tap, _x, y: heard[name].append(y.detach())

    hooks = [
        tap.register_forward_hook(write_down(name))
        for name, tap in model.named_modules()
        if isinstance(tap, Tap) and (not names or name.endswith(names))
    ]
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()
