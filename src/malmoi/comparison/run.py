"""Train several models on one text, under one tokenisation, and compare what they reached.

    for event in comparing("my.txt", to="runs/mine"): ...     each training's events, then Compared
    comparison = compare("my.txt", to="runs/mine")

What is compared is what the models learn: language models, classifiers, taggers or translators;
without a choice of models it is what the data was made for.  A budget of time is shared by the
models that learn by gradient; how many steps fit into a share is measured first, so that the
learning rate has come down by the time it is over.
"""

import dataclasses
import datetime
import platform
import statistics
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch

from malmoi import files
from malmoi.comparison import reading, translating, writing
from malmoi.comparison.before import is_counted, one, ours
from malmoi.comparison.report import report as page
from malmoi.comparison.result import Comparison
from malmoi.comparison.trials import Trials
from malmoi.data import catalogue
from malmoi.data.asked import find
from malmoi.data.dataset import DataSet
from malmoi.data.table import TOLD, Columns
from malmoi.defaults import recipe_for
from malmoi.errors import UsageError
from malmoi.ladder import LADDER, Learns, names_of
from malmoi.recipe import Recipe
from malmoi.run import open_run
from malmoi.tasks.classification import Classification
from malmoi.tasks.language_modelling import LanguageModelling
from malmoi.tasks.translation import Translation
from malmoi.text.normalise import nfc
from malmoi.text.sentences import split_sentences
from malmoi.trainer import Announced, Event
from malmoi.training.distributed import one_process
from malmoi.version import __version__

FORMS: dict[str, Learns] = {
    "lines": "language-modelling",
    "labelled": "classification",
    "tagged": "tagging",
    "pairs": "translation",
}
DOCUMENT, LOOKED_AT = 3, 300  # sentences that make a document; texts that tell
MOST = 100  # seeds
TRAINING = 0.9  # of the time; of translators, which then write the held-out texts, less
TRAINING_TRANSLATORS = 0.75


class Began(NamedTuple):
    """A training begins: of which model, and which of how many trainings."""

    name: str
    number: int
    trainings: int


class Compared(NamedTuple):
    """The comparison is over; its files are in the folder."""

    comparison: Comparison
    report: Path


def compare(
    data: str,
    *,
    to: str | Path,
    models: Sequence[str] | None = None,
    tokens: str | None = None,
    columns: Columns = TOLD,
    budget: float = 0.0,
    prompt: str = "",
    seed: int = 1,
    seeds: int = 1,
) -> Comparison:
    """`malmoi compare` as a call.  models: None for those that suit the data.  budget: seconds
    for all of it, 0 for no limit.  seeds: so many trainings of each model, from `seed` on."""
    *_, last = comparing(
        data,
        to=to,
        models=models,
        tokens=tokens,
        columns=columns,
        budget=budget,
        prompt=prompt,
        seed=seed,
        seeds=seeds,
    )
    assert isinstance(last, Compared)
    return last.comparison


