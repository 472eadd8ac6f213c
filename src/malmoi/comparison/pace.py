"""How much training fits into a share of time: measured, not guessed."""

import dataclasses
import statistics
import tempfile
from pathlib import Path

import torch

from malmoi.recipe import Recipe
from malmoi.training import device as devices
from malmoi.training.events import Step
from malmoi.training.fit import fit
from malmoi.training.state import State

WARM, MEASURED = 3, 8  # steps


def fitted(recipe: Recipe, *, seconds: float) -> Recipe:
    """The recipe with as many steps as fit, and a time limit in case the machine slows down.

    A few steps are taken and thrown away to see how long one lasts.  A tenth of the time is left
    for evaluations, of which there are as many as that tenth allows, up to twelve.
    """
    with tempfile.TemporaryDirectory(prefix="malmoi-pace-") as folder:
        task = recipe.task.prepare(Path(folder), recipe.seed)
        torch.manual_seed(recipe.seed)
        model = recipe.model.build(task.sizes)
        assert isinstance(model, torch.nn.Module)
        model.to(devices.prepare(recipe.training))
        endless = dataclasses.replace(recipe.training, evaluate_every=10**9, schedule="constant")
        state = State.begin(model, endless, seed=recipe.seed)
        taken: list[Step] = []
        for event in fit(model, task, endless, state):
            if isinstance(event, Step):
                taken.append(event)
            if len(taken) == WARM + MEASURED or not isinstance(event, Step):
                break
        step = statistics.median(event.seconds for event in taken[-MEASURED:])
        rate = taken[-1].events / step
        evaluation = task.corpora["valid"].events / (2 * rate)  # it has no backward pass
        epoch = len(task.batches("train", epoch=0))
    evaluations = max(2, min(12, int(0.15 * seconds / evaluation)))
    steps = max(1, int((seconds - evaluations * evaluation) / step))
    steps = min(steps, recipe.training.epochs * epoch)
    plan = dataclasses.replace(
        recipe.training,
        steps=steps,
        warmup=min(recipe.training.warmup, steps // 10),
        evaluate_every=max(1, -(-steps // evaluations)),
        minutes=1.15 * seconds / 60,
    )
    return dataclasses.replace(recipe, training=plan)
