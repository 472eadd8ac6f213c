"""A run folder that is being written: the beginning, checkpoints, the end, and what a killed
writer left."""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from malmoi import files, tensors
from malmoi.run.finished import Run
from malmoi.run.layout import BEGUN, CLAIMED, METRICS, OWN, is_finished, is_resumable
from malmoi.training import checkpoint
from malmoi.training.config import Training
from malmoi.training.distributed import ALONE, World
from malmoi.training.metrics import Metrics
from malmoi.training.state import State


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
            remove(self.folder / name)
        self._empty()

    def discard(self) -> None:
        """Remove what was written for a training that could not begin."""
        if self.finished or (self.state / BEGUN).is_file():
            return
        with suppress(OSError):  # what stays is ours as long as the mark in `state/` does
            files.sweep(self.folder)
            self.clear()
            remove(self.state)

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

    def close(self) -> None:
        """No more is written."""
        if self._metrics:
            self._metrics.close()

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
            self.tidy()

    def _sync(self) -> dict[str, Any]:
        if not self._metrics:
            return {}
        with self._saving(METRICS, "the last checkpoint is intact"):
            return self._metrics.sync()

    def _saving(self, what: str, safe: str, data: Mapping[str, str | bytes] | None = None) -> Any:
        needed = sum(len(d) for d in (data or {}).values())
        return files.saving(what, self.folder, needed=needed, safe=safe)

    def tidy(self) -> None:
        """Remove what killed writers left.  Only the holder of the lock may."""
        ours = (self.state / CLAIMED).is_file()
        if ours:
            files.sweep(self.folder)
        if self.finished:
            if ours:  # killed between the manifest and this
                remove(self.folder / "corpus")
                self._empty()
                remove(self.state / CLAIMED)
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
                remove(path)


def remove(path: Path) -> None:
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
