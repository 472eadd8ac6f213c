"""Taking a run folder for one training alone."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from malmoi import files
from malmoi.errors import RunError
from malmoi.run.draft import Draft
from malmoi.run.layout import CLAIMED, is_finished
from malmoi.training.distributed import ALONE, World


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
            draft.tidy()
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
        draft.close()
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
