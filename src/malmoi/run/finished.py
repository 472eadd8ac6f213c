"""A finished run, every byte of it verified."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from malmoi import files, tensors
from malmoi.errors import RunError
from malmoi.run.layout import METRICS, OWN, is_finished, is_resumable


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
