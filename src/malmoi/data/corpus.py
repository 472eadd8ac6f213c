"""A corpus on disk: one flat stream of tokens, written as it is read, opened without reading it.

    tokens.bin     0 w w w 0 w w 0 … 0        a boundary first, and one after every line
    corpus.json    type, vocabulary size and counts

The stream is nothing but little-endian unsigned integers (16 bits if the vocabulary fits, else 32),
so it can be memory-mapped, read by any language, and be far larger than memory.  What is read is
`tokens[:-1]`, what is to be said `tokens[1:]`; events are the words and one `</s>` a line.
"""

import json
import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from jaxtyping import Integer

from malmoi.errors import DataError, EmptyText

BOUNDARY, UNK = 0, 1
CHUNK = 1 << 16  # tokens held in memory while writing
TOKENS, SIDECAR = "tokens.bin", "corpus.json"


class EncodedLine(NamedTuple):
    """A line's token ids, without boundaries, and its size in characters and in bytes.

    Both are of the NFC text and count the line end, so that models with other tokens compare.
    """

    ids: Sequence[int]
    characters: int
    bytes: int


def encoded(lines: Iterable[str], encode: Callable[[str], Sequence[int]]) -> Iterator[EncodedLine]:
    """Lines on their way to `Corpus.write`; `encode` is a Text's."""
    for line in lines:
        composed = unicodedata.normalize("NFC", line)
        size = len(composed.encode("utf-8", "surrogatepass"))
        yield EncodedLine(encode(line), len(composed) + 1, size + 1)


def dtype_for(V: int) -> np.dtype[np.unsignedinteger]:
    """The smallest type on disk that holds every id below V."""
    return np.dtype("<u2") if V <= 0xFFFF else np.dtype("<u4")


def stream(lines: Iterable[Sequence[int]], V: int) -> Integer[np.ndarray, "N"]:
    """The same layout in memory, for texts that are small."""
    flat = [BOUNDARY]
    for ids in lines:
        flat += [*ids, BOUNDARY]
    return np.array(flat, dtype_for(V))


@dataclass(frozen=True)
class Corpus:
    """`tokens` is a read-only memory map: slices of it come from the disk when touched.

    characters, bytes: of the NFC text, line ends included.  unknown: how many tokens are `<unk>`.
    """

    folder: Path
    tokens: Integer[np.ndarray, "N"]
    vocabulary: int
    lines: int
    characters: int
    bytes: int
    unknown: int

    @property
    def events(self) -> int:
        """What a model is asked to say: the words and one end a line."""
        return len(self.tokens) - 1

    @classmethod
    def write(cls, folder: str | Path, encoded_lines: Iterable[EncodedLine], V: int) -> "Corpus":
        """Write a corpus into `folder`, in memory that does not grow with the text.

        Raises EmptyText without a line, ValueError on an id that is no word of the vocabulary.
        A writing that was cut short leaves no sidecar, so what it left is never opened.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f".{TOKENS}.tmp"
        try:
            with unfinished.open("wb") as file:
                counts = _pour(file, encoded_lines, V)
                file.flush()
                os.fsync(file.fileno())
            if not counts["lines"]:
                raise EmptyText("there is no line to write", where=str(folder))
            (folder / SIDECAR).unlink(missing_ok=True)
            os.replace(unfinished, folder / TOKENS)
        finally:
            unfinished.unlink(missing_ok=True)
        _write_sidecar(folder, counts)
        return cls.open(folder)

    @classmethod
    def open(cls, folder: str | Path) -> "Corpus":
        """Map the tokens into memory; only the sidecar is read, and the size compared with it."""
        folder = Path(folder)
        hint = "write it again from its text"
        try:
            counts = json.loads((folder / SIDECAR).read_text(encoding="utf-8"))
            dtype = dtype_for(counts["vocabulary"])
            due = counts.pop("tokens") * dtype.itemsize
            said, size = counts.pop("dtype"), (folder / TOKENS).stat().st_size
            if said != dtype.name or size != due or not size:
                raise ValueError(f"{TOKENS} has {size:,} bytes, {SIDECAR} says {due:,} of {said}")
            return cls(folder, np.memmap(folder / TOKENS, dtype, mode="r"), **counts)
        except (OSError, ValueError, KeyError, TypeError) as error:
            what = "this corpus was not finished, or is none"
            raise DataError(what, where=f"{folder}: {error}", hint=hint) from error


def _pour(file: BinaryIO, encoded_lines: Iterable[EncodedLine], V: int) -> dict[str, int | str]:
    dtype = dtype_for(V)
    tokens = lines = characters = size = unknown = 0
    held, ends = [BOUNDARY], 1  # ends: how many boundaries in `held` are ours

    def flush() -> None:
        nonlocal tokens, unknown
        chunk = np.array(held, np.int64)
        if chunk.min() < 0 or chunk.max() >= V or (chunk == BOUNDARY).sum() != ends:
            raise ValueError(f"an id in the lines up to {lines:,} is not one of 1…{V - 1:,}")
        file.write(chunk.astype(dtype).tobytes())
        tokens += len(chunk)
        unknown += int((chunk == UNK).sum())
        held.clear()

    for ids, line_characters, line_bytes in encoded_lines:
        held += ids
        held.append(BOUNDARY)
        ends += 1
        lines += 1
        characters += line_characters
        size += line_bytes
        if len(held) >= CHUNK:
            flush()
            ends = 0
    if held:
        flush()
    return {
        "dtype": dtype.name,
        "vocabulary": V,
        "tokens": tokens,
        "lines": lines,
        "characters": characters,
        "bytes": size,
        "unknown": unknown,
    }


def _write_sidecar(folder: Path, counts: dict[str, int | str]) -> None:
    """Last of all: a temporary name, flushed, renamed, the folder flushed."""
    unfinished = folder / f".{SIDECAR}.tmp"
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(json.dumps(counts, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, folder / SIDECAR)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
