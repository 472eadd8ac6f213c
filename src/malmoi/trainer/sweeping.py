"""The training of word2vec: the text is swept over, and vectors move as words are met."""

import time
from collections.abc import Generator
from typing import Any

from malmoi.models import word2vec
from malmoi.recipe import Recipe
from malmoi.run import Draft
from malmoi.tasks.word_vectors import WordVectorsTask
from malmoi.trainer.happenings import Event, Measuring, Planned
from malmoi.trainer.plain import plain
from malmoi.training.events import Finished, Reason, Step


def sweeping(
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
        said["test"] = plain(task.examine(model.vectors(text.types)))
    return said
