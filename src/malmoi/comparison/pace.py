"""How much training fits into a share of time: measured, not guessed."""

import dataclasses
import itertools
import statistics
import tempfile
from pathlib import Path

import torch

from malmoi.recipe import Recipe
from malmoi.tasks import AnyTask
from malmoi.tasks.word_vectors import WordVectorsTask
from malmoi.training import device as devices
from malmoi.training.events import Step
from malmoi.training.fit import fit
from malmoi.training.state import State

WARM, MEASURED = 2, 5  # steps
PACED = ("steps", "threads", "warmup", "evaluate_every", "minutes")  # what `fitted` decides


def fitted(recipe: Recipe, *, seconds: float) -> Recipe:
    """The recipe with as many steps as fit, and a time limit in case the machine slows down.

    A few steps are taken and thrown away to see how long one lasts, on one thread and on all (two
    on a busy machine can be slower than one), unless the recipe says how many.  A seventh of the
    time is left for evaluations, of which there are as many as it allows, up to twelve.
    """
    before = torch.get_num_threads()
    with tempfile.TemporaryDirectory(prefix="malmoi-pace-") as folder:
        task = recipe.task.prepare(Path(folder), recipe.seed)
        assert not isinstance(task, WordVectorsTask)  # refused before
        choices = [recipe.training.threads] if recipe.training.threads else sorted({1, before})
        step, threads = min((_step(recipe, task, threads), threads) for threads in choices)
        epoch = -(-len(task.batches("train", epoch=0)) // recipe.training.accumulate)
        read = task.events["train"] / epoch  # in a step
        evaluation = task.events["valid"] * step / read / 2  # no backward pass
    torch.set_num_threads(before)
    evaluations = max(2, min(12, int(seconds / 7 / evaluation)))
    steps = max(1, int((seconds - evaluations * evaluation) / step))
    steps = min(steps, recipe.training.steps or recipe.training.epochs * epoch)
    plan = dataclasses.replace(
        recipe.training,
        steps=steps,
        threads=threads,
        warmup=min(recipe.training.warmup, steps // 10),
        evaluate_every=max(1, -(-steps // evaluations)),
        minutes=1.15 * seconds / 60,
    )
    return dataclasses.replace(recipe, training=plan)


def _step(recipe: Recipe, task: AnyTask, threads: int) -> float:
    """How many seconds a training step lasts on so many threads."""
    plan = dataclasses.replace(
        recipe.training,
        threads=threads,
        evaluate_every=10**9,
        schedule="constant",
        floor=0.0,
        decay_after=0,
    )
    torch.manual_seed(recipe.seed)
    model = recipe.model.build(task.sizes)
    assert isinstance(model, torch.nn.Module)
    assert not isinstance(task, WordVectorsTask)
    model.to(devices.prepare(plan))
    state = State.begin(model, plan, seed=recipe.seed)
    events = itertools.islice(fit(model, task, plan, state), WARM + MEASURED)
    taken = [event.seconds for event in events if isinstance(event, Step)]
    return statistics.median(taken[WARM:] or taken)
