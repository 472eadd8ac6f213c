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
    return LanguageModel(model, Text.load(run.text))


def network(run: Run, *, device: str = "cpu") -> Model:
    """The run's model with its weights."""
    model = Recipe.from_toml(run.recipe).model.build(Sizes(vocabulary=run.model["vocabulary"]))
    try:
        model.load_state_dict(run.weights())
    except (RuntimeError, KeyError) as error:
        raise RunError(
            "the weights are not those of the model the recipe describes",
            where=[str(run.folder / "model.safetensors"), *str(error).splitlines()[:5]],
        ) from error
    return model.to(device).eval() if isinstance(model, torch.nn.Module) else model
