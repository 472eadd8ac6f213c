"""The training loop: one for every model that learns by gradient.

    for event in fit(model, task, training, state):
        match event:
            case Step(): ...
            case Evaluated(best=True): ...

`fit` is a generator of events and calls nobody back.  Each turn of its loop asks the state what is
due, does that one thing, brings the state up to date and yields; so it can be left at any event,
saved, and taken up again, here or in another process, and the rest is the same to the last bit.
"""

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from malmoi.carry import Carry, detach
from malmoi.errors import DataError, Diverged, Interrupted, UsageError
from malmoi.objective import Batch, Task
from malmoi.training import device as devices, optimisers
from malmoi.training.config import Training
from malmoi.training.distributed import ALONE, World
from malmoi.training.events import Evaluated, Event, Finished, Reason, Step
from malmoi.training.interrupts import Stop, heed
from malmoi.training.state import State, check_finite


class Objective(nn.Module):
    """The task's loss as a module's forward: what `torch.compile` and DDP know how to handle."""

    def __init__(self, model: nn.Module, task: Task) -> None:
        super().__init__()
        self.model = model
        self.task = task

    def forward(self, batch: Any, carry: Carry) -> tuple[Tensor, int, Carry]:
        loss, carry = self.task.loss(self.model, batch, carry)
        return loss.sum, loss.count, carry


def fit(
    model: nn.Module,
    task: Task,
    training: Training,
    state: State,
    *,
    world: World = ALONE,
    stop: Stop | None = None,
) -> Iterator[Event]:
    """Train from where `state` stands to the end, yielding what happens.

    Model and state are changed in place; at every event they are complete.  Raises Diverged at the
    first loss, gradient or weight that is not finite, and Interrupted after a signal noted by
    `stop`; model and state are then still those of the last event.
    """
    loop = _Loop(model, task, training, state, world, stop or Stop())
    while True:
        heed(world.highest(loop.stop.signal))
        started = time.perf_counter()
        reason = over(training, state)
        if evaluation_is_due(training, state, reason):
            yield loop.evaluate(started)
        elif reason:
            yield Finished(state.step, loop.epoch, reason)
            return
        else:
            yield loop.update(started)


def over(training: Training, state: State) -> Reason | None:
    """Which limit the training has reached."""
    if training.steps and state.step >= training.steps:
        return "steps"
    if not training.steps and state.epoch >= training.epochs:
        return "epochs"
    if training.patience and state.stale >= training.patience:
        return "patience"
    if training.minutes and state.seconds + state.evaluating >= 60 * training.minutes:
        return "minutes"
    return None


def evaluation_is_due(training: Training, state: State, reason: Reason | None) -> bool:
    """After `evaluate_every` steps, or each epoch; and at the end.  Once for a step."""
    if state.step == state.evaluated:
        return False
    if reason:
        return True
    every = training.evaluate_every
    return state.step % every == 0 if every else state.batch == 0


