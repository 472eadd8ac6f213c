"""Our side of every training row: the real data path and the real loop, on a made-up text."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from malmoi.tasks.language_modelling import LanguageModelling, LanguageModellingTask
from malmoi.training.config import Training
from malmoi.training.fit import fit
from malmoi.training.state import State

EVER = 10**9
LINE = 20  # words


def task(
    folder: Path,
    *,
    V: int,
    tokens: int,
    order: Literal["lanes", "windows"],
    batch: int,
    length: int,
) -> LanguageModellingTask:
    """A text of `tokens` words drawn by Zipf's law, with V − 2 types, as a file on disk."""
    types = np.array([f"w{i}" for i in range(V - 2)])
    p = 1 / np.arange(1, V - 1)
    words = np.random.default_rng(0).choice(types, tokens, p=p / p.sum())
    words = np.concatenate([types, words])  # every type is there
    lines = [" ".join(words[i : i + LINE]) + "\n" for i in range(0, len(words), LINE)]
    text = folder / "text"
    text.mkdir()
    for split, part in (("train", lines), ("valid", lines[:1]), ("test", lines[:1])):
        (text / f"{split}.txt").write_text("".join(part), encoding="utf-8")
    recipe = LanguageModelling(
        str(text), tokens="given", vocabulary=V, order=order, batch=batch, length=length
    )
    made = recipe.prepare(folder, seed=0)
    assert made.sizes.vocabulary == V
    return made


def steps(model: nn.Module, task: LanguageModellingTask, training: Training) -> Callable[[], float]:
    """Each call is one step of `malmoi train`, from taking the batch to the new weights.

    It returns the loss.
    """
    events = fit(model, task, training, State.begin(model, training, seed=0))
    return lambda: next(events).loss  # nothing but steps: see EVER


def endless(
    optimizer: Literal["sgd", "adamw"],
    *,
    lr: float,
    clip: float,
    precision: Literal["fp32", "bf16"],
) -> Training:
    """A training that is never over and never evaluated."""
    return Training(
        optimizer=optimizer,
        lr=lr,
        clip=clip,
        precision=precision,
        steps=EVER,
        evaluate_every=EVER,
        device="cpu",
    )


def stream(task: LanguageModellingTask) -> Tensor:
    """The same tokens for the peer, in memory."""
    return torch.from_numpy(task.corpora["train"].tokens.astype(np.int64))
