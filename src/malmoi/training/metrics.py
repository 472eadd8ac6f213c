"""metrics.jsonl: a line an event, appended; cut, when resumed, to what the checkpoint knew.

So the lines of a run that was killed are those of the run that was not.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from malmoi import files
from malmoi.errors import RunError


class Metrics:
    """metrics.jsonl: a line an event, appended; cut to what a checkpoint knew when resumed."""

    def __init__(self, path: Path, *, length: int = 0, sha256: str = "") -> None:
        """Open for appending after `length` bytes, which must be those that were there then."""
        self.path = path
        self.length = length
        self._digest = hashlib.sha256()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if length:
            self._digest.update(os.pread(self._file, length, 0))
            if self._digest.hexdigest() != sha256:
                os.close(self._file)
                raise RunError(
                    f"{path.name} is not what was written",
                    where=f"{path}: its first {length:,} bytes",
                )
        os.ftruncate(self._file, length)

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a line.  It survives a kill; with the next `sync` also a power cut."""
        line = (json.dumps(row, ensure_ascii=False) + "\n").encode()
        what = f"a line of {self.path.name}"
        safe = "every checkpoint saved so far is intact"
        with files.saving(what, self.path.parent, needed=len(line), safe=safe):
            at, rest = self.length, line
            while rest:
                written = os.pwrite(self._file, rest, at)
                at, rest = at + written, rest[written:]
        self._digest.update(line)
        self.length += len(line)

    def sync(self) -> dict[str, Any]:
        """Flush to the disk; return what a checkpoint must know to cut the file here again."""
        os.fsync(self._file)
        return {"length": self.length, "sha256": self._digest.hexdigest()}

    def close(self) -> None:
        os.close(self._file)
