r"""Lines of text, from a file or a pipe, exactly as they were written or not at all.

    for line in read_lines("my.txt"): …
    for line in read_lines(sys.stdin.buffer, name="stdin"): …

A line ends at `\n` and nowhere else: U+2028, U+0085, VT and FF are characters inside a line.  One
`\r` before the `\n` belongs to the line end; any other `\r` is a character, but a file that has
`\r` and no `\n` at all is refused, because it would be one line.  The bytes are UTF-8 or an error
says where they are not; a byte order mark at the start is dropped; gzip is known by its first
bytes.  The last line counts with or without its `\n`.  Only the line at hand is held in memory.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from malmoi.data.guess import binary, encoding
from malmoi.errors import DataError, EmptyText, TextError, did_you_mean

BOM = b"\xef\xbb\xbf"
GZIP = b"\x1f\x8b"


def read_lines(source: Path | str | BinaryIO, *, name: str = "") -> Iterator[str]:
    """The lines of a file or of an open binary stream, without their ends.

    name: what errors call it.  Raises DataError at once if there is no such file; while reading,
    TextError where the bytes are not UTF-8 text, and EmptyText if there is not one byte.
    """
    if isinstance(source, (str, Path)):
        return _read_file(check_file(Path(source)), name or str(source))
    return _decode(raw_lines(source, name or "stream"), name or "stream")


def check_file(path: Path) -> Path:
    """The path, if something can be read there.  Raises DataError."""
    if path.is_dir():
        inside = sorted(p.name for p in path.iterdir())
        raise DataError(
            "this is a folder, not a file",
            where=str(path),
            hint=f"name a file in it, such as {path / inside[0]}" if inside else "it is empty",
        )
    if not path.exists():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(
            "there is no such file",
            where=str(path),
            hint=did_you_mean(path.name, beside) if 0 < len(beside) < 1000 else "check the path",
        )
    return path


def _read_file(path: Path, name: str) -> Iterator[str]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise DataError(
            "the file cannot be opened", where=f"{path}: {error.strerror or error}"
        ) from None
    with file:
        yield from _decode(raw_lines(file, name), name)


def raw_lines(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """The lines of a stream as bytes with their ends, unzipped.  Raises TextError."""
    head = stream.read(16)
    whole: io.BufferedIOBase = io.BufferedReader(_Chain(head, stream), 1 << 16)
    with ExitStack() as stack:
        if head.startswith(GZIP):
            whole = stack.enter_context(gzip.GzipFile(fileobj=whole, mode="rb"))
        elif name.endswith(".gz") and head:
            raise TextError("the name says gzip, the bytes do not", where=f"{name}: {head[:4]!r}…")
        elif found := binary(head):
            raise TextError(f"this is {found.what}, not text", where=name, hint=found.hint)
        at = 0
        try:
            for line in whole:
                yield line
                at += len(line)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            cut = isinstance(error, EOFError)
            raise TextError(
                "the gzip file is cut short" if cut else "the gzip file is damaged",
                where=f"{name}: after {at:,} bytes of text",
                hint=f"gzip -t {name}",
            ) from None
        except OSError as error:
            raise TextError(
                "reading failed", where=f"{name}: after {at:,} bytes: {error.strerror or error}"
            ) from None


def _decode(lines: Iterator[bytes], name: str) -> Iterator[str]:
    at, number, returns = 0, 0, False
    for number, raw in enumerate(lines, start=1):
        line = raw[len(BOM) :] if number == 1 and raw.startswith(BOM) else raw
        skipped = len(raw) - len(line)
        if number == 1:
            returns = b"\r" in raw and not raw.endswith(b"\n")
            if found := binary(line):
                raise TextError(f"this is {found.what}, not text", where=name, hint=found.hint)
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise _not_utf8(line, error, name=name, number=number, at=at + skipped) from None
        if "\0" in text:
            raise TextError(
                "there are NUL bytes: this is not text",
                where=f"{name}:{number}, byte {at + skipped + line.index(0):,}",
            )
        if text.endswith("\n"):
            text = text[: -2 if text.endswith("\r\n") else -1]
        at += len(raw)
        if not returns:
            yield text
    if returns and number == 1:
        raise TextError(
            "the lines end in CR alone, so all of it would be one line",
            where=f"{name}: {at:,} bytes without a line feed",
            hint=f"tr '\\r' '\\n' < {name} > new.txt",
        )
    if at == 0:
        raise EmptyText("the file is empty", where=name)


def _not_utf8(
    line: bytes, error: UnicodeDecodeError, *, name: str, number: int, at: int
) -> TextError:
    """The error for a line that is not UTF-8, with what it may be instead."""
    byte = line[error.start]
    if error.reason == "unexpected end of data" and not line.endswith(b"\n"):
        what, hint = "the text ends in the middle of a character", "was the file cut short?"
    else:
        what = "this is not UTF-8"
        guess = encoding(line)
        hint = f"probably {guess}: iconv -f {guess} -t UTF-8 {name} > new.txt" if guess else ""
    return TextError(
        what, where=f"{name}:{number}, byte {at + error.start:,}: 0x{byte:02X}", hint=hint
    )


class _Chain(io.RawIOBase):
    """The bytes already read, then the rest of the stream (which stays open)."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        data = self._head[: len(view)] if self._head else self._rest.read(len(view))
        self._head = self._head[len(view) :]
        view[: len(data)] = data
        return len(data)
