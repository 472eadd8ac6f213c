"""How a model is trained: every number that changes the result, and nothing else."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from malmoi.config import CONFIG
from malmoi.training import schedules

DEVICE = r"^(auto|cpu|mps|cuda(:\d{1,3})?)$"
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, config=CONFIG)
class Training:
    """The update:
    optimizer   sgd, adam, adamw, adadelta.  betas: of adam and adamw.  epsilon: of all but sgd.
                momentum, nesterov: of sgd.  rho: of adadelta, whose lr is usually 1.
    weight_decay  of matrices only; biases and norms (tensors of one axis) are left alone
    clip        the longest gradient: a longer one is shortened to this norm (0: never)
    accumulate  batches in one update; k small ones make one large one's gradient
    precision   bf16: matrix products in bfloat16, weights and sums in float32

    The learning rate, see `schedules`:
    lr          the highest.  warmup: steps up to it.  floor: the share of it where cosine and
                linear end.
    decay       plateau: multiplies the rate each time an evaluation is no improvement; or, with
                decay_after = k, after each epoch from the k-th on (Zaremba et al. 2014)
    margin      plateau: one by no more than this is no improvement (Kim et al. 2016)

    How long:
    epochs, steps  the length; steps, if given, rather than epochs
    minutes     for steps and evaluations together; it stops before they are over (0: no limit)
    patience    evaluations in a row without improvement before it is given up (0: never)

    What is done on the way:
    evaluate_every  steps (0: at the end of each epoch; at the end of training in any case)
    save_every  seconds between checkpoints.  log_every: steps between lines of metrics.jsonl.

    Where:
    device      auto: cuda if there is one.  threads: of the CPU (0: as torch chooses)
    compile     torch.compile; needs a C++ compiler
    """

    optimizer: Literal["sgd", "adam", "adamw", "adadelta"] = "adamw"
    lr: Positive = 1e-3
    betas: Annotated[tuple[float, float], Field(strict=False)] = (0.9, 0.999)
    epsilon: Positive = 1e-8
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    nesterov: bool = False
    rho: Annotated[float, Field(gt=0, lt=1)] = 0.95
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    schedule: Literal["constant", "cosine", "linear", "plateau", "noam"] = "constant"
    warmup: Count = 0
    floor: Share = 0.0
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.5
    decay_after: Count = 0
    margin: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    epochs: Annotated[int, Field(ge=1)] = 10
    steps: Count = 0
    minutes: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    patience: Count = 0
    clip: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    accumulate: Annotated[int, Field(ge=1)] = 1
    precision: Literal["fp32", "bf16"] = "fp32"
    evaluate_every: Count = 0
    save_every: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 300.0
    log_every: Annotated[int, Field(ge=1)] = 10
    threads: Count = 0
    device: Annotated[str, Field(pattern=DEVICE)] = "auto"
    compile: bool = False

    def __post_init__(self) -> None:
        faults = list(self._faults())
        if faults:
            raise ValueError("; ".join(faults))

    def _faults(self) -> list[str]:
        """What is wrong between the fields, a sentence each."""
        faults = []
        if not all(0 <= beta < 1 for beta in self.betas):
            faults.append(f"betas must be at least 0 and below 1, not {list(self.betas)}")
        if self.momentum and self.optimizer != "sgd":
            faults.append(f"momentum belongs to sgd, not to {self.optimizer}")
        if self.nesterov and not self.momentum:
            faults.append("nesterov looks ahead along the momentum, and momentum is 0")
        if self.schedule == "noam" and not self.warmup:
            faults.append("noam rises for `warmup` steps and falls from there: warmup must be > 0")
        if self.schedule in ("cosine", "linear") and self.steps and self.warmup >= self.steps:
            faults.append(
                f"the warm-up ({self.warmup} steps) leaves nothing of the {self.steps} steps"
            )
        if self.floor and self.schedule not in ("cosine", "linear"):
            faults.append(f"floor is where cosine and linear end; {self.schedule} does not end")
        if self.decay_after and self.schedule != "plateau":
            faults.append(f"decay_after belongs to the plateau schedule, not to {self.schedule}")
        if self.margin and (self.schedule != "plateau" or self.decay_after):
            faults.append("margin belongs to a plateau whose rate follows the measures")
        return faults

    def rate(self, step: int, *, horizon: int, epoch: int, decays: int) -> float:
        """The learning rate of update `step` (from 1), in the epoch of this index (from 0)."""
        t, w = step, self.warmup
        p = schedules.progress(t, w, horizon)
        match self.schedule:
            case "constant":
                factor = schedules.warmup(t, w)
            case "linear":
                factor = schedules.warmup(t, w) * schedules.linear(p, self.floor)
            case "cosine":
                factor = schedules.warmup(t, w) * schedules.cosine(p, self.floor)
            case "noam":
                factor = schedules.noam(t, w)
            case "plateau":
                if self.decay_after:
                    decays = schedules.decays_by_epoch(epoch, self.decay_after)
                factor = schedules.warmup(t, w) * schedules.plateau(decays, self.decay)
        return self.lr * factor
