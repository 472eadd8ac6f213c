"""Files of word vectors: word2vec text and binary, GloVe text, fastText `.vec` and `.bin`.

    word2vec text   V d            a line; then a word and d numbers a line       (.vec is this)
    GloVe text      the same without the first line
    word2vec binary V d            a line; then a word, a space and d float32, V times
    fastText .bin   vectors of words and of their n-grams                         (fasttext.py)
    a run folder    of malmoi                                                     (run.py)

Which of them a file is, its first bytes tell; it may be packed by gzip, bzip2, xz, or be the one
file in a zip or tar.  A word is written in UTF-8 and may hold spaces: the numbers are counted from
the end of the line.  A word that comes a second time is left out.  A byte order mark is dropped.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from malmoi import files
from malmoi.data.lines import BOM, check_file
from malmoi.errors import DataError, EmptyText, TextError, UsageError
from malmoi.vectors.fasttext import is_fasttext, read_fasttext
from malmoi.vectors.packed import unpacked
from malmoi.vectors.run import from_run, is_run
from malmoi.vectors.words import WordVectors

UNKNOWN = ("<unk>", "<UNK>", "unk", "UNK")  # how others spell what stands for every other word
PEEK = 1 << 16


def read_vectors(path: Path | str, *, limit: int = 0) -> WordVectors:
    """Read a file or a run folder.  limit: only the first so many words (0: all).

    Raises DataError that names the line, or the byte, at which the file is not what it says.
    """
    path = Path(path)
    if is_run(path):
        vectors = from_run(path)
        return vectors.first(limit) if limit else vectors
    check_file(path)
    with unpacked(path) as stream:
        head = stream.peek(PEEK)[:PEEK]
        if not head:
            raise EmptyText("there is not one byte in the file", where=str(path))
        if head.startswith(BOM):
            head = head[len(stream.read(len(BOM))) :]
        if is_fasttext(head):
            vectors = read_fasttext(stream, path)
            return vectors.first(limit) if limit else vectors
        header = _header(head)
        if header and _binary(head, header[1]):
            words, rows = _read_binary(stream, path, limit)
        else:
            words, rows = _read_text(stream, path, limit, header is not None)
    matrix = np.array(rows, np.float32)
    found = dict(zip(reversed(words), range(len(words) - 1, -1, -1), strict=True))
    if len(found) < len(words):
        keep = sorted(found.values())
        words, matrix = [words[i] for i in keep], matrix[keep]
    unk = next((matrix[words.index(w)] for w in UNKNOWN if w in found), None)
    return WordVectors(words, matrix, unk=unk)


def write_vectors(
    vectors: WordVectors, path: Path | str, form: Literal["word2vec", "glove"] = "word2vec"
) -> None:
    """Write the words and their vectors as text, each number so that it is read back the same.

    What stands for every other word is written as `<unk>`, unless a word is spelt so.
    Raises UsageError for a word that the format cannot hold, or a place where no file can be.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}", hint=f"mkdir -p {path.parent}")
    if path.is_dir():
        raise UsageError(f"{path} is a folder", hint=f"name a file in it: {path / 'vectors.txt'}")
    words, matrix = list(vectors.words), vectors.matrix
    if vectors.unk is not None and "<unk>" not in vectors:
        words, matrix = [*words, "<unk>"], np.concatenate([matrix, vectors.unk[None]])
    out = io.StringIO()
    if form == "word2vec":
        out.write(f"{len(words)} {matrix.shape[1]}\n")
    for word, row in zip(words, matrix, strict=True):
        if not word or word != word.strip(" ") or "\n" in word or "\r" in word:
            raise UsageError("the format has no way to write this word", where=repr(word))
        out.write(word)
        for x in row:
            out.write(f" {x}")
        out.write("\n")
    with files.saving("the vectors", path.parent, needed=out.tell(), safe="nothing else"):
        files.write(path, out.getvalue())


