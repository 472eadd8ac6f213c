"""Train several models on one text, under one tokenisation, and compare what they reached.

    for event in comparing("my.txt", to="runs/mine"): ...     each training's events, then Compared
    comparison = compare("my.txt", to="runs/mine")

A budget of time is shared by the models that learn by gradient; how many steps fit into a share is
measured first, so that the learning rate has come down by the time it is over.
"""

import dataclasses
import datetime
import hashlib
import platform
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from malmoi import files
from malmoi.comparison.pace import PACED, fitted
from malmoi.comparison.report import report as page
from malmoi.comparison.result import Comparison, Entry, Ground, Measures, Point, Said, from_json
from malmoi.data import catalogue
from malmoi.data.corpus import TOKENS, Corpus, encoded
from malmoi.data.dataset import DataSet
from malmoi.defaults import describe, recipe_for
from malmoi.errors import RunError, UsageError
from malmoi.ladder import names_of
from malmoi.models import ngram
from malmoi.recipe import Recipe, kind_of
from malmoi.run import Run, is_finished, is_resumable, open_run
from malmoi.text import Text
from malmoi.text.normalise import nfc
from malmoi.trainer import Announced, Event, resumed, training
from malmoi.training.distributed import one_process
from malmoi.use import LanguageModel, load_as
from malmoi.version import __version__

NAMES = names_of("language-modelling")
SENTENCES = 5  # held-out lines whose surprisal the report shows
SAMPLES = 3
LONGEST = 40  # tokens of such a line, so that it can be read


class Began(NamedTuple):
    """The training of a model begins: which, of how many."""

    name: str
    number: int
    models: int


class Compared(NamedTuple):
    """The comparison is over; its files are in the folder."""

    comparison: Comparison
    report: Path


def compare(
    data: str,
    *,
    to: str | Path,
    models: Sequence[str] = NAMES,
    tokens: str | None = None,
    budget: float = 0.0,
    prompt: str = "",
    seed: int = 1,
) -> Comparison:
    """`malmoi compare` as a call.  budget: seconds for all of it, 0 for no limit."""
    *_, last = comparing(
        data, to=to, models=models, tokens=tokens, budget=budget, prompt=prompt, seed=seed
    )
    assert isinstance(last, Compared)
    return last.comparison


def comparing(
    data: str,
    *,
    to: str | Path,
    models: Sequence[str],
    tokens: str | None = None,
    budget: float = 0.0,
    prompt: str = "",
    seed: int = 1,
    overrides: Sequence[str] = (),
    commands: Sequence[str] = (),
) -> Iterator[Event | Began | Compared]:
    """Train every model into `to/NAME`, then write `comparison.json` and `report.html` there."""
    if not models:
        raise UsageError("compare which models?", hint="--models ngram,lstm,gpt")
    if len(set(models)) < len(models):
        raise UsageError("a model is named twice", where=", ".join(models))
    one_process()
    nfc(prompt)  # what is no text is said now, not when all are trained
    folder = ours(Path(to))
    source = catalogue.find(data)
    recipes = {
        name: recipe_for(name, source, data=data, tokens=tokens, seed=seed).replace(overrides)
        for name in models
    }
    read = next(iter(recipes.values())).task  # the overrides are the same for all
    source = catalogue.find(read.data, seed=read.split_seed)
    yield from (Announced(text) for text in source.announcements)
    slow = [name for name in models if name != "ngram"]
    for number, (name, recipe) in enumerate(recipes.items(), start=1):
        yield Began(name, number, len(recipes))
        share = 0.9 * budget / max(1, len(slow))
        yield from one(recipe, folder / name, source, seconds=share)
    comparison = found(source, recipes, folder, prompt=prompt, commands=tuple(commands))
    report = folder / "report.html"
    files.write(folder / "comparison.json", comparison.to_json())
    files.write(report, page(comparison))
    yield Compared(comparison, report)


def ours(folder: Path) -> Path:
    """The folder, if what would be replaced in it is a comparison."""
    made = folder / "comparison.json"
    for path in (folder / "report.html", made):
        if path.exists() and not made.is_file():
            raise RunError(f"{path} is not of a comparison", hint="choose another folder with --to")
    if made.is_file():
        from_json(made.read_text("utf-8", "replace"), where=str(made))
    return folder


def one(recipe: Recipe, folder: Path, source: DataSet, *, seconds: float) -> Iterator[Event]:
    """Train one of the models, unless an earlier call has done so, or begun to.

    seconds: its share of the time; 0: as long as the recipe says.
    """
    if is_finished(folder) or is_resumable(folder):
        others = list(differing(Recipe.load(folder / "recipe.toml"), recipe))
        if not others and is_finished(folder) and not has_read(open_run(folder), source):
            others = [f"the text of {source.name} has changed since"]
        if others:
            raise RunError(
                f"there is another run in {folder}",
                where=others,
                hint="choose another folder with --to, or remove this one",
            )
        if is_finished(folder):
            yield Announced(f"{folder} is trained already and used as it is")
        else:
            yield from resumed(folder)
        return
    if seconds and not isinstance(recipe.model, ngram.Config):
        recipe = fitted(recipe, seconds=seconds)
    yield from training(recipe, folder)


