"""A recipe: one training run, as data.

The TOML file, the Python call and the `recipe.toml` inside a finished run are the same object in
three spellings.  Reading one builds malmoi's own classes and nothing else, so a recipe from a
stranger is safe to read.  This is the only place where models, tasks and training meet.
"""

import dataclasses
import inspect
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic.dataclasses import dataclass

from malmoi.config import CONFIG
from malmoi.errors import RecipeError, did_you_mean
from malmoi.ladder import kinds_of, of_kind
from malmoi.models import MODELS, ModelConfig, charcnn, gpt, nplm, rnn, word2vec
from malmoi.tasks import TASKS, TaskConfig
from malmoi.tasks.language_modelling import LanguageModelling
from malmoi.training.config import Training

T = TypeVar("T")
Table = dict[str, Any]


@dataclass(frozen=True, config=CONFIG)
class Recipe:
    """task: what is learnt, from what.  model: the network or count table.  training: how."""

    task: TaskConfig
    model: ModelConfig
    training: Training = dataclasses.field(default_factory=Training)
    seed: int = 1

    @classmethod
    def load(cls, path: Path | str, overrides: Sequence[str] = ()) -> "Recipe":
        """Read a TOML file.  overrides: `section.key=value`, the value in TOML or a bare word."""
        path = Path(path)
        try:
            text = path.read_text("utf-8-sig")
        except FileNotFoundError:
            raise RecipeError(
                f"there is no recipe {path}", hint="recipes are TOML files; see recipes/"
            ) from None
        except IsADirectoryError:
            raise RecipeError(
                f"{path} is a folder, not a recipe", hint=f"malmoi train --resume {path}"
            ) from None
        except UnicodeDecodeError as error:
            raise RecipeError(
                f"{path} is not UTF-8 text", where=f"byte {error.start:,}", hint="save it as UTF-8"
            ) from None
        return cls.from_toml(text, overrides, name=str(path))

    @classmethod
    def from_toml(cls, text: str, overrides: Sequence[str] = (), name: str = "recipe") -> "Recipe":
        """Build a recipe from TOML text; every fault in it is told at once."""
        try:
            table = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # a number, or brackets, without end
            raise RecipeError(f"{name} is not valid TOML", where=str(error)) from None
        for override in overrides:
            _assign(table, override)
        return cls.from_table(table, name)

    @classmethod
    def from_table(cls, table: Mapping[str, Any], name: str = "recipe") -> "Recipe":
        faults: list[str] = []
        known = {"task", "model", "training", "seed"}
        faults += [f"{k}: unknown; {_meant(k, known, table)}" for k in table if k not in known]
        task = _one_of(TASKS, table.get("task"), "task", faults)
        model = _one_of(MODELS, table.get("model"), "model", faults)
        training = _build(Training, table.get("training", {}), "training", faults)
        seed = table.get("seed", 1)
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**63:
            faults.append(f"seed: wants a whole number from 0, not {seed!r}")
        if task is not None and model is not None:
            faults += _conflicts(task, model)
            if isinstance(model, word2vec.Config) and training is not None:
                faults += _unheard(training)
        if faults or task is None or model is None or training is None:
            raise RecipeError(f"{name} cannot be read", where=faults)
        return cls(task=task, model=model, training=training, seed=seed)

    def to_toml(self) -> str:
        """The recipe as text; reading it gives an equal recipe."""
        lines = [f"seed = {self.seed}"]
        for section in ("task", "model", "training"):
            config = getattr(self, section)
            lines += ["", f"[{section}]"]
            if section != "training":
                lines.append(f"kind = {_toml(kind_of(config))}")
            lines += [
                f"{field.name} = {_toml(getattr(config, field.name))}"
                for field in dataclasses.fields(config)
                if getattr(config, field.name) is not None
            ]
        return "\n".join(lines) + "\n"

    def replace(self, overrides: Sequence[str]) -> "Recipe":
        """The same recipe with some `section.key=value` changed."""
        return Recipe.from_toml(self.to_toml(), overrides) if overrides else self


def kind_of(config: object) -> str:
    """The name under which MODELS or TASKS lists this configuration."""
    tables: tuple[Mapping[str, Callable[..., Any]], ...] = (MODELS, TASKS)
    return next(name for table in tables for name, cls in table.items() if cls is type(config))


