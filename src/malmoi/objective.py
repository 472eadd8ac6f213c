"""What is learnt: the words in which a task and the training loop speak.

A task is examples, a loss and measures; training knows nothing else about it.  The loss is a sum
and a count, never a mean, so that k unequal batches, or W unequal processes, add up to exactly the
gradient of one large batch:

    ∇ (1/N) Σ_i sum_i  =  (1/N) Σ_i ∇ sum_i         N = Σ_i count_i
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Loss:
    """sum: nats over the batch, a scalar with a gradient.  count: the events summed over."""

    sum: Tensor
    count: int


@runtime_checkable
class Batch(Protocol):
    """Some examples, `len` rows.  fresh: the carry of the batch before does not belong to them."""

    def __len__(self) -> int: ...
    @property
    def events(self) -> int: ...
    @property
    def fresh(self) -> bool: ...
    def to(self, device: torch.device) -> Any: ...
    def rows(self, part: slice) -> Any: ...


@runtime_checkable
class Task(Protocol):
    """better: the measure that chooses the best weights, and which way is up.

    batches: a pure function of (split, epoch), so that a place in the training is two integers.
    loss: carry None means begin; the carry returned goes to the next batch unless that is fresh.
    """

    @property
    def better(self) -> tuple[str, Literal["lower", "higher"]]: ...
    def batches(self, split: str, *, epoch: int) -> Sequence[Any]: ...
    def loss(self, model: Any, batch: Any, carry: Any) -> tuple[Loss, Any]: ...
    def measure(self, model: Any, split: str) -> Mapping[str, float]: ...
