"""What a law says of a model: the largest difference between what must be the same.

Each difference is of log-probabilities, or of probabilities, relative to their size:
|a − b| / max(1, |a|).  Limits are those of float32; float64 (a count table) has its own.
A law that a model cannot break, or that would take too much memory, is passed over in silence.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias, TypeVar

import torch
from torch import Tensor

Bench = TypeVar("Bench")
CELLS = 2**22
"""The most numbers that one test holds."""

Measured: TypeAlias = tuple[float, float] | None
"""The difference and the limit; None where there is nothing to test."""
Laws: TypeAlias = tuple[tuple[str, Callable[[Bench], Measured], str], ...]
"""Name, test, and what it says."""


class Finding(NamedTuple):
    """difference: the largest that was measured; ok: it is at most the limit."""

    law: str
    ok: bool
    difference: float
    limit: float
    explanation: str


def findings(laws: Laws[Bench], bench: Bench) -> Iterator[Finding]:
    """One finding for each law, as they are made."""
    for name, law, explanation in laws:
        with torch.no_grad():  # not around the yield: it would hold for the caller too
            measured = law(bench)
        if measured is not None:
            difference, limit = measured
            yield Finding(name, difference <= limit, difference, limit, explanation)


def apart(a: Tensor, b: Tensor) -> float:
    """The largest difference, relative beyond 1; infinite where only one is -inf or a NaN is."""
    if a.shape != b.shape:
        return math.inf
    a, b = a.to("cpu", torch.float64), b.to("cpu", torch.float64)
    difference = ((a - b).abs() / a.abs().clamp(min=1)).masked_fill(a == b, 0.0)
    return float(difference.nan_to_num(nan=math.inf).max()) if difference.numel() else 0.0
