"""Files that are either there and whole, or not there.

A file is written under a temporary name (`.NAME.partial`), flushed to the disk, renamed, and its
folder flushed; a folder of files likewise, as one.  A manifest beside them holds the SHA-256 of
every file and of itself, so that one flipped bit anywhere is found before anything is computed.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from malmoi.errors import RunError, SaveError

FORMAT = 1
MANIFEST = "MANIFEST.json"


class Entry(NamedTuple):
    """What a manifest knows about a file."""

    bytes: int
    sha256: str


def write(path: Path, data: bytes | str) -> Entry:
    """Put `data` into `path`, whole and durably, in place of what was there."""
    partial = _partial(path)
    entry = put(partial, data)
    os.replace(partial, path)
    flush(path.parent)
    return entry


def put(path: Path, data: bytes | str) -> Entry:
    """Write a file, durable but not yet whole while it is written: for inside a `whole_folder`."""
    data = data.encode() if isinstance(data, str) else data
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        rest = memoryview(data)
        while len(rest):
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return Entry(len(data), hashlib.sha256(data).hexdigest())


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder to write files into, which appears as `path` when all of them are on the disk.

    `path` does not exist yet.  After an exception nothing of it is left, if the disk lets us.
    """
    partial = _partial(path)
    shutil.rmtree(partial, ignore_errors=True)
    os.mkdir(partial)
    try:
        yield partial
        flush_all(partial)
        os.rename(partial, path)
        flush(path.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def sweep(folder: Path) -> None:
    """Remove what killed writers left in `folder`."""
    for litter in folder.glob(".*.partial"):
        if litter.is_dir() and not litter.is_symlink():
            shutil.rmtree(litter)
        else:
            litter.unlink()


def flush(path: Path) -> None:
    """Return when the disk has what was written to this file, or the names in this folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_all(folder: Path) -> None:
    """Flush a folder and everything in it; one that is not there has nothing to flush."""
    for inner, _, names in os.walk(folder, topdown=False):
        for name in names:
            flush(Path(inner, name))
        flush(Path(inner))


@contextmanager
def saving(what: str, folder: Path, *, needed: int, safe: str) -> Iterator[None]:
    """Say of an OSError which file could not be written, why, and what is intact."""
    try:
        yield
    except OSError as error:
        raise unsaved(what, folder, error, needed=needed, safe=safe) from error


def unsaved(what: str, folder: Path, error: OSError, *, needed: int, safe: str) -> SaveError:
    """The error about a file that could not be written."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return SaveError(
        f"{what} could not be saved: {(error.strerror or str(error)).lower()}",
        where=(str(folder), f"needed: {needed:,} bytes    free: {free_bytes(folder):,} bytes"),
        hint="make room, then resume" if full else "make it writable, then resume",
        safe=safe,
    )


def free_bytes(folder: Path) -> int:
    """Room on the disk that `folder` is, or was, on."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def dumps(value: object) -> str:
    """JSON with one spelling for a value: sorted, indented, ended by a line end."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def manifest_of(entries: Mapping[str, Entry]) -> str:
    """The text of a manifest: what is known of each file, and the SHA-256 of just that."""
    body = {"format": FORMAT, "files": {name: e._asdict() for name, e in entries.items()}}
    return dumps({**body, "manifest": hashlib.sha256(dumps(body).encode()).hexdigest()})


def entry(path: Path) -> Entry:
    """What a manifest would say of the file that lies there."""
    return Entry(path.stat().st_size, sha256(path))


def verify(folder: Path, manifest: str = MANIFEST, *, what: str = "this run") -> list[str]:
    """Read every file that the manifest lists and return their names, or raise RunError."""
    files = listed(folder / manifest, what)
    for name, known in files.items():
        path = folder / name
        if not path.is_file():
            raise RunError(f"{what} is damaged: {name} is missing", where=str(folder))
        size = path.stat().st_size
        if size != known.bytes:
            raise RunError(
                f"{what} is damaged: {name} has the wrong length",
                where=f"{path}: {size:,} bytes of {known.bytes:,}",
            )
    for name, known in files.items():
        if (found := sha256(folder / name)) != known.sha256:
            raise RunError(
                f"{what} is damaged: {name} is not what was written",
                where=(str(folder / name), f"sha256 {found}", f"wanted {known.sha256}"),
                hint="copy it again from where it is intact",
            )
    for inner in sorted({PurePosixPath(name).parts[0] for name in files if "/" in name}):
        for path in sorted((folder / inner).rglob("*")):
            name = path.relative_to(folder).as_posix()
            if not path.is_dir() and name not in files:
                raise RunError(f"{what} has a file too many: {name}", where=str(path))
    return list(files)


def listed(path: Path, what: str) -> dict[str, Entry]:
    """What a manifest says, after a look at whether it is one."""
    damaged = RunError(f"{what} is damaged: {path.name} is not what was written", where=str(path))
    try:
        text = path.read_bytes().decode()
        body = json.loads(text)
        own = body.pop("manifest")
        intact = (
            text == dumps({**body, "manifest": own})
            and own == hashlib.sha256(dumps(body).encode()).hexdigest()
        )
    except FileNotFoundError:
        raise RunError(f"{what} has no {path.name}", where=str(path.parent)) from None
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        raise damaged from None
    if not intact:
        raise damaged
    if body.get("format") != FORMAT:
        raise RunError(
            f"{what} was written by another version of malmoi",
            where=f"{path}: format {body.get('format')!r}; this version reads format {FORMAT}",
            hint="use the version of malmoi that wrote it, or train again",
        )
    try:
        files = {name: Entry(**known) for name, known in body["files"].items()}
    except (TypeError, AttributeError, KeyError):
        raise damaged from None
    for name in files:
        parts = PurePosixPath(name).parts
        if not parts or parts[0] == "/" or ".." in parts:
            raise RunError(f"{what} lists a file outside of its folder: {name!r}", where=str(path))
    return files


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")
