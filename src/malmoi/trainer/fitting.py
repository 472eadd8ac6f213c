"""The training of a network: `fit` follows the gradient, and what happens is kept and told."""

import json
import shlex
import time
from collections.abc import Generator
from typing import Any

from malmoi.carry import LanguageModel
from malmoi.errors import Interrupted, RunError
from malmoi.models import Network
from malmoi.recipe import Recipe
from malmoi.run import Draft
from malmoi.tasks import LearntByGradient
from malmoi.tasks.language_modelling import LanguageModellingTask
from malmoi.trainer.happenings import Announced, Event, Planned, Resumed
from malmoi.trainer.plain import plain
from malmoi.training import checkpoint
from malmoi.training.config import Training
from malmoi.training.events import Evaluated, Finished, Step
from malmoi.training.fit import fit
from malmoi.training.interrupts import heed, signals
from malmoi.training.state import State


def fitting(
    model: Network,
    task: LearntByGradient,
    recipe: Recipe,
    draft: Draft,
    record: dict[str, Any],
) -> Generator[Event, None, dict[str, Any]]:
    """Follow the gradient to the end, writing metrics and checkpoints on the way."""
    plan, read, reading = recipe.training, 0, 0.0
    best: dict[str, float | str] | None = None  # what the best weights measured on valid
    if draft.resumable:
        known = json.loads((draft.folder / "model.json").read_bytes())
        if known != record:
            raise RunError(
                "the text is not the one this run began with",
                where=[
                    f"{k}: {known.get(k)} then, {v} now"
                    for k, v in record.items()
                    if known.get(k) != v
                ],
                hint="put the text back as it was, or train anew",
                safe="the checkpoint is intact",
            )
        loaded = draft.resume(model, plan)
        state = loaded.state
        read, reading = loaded.notes["read"], loaded.notes["reading"]
        best = loaded.notes["best"]
        if isinstance(task, LanguageModellingTask):  # a reader of whole texts carries nothing
            assert isinstance(model, LanguageModel)
            state.carry = checkpoint.retyped(state.carry, model.begin(1))
        yield Resumed(state.step)
        yield from (Announced(f"the last bit may differ: {d}") for d in loaded.differs)
    else:
        draft.begin(recipe=recipe.to_toml(), model=record)
        state = State.begin(model, plan, seed=recipe.seed)
    saved, planned, reason = time.monotonic(), 0, ""

    def save() -> None:
        draft.save(state, model, notes={"read": read, "reading": reading, "best": best})

    with signals(others=draft.world.size > 1) as stop:
        try:
            for event in fit(model, task, plan, state, world=draft.world, stop=stop):
                if isinstance(event, Step):
                    read, reading = read + event.events, reading + event.seconds
                elif isinstance(event, Evaluated) and event.best:
                    best = plain(event.measures)
                elif isinstance(event, Finished):
                    reason = event.reason
                if row := _row(event, plan, state, read):
                    draft.record(row)
                yield event
                if state.horizon != planned:
                    planned = state.horizon
                    yield Planned(planned)
                due = isinstance(event, Finished) or time.monotonic() - saved >= plan.save_every
                if draft.world.highest(int(due)):  # any process's clock is every process's
                    save()
                    saved = time.monotonic()
            heed(draft.world.highest(stop.signal))  # it may have come in the last save
        except Interrupted as error:
            save()
            raise Interrupted(
                f"{error.what} at step {state.step:,}",
                signal=error.exit_code - 128,
                safe=f"everything up to step {state.step:,}",
                hint=f"malmoi train --resume {shlex.quote(str(draft.folder))}",
            ) from None
    if state.best_weights is not None:
        model.load_state_dict(state.best_weights)
    return {
        "announcements": [],
        "seconds": state.seconds,
        "tokens_per_second": read / max(reading, 1e-9),
        "steps": state.step,
        "epochs": state.epoch,
        "best_step": state.best_step,
        "valid": best,
        "reason": reason,
    }


def _row(event: Any, plan: Training, state: State, read: int) -> dict[str, Any] | None:
    """The line of metrics.jsonl that an event leaves, if it leaves one."""
    seconds = round(state.seconds, 3)
    match event:
        case Step(step=step) if step % plan.log_every == 0 or step == 1:
            return {
                "event": "step",
                "step": step,
                "epoch": event.epoch,
                "loss": event.loss,
                "norm": event.norm,
                "lr": event.lr,
                "read": read,
                "seconds": seconds,
            }
        case Evaluated():
            return {
                "event": "evaluated",
                "step": event.step,
                "epoch": event.epoch,
                "best": event.best,
                "read": read,
                "seconds": seconds,
                **plain(event.measures),
            }
        case Finished():
            return {"event": "finished", "step": event.step, "reason": event.reason}
    return None
