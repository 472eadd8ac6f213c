"""A finished run in the hand: `malmoi.load(folder)`."""

from pathlib import Path
from typing import Any

import torch

from malmoi.config import Sizes
from malmoi.errors import RunError
from malmoi.models import Model
from malmoi.recipe import Recipe
from malmoi.run import Run, open_run
from malmoi.text import Text
from malmoi.use.language_model import LanguageModel

__all__ = ["LanguageModel", "load"]


def load(folder: str | Path, *, device: str = "cpu") -> LanguageModel:
    """Open a run, every byte of it verified, as something to use.  Raises RunError."""
    run = open_run(folder)
    model: Any = network(run, device=device)  # a Module's __call__ does not tell its types
    text = Text.load(run.text)
    if len(text.vocabulary) != (V := run.model["vocabulary"]):
        raise RunError(
            "the text model is not the one that this run was trained with",
            where=f"{run.text}: {len(text.vocabulary):,} types; the model has {V:,}",
            hint="copy the run again, or train it again",
        )
    return LanguageModel(model, text)


def network(run: Run, *, device: str = "cpu") -> Model:
    """The run's model with its weights."""
    V = run.model.get("vocabulary")
    if not isinstance(V, int) or isinstance(V, bool) or not 2 <= V < 2**31:
        raise RunError(
            "this run does not say how large its vocabulary is",
            where=f"{run.folder / 'model.json'}: vocabulary = {V!r}",
            hint="use the version of malmoi that wrote it, or train again",
        )
    recipe = Recipe.from_toml(run.recipe, name=str(run.folder / "recipe.toml"))
    model = recipe.model.build(Sizes(vocabulary=V))
    try:
        model.load_state_dict(run.weights())
    except (RuntimeError, KeyError, TypeError) as error:
        raise RunError(
            "the weights are not those of the model the recipe describes",
            where=[str(run.folder / "model.safetensors"), *str(error).splitlines()[:5]],
        ) from error
    return model.to(device).eval() if isinstance(model, torch.nn.Module) else model
