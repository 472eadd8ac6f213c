"""What lies in a run folder, and how far its training has come."""

from pathlib import Path

from malmoi import files
from malmoi.training import checkpoint

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
