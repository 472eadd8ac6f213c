"""A `Text` as one file of plain JSON: a header, then a type a line with its count.

    {"malmoi": "text", "version": 1, "sha256": "…",
    "kind": "words", "size": null, "min_count": 1, "lines": 36718, "left_out": 0,
    "types": [
    ["the", 113161],
    ["<unk>", 54625],

The checksum covers every line after the first.  The file is replaced in one step.  A trained
segmenter stands in the same file, under "letters" and "model".
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from malmoi import files
from malmoi.errors import RunError
from malmoi.text.vocabulary import Vocabulary

NAME = "text.json"
VERSION = 1


@dataclass(frozen=True)
class Stored:
    """What a file holds.  letters, model: of a trained segmenter.

    package: the version of what splits, if that is another package.
    """

    kind: str
    size: int | None
    min_count: int
    vocabulary: Vocabulary
    letters: str = ""
    model: Mapping[str, Any] = field(default_factory=dict)
    package: str = ""


def write(path: Path, stored: Stored) -> None:
    """Write the file whole and durably.  Raises SaveError, and the file is the old or the new."""
    lines, left_out, *counts = stored.vocabulary.counts
    head = {
        "kind": stored.kind,
        "size": stored.size,
        "min_count": stored.min_count,
        "package": stored.package,
        "lines": lines,
        "left_out": left_out,
        "letters": stored.letters,
        "model": stored.model,
    }
    types = zip(stored.vocabulary.types, counts, strict=True)
    rows = ",\n".join(f"[{_quote(t)}, {n}]" for t, n in types)
    body = json.dumps(head)[1:-1] + f',\n"types": [\n{rows}\n]}}\n'
    digest = hashlib.sha256(body.encode()).hexdigest()
    first = f'{{"malmoi": "text", "version": {VERSION}, "sha256": "{digest}",\n'
    content = (first + body).encode()
    old = "the text model that was there before is intact" if path.exists() else ""
    with files.saving("the text model", path.parent, needed=len(content), safe=old):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            files.write(path, content)
        except OSError:
            files.sweep(path.parent)
            raise


def read(path: Path) -> Stored:
    """Read the file.  Raises RunError with its name if anything in it is not as it was written."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise RunError("there is no text model here", where=str(path)) from None
    except OSError as error:
        raise RunError(
            "the text model cannot be read", where=f"{path}: {error.strerror or error}"
        ) from None
    try:
        first, _, body = content.partition(b"\n")
        head = json.loads(first.rstrip(b",") + b"}")
        _expect(head.get("malmoi") == "text", "it is not a text model")
        version = head.get("version")
        _expect(version == VERSION, f"it has version {version}, this malmoi reads {VERSION}")
        digest = hashlib.sha256(body).hexdigest()
        _expect(head.get("sha256") == digest, "its checksum does not fit its content")
        return _parse(json.loads(b"{" + body))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise damaged(
            path, f"{error} is missing" if isinstance(error, KeyError) else error
        ) from None


def damaged(path: Path, reason: object) -> RunError:
    """The error for a file that is not as it was written."""
    return RunError(
        "the text model is damaged",
        where=f"{path}: {reason}",
        hint="copy the run again, or train it again",
    )


def _parse(found: dict[str, Any]) -> Stored:
    types = [t for t, _ in found["types"]]
    counts = [found["lines"], found["left_out"], *(n for _, n in found["types"])]
    _expect(all(isinstance(t, str) for t in types), "a type is not a string")
    _expect(all(type(n) is int and n >= 0 for n in counts), "a count is not a whole number")
    _expect(found["size"] is None or type(found["size"]) is int, "its size is not a whole number")
    _expect(type(found["min_count"]) is int, "its min_count is not a whole number")
    _expect(isinstance(found["model"], dict), "its model is not an object")
    for key in ("kind", "letters", "package"):
        _expect(isinstance(found[key], str), f"its {key} is not a string")
    return Stored(
        kind=found["kind"],
        size=found["size"],
        min_count=found["min_count"],
        vocabulary=Vocabulary(types, counts),
        letters=found["letters"],
        model=found["model"],
        package=found["package"],
    )


def _expect(true: bool, otherwise: str) -> None:
    if not true:
        raise ValueError(otherwise)


def _quote(token: str) -> str:
    """A type in JSON; what does not print (line ends, private letters) as escapes."""
    return json.dumps(token, ensure_ascii=not token.isprintable())