def _header(head: bytes) -> tuple[int, int] | None:
    """V and d, if the first line says them."""
    fields = head.split(b"\n", 1)[0].split()
    if len(fields) != 2 or not all(field.isdigit() for field in fields):
        return None
    return int(fields[0]), int(fields[1])


def _binary(head: bytes, d: int) -> bool:
    """Whether the numbers of the first word are bytes that no text has."""
    line, end, _ = head.partition(b"\n")[2].partition(b"\n")
    fields = line.rstrip(b"\r ").split(b" ")
    numbers = fields[-d:] if end and len(fields) > d else fields[1:]
    return any(not 32 <= byte < 127 and byte != 9 for field in numbers for byte in field)


def _read_binary(
    stream: io.BufferedReader, path: Path, limit: int
) -> tuple[list[str], list[np.ndarray]]:
    V, d = (int(n) for n in stream.readline().split())
    words: list[str] = []
    rows: list[np.ndarray] = []
    at = stream.tell() if stream.seekable() else 0
    for number in range(1, min(V, limit or V) + 1):
        spelt = bytearray()
        while (byte := stream.read(1)) not in (b" ", b""):
            if byte != b"\n" or spelt:  # some writers end a word's numbers with a line end
                spelt += byte
        data = stream.read(4 * d)
        if byte == b"" or len(data) < 4 * d:
            raise DataError(
                "the file ends in the middle",
                where=f"{path}: word {number:,} of {V:,} should begin at byte {at:,}",
                hint="fetch it again",
            )
        words.append(_decoded(bytes(spelt), path, f"word {number:,}"))
        rows.append(np.frombuffer(data, "<f4"))
        if not np.isfinite(rows[-1]).all():
            raise DataError(
                "a number of this vector is none",
                where=f"{path}: word {number:,}, {words[-1]!r}",
                hint="is it a word2vec file?",
            )
        at += len(spelt) + 1 + len(data)
    return words, rows


def _read_text(
    stream: io.BufferedReader, path: Path, limit: int, header: bool
) -> tuple[list[str], list[np.ndarray]]:
    said = tuple(int(n) for n in stream.readline().split()) if header else None
    words: list[str] = []
    rows: list[np.ndarray] = []
    d = said[1] if said else 0
    for number, line in _lines(stream, path, 2 if said else 1):
        if limit and len(words) == limit:
            return words, rows
        d = d or max(1, len(line.split(" ")) - 1)
        fields = line.rsplit(" ", d)
        row = _numbers(fields[1:])
        if len(fields) != d + 1 or row is None or not fields[0]:
            raise DataError(
                f"this line is no word with {d} numbers",
                where=(f"{path}:{number}", f"found: {line[:80]!r}"),
                hint="is it a file of word vectors? word2vec, GloVe and fastText's are read",
            )
        words.append(fields[0])
        rows.append(row)
    if not words:
        raise EmptyText("there is no vector in the file", where=str(path))
    if said and len(words) != said[0]:
        raise DataError(
            "the file has not as many vectors as its first line says",
            where=f"{path}: {len(words):,} vectors; the first line says {said[0]:,}",
            hint="fetch it again: it may be cut short",
        )
    return words, rows


def _numbers(fields: list[str]) -> np.ndarray | None:
    """The numbers that these spell, None if one spells none or is not finite."""
    try:
        row = np.array([float(field) for field in fields], np.float32)
    except ValueError:
        return None
    return row if np.isfinite(row).all() else None


def _lines(stream: io.BufferedReader, path: Path, first: int) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(stream, start=first):
        text = _decoded(line, path, f"line {number:,}").rstrip("\r\n").rstrip(" ")
        if text:
            yield number, text


def _decoded(data: bytes, path: Path, place: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise TextError(
            "the bytes of this word are not UTF-8",
            where=f"{path}: {place}, byte {error.start} of it is 0x{data[error.start]:02x}",
            hint="write the vectors in UTF-8",
        ) from None
