"""Recipe → run: the whole story.

    for event in training(recipe, "runs/lstm"): ...      watch it
    run = train(recipe, "runs/lstm")                     or wait for it

The text is learnt and written as token streams; a count table counts them, a network is fitted to
them by gradient, saved as it goes; then its best weights are measured and the run folder is sealed.
"""

import dataclasses
import json
import math
import shlex
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import torch

from malmoi.card import card
from malmoi.errors import Interrupted, RunError, UsageError
from malmoi.layers.embedding import Words
from malmoi.models import Model, Network, ngram, word2vec
from malmoi.models.gpt import GPT
from malmoi.models.rnn import RNN
from malmoi.recipe import Recipe, kind_of
from malmoi.run import Draft, Run, claim
from malmoi.tasks import AnyTask
from malmoi.tasks.classification import ClassificationTask
from malmoi.tasks.language_modelling import LanguageModellingTask
from malmoi.tasks.tagging import TaggingTask
from malmoi.tasks.word_vectors import WordVectorsTask
from malmoi.training import checkpoint, device as devices
from malmoi.training.config import Training
from malmoi.training.distributed import join, one_process
from malmoi.training.events import Evaluated, Event as Happening, Finished, Reason, Step
from malmoi.training.fit import fit
from malmoi.training.interrupts import heed, signals
from malmoi.training.state import State


class Announced(NamedTuple):
    """Something a person should be told."""

    text: str


class Prepared(NamedTuple):
    """The data is read: so many of a unit (tokens, texts, words) to learn from, types of tokens,
    and how many numbers gradients will move."""

    events: int
    unit: str
    vocabulary: int
    parameters: int


class Resumed(NamedTuple):
    """The training goes on after this step."""

    step: int


class Planned(NamedTuple):
    """The training will end at this step, if nothing ends it before."""

    steps: int


class Counted(NamedTuple):
    """A count table is estimated, after so many seconds."""

    seconds: float


class Measuring(NamedTuple):
    """The model is read against a split, for the report."""

    split: str


class Trained(NamedTuple):
    """The run folder is sealed."""

    run: Run


Event: TypeAlias = (
    Happening | Announced | Prepared | Resumed | Planned | Counted | Measuring | Trained
)


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
    if isinstance(task, ClassificationTask | TaggingTask) and not draft.resumable:
        _start(model, task)
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
        said = yield from _counting(model, task)
    elif isinstance(model, word2vec.Word2Vec):
        assert isinstance(task, WordVectorsTask)
        one_process()
        draft.begin(recipe=recipe.to_toml(), model=record)
        said = yield from _sweeping(model, task, recipe, draft)
    else:
        assert not isinstance(task, WordVectorsTask)
        said = yield from _fitting(model, task, recipe, draft, record)
    report: dict[str, Any] = {**said, "parameters": _size(model)}
    for split in ("valid", "test"):
        report.setdefault(split, None)
        if split not in task.events:
            continue
        assert not isinstance(task, WordVectorsTask)
        if not report[split] and getattr(model, "normalised", True) and draft.world.leads:
            yield Measuring(split)
            report[split] = _plain(task.measure(model, split))
    report |= {
        "data_announcements": list(task.announcements),
        **task.facts,
        "machine": ", ".join(f"{k} {v}" for k, v in devices.environment(device).items()),
    }
    run = draft.finish(weights=model.state_dict(), report=report, readme=card(recipe, report))
    yield Trained(run)


def _start(model: Model, task: ClassificationTask | TaggingTask) -> None:
    """Begin with the word vectors that the task brings, if it brings some."""
    vectors = task.start()
    if vectors is None:
        return
    words = getattr(model, "words", None)
    if not isinstance(words, Words):
        raise UsageError("this model has no word vectors to begin with", hint='task.vectors = ""')
    words.start(torch.from_numpy(vectors))


def _counting(
    model: ngram.NGram, task: LanguageModellingTask
) -> Generator[Event, None, dict[str, Any]]:
    """Count and smooth: a model without gradients."""
    started = time.perf_counter()
    told = model.estimate(task.corpora["train"].tokens, task.corpora["valid"].tokens)
    seconds = time.perf_counter() - started
    yield from (Announced(note) for note in told)
    yield Counted(seconds)
    events = task.corpora["train"].events
    return {"announcements": told, "seconds": seconds, "tokens_per_second": events / seconds}


def _sweeping(
    model: word2vec.Word2Vec, task: WordVectorsTask, recipe: Recipe, draft: Draft
) -> Generator[Event, None, dict[str, Any]]:
    """Read the text so many times, moving the vectors of its words."""
    plan, text = recipe.training, task.text.vocabulary
    end = plan.lr * plan.floor if plan.schedule == "linear" else plan.lr
    yield Planned(plan.epochs * len(word2vec.cuts(task.corpus.tokens)))
    read, started = 0, time.perf_counter()
    step = epoch = 0
    model.begin(recipe.seed)
    for step, done in enumerate(
        model.learn(
            task.corpus.tokens,
            text.types,
            text.counts,
            lr=(plan.lr, end),
            epochs=plan.epochs,
            threads=max(1, plan.threads),
            minutes=plan.minutes,
            seed=recipe.seed,
        ),
        start=1,
    ):
        read, epoch = read + done.words, done.epoch
        seconds = round(time.perf_counter() - started, 3)
        event = Step(step, epoch, done.loss, 0.0, done.lr, done.words, done.seconds)
        if step % plan.log_every == 0 or step == 1:
            row = {"event": "step", "step": step, "epoch": epoch, "loss": done.loss}
            draft.record({**row, "lr": done.lr, "read": read, "seconds": seconds})
        yield event
    seconds = time.perf_counter() - started
    words = plan.epochs * task.events["train"]
    reason: Reason = "minutes" if read < words else "epochs"
    draft.record({"event": "finished", "step": step, "reason": reason})
    yield Finished(step, epoch, reason)
    said: dict[str, Any] = {
        "announcements": [],
        "seconds": seconds,
        "tokens_per_second": read / max(seconds, 1e-9),
        "epochs": epoch,
        "reason": reason,
    }
    if task.config.similarity or task.config.analogies:
        yield Measuring("test")
        said["test"] = _plain(task.examine(model.vectors(text.types)))
    return said


def _fitting(
    model: Network,
    task: LanguageModellingTask | ClassificationTask | TaggingTask,
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
        if isinstance(model, RNN | GPT):  # a reader of whole texts carries nothing
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
                    best = _plain(event.measures)
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
                **_plain(event.measures),
            }
        case Finished():
            return {"event": "finished", "step": event.step, "reason": event.reason}
    return None


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


def _plain(measures: dict[str, float]) -> dict[str, float | str]:
    """JSON has no word for infinity or not-a-number: they are spelt out."""
    return {k: v if math.isfinite(v) else str(v) for k, v in measures.items()}
