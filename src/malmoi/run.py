"""The folder a training leaves: everything that using its model needs, and nothing that runs.

    recipe.toml         the recipe, complete
    model.json          what kind of model, how large
    model.safetensors   its weights: the best ones
    text/               how text becomes tokens
    metrics.jsonl       one line an event of the training
    report.json         what it reached
    README.md           the model card
    MANIFEST.json       SHA-256 of each of them; written last: a run that has one is finished
    state/              while it trains: checkpoints, and the manifest of what lies fixed already

A `Draft` is a run folder being written, by one process at a time; a `Run` is a finished one, whose
every byte has been verified.
"""

import fcntl
import json
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from malmoi import files, tensors
from malmoi.errors import RunError
from malmoi.training import checkpoint
from malmoi.training.config import Training
from malmoi.training.distributed import ALONE, World
from malmoi.training.metrics import Metrics
from malmoi.training.state import State

BEGUN = "BEGUN.json"  # the manifest of what is fixed
METRICS = "metrics.jsonl"
CLAIMED = "CLAIMED"  # lies there from the first moment: what is beside it may be removed
OWN = frozenset(
    {
        *("recipe.toml", "model.json", "model.safetensors", "text", "metrics.jsonl"),
        *("report.json", "README.md", files.MANIFEST, "state", "corpus"),
    }
)


def is_finished(folder: str | Path) -> bool:
    """Whether a training has ended here."""
    return (Path(folder) / files.MANIFEST).is_file()


def is_resumable(folder: str | Path) -> bool:
    """Whether a training can be taken up here: it has a checkpoint, and has not ended."""
    state = Path(folder) / "state"
    return not is_finished(folder) and checkpoint.newest(state) is not None