def _conflicts(task: TaskConfig, model: ModelConfig) -> Iterator[str]:
    """What a task asks for that a model cannot do."""
    context, length = getattr(model, "context", None), getattr(task, "length", 0)
    if context is not None and length > context:
        yield f"task.length: {length} is more than the model can read, model.context = {context}"
    has_words = hasattr(model, "frozen") or isinstance(model, rnn.Config | nplm.Config | gpt.Config)
    if getattr(task, "vectors", "") and not has_words:
        yield f"task.vectors: {kind_of(model)} has no word vectors to begin with"
    if getattr(model, "frozen", False) and not getattr(task, "vectors", ""):
        yield "model.frozen: only word vectors that are given may stay as they are: task.vectors"
    if getattr(model, "shared", False) and not getattr(task, "joint", True):
        yield "model.shared: one table for both sides wants one vocabulary: task.joint = true"
    if isinstance(task, LanguageModelling):
        reads = isinstance(model, charcnn.Config)
        if reads and task.spelling == "none":
            yield "task.spelling: a charcnn reads letters, so words must be spelt: 'characters'"
        elif not reads and task.spelling != "none":
            yield f"task.spelling: {kind_of(model)} reads no letters, only charcnn does"
    if (learns := of_kind(kind_of(model)).task) != kind_of(task):
        yield (
            f"task.kind: {kind_of(model)} learns {learns}, not {kind_of(task)}, which is what "
            f"{', '.join(kinds_of(kind_of(task)))} learn"
        )


def _meant(key: str, known: set[str], table: Mapping[str, Any]) -> str:
    """What a line outside of its section may have been."""
    kinds: tuple[tuple[str, Mapping[str, Callable[..., Any]]], ...]
    kinds = (("task", TASKS), ("model", MODELS), ("training", {"": Training}))
    for section, classes in kinds:
        written = table.get(section)
        kind = written.get("kind", "") if isinstance(written, Mapping) else ""
        cls = classes.get(kind) if isinstance(kind, str) else None
        if cls is not None and key in inspect.signature(cls).parameters:
            return f"did you mean '{section}.{key}'?"
    return did_you_mean(key, known)


def _unheard(training: Training) -> Iterator[str]:
    """What a training is asked for that word2vec has no ear for."""
    if training.schedule not in ("linear", "constant"):
        yield f"training.schedule: word2vec falls linearly or not at all, not {training.schedule!r}"
    if training.steps:
        yield f"training.steps: word2vec reads whole epochs, not {training.steps} steps"


def _one_of(
    kinds: Mapping[str, Callable[..., T]], table: Any, at: str, faults: list[str]
) -> T | None:
    """The config that `table` names by its `kind`."""
    if not isinstance(table, Mapping):
        faults.append(f"{at}: missing; a recipe has a section [{at}] with a kind")
        return None
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        found = "missing" if kind is None else f"{kind!r} is unknown"
        faults.append(f"{at}.kind: {found}; {did_you_mean(str(kind or ''), kinds)}")
        return None
    return _build(kinds[kind], {k: v for k, v in table.items() if k != "kind"}, at, faults)


def _build(cls: Callable[..., T], table: Any, at: str, faults: list[str]) -> T | None:
    """`cls(**table)`; what is wrong with it goes into `faults`."""
    if not isinstance(table, Mapping):
        faults.append(f"{at}: wants a section [{at}], not {table!r}")
        return None
    known = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]  # always one
    large = [k for k, v in table.items() if isinstance(v, int) and not -(2**63) <= v < 2**63]
    if large:
        faults += [
            f"{at}.{k}: a number of {table[k].bit_length()} bits is too large" for k in large
        ]
        return None
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
    try:
        return cls(**values)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            where = ".".join([at, *(str(part) for part in fault["loc"])])
            if fault["type"] == "unexpected_keyword_argument":
                faults.append(f"{where}: unknown; {did_you_mean(str(fault['loc'][0]), known)}")
            elif fault["type"] == "missing":
                faults.append(f"{where}: missing")
            else:
                message = fault["msg"].removeprefix("Value error, ")
                value = f", not {fault['input']!r}" if fault["loc"] else ""
                faults.append(f"{where}: {message[:1].lower()}{message[1:]}{value}")
    return None


def _assign(table: Table, override: str) -> None:
    """Apply one `section.key=value`."""
    path, equals, text = override.partition("=")
    if not equals or not path:
        raise RecipeError(
            f"--set wants section.key=value, not {override!r}", hint="--set training.lr=0.001"
        )
    *sections, key = path.strip().split(".")
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise RecipeError(f"--set {override}: {section!r} is a value, not a section")
    try:
        table[key] = tomllib.loads(f"x = {text}")["x"]
    except (ValueError, RecursionError):
        table[key] = text.strip()


def _toml(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case tuple():
            return f"[{', '.join(_toml(v) for v in value)}]"
        case _:
            return repr(value)