class _Loop:
    """What `fit` holds on to between two events that need not be saved."""

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        training: Training,
        state: State,
        world: World,
        stop: Stop,
    ) -> None:
        self.model, self.task, self.training, self.state = model, task, training, state
        self.world, self.stop = world, stop
        objective = Objective(model, task)
        if training.compile:
            objective.compile()
        self.objective = world.wrap(objective)
        self.weights = [p for p in model.parameters() if p.requires_grad]
        self.device = self.weights[0].device
        self.batches: Sequence[Any] = ()
        self.read: tuple[int, int] = (-1, -1)  # the (epoch, batch) that lies ready
        self.ready: Any = None

    @property
    def epoch(self) -> int:
        """The number of the epoch that the last step belonged to, from 1."""
        return max(1, self.state.epoch + (self.state.batch > 0))

    def batch(self, k: int) -> Any:
        """Batch k of this epoch; the last one asked for lies ready."""
        place = (self.state.epoch, k)
        if self.read[0] != self.state.epoch:
            self.batches = self.task.batches("train", epoch=self.state.epoch)
            if not len(self.batches):
                raise DataError(
                    "there is nothing to train on",
                    where=f"epoch {self.state.epoch + 1} has no batches",
                    hint="more text, or a smaller batch",
                )
        if self.read != place:
            self.read, self.ready = place, self.batches[k]
        return self.ready

    def update(self, started: float) -> Step:
        """Read `accumulate` batches and follow their gradient once."""
        state, training = self.state, self.training
        first = self.batch(state.batch)
        size = min(training.accumulate, len(self.batches) - state.batch)
        batches = [first, *(self.batch(state.batch + k) for k in range(1, size))]
        if not state.horizon:
            each = -(-len(self.batches) // training.accumulate)
            state.horizon = training.steps or training.epochs * each
        lr = training.rate(
            state.step + 1, horizon=state.horizon, epoch=state.epoch, decays=state.decays
        )

        self.model.train()
        devices.seed(state.seed, state.step, self.world.rank)
        loss, events, carry = self.gradient(batches)
        gradients = [p.grad for p in self.weights if p.grad is not None]
        loss, norm = torch.stack((loss, optimisers.norm_of(gradients))).tolist()
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise self.diverged(loss, norm)
        optimisers.clip_(gradients, norm, training.clip)
        for group in state.optimizer.param_groups:
            group["lr"] = lr
        state.optimizer.step()

        state.step += 1
        state.batch += size
        epoch = state.epoch + 1
        if state.batch == len(self.batches):
            state.epoch, state.batch, state.carry = state.epoch + 1, 0, None
        else:  # what a fresh batch would drop need not be kept, nor saved
            state.carry = None if self.batch(state.batch).fresh else carry
        seconds = self.world.tell(time.perf_counter() - started)
        state.seconds += seconds
        return Step(state.step, epoch, loss, norm, lr, events, seconds)

    def gradient(self, batches: list[Batch]) -> tuple[Tensor, int, Carry]:
        """Leave ∇ Σ sum / Σ events in the weights; return the loss, the events and the carry."""
        events = sum(batch.events for batch in batches)
        if not events:
            raise DataError("a batch in which nothing is scored", where=self.place)
        self.state.optimizer.zero_grad()
        total, carry = torch.zeros((), device=self.device), self.state.carry
        for batch in batches:
            carry = None if batch.fresh else carry
            part, counts = self.world.part(batch)
            scored = part.events
            with (
                self.world.company(),
                self.world.quietly(self.objective, last=batch is batches[-1]),
            ):
                with devices.precision(self.training, self.device):
                    loss, count, carry = self.objective(part.to(self.device), carry)
                assert count == scored, f"the task counted {count} events where {scored} are"
                # DDP takes the mean over the processes: times their number, it is the sum
                (loss * (counts * self.world.size / events)).backward()
            carry = detach(carry) if counts else None
            total = total + counts * loss.detach()
        return self.world.sum(total) / events, events, carry

    def evaluate(self, started: float) -> Evaluated:
        """Measure the model, in full precision, and judge it."""
        state, (name, way) = self.state, self.task.better
        check_finite(self.model, state.step)
        measures = self.measured()
        if name not in measures:
            raise UsageError(
                f"the task judges by {name} but does not measure it",
                where=f"it measures {', '.join(measures) or 'nothing'}",
            )
        best = state.judge(measures[name], way, self.training, self.model)
        state.evaluated = state.step
        state.evaluating = self.world.tell(time.perf_counter() - started)
        state.seconds += state.evaluating
        return Evaluated(state.step, self.epoch, measures, best)

    def measured(self) -> dict[str, float]:
        """The measures, taken by process 0.  A signal need not wait for them: nothing has changed
        since the last event."""
        if self.world.leads:
            self.model.eval()
            try:
                with torch.no_grad(), self.stop.at_once():
                    measures = dict(self.task.measure(self.model, "valid"))
            except Interrupted:
                self.world.tell({"signal": self.stop.signal})
                raise
            return dict(self.world.tell({"measures": measures})["measures"])
        told = self.world.tell(None)
        heed(told.get("signal", 0))
        return dict(told["measures"])

    @property
    def place(self) -> str:
        return (
            f"step {self.state.step + 1:,}, epoch {self.state.epoch + 1}, "
            f"batch {self.state.batch + 1:,}"
        )

    def diverged(self, loss: float, norm: float) -> Diverged:
        """Say where it broke, while weights and state are still those of the last good step."""
        bad = [
            f"gradient of {name}: {wrong:,} of {p.numel():,} values are not finite"
            for name, p in self.model.named_parameters()
            if p.grad is not None and (wrong := int((~torch.isfinite(p.grad)).sum()))
        ]
        what = (
            f"the loss is {loss}" if not math.isfinite(loss) else f"the gradient's norm is {norm}"
        )
        return Diverged(
            f"training diverged: {what}",
            where=(self.place, *bad[:1]),
            hint="a lower lr, a longer warmup, or clip",
            safe="the weights of the step before are finite" if self.state.step else "",
        )
