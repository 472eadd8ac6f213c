"""Arrays that lie in a file instead of in memory.

The system reads what of them is needed and gives the memory back when another needs it.  The file
has no name (on Windows: one that goes with it), so that nothing is left of it when the array goes,
or the process, however it ends.  It lies where temporary files do: in the folder TMPDIR, which on
some systems is itself in memory.
"""

import mmap
import tempfile
from collections.abc import Callable

import numpy as np

from malmoi.errors import UsageError

Empty = Callable[[int, type[np.generic]], np.ndarray]  # makes an array: np.empty or `on_disk`

CHUNK = 1 << 20


def on_disk(shape: int | tuple[int, ...], dtype: np.typing.DTypeLike) -> np.ndarray:
    """Zeros.  Raises UsageError if the disk has no room for them."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if not size:
        return np.zeros(shape, dtype)
    with tempfile.TemporaryFile(prefix="malmoi-") as file:
        try:
            for begin in range(0, size, CHUNK):  # room that is only promised could fail us later
                file.write(bytes(min(CHUNK, size - begin)))
            file.flush()
        except OSError as error:
            raise no_room(f"{error.strerror}; {size:,} bytes are needed") from None
        return np.frombuffer(mmap.mmap(file.fileno(), size), dtype).reshape(shape)


def no_room(why: str) -> UsageError:
    return UsageError(
        "the disk has no room to count on",
        where=f"{tempfile.gettempdir()}: {why}",
        hint="set TMPDIR to a folder on a larger disk",
    )
