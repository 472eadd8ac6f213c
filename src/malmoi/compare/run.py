"""Train several models on one text, under one tokenisation, and compare what they reached.

    for event in comparing(plan): ...        events of every training, then the Comparison itself
    comparison = compare("my.txt", to="runs/mine")

A budget of time is shared equally by the models that learn by gradient; how many steps fit into a
share is measured, so that the learning rate has come down when the time is over.
"""

import dataclasses
import datetime
import hashlib
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from malmoi import __version__
from malmoi.compare.report import html
from malmoi.compare.result import Comparison, Entry, Ground, Measures, Point, Said
from malmoi.data import catalogue
from malmoi.data.catalogue import DataSet
from malmoi.defaults import LADDER_ORDER, recommend, tokens_for
from malmoi.errors import UsageError
from malmoi.recipe import Recipe
from malmoi.run import Run
from malmoi.tasks.language_modelling import LanguageModellingTask
from malmoi.train import pace, training
from malmoi.training.events import Evaluated, Step
from malmoi.use import load
from malmoi.use.language_model import LanguageModel
from malmoi.whole import write_whole

SENTENCES = 5  # held-out lines whose surprisal the report shows
SAMPLES = 3


class Began(NamedTuple):
    """The training of a model begins: which, of how many."""

    name: str
    number: int
    models: int
    recipe: Recipe


class Compared(NamedTuple):
    """The comparison is over; its files are in the folder."""

    comparison: Comparison
    report: Path


def compare(
    data: str,
    *,
    to: str | Path,
    models: Sequence[str] = LADDER_ORDER,
    tokens: str | None = None,
    budget: float = 0.0,
    prompt: str = "",
    seed: int = 1,
) -> Comparison:
    """`malmoi compare` as a call.  budget: seconds for everything, 0 for no limit."""
    comparison: Comparison | None = None
    for event in comparing(
        data, to=to, models=models, tokens=tokens, budget=budget, prompt=prompt, seed=seed
    ):
        if isinstance(event, Compared):
            comparison = event.comparison
    assert comparison is not None
    return comparison