def comparing(
    data: str,
    *,
    to: str | Path,
    models: Sequence[str] | None = None,
    tokens: str | None = None,
    columns: Columns = TOLD,
    budget: float = 0.0,
    prompt: str = "",
    seed: int = 1,
    seeds: int = 1,
    overrides: Sequence[str] = (),
    commands: Sequence[str] = (),
) -> Iterator[Event | Began | Compared]:
    """Train every model into `to/NAME`, its further seeds into `to/NAME-seed2` …, then write
    `comparison.json` and `report.html` there."""
    if models is not None:
        check(models)
    if not 1 <= seeds <= MOST:
        raise UsageError(f"a comparison has 1 to {MOST} seeds, not {seeds}")
    one_process()
    nfc(prompt)  # what is no text is said now, not when all are trained
    folder = ours(Path(to))
    source = source_of(data, models or (), columns=columns)
    models = suited(source) if models is None else models
    recipes = {
        name: recipe_for(
            name, source, data=data, tokens=tokens, columns=columns, seed=seed
        ).replace(overrides)
        for name in models
    }
    read = next(iter(recipes.values())).task  # the overrides are the same for all
    asked = read.columns if isinstance(read, Classification) else TOLD
    source = source_of(read.data, models, seed=read.split_seed, columns=asked)
    if isinstance(read, Translation):
        source.paired("test")  # said now, not when all are trained
    yield from (Announced(text) for text in source.announcements)
    plan = [
        (name, dataclasses.replace(recipe, seed=recipe.seed + k))
        for name, recipe in recipes.items()
        for k in range(1 if is_counted(recipe) else seeds)
    ]
    trains = TRAINING_TRANSLATORS if isinstance(read, Translation) else TRAINING
    share = trains * budget / max(1, sum(not is_counted(recipe) for _, recipe in plan))
    places: dict[str, list[Path]] = {}
    for number, (name, recipe) in enumerate(plan, start=1):
        before = places.setdefault(name, [])
        place = folder / (f"{name}-seed{recipe.seed}" if before else name)
        yield Began(place.name, number, len(plan))
        pace = Recipe.from_toml(open_run(before[0]).recipe).training if before else None
        yield from one(recipe, place, source, seconds=share, pace=pace)
        before.append(place)
    trained = [Trials(name, tuple(map(open_run, some))) for name, some in places.items()]
    comparison = dataclasses.replace(
        writing.compared(source, trained, prompt=prompt)
        if isinstance(read, LanguageModelling)
        else translating.compared(source, trained)
        if isinstance(read, Translation)
        else reading.compared(source, trained),
        commands=tuple(commands),
        machine=f"{platform.system()} {platform.machine()}, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}",
        version=__version__,
        date=datetime.date.today().isoformat(),
    )
    report = folder / "report.html"
    files.write(folder / "comparison.json", comparison.to_json())
    files.write(report, page(comparison))
    yield Compared(comparison, report)


def check(models: Sequence[str]) -> None:
    """Raises UsageError unless these may stand in one table."""
    if not models:
        raise UsageError("compare which models?", hint="--models ngram,lstm,gpt")
    if vectors := [name for name in models if name in names_of("word-vectors")]:
        raise UsageError(
            f"{vectors[0]} has no held-out text to be measured on",
            hint="train it, then: malmoi vectors RUN evaluate",
        )
    if len(set(models)) < len(models):
        raise UsageError("a model is named twice", where=", ".join(models))
    learnt = {
        task: [name for name in models if name in names_of(task)]
        for task in dict.fromkeys(rung.task for rung in LADDER)
    }
    learnt = {task: names for task, names in learnt.items() if names}
    if len(learnt) > 1:
        first = next(iter(learnt.values()))
        raise UsageError(
            "these models learn different things: no figure compares them",
            where=[f"{task}: {', '.join(names)}" for task, names in learnt.items()],
            hint=f"compare them apart: --models {','.join(first)}",
        )


def source_of(
    data: str, models: Sequence[str], *, seed: int = 0, columns: Columns = TOLD
) -> DataSet:
    """The data as these models read it: to a translator any table of texts is one of pairs."""
    if columns == TOLD and set(models) & set(names_of("translation")):
        return catalogue.find(data, seed=seed, pairs=True)
    return find(data, seed=seed, columns=columns)


def suited(source: DataSet) -> tuple[str, ...]:
    """The rungs that learn what the data was made for; `han` only where it has documents."""
    names = names_of(FORMS[source.form])
    if source.form != "labelled" or _documents(source):
        return names
    return tuple(name for name in names if name != "han")


def _documents(source: DataSet) -> bool:
    """Whether a text is, as a rule, several sentences."""
    lengths = [
        len(split_sentences(example.text))
        for example in islice(source.examples("train"), LOOKED_AT)
    ]
    return bool(lengths) and statistics.median(lengths) >= DOCUMENT
