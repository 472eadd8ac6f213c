"""Recipe → run: the whole story.

    for event in training(recipe, "runs/lstm"): ...      watch it
    run = train(recipe, "runs/lstm")                     or wait for it

The text is learnt and written as numbers; a count table counts them (`counting`), word vectors are
moved as the text is swept over (`sweeping`), a network is fitted by gradient and saved as it goes
(`fitting`); then the best weights are measured and the run folder is sealed.
"""

import dataclasses
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from malmoi.card import card
from malmoi.errors import RunError, UsageError
from malmoi.layers.embedding import start
from malmoi.models import Model, ngram, word2vec
from malmoi.models.charcnn import CharCNN
from malmoi.recipe import Recipe, kind_of
from malmoi.run import Draft, Run, claim
from malmoi.tasks import AnyTask
from malmoi.tasks.classification import ClassificationTask
from malmoi.tasks.language_modelling import LanguageModellingTask
from malmoi.tasks.tagging import TaggingTask
from malmoi.tasks.translation import TranslationTask
from malmoi.tasks.word_vectors import WordVectorsTask
from malmoi.trainer.counting import counting
from malmoi.trainer.fitting import fitting
from malmoi.trainer.happenings import (
    Announced,
    Counted,
    Event,
    Measuring,
    Planned,
    Prepared,
    Resumed,
    Trained,
)
from malmoi.trainer.plain import plain
from malmoi.trainer.sweeping import sweeping
from malmoi.training import device as devices
from malmoi.training.distributed import join, one_process

BRINGS = ClassificationTask | TaggingTask | LanguageModellingTask  # word vectors to begin with

__all__ = [
    "Announced", "Counted", "Event", "Measuring", "Planned", "Prepared", "Resumed", "Trained",
    "resumed", "train", "training",
]  # fmt: skip


def train(recipe: Recipe, to: str | Path) -> Run:
    """Train and return the finished run.  Raises RunError if `to` holds one already."""
    *_, last = training(recipe, to)
    assert isinstance(last, Trained)
    return last.run


def training(recipe: Recipe, to: str | Path) -> Iterator[Event]:
    """Train into the folder `to`, which is new, telling what happens."""
    with join(devices.choose(recipe.training.device)) as world, claim(to, world=world) as draft:
        if draft.finished or draft.resumable:
            what = "a finished run" if draft.finished else "a run that was stopped"
            raise RunError(
                f"there is {what} in {to}",
                hint="choose another folder with --to"
                if draft.finished
                else f"malmoi train --resume {shlex.quote(str(to))}, or another folder with --to",
            )
        yield from _training(recipe, draft)


def resumed(folder: str | Path) -> Iterator[Event]:
    """Go on with a run that was stopped; to the last bit as if it had not been."""
    recipe = _begun(Path(folder))
    with (
        join(devices.choose(recipe.training.device)) as world,
        claim(folder, world=world) as draft,
    ):
        if draft.finished:
            raise RunError(f"the run in {folder} is finished", hint=f"malmoi evaluate {folder}")
        if not draft.resumable:
            yield Announced("stopped before its first checkpoint: training begins anew")
        yield from _training(recipe, draft)


def _begun(folder: Path) -> Recipe:
    """The recipe of a run that was begun."""
    try:
        path = folder / "recipe.toml"
        return Recipe.from_toml(path.read_text("utf-8"), name=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(
            f"there is no run in {folder}",
            where=str(error),
            hint="malmoi train … --to FOLDER begins one",
        ) from error


def _training(recipe: Recipe, draft: Draft) -> Iterator[Event]:
    device = devices.prepare(recipe.training)
    with draft.world.first():
        task = recipe.task.prepare(draft.folder, recipe.seed, write=draft.world.leads)
    yield from (Announced(note) for note in task.announcements)
    torch.manual_seed(recipe.seed)
    model = recipe.model.build(task.sizes)
    if isinstance(task, BRINGS) and not draft.resumable:
        _start(model, task)
    if isinstance(model, CharCNN):
        assert isinstance(task, LanguageModellingTask)
        assert task.spellings is not None
        model.spell(torch.from_numpy(task.spellings.table))
    if isinstance(model, torch.nn.Module):
        model.to(device)
    record = _record(recipe, task)
    learns = isinstance(model, torch.nn.Module)
    yield Prepared(
        task.events["train"], task.unit, task.sizes.vocabulary, _size(model) if learns else 0
    )
    if isinstance(model, ngram.NGram):
        assert isinstance(task, LanguageModellingTask)
        draft.begin(recipe=recipe.to_toml(), model=record)
        said = yield from counting(model, task)
    elif isinstance(model, word2vec.Word2Vec):
        assert isinstance(task, WordVectorsTask)
        one_process()
        model.read(task.text.vocabulary.counts)  # or there is nothing to begin
        draft.begin(recipe=recipe.to_toml(), model=record)
        said = yield from sweeping(model, task, recipe, draft)
    else:
        assert not isinstance(task, WordVectorsTask)
        said = yield from fitting(model, task, recipe, draft, record)
    report: dict[str, Any] = {**said, "parameters": _size(model)}
    for split in ("valid", "test"):
        report.setdefault(split, None)
        if split not in task.events:
            continue
        assert not isinstance(task, WordVectorsTask)
        if not report[split] and getattr(model, "normalised", True) and draft.world.leads:
            yield Measuring(split)
            report[split] = plain(task.measure(model, split))
        if isinstance(task, TranslationTask) and draft.world.leads:
            yield Measuring(split)
            report[split] |= plain(task.final(model, split))
    report |= {
        "data_announcements": list(task.announcements),
        **task.facts,
        "machine": ", ".join(f"{k} {v}" for k, v in devices.environment(device).items()),
    }
    run = draft.finish(weights=model.state_dict(), report=report, readme=card(recipe, report))
    yield Trained(run)


def _start(model: Model, task: BRINGS) -> None:
    """Begin with the word vectors that the task brings, if it brings some."""
    vectors = task.start()
    if vectors is None:
        return
    embed = getattr(getattr(model, "words", model), "embed", None)
    if not isinstance(embed, torch.nn.Embedding):
        raise UsageError("this model has no word vectors to begin with", hint='task.vectors = ""')
    width = "d_word" if hasattr(model.config, "d_word") else "d"
    start(embed, torch.from_numpy(vectors), width=width)


def _size(model: Model) -> int:
    """How many numbers the model has learnt, or will."""
    return sum(p.numel() for p in model.parameters())


def _record(recipe: Recipe, task: AnyTask) -> dict[str, Any]:
    """model.json: what is built, how large, from exactly which text."""
    return {
        "kind": kind_of(recipe.model),
        **dataclasses.asdict(task.sizes),
        "data": task.fingerprint,
    }
