"""A training, saved: `state/checkpoint-NUMBER-step-STEP/`; the highest number counts.

    state.json          counters, the best measure, the shape of the trees, the caller's own notes
    state.safetensors   what the optimiser remembers, and the carry
    model.safetensors   the weights
    best.safetensors    the weights of the best evaluation, if there was one
    MANIFEST.json       SHA-256 of each

A new checkpoint is on the disk, whole, before the old one is removed.
"""

import errno
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from malmoi import files, tensors
from malmoi.carry import tree_map
from malmoi.errors import RunError
from malmoi.training.config import Training
from malmoi.training.device import environment
from malmoi.training.distributed import ALONE, World, leaves
from malmoi.training.state import State, check_finite

COUNTERS = (
    *("seed", "step", "epoch", "batch", "horizon", "decays", "evaluated"),
    *("best", "best_step", "stale", "seconds", "evaluating"),
)


@dataclass(frozen=True)
class Loaded:
    """notes: what the caller had saved along.  differs: why the rest may differ in the last bit."""

    state: State
    notes: Mapping[str, Any]
    differs: tuple[str, ...]


def save(
    folder: Path,
    state: State,
    model: nn.Module,
    *,
    notes: Mapping[str, Any] | None = None,
    world: World = ALONE,
) -> None:
    """Write a checkpoint into `folder` and return when it is on the disk.

    All processes of a world must call it; process 0 writes.

    Raises SaveError, and the checkpoint before is intact, or Diverged for weights that are not
    finite.
    """
    check_finite(model, state.step)
    carry = world.gather(state.carry)
    if world.leads:
        _write(folder, state, model, carry, notes or {})
    world.wait()


def _write(
    folder: Path, state: State, model: nn.Module, carry: Any, notes: Mapping[str, Any]
) -> None:
    trees: dict[str, Tensor] = {}
    record = {name: getattr(state, name) for name in COUNTERS} | {
        "optimizer": flatten(state.optimizer.state_dict(), "optimizer", trees),
        "carry": flatten(carry, "carry", trees),
        "environment": environment(next(model.parameters()).device),
        "notes": dict(notes),
    }
    parts = {"state.safetensors": trees, "model.safetensors": model.state_dict()}
    if state.best_weights is not None:
        parts["best.safetensors"] = state.best_weights
    text = files.dumps(record)
    needed = len(text) + 4096 + sum(tensors.size(part) for part in parts.values())
    safe = "no checkpoint was saved before"
    try:
        old = newest(folder)
        if old:
            safe = f"the checkpoint of step {_numbers(old)[1]:,} is intact"
        number = _numbers(old)[0] + 1 if old else 1
        path = folder / f"checkpoint-{number:06}-step-{state.step}"
        if files.free_bytes(folder) < needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with files.whole_folder(path) as partial:
            entries = {"state.json": files.put(partial / "state.json", text)}
            for name, part in parts.items():
                entries[name] = files.put(partial / name, tensors.to_bytes(part))
            files.put(partial / files.MANIFEST, files.manifest_of(entries))
    except OSError as error:
        what = f"the checkpoint of step {state.step:,}"
        raise files.unsaved(what, folder, error, needed=needed, safe=safe) from error
    if old:
        shutil.rmtree(old, ignore_errors=True)


def load(folder: Path, model: nn.Module, training: Training, *, world: World = ALONE) -> Loaded:
    """Put the newest checkpoint's weights into `model` and return its state.

    Every file is verified first.  Raises RunError.
    """
    path = newest(folder)
    if path is None:
        raise RunError("there is no checkpoint", where=str(folder))
    listed = files.verify(path, what=f"checkpoint {path.name}")
    record = json.loads((path / "state.json").read_bytes())
    trees = tensors.load(path / "state.safetensors")
    state = State.begin(model, training, seed=record["seed"])
    try:
        model.load_state_dict(tensors.load(path / "model.safetensors"))
        state.optimizer.load_state_dict(unflatten(record["optimizer"], trees))
    except (RuntimeError, ValueError, KeyError) as error:
        raise RunError(
            "this checkpoint is of another model or optimiser",
            where=(str(path), *str(error).splitlines()[:3]),
        ) from error
    for name in COUNTERS:
        setattr(state, name, record[name])
    state.carry = world.share(_carry(unflatten(record["carry"], trees), model))
    if "best.safetensors" in listed:
        best = tensors.load(path / "best.safetensors")
        state.best_weights = {name: t.clone() for name, t in best.items()}
    now = environment(next(model.parameters()).device)
    differs = tuple(
        f"{name}: {was} then, {now.get(name)} now"
        for name, was in record["environment"].items()
        if now.get(name) != was
    )
    return Loaded(state, record["notes"], differs)


def newest(folder: Path) -> Path | None:
    """The checkpoint that counts; its name was given to it when it was whole."""
    return max(folder.glob("checkpoint-*"), key=_numbers, default=None)


def tidy(folder: Path) -> None:
    """Remove what killed savers left: partial checkpoints, and whole ones that have a successor."""
    files.sweep(folder)
    last = newest(folder)
    for path in folder.glob("checkpoint-*"):
        if path != last:
            shutil.rmtree(path)


def _numbers(path: Path) -> tuple[int, int]:
    """Which checkpoint this is, and of which step."""
    match path.name.split("-"):
        case ["checkpoint", number, "step", step] if number.isdecimal() and step.isdecimal():
            return int(number), int(step)
    return -1, -1


def flatten(tree: Any, name: str, into: dict[str, Tensor]) -> Any:
    """Move each tensor of `tree` into `into`; return the rest as JSON that says where they were."""
    match tree:
        case Tensor():
            into[name] = tree
            return {"tensor": name}
        case dict():
            return {"dict": [[key, flatten(v, f"{name}.{key}", into)] for key, v in tree.items()]}
        case tuple() | list():
            kind = "tuple" if isinstance(tree, tuple) else "list"
            return {kind: [flatten(v, f"{name}.{i}", into) for i, v in enumerate(tree)]}
        case None | bool() | int() | float() | str():
            return {"value": tree}
        case _:
            raise TypeError(f"{name} is a {type(tree).__name__}, which JSON cannot hold")


def unflatten(plan: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The tree again.  Named tuples come back as tuples: see `retyped`."""
    ((kind, body),) = plan.items()
    match kind:
        case "tensor":
            return tensors[body].clone()
        case "dict":
            return {key: unflatten(v, tensors) for key, v in body}
        case "tuple":
            return tuple(unflatten(v, tensors) for v in body)
        case "list":
            return [unflatten(v, tensors) for v in body]
        case _:
            return body


def _carry(tree: Any, model: Any) -> Any:
    """A carry from a file, as this model would have made it."""
    if tree is None:
        return None
    rows, device = len(leaves(tree)[0]), next(model.parameters()).device
    return tree_map(lambda t: t.to(device), retyped(tree, model.begin(rows)))


def retyped(tree: Any, like: Any) -> Any:
    """The tuples of `tree` named again as in `like`, the carry that a model begins with."""
    if not isinstance(tree, tuple) or not isinstance(like, tuple):
        return tree
    parts = [retyped(a, b) for a, b in zip(tree, like, strict=True)]
    return type(like)(*parts) if hasattr(like, "_fields") else tuple(parts)
