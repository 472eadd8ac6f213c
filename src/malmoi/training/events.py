"""What happens while a model learns.  `fit` yields these; nothing is called back."""

from typing import Literal, NamedTuple, TypeAlias

Reason: TypeAlias = Literal["epochs", "steps", "patience", "minutes"]


class Step(NamedTuple):
    """One update of the weights.

    step, epoch: counted from 1.  loss: nats an event, over all processes.  norm: of the gradient,
    before clipping.  events: scored in this step.  seconds: that it took.
    """

    step: int
    epoch: int
    loss: float
    norm: float
    lr: float
    events: int
    seconds: float


class Evaluated(NamedTuple):
    """The model was measured on the `valid` split.  best: better than at every time before."""

    step: int
    epoch: int
    measures: dict[str, float]
    best: bool


class Finished(NamedTuple):
    """Training is over.  reason: which limit was reached."""

    step: int
    epoch: int
    reason: Reason


Event: TypeAlias = Step | Evaluated | Finished