def differing(before: Recipe, now: Recipe) -> Iterator[str]:
    """Where two recipes differ, but for what a budget of time decides."""
    if before.seed != now.seed:
        yield f"seed: {before.seed} then, {now.seed} now"
    for section in ("task", "model", "training"):
        then, wanted = getattr(before, section), getattr(now, section)
        if type(then) is not type(wanted):
            yield f"{section}: {kind_of(then)} then, {kind_of(wanted)} now"
            continue
        for name in (field.name for field in dataclasses.fields(then)):
            a, b = getattr(then, name), getattr(wanted, name)
            if a != b and not (section == "training" and name in PACED):
                yield f"{section}.{name}: {a} then, {b} now"


def has_read(run: Run, source: DataSet) -> bool:
    """Whether this is, to the last token, the text that the run was trained and measured on."""
    text, digests = Text.load(run.text), run.model.get("data", {})
    with tempfile.TemporaryDirectory(prefix="malmoi-text-") as place:
        for split, lines in source.splits.items():
            corpus = Corpus.write(place, encoded(lines(), text.encode), len(text.vocabulary))
            if files.sha256(corpus.folder / TOKENS) != digests.get(split):
                return False
    return True


def found(
    source: DataSet,
    recipes: dict[str, Recipe],
    folder: Path,
    *,
    prompt: str,
    commands: tuple[str, ...],
) -> Comparison:
    """Put side by side what the runs in `folder` reached."""
    runs = {name: open_run(folder / name) for name in recipes}
    models = {name: load_as(LanguageModel, folder / name) for name in recipes}
    text = next(iter(models.values())).text
    sentences = chosen(source, models)
    prompt = prompt or " ".join(sentences[0].split()[:3])
    return Comparison(
        ground=ground(source, runs, text.kind, len(text.vocabulary)),
        entries=tuple(entry(name, runs[name], models[name], sentences, prompt) for name in recipes),
        prompt=prompt,
        sentences=sentences,
        commands=commands,
        machine=f"{platform.system()} {platform.machine()}, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}",
        version=__version__,
        date=datetime.date.today().isoformat(),
    )


def ground(source: DataSet, runs: dict[str, Run], tokenisation: str, V: int) -> Ground:
    """Which text this is, and how it was cut."""
    report = next(iter(runs.values())).report
    held_out = hashlib.sha256()
    for split in ("valid", "test"):
        for line in source.lines(split):
            held_out.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return Ground(
        data=source.name,
        tokenisation=tokenisation,
        vocabulary=V,
        train=report["train_events"],
        dev=report["valid_events"],
        test=report["test_events"],
        unknown=report["unknown"],
        held_out=held_out.hexdigest(),
        limit=source.limit,
    )


def chosen(source: DataSet, models: dict[str, LanguageModel]) -> tuple[str, ...]:
    """Some lines of the test text that can be read at a glance, spread over the whole of it."""
    text = next(iter(models.values())).text
    readable = [line for line in source.lines("test") if 6 <= len(text.split(line)) <= LONGEST] or [
        line for line in source.lines("test") if line.strip()
    ][:SENTENCES]
    step = max(1, len(readable) // SENTENCES)
    return tuple(dict.fromkeys(readable[step // 2 :: step][:SENTENCES]))


def entry(name: str, run: Run, lm: LanguageModel, sentences: Sequence[str], prompt: str) -> Entry:
    """One model's line of the table, and what the report shows of it."""
    report = run.report
    return Entry(
        name=name,
        description=describe(Recipe.from_toml(run.recipe).model),
        parameters=report["parameters"],
        seconds=report["seconds"],
        tokens_per_second=report["tokens_per_second"],
        size_bytes=sum(p.stat().st_size for p in run.folder.rglob("*") if p.is_file()),
        dev=measures(report["valid"]),
        test=measures(report["test"]),
        curve=tuple(curve(run)),
        samples=tuple(
            text.text
            for text in lm.generate(prompt, n=SAMPLES, temperature=0.8, max_tokens=40, seed=1)
        ),
        surprisals=tuple(
            tuple(Said(token.text, token.surprisal) for token in lm.tokens(sentence))
            for sentence in sentences
        ),
        announcements=tuple(report["announcements"]),
    )


def measures(said: dict[str, float | str] | None) -> Measures | None:
    """The figures of the table; None for a model that has no perplexity."""
    if said is None:
        return None
    return Measures(
        perplexity=float(said["perplexity"]),
        bits_per_character=float(said["bits_per_character"]),
        bits_per_byte=float(said["bits_per_byte"]),
    )


def curve(run: Run) -> Iterator[Point]:
    """What the run's metrics.jsonl tells of the way: a point for each evaluation."""
    loss = 0.0
    for line in run.metrics:
        if line["event"] == "step":
            loss = line["loss"]
        elif line["event"] == "evaluated":
            yield Point(
                seconds=line["seconds"],
                tokens=line["read"],
                step=line["step"],
                train_loss=loss,
                dev_perplexity=float(line["perplexity"]),
            )
