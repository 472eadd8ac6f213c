"""What is found in another program's folder: what it says of itself, and its weights."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from malmoi import tensors
from malmoi.errors import DataError

WEIGHTS, PICKLE = "model.safetensors", "pytorch_model.bin"


@runtime_checkable
class Faulty(Protocol):
    """What a config.json says, and what of it cannot be."""

    def faults(self) -> list[str]: ...


C = TypeVar("C", bound=Faulty)


def json_of(path: Path) -> Any:
    """What a file of JSON holds.  Raises DataError."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path.name} is missing", where=str(path.parent)) from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path.name} is not JSON", where=f"{path}: {error}") from None


def checked(path: Path, kind: type[C], name: str) -> C:
    """A config.json as `kind`.  Raises DataError, naming every fault."""
    try:
        theirs = TypeAdapter(kind).validate_json(json.dumps(json_of(path)))
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
    else:
        faults = theirs.faults()
        if not faults:
            return theirs
    raise DataError(f"this is no {name} model that malmoi can be", where=(str(path), *faults))


def weights_of(folder: Path, kind: str) -> dict[str, Tensor]:
    """What model.safetensors holds.  kind: the class of `transformers` that reads the folder.

    Raises DataError where there is only a pickle, RunError for a file that is not what it says.
    """
    if not (folder / WEIGHTS).exists() and (folder / PICKLE).exists():
        raise DataError(
            "these weights are a pickle; a pickle can run code when it is read",
            where=f"{folder / PICKLE}; {WEIGHTS} is read, and is not there",
            hint=f'if you trust it: python -c "from transformers import {kind} as M; '
            f"M.from_pretrained('{folder}').save_pretrained('{folder}')\"",
        )
    return tensors.load(folder / WEIGHTS)


class Found:
    """path: where they were read.  ignored: names that hold nothing that was learnt."""

    def __init__(
        self, weights: Mapping[str, Tensor], path: Path, ignored: frozenset[str] = frozenset()
    ) -> None:
        self.weights = weights
        self.path = path
        self.left = set(weights) - ignored

    def take(self, *names: str, shape: Sequence[int] = ()) -> Tensor:
        """The weight that has one of these names: a tied one is stored under any."""
        there = [name for name in names if name in self.weights]
        if not there:
            raise DataError("a weight is missing", where=f"{self.path}: {names[0]}")
        weight = self.weights[there[0]]
        for other in there[1:]:
            if not torch.equal(weight, self.weights[other]):
                raise DataError("tied weights differ", where=f"{self.path}: {', '.join(there)}")
        self.left -= set(there)
        if shape:
            self.expect(weight, shape, there[0])
        return weight if weight.dtype == torch.float64 else weight.float()

    def expect(self, weight: Tensor, shape: Sequence[int], name: str) -> None:
        if tuple(weight.shape) != tuple(shape):
            raise DataError(
                "a weight is not of the size that config.json says",
                where=f"{self.path}: {name} is {tuple(weight.shape)}, not {tuple(shape)}",
            )

    def expect_nothing_else(self, model: str) -> None:
        if self.left:
            raise DataError(
                f"there are weights that a {model} model has no use for",
                where=(str(self.path), *sorted(self.left)[:5]),
            )
