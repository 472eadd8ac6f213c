"""What lies in the folder of a comparison already: its own runs are used, others are refused."""

import dataclasses
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from malmoi import files
from malmoi.comparison.pace import PACED, fitted
from malmoi.comparison.result import from_json
from malmoi.data.corpus import TOKENS, Corpus, encoded
from malmoi.data.dataset import DataSet
from malmoi.errors import RunError
from malmoi.models import ngram
from malmoi.recipe import Recipe, kind_of
from malmoi.run import Run, is_finished, is_resumable, open_run
from malmoi.tasks.language_modelling import LanguageModelling
from malmoi.text import Text
from malmoi.trainer import Announced, Event, resumed, training
from malmoi.training.config import Training


def is_counted(recipe: Recipe) -> bool:
    """Whether the model learns by counting: in seconds, and the same from every seed."""
    return isinstance(recipe.model, ngram.Config)


def ours(folder: Path) -> Path:
    """The folder, if what would be replaced in it is a comparison."""
    made = folder / "comparison.json"
    for path in (folder / "report.html", made):
        if path.exists() and not made.is_file():
            raise RunError(f"{path} is not of a comparison", hint="choose another folder with --to")
    if made.is_file():
        text = made.read_text("utf-8", "replace")
        try:
            from_json(text, where=str(made))
        except RunError:
            if not written_before(text):
                raise
    return folder


def written_before(text: str) -> bool:
    """Whether this is a comparison, though of another version's shape."""
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return isinstance(found, dict) and {"ground", "entries", "version", "date"} <= found.keys()


def one(
    recipe: Recipe, folder: Path, source: DataSet, *, seconds: float, pace: Training | None = None
) -> Iterator[Event]:
    """Train one of the models, unless an earlier call has done so, or begun to.

    seconds: its share of the time; 0: as long as the recipe says.  pace: of the first seed, which
    the others keep, so that all take as many steps.
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
    if pace is not None:
        recipe = dataclasses.replace(recipe, training=pace)
    elif seconds and not is_counted(recipe):
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
    digests = run.model.get("data", {})
    recipe = Recipe.from_toml(run.recipe)
    if not isinstance(recipe.task, LanguageModelling):
        task = recipe.task.prepare(run.folder, recipe.seed)  # its text is there
        return bool(task.fingerprint == digests)
    text = Text.load(run.text)
    with tempfile.TemporaryDirectory(prefix="malmoi-text-") as place:
        for split, lines in source.splits.items():
            corpus = Corpus.write(place, encoded(lines(), text.encode), len(text.vocabulary))
            if files.sha256(corpus.folder / TOKENS) != digests.get(split):
                return False
    return True
