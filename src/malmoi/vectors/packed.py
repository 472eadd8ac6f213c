"""A file as it was before it was packed: gzip, bzip2, xz, or the one file in a zip or tar."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

from malmoi.errors import DataError, TextError

FAULTS = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError)


@contextmanager
def unpacked(path: Path) -> Iterator[io.BufferedReader]:
    """What the file holds, to be read once.  Raises DataError if that is several files, TextError
    where the packing is damaged."""
    with ExitStack() as stack:
        try:
            yield _open(path, stack)
        except (*FAULTS, gzip.BadGzipFile) as error:
            raise TextError(
                "the packed file is cut short or damaged",
                where=f"{path}: {error}",
                hint="fetch it again",
            ) from None


def _open(path: Path, stack: ExitStack) -> io.BufferedReader:
    with path.open("rb") as file:
        head = file.read(6)
    if head[:4] == b"PK\x03\x04":
        archive = stack.enter_context(zipfile.ZipFile(path))
        names = [name for name in archive.namelist() if not name.endswith("/")]
        return _buffered(stack.enter_context(archive.open(_one(names, path))))
    openers: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
    opener = next((o for magic, o in openers.items() if head.startswith(magic)), None)
    if opener is None:
        return stack.enter_context(path.open("rb"))
    inner = _buffered(stack.enter_context(opener(path)))
    if inner.peek(262)[257:262] != b"ustar":
        return inner
    tar = stack.enter_context(tarfile.open(fileobj=inner, mode="r|"))  # noqa: SIM115
    names, data = [], b""
    for member in tar:
        found = tar.extractfile(member)
        if found is not None:
            data = data if names else found.read()
            names.append(member.name)
    _one(names, path)
    return io.BufferedReader(cast(Any, io.BytesIO(data)))


def _buffered(file: Any) -> io.BufferedReader:
    return io.BufferedReader(file, 1 << 18)


def _one(names: list[str], path: Path) -> str:
    if len(names) != 1:
        raise DataError(
            f"the archive holds {len(names)} files: which?",
            where=f"{path}: {', '.join(names[:8])}",
            hint="unpack it, and name the file",
        )
    return names[0]