@dataclass(frozen=True)
class Run:
    """A finished run folder.  `open_run` makes one, after it has verified every file."""

    folder: Path

    @property
    def recipe(self) -> str:
        return _text(self.folder / "recipe.toml")

    @property
    def model(self) -> dict[str, Any]:
        return _object(self.folder / "model.json")

    @property
    def report(self) -> dict[str, Any]:
        return _object(self.folder / "report.json")

    @property
    def text(self) -> Path:
        return self.folder / "text"

    @property
    def metrics(self) -> list[dict[str, Any]]:
        with (self.folder / METRICS).open(encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    def weights(self) -> dict[str, Tensor]:
        """The model's tensors, memory-mapped."""
        return tensors.load(self.folder / "model.safetensors")


def open_run(folder: str | Path) -> Run:
    """Verify a finished run and open it.  Raises RunError, naming the file that is at fault."""
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file, not a run folder" if folder.exists() else "does not exist"
        raise RunError(f"{folder} {what}", hint="malmoi train … --to RUN makes a run folder")
    if not is_finished(folder):
        if is_resumable(folder):
            raise RunError(
                f"the training in {folder} is not finished",
                hint=f"malmoi train --resume {shlex.quote(str(folder))}",
            )
        raise RunError(
            f"{folder} is not a run folder",
            where=f"it has no {files.MANIFEST}",
            hint="malmoi train … --to RUN makes a run folder",
        )
    listed = files.verify(folder, what=str(folder))
    missing = {"recipe.toml", "model.json", "model.safetensors"} - set(listed)
    uncovered = OWN - {"text", "state", "corpus", files.MANIFEST} - set(listed)
    if missing:
        raise RunError(f"{folder} is incomplete: its manifest has no {min(missing)}")
    for name in sorted(uncovered):
        if (folder / name).exists():
            raise RunError(f"{folder} has a file too many: {name}", where=str(folder / name))
    return Run(folder)


class Draft:
    """A run folder while it is written.  `claim` makes one.

    with claim("runs/lstm") as draft:
        if draft.resumable:
            state = draft.resume(model, training).state
        else:
            draft.begin(recipe=…, model=…)  # `text/` is there already
            state = State.begin(model, training, seed=…)
        for event in fit(model, task, training, state):
            draft.record({…})
            draft.save(state, model)
        draft.finish(weights=state.weights(model), report=…, readme=…)
    """

    def __init__(self, folder: Path, world: World = ALONE) -> None:
        self.folder, self.world = folder, world
        self._metrics: Metrics | None = None

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def finished(self) -> bool:
        return is_finished(self.folder)

    @property
    def resumable(self) -> bool:
        return is_resumable(self.folder)

    def clear(self) -> None:
        """Remove what a run consists of, and nothing else that may lie here."""
        if self.finished and not (self.state / CLAIMED).is_file():
            files.listed(self.folder / files.MANIFEST, str(self.folder))  # ours, or RunError
        self.state.mkdir(exist_ok=True)
        files.write(self.state / CLAIMED, "")
        for name in (files.MANIFEST, *sorted(OWN - {files.MANIFEST, "state"})):
            _remove(self.folder / name)
        self._empty()

    def discard(self) -> None:
        """Remove what was written for a training that could not begin."""
        if self.finished or (self.state / BEGUN).is_file():
            return
        with suppress(OSError):  # what stays is ours as long as the mark in `state/` does
            files.sweep(self.folder)
            self.clear()
            _remove(self.state)

    def begin(self, *, recipe: str, model: Mapping[str, Any]) -> None:
        """Write down what is fixed before the first step: recipe, sizes; `text/` lies here."""
        if not self.world.leads:
            return
        fixed: dict[str, str | bytes] = {"recipe.toml": recipe, "model.json": files.dumps(model)}
        with self._saving("the beginning of this run", "nothing was trained", fixed):
            entries = {name: files.write(self.folder / name, t) for name, t in fixed.items()}
            files.flush_all(self.folder / "text")
            entries |= _entries(self.folder, "text")
            self._metrics = Metrics(self.folder / METRICS)
            files.write(self.state / BEGUN, files.manifest_of(entries))

    def resume(self, model: nn.Module, training: Training) -> checkpoint.Loaded:
        """Load the newest checkpoint; what the metrics say beyond it is forgotten."""
        loaded = checkpoint.load(self.state, model, training, world=self.world)
        if self.world.leads:
            self._metrics = Metrics(self.folder / METRICS, **loaded.notes["metrics"])
        return loaded

    def record(self, row: Mapping[str, Any]) -> None:
        """Add a line to metrics.jsonl."""
        if self._metrics:
            self._metrics.append(row)

    def save(
        self, state: State, model: nn.Module, *, notes: Mapping[str, Any] | None = None
    ) -> None:
        """Make a checkpoint.  When this returns, it is on the disk."""
        notes = {**(notes or {}), "metrics": self._sync()}
        checkpoint.save(self.state, state, model, notes=notes, world=self.world)

    def finish(
        self, *, weights: Mapping[str, Tensor], report: Mapping[str, Any], readme: str
    ) -> Run:
        """Write the results, then the manifest; from then on the run is finished."""
        with self.world.first():
            if self.world.leads:
                self._finish(
                    {
                        "model.safetensors": tensors.to_bytes(weights),
                        "report.json": files.dumps(report),
                        "README.md": readme,
                    }
                )
        return Run(self.folder)

    def _finish(self, data: Mapping[str, str | bytes]) -> None:
        self._sync()
        safe = "the last checkpoint is intact; resuming will finish"
        with self._saving("the results of this run", safe, data):
            entries = {name: files.write(self.folder / name, d) for name, d in data.items()}
            for name in ("recipe.toml", "model.json", METRICS):
                entries[name] = files.entry(self.folder / name)
            entries |= _entries(self.folder, "text")
            files.write(self.folder / files.MANIFEST, files.manifest_of(entries))
        with suppress(OSError):  # the run is finished; whoever claims it next tidies up
            self._tidy()

    def _sync(self) -> dict[str, Any]:
        if not self._metrics:
            return {}
        with self._saving(METRICS, "the last checkpoint is intact"):
            return self._metrics.sync()

    def _saving(self, what: str, safe: str, data: Mapping[str, str | bytes] | None = None) -> Any:
        needed = sum(len(d) for d in (data or {}).values())
        return files.saving(what, self.folder, needed=needed, safe=safe)

    def _tidy(self) -> None:
        """Remove what killed writers left.  Only the holder of the lock may."""
        ours = (self.state / CLAIMED).is_file()
        if ours:
            files.sweep(self.folder)
        if self.finished:
            if ours:  # killed between the manifest and this
                _remove(self.folder / "corpus")
                self._empty()
                _remove(self.state / CLAIMED)
            if self.state.is_dir() and not any(self.state.iterdir()):
                self.state.rmdir()
        elif self.resumable:
            checkpoint.tidy(self.state)
            files.verify(self.folder, f"state/{BEGUN}", what=str(self.folder))
        else:  # killed before its first checkpoint: nothing was learnt, and it may be half there
            self.clear()

    def _empty(self) -> None:
        """Remove all that is in `state/` but the mark that it is ours, which must go last."""
        for path in self.state.iterdir():
            if path.name != CLAIMED:
                _remove(path)


@contextmanager
def claim(folder: str | Path, *, world: World = ALONE) -> Iterator[Draft]:
    """Hold a run folder, new or left by a killed training, for this training alone.

    Of several processes, the first holds it and writes; the others wait until it is in order.
    Raises RunError if another process holds it, if it is damaged, or if other things lie there.
    """
    folder = Path(folder)
    draft = Draft(folder, world)
    if not world.leads:
        world.wait()
        yield draft
        return
    if folder.exists() and not folder.is_dir():
        raise RunError(
            f"{folder} is a file: a run is a folder", hint="choose another place with --to"
        )
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    with files.saving("the run folder", folder, needed=0, safe="nothing was begun"):
        folder.mkdir(parents=True, exist_ok=True)
    if strangers := _strangers(folder):
        raise RunError(
            f"{folder} is not empty and not a run folder",
            where=", ".join(strangers[:5]),
            hint="choose a new folder",
        )
    lock = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"another process is training in {folder}", hint="wait for it, or choose another"
            ) from None
        with files.saving("this run folder", folder, needed=0, safe="what was saved before"):
            draft._tidy()
        world.wait()
        try:
            yield draft
        except (Exception, KeyboardInterrupt):
            draft.discard()
            for path in new:
                with suppress(OSError):  # it is empty only where nothing was begun
                    path.rmdir()
            raise
    finally:
        if draft._metrics:
            draft._metrics.close()
        os.close(lock)


def _strangers(folder: Path) -> list[str]:
    """What lies in a folder that malmoi has not begun to write: never to be touched."""
    if is_finished(folder) or (folder / "state" / CLAIMED).is_file():
        return []
    found = [path.name for path in folder.iterdir()]
    if found == ["state"] and all(
        p.name == f".{CLAIMED}.partial" for p in (folder / "state").iterdir()
    ):
        return []  # killed while it claimed the folder
    return sorted(found)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _entries(folder: Path, inner: str) -> dict[str, files.Entry]:
    """The files of a folder within `folder`, by their names from there."""
    return {
        path.relative_to(folder).as_posix(): files.entry(path)
        for path in sorted((folder / inner).rglob("*"))
        if not path.is_dir()
    }


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path.name} is not JSON", where=f"{path}: {error}") from None
    if not isinstance(value, dict):
        raise RunError(f"{path.name} is not an object", where=str(path))
    return value


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise RunError(
            f"{path.name} is not UTF-8 text", where=f"{path}, byte {error.start:,}"
        ) from None
