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
import shlex
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from malmoi.data.guess import binary, encoding
from malmoi.errors import DataError, EmptyText, TextError, did_you_mean

BOM = b"\xef\xbb\xbf"
GZIP = b"\x1f\x8b"
BLOCK = 1 << 20  # bytes that `read_blocks` reads at once

Stream = BinaryIO | io.BufferedIOBase | io.RawIOBase


def read_lines(source: Path | str | Stream, *, name: str = "") -> Iterator[str]:
    """The lines of a file or of an open binary stream, without their ends.

    name: what errors call it.  Raises DataError at once if there is no such file; while reading,
    TextError where the bytes are not UTF-8 text, and EmptyText if there is not one byte.
    """
    if isinstance(source, (str, Path)):
        check_file(Path(source))
    return (without_end(line) for line in decoded(source, name=name))


def read_blocks(path: Path | str, *, check: bool = True) -> Iterator[bytes]:
    r"""The lines that `read_lines` gives, some at a time: UTF-8, each ended by `\n`.

    What is plain is passed on as it lies in the file.  From the first block on that is not (gzip,
    a mark, `\r`, what is no text), and from a pipe, it is `read_lines` that reads, or says why it
    cannot.

    check: whether the bytes are UTF-8; who decodes them, or nearly all, finds that out himself.
    """
    path, given = check_file(Path(path)), 0
    if not path.is_file():  # a pipe: what was read of it cannot be read again
        yield from _encoded(read_lines(path))
        return
    with _open(path) as file:
        rest = _bytes(file, 16, path)
        odd = binary(rest) or rest.startswith((BOM, GZIP)) or path.name.endswith(".gz")
        plain, size = bool(rest) and not odd, BLOCK
        while plain and rest:
            more = _bytes(file, size, path)
            cut = rest.rfind(b"\n") + 1 if more else len(rest)
            block, rest = rest[:cut], rest[cut:]
            size = max(BLOCK, len(rest))  # a line that is longer is not gone through often
            rest += more
            plain = b"\r" not in block and b"\0" not in block and (not check or _is_utf8(block))
            if plain and block:
                block += b"" if block.endswith(b"\n") else b"\n"
                given += len(block)
                yield block
    if not plain:
        yield from _encoded(islice(read_lines(path), _lines(path, given), None))


def _bytes(file: BinaryIO, size: int, path: Path) -> bytes:
    try:
        return file.read(size)
    except OSError as error:
        raise TextError("reading failed", where=f"{path}: {error.strerror or error}") from None


def _encoded(lines: Iterator[str]) -> Iterator[bytes]:
    while some := list(islice(lines, 1 << 13)):
        yield "".join(line + "\n" for line in some).encode()


def _lines(path: Path, size: int) -> int:
    """How many line feeds the first so many bytes hold."""
    found = 0
    with _open(path) as file:
        while size and (some := file.read(min(size, BLOCK))):
            found += some.count(b"\n")
            size -= len(some)
    return found


def _is_utf8(block: bytes) -> bool:
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def decoded(source: Path | str | Stream, *, name: str = "") -> Iterator[str]:
    r"""The lines as `read_lines` gives them, but with their ends: `\n`, `\r\n`, or none."""
    with ExitStack() as stack:
        if isinstance(source, (str, Path)):
            name = name or str(source)
            stream: Stream = stack.enter_context(_open(check_file(Path(source))))
        else:
            name = name or "stream"
            stream = source
        yield from _decode(_raw_lines(stream, name), name)


def check_file(path: Path) -> Path:
    """The path, if something can be read there.  Raises DataError."""
    try:
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
                hint=did_you_mean(path.name, beside) if 0 < len(beside) < 100 else "check the path",
            )
    except OSError as error:
        raise _unreadable(path, error) from None
    return path


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError("the file cannot be opened", where=f"{path}: {error.strerror or error}")


def without_end(line: str) -> str:
    r"""The line without its `\n` or `\r\n`."""
    return line[: -2 if line.endswith("\r\n") else -1] if line.endswith("\n") else line


