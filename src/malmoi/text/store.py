"""A `Text` as one file of plain JSON: a header, then one type a line with its count.

    {"malmoi": "text", "version": 1, "sha256": "…",
     "header": {"kind": "words", "size": null, "min_count": 1},
     "types": [
      ["</s>-count", …

The file is replaced in one step, and its checksum covers everything after it.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from malmoi.errors import RunError, SaveError
from malmoi.text.vocabulary import Vocabulary

NAME = "text.json"
VERSION = 1


@dataclass(frozen=True)
class Stored:
    """What a file holds."""

    kind: str
    size: int | None
    min_count: int
    vocabulary: Vocabulary
    letters: str = ""
    model: Mapping[str, Any] = field(default_factory=dict)


def write(
    path: Path,
    *,
    header: Mapping[str, object],
    vocabulary: Vocabulary,
    letters: str | None,
    model: Mapping[str, Any] | None,
) -> None:
    """Write the file under another name, flush it, rename it, flush the folder."""
    boundary, unk, *known = vocabulary.counts
    rows = ",\n".join(f"[{_quote(t)}, {n}]" for t, n in zip(vocabulary.types, known, strict=True))
    body = "".join(
        [
            f'"header": {json.dumps(header)},\n',
            f'"letters": {json.dumps(letters)},\n' if letters is not None else "",
            f'"model": {json.dumps(model)},\n' if model is not None else "",
            f'"lines": {boundary}, "left_out": {unk},\n',
            f'"types": [\n{rows}\n]}}\n',
        ]
    )
    digest = hashlib.sha256(body.encode()).hexdigest()
    head = f'{{"malmoi": "text", "version": {VERSION}, "sha256": "{digest}",\n'
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, (head + body).encode())
    except OSError as error:
        raise SaveError(
            "the vocabulary could not be written", where=f"{path}: {error.strerror or error}"
        ) from error


def read(path: Path, *, kinds: Sequence[str]) -> Stored:
    """Read the file; RunError with its name if anything in it is not as it was written."""
    try:
        content = path.read_bytes().decode()
    except FileNotFoundError:
        raise RunError("there is no text model here", where=str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RunError("the text model cannot be read", where=f"{path}: {error}") from None
    _head, _, body = content.partition("\n")
    try:
        found = json.loads(content)
        if found["malmoi"] != "text":
            raise ValueError("it is not a text model")
        if found["version"] != VERSION:
            raise ValueError(f"it has version {found['version']}, this malmoi reads {VERSION}")
        if found["sha256"] != hashlib.sha256(body.encode()).hexdigest():
            raise ValueError("its checksum does not fit its content")
        header = found["header"]
        if header["kind"] not in kinds:
            raise ValueError(f"its kind {header['kind']!r} is none of {', '.join(kinds)}")
        types = [t for t, _ in found["types"]]
        counts = [found["lines"], found["left_out"], *(n for _, n in found["types"])]
        return Stored(
            kind=header["kind"],
            size=header["size"],
            min_count=header["min_count"],
            vocabulary=Vocabulary(types, counts),
            letters=found.get("letters", ""),
            model=found.get("model", {}),
        )
    except (ValueError, KeyError, TypeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise RunError(
            "the text model is damaged",
            where=f"{path}: {reason}",
            hint="copy the run again, or train it again",
        ) from None


def _quote(token: str) -> str:
    """A type in JSON; what does not print (line ends, private letters) as escapes."""
    return json.dumps(token, ensure_ascii=not token.isprintable())


def _replace(path: Path, content: bytes) -> None:
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
