"""A finished run in the hand: `malmoi.load(folder)`."""

from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import torch

from malmoi.config import Sizes
from malmoi.errors import RunError, UsageError
from malmoi.models import Model
from malmoi.recipe import Recipe
from malmoi.run import Run, open_run
from malmoi.tasks.classification import Classification
from malmoi.tasks.labels import Labels
from malmoi.tasks.language_modelling import LanguageModelling
from malmoi.tasks.lexicon import Lexicon
from malmoi.tasks.tagging import Tagging
from malmoi.tasks.translation import Translation
from malmoi.tasks.word_vectors import WordVectors as WordVectorsConfig
from malmoi.text import Bitext, Text
from malmoi.use.classifier import Classifier
from malmoi.use.language_model import LanguageModel
from malmoi.use.mixture import mix
from malmoi.use.tagger import Tagger
from malmoi.use.translator import Translator
from malmoi.vectors.run import from_run
from malmoi.vectors.words import WordVectors

__all__ = [
    "Classifier", "LanguageModel", "Tagger", "Translator", "Usable", "WordVectors", "load",
    "load_as", "mix",
]  # fmt: skip

Usable: TypeAlias = LanguageModel | Classifier | Tagger | Translator | WordVectors
T = TypeVar("T", LanguageModel, Classifier, Tagger, Translator, WordVectors)
KINDS: dict[type[Usable], tuple[str, str]] = {
    LanguageModel: ("a language model", "generate, next, score"),
    Classifier: ("a classifier", "classify, explain"),
    Tagger: ("a tagger", "tag, explain"),
    Translator: ("a translator", "translate, score --pairs"),
    WordVectors: ("word vectors", "vectors"),
}


def load(folder: str | Path, *, device: str = "cpu") -> Usable:
    """Open a run, every byte of it verified, as something to use: what it is, its task decides.

    Raises RunError.
    """
    run = open_run(folder)
    task = Recipe.from_toml(run.recipe, name=str(run.folder / "recipe.toml")).task
    if isinstance(task, WordVectorsConfig):
        return from_run(run.folder)
    model: Any = network(run, device=device)  # a Module's __call__ does not tell its types
    sizes = sizes_of(run)
    if isinstance(task, Tagging):
        lexicon = Lexicon.load(run.text, task.spelling)
        _agree(run, lexicon.text, lexicon.labels, sizes)
        if lexicon.sizes.characters != sizes.characters:
            raise _other(run, f"{lexicon.sizes.characters:,} letters", f"{sizes.characters:,}")
        return Tagger(model, lexicon, task)
    if isinstance(task, Translation):
        bitext = Bitext.load(run.text)
        _agree(run, bitext.target, None, sizes)
        joint = bitext.joint
        if sizes.joint:  # an imported one cuts each side in its own way into the same types
            joint = bitext.source.vocabulary == bitext.target.vocabulary
        if len(bitext.source.vocabulary) != sizes.source or joint != sizes.joint:
            here = f"{len(bitext.source.vocabulary):,} source types, joint = {bitext.joint}"
            raise _other(run, here, f"{sizes.source:,}, joint = {sizes.joint}")
        return Translator(model, bitext, task)
    text = Text.load(run.text)
    if isinstance(task, Classification):
        labels = Labels.load(run.text)
        _agree(run, text, labels, sizes)
        return Classifier(model, text, labels, task)
    _agree(run, text, None, sizes)
    return LanguageModel(model, text)


def load_as(kind: type[T], folder: str | Path, *, device: str = "cpu") -> T:
    """`load`, for who can use one kind only.  Raises UsageError for a run of another."""
    found = load(folder, device=device)
    if not isinstance(found, kind):
        is_, verbs = KINDS[type(found)]
        raise UsageError(
            f"{folder} is {is_}, and this asks for {KINDS[kind][0]}",
            hint=f"of {is_}: malmoi {verbs}, evaluate, check",
        )
    return found


def network(run: Run, *, device: str = "cpu") -> Model:
    """The run's model with its weights."""
    sizes = sizes_of(run)
    recipe = Recipe.from_toml(run.recipe, name=str(run.folder / "recipe.toml"))
    model = recipe.model.build(sizes)
    try:
        model.load_state_dict(run.weights())
    except (RuntimeError, KeyError, TypeError) as error:
        raise RunError(
            "the weights are not those of the model the recipe describes",
            where=[str(run.folder / "model.safetensors"), *str(error).splitlines()[:5]],
        ) from error
    return model.to(device).eval() if isinstance(model, torch.nn.Module) else model


def sizes_of(run: Run) -> Sizes:
    """What the data told the network, from model.json.  Raises RunError if that cannot be."""
    said = run.model
    task = Recipe.from_toml(run.recipe, name=str(run.folder / "recipe.toml")).task
    reads = isinstance(task, Classification | Tagging)
    V = _number(run, said, "vocabulary", 2, "how large its vocabulary is")
    labels = _number(run, said, "labels", 2, "how many labels it has") if reads else 0
    spells = isinstance(task, Tagging | LanguageModelling) and task.spelling != "none"
    characters = _number(run, said, "characters", 2, "how many letters it has") if spells else 0
    keeps = spells and isinstance(task, LanguageModelling)  # a table of them
    longest = _number(run, said, "longest", 1, "how long its words are") if keeps else 0
    writes = isinstance(task, Translation)
    source = _number(run, said, "source", 2, "how many types its sources have") if writes else 0
    several, joint = said.get("several", False), said.get("joint", False)
    if not isinstance(several, bool):
        raise _unsaid(run, "whether a text may have several labels", "several", several)
    if not isinstance(joint, bool):
        raise _unsaid(run, "whether its vocabulary is joint", "joint", joint)
    return Sizes(V, labels, several, characters, source, joint, longest)


def _number(run: Run, said: dict[str, Any], key: str, least: int, what: str) -> int:
    value = said.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**31:
        raise _unsaid(run, what, key, value)
    return value


def _unsaid(run: Run, what: str, key: str, value: object) -> RunError:
    return RunError(
        f"this run does not say {what}",
        where=f"{run.folder / 'model.json'}: {key} = {value!r}",
        hint="use the version of malmoi that wrote it, or train again",
    )


def _agree(run: Run, text: Text, labels: Labels | None, sizes: Sizes) -> None:
    """The text and the labels that lie here are those of the model, as far as sizes tell."""
    if len(text.vocabulary) != sizes.vocabulary:
        raise _other(run, f"{len(text.vocabulary):,} types", f"{sizes.vocabulary:,}")
    if labels is not None and len(labels) != sizes.labels:
        raise _other(run, f"{len(labels):,} labels", f"{sizes.labels:,}")
    if labels is not None and labels.several != sizes.several:
        raise _other(run, f"several = {labels.several}", f"{sizes.several}")


def _other(run: Run, here: str, there: str) -> RunError:
    return RunError(
        "the text model is not the one that this run was trained with",
        where=f"{run.text}: {here}; the model has {there}",
        hint="copy the run again, or train it again",
    )