def _raw_lines(stream: Stream, name: str) -> Iterator[bytes]:
    """The lines of a stream as bytes with their ends, unzipped.  Raises TextError."""
    at = 0
    with ExitStack() as stack:
        try:
            head = _begin(stream)
            whole: io.BufferedReader | gzip.GzipFile = io.BufferedReader(
                _Chain(head, stream), 1 << 16
            )
            if head.startswith(GZIP):
                whole = stack.enter_context(gzip.GzipFile(fileobj=whole, mode="rb"))
            elif name.endswith(".gz") and head:
                raise TextError("the name says gzip, the bytes do not", where=f"{name}: {head!r}…")
            # looked at before a line is: what has no line feed may have no end
            if found := binary(whole.peek(16)[:16]):
                hint = found.hint.replace("FILE", shlex.quote(name))
                raise TextError(f"this is {found.what}, not text", where=name, hint=hint)
            for line in whole:
                yield line
                at += len(line)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            cut = isinstance(error, EOFError)
            raise TextError(
                "the gzip file is cut short" if cut else "the gzip file is damaged",
                where=f"{name}: after {at:,} bytes of text",
                hint=f"gzip -t {shlex.quote(name)}",
            ) from None
        except OSError as error:
            raise TextError(
                "reading failed", where=f"{name}: after {at:,} bytes: {error.strerror or error}"
            ) from None


def _decode(lines: Iterator[bytes], name: str) -> Iterator[str]:
    at, number, returns = 0, 0, False
    for number, raw in enumerate(lines, start=1):
        line = raw
        if number == 1:
            line = raw.removeprefix(BOM)
            at = len(raw) - len(line)
            returns = b"\r" in line and not line.endswith(b"\n")
            if not line:  # nothing but the mark
                number = 0
                break
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise _not_utf8(line, error, name=name, number=number, at=at) from None
        if "\0" in text:
            raise TextError(
                "there are NUL bytes: this is not text",
                where=f"{name}:{number}, byte {at + line.index(0):,}",
                hint=_through("tr -d '\\000'", name),
            )
        at += len(line)
        if not returns:
            yield text
    if returns and number == 1:
        raise TextError(
            "the lines end in CR alone, so all of it would be one line",
            where=f"{name}: {at:,} bytes without a line feed",
            hint=_through("tr '\\r' '\\n'", name),
        )
    if number == 0:
        raise EmptyText("the file is empty", where=name)


def _not_utf8(
    line: bytes, error: UnicodeDecodeError, *, name: str, number: int, at: int
) -> TextError:
    """The error for a line that is not UTF-8, with what it may be instead."""
    where = f"{name}:{number}, byte {at + error.start:,}: 0x{line[error.start]:02X}"
    cut = error.reason == "unexpected end of data" and not line.endswith(b"\n")
    if cut and (error.start > 0 or number > 1):
        what = "the text ends in the middle of a character"
        return TextError(what, where=where, hint="was the file cut short?")
    guess = encoding(line)
    hint = f"probably {guess}: " + _through(f"iconv -f {guess} -t UTF-8", name) if guess else ""
    return TextError("this is not UTF-8", where=where, hint=hint)


def _through(command: str, name: str) -> str:
    """A shell line that sends the text through a command."""
    file = shlex.quote(name)
    if name.endswith(".gz"):
        return f"gzip -dc {file} | {command} > new.txt"
    return f"{command} < {file} > new.txt"


def _some(stream: Stream, size: int) -> bytes:
    """What the stream has now, up to size bytes: a pipe is read as it is written."""
    read: Callable[[int], bytes | None] = getattr(stream, "read1", stream.read)
    return read(size) or b""


def _begin(stream: Stream) -> bytes:
    """The first bytes: two, unless there are fewer."""
    head = b""
    while len(head) < 2 and (more := _some(stream, 16)):
        head += more
    return head


class _Chain(io.RawIOBase):
    """The bytes already read, then the rest of the stream (which stays open)."""

    def __init__(self, head: bytes, rest: Stream) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        data = self._head[: len(view)] if self._head else _some(self._rest, len(view))
        self._head = self._head[len(view) :]
        view[: len(data)] = data
        return len(data)
