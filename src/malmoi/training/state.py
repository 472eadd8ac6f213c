"""Where a training stands: everything, besides the weights, that going on needs.

The caller owns it and may save it at every event: it is complete there.  What will happen next (a
step, an evaluation, the end) is decided from it and the recipe alone.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from malmoi.errors import Diverged
from malmoi.training import optimisers
from malmoi.training.config import Training


@dataclass
class State:
    """step: updates made.  epoch: epochs finished.  batch: batches read of the epoch begun.

    horizon: the step at which the schedule ends, known once the first epoch is.  decays: of the
    plateau schedule.  evaluated: the step of the last evaluation.  best: its measure, at
    `best_step`, with `best_weights`.  stale: evaluations since then.  seconds: spent in steps and
    evaluations; evaluating: in the last evaluation.  carry: what the next batch begins from, the
    rows of this process.
    """

    optimizer: torch.optim.Optimizer
    seed: int = 0
    step: int = 0
    epoch: int = 0
    batch: int = 0
    horizon: int = 0
    decays: int = 0
    evaluated: int = 0
    best: float | None = None
    best_step: int = 0
    stale: int = 0
    seconds: float = 0.0
    evaluating: float = 0.0
    carry: Any = None
    best_weights: dict[str, Tensor] | None = None

    @classmethod
    def begin(cls, model: nn.Module, training: Training, *, seed: int) -> "State":
        """The state before the first step.  The model is on its device already."""
        return cls(optimisers.build(model, training), seed=seed)

    def judge(
        self, value: float, way: Literal["lower", "higher"], training: Training, model: nn.Module
    ) -> bool:
        """Take note of a measure: the best so far, with its weights, or one more that is not.

        A measure that is not finite is never best: not even the first.  A plateau's rate falls
        unless the best is bettered by more than the training's margin.
        """
        better = math.isfinite(value) and (
            self.best is None or (value < self.best if way == "lower" else value > self.best)
        )
        enough = better and (self.best is None or abs(value - self.best) > training.margin)
        self.decays += training.schedule == "plateau" and not enough
        if better:
            self.best, self.best_step, self.stale = value, self.step, 0
            self.best_weights = copy(model)
        else:
            self.stale += 1
        return better

    def weights(self, model: nn.Module) -> dict[str, Tensor]:
        """The best weights, or the model's own if it was never measured: what a run keeps."""
        return self.best_weights if self.best_weights is not None else model.state_dict()


def copy(model: nn.Module) -> dict[str, Tensor]:
    """The weights as they are now, in the CPU's memory; tied ones stay one tensor."""
    copies: dict[tuple[int, tuple[int, ...]], Tensor] = {}
    weights = {}
    for name, t in model.state_dict().items():
        key = (t.data_ptr(), tuple(t.shape))
        if key not in copies or not t.numel():
            copies[key] = t.detach().to("cpu", copy=True)
        weights[name] = copies[key]
    return weights


def check_finite(model: nn.Module, step: int) -> None:
    """Raise Diverged if a weight is not a number: such weights are neither saved nor measured."""
    for name, t in model.state_dict().items():
        if t.is_floating_point() and not bool(torch.isfinite(t).all()):
            raise Diverged(
                f"the weights are not finite any more after step {step:,}",
                where=f"{name}: {int((~torch.isfinite(t)).sum()):,} of {t.numel():,} values",
                hint="a lower lr, a longer warmup, or clip",
            )
