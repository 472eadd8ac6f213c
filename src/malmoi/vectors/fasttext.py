"""fastText's own file of words, n-grams and vectors (`.bin`), read.

    int32 ×2    magic 793712314, version 12 or 11    (not in the oldest files)
    int32 ×12   d, window, epochs, min count, negatives, word n-grams, loss, model, buckets,
                shortest n-gram, longest, rate of update;       float64: sampling
    int32 ×3    entries, words, labels;                int64 ×2: tokens, pruned n-grams (−1)
    entries     word, 0; int64: count; int8: 0 for a word, 1 for a label
    uint8       1 if the vectors are quantised, which is not read    (nor these two)
    int64 ×2    rows, d;  float32: words, then buckets

The vector of a word is the mean of its own row and those of its n-grams.
"""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np

from malmoi.errors import DataError
from malmoi.vectors.words import Subwords, WordVectors, composed

NUMBER = 793712314
MAGIC = struct.pack("<i", NUMBER)
LABEL = 1
SUPERVISED = 3


def read_fasttext(stream: io.BufferedReader, path: Path) -> WordVectors:
    """Read the words and the n-grams.  Raises DataError for a file that is cut short, quantised,
    or of a version that is not known."""
    version = 0
    if stream.peek(4)[:4] == MAGIC:
        _, version = _unpack(stream, "<2i", path)
    settings = _unpack(stream, "<12id", path)
    d, model, buckets, shortest, longest = (settings[i] for i in (0, 7, 8, 9, 10))
    if version not in (0, 11, 12):
        raise _odd("this version of fastText's file is not known", path, f"version {version}")
    if version == 11 and model == SUPERVISED:
        longest = 0  # that version wrote the setting, and did not use it
    entries, words, _, _ = _unpack(stream, "<3iq", path)
    (pruned,) = _unpack(stream, "<q", path) if version else (-1,)
    if not (0 < d <= 1 << 20 and 0 <= words <= entries and buckets >= 0):
        raise _odd("this is no file of fastText", path, f"d = {d}, {words} of {entries} words")
    types = []
    for number in range(1, entries + 1):
        spelt = bytearray()
        while (byte := stream.read(1)) not in (b"\0", b""):
            spelt += byte
        _, kind = _unpack(stream, "<qb", path)
        if kind != LABEL:
            types.append(bytes(spelt).decode("utf-8", "backslashreplace"))
        if byte == b"":
            raise _short(path, f"in word {number:,} of {entries:,}")
    if pruned > 0:
        raise _odd("pruned n-grams are not read", path, f"{pruned:,} of them")
    (quantised,) = _unpack(stream, "<?", path) if version else (False,)
    if quantised:
        raise _odd("quantised vectors (.ftz) are not read", path, "the file says it is quantised")
    rows, width = _unpack(stream, "<2q", path)
    if width != d or rows < len(types) or rows > entries + buckets:
        raise _odd("this is no file of fastText", path, f"{rows:,} vectors of width {width}")
    data = stream.read(4 * rows * d)
    if len(data) < 4 * rows * d:
        raise _short(path, f"{len(data):,} of {4 * rows * d:,} bytes of vectors")
    matrix = np.frombuffer(data, "<f4").reshape(rows, d)
    own, rest = matrix[: len(types)], matrix[words:]
    if not longest or not len(rest):
        return WordVectors(types, own)
    subwords = Subwords(shortest, longest, rest)
    return WordVectors(types, composed(own, tuple(types), subwords), subwords=subwords)


def is_fasttext(head: bytes) -> bool:
    """Whether a file that begins so is one of fastText's, of today or from before it had a sign."""
    if head[:4] == MAGIC:
        return True
    if len(head) < 48:
        return False
    numbers: tuple[int, ...] = struct.unpack("<12i", head[:48])
    d, window, *_, loss, model, _, shortest, longest, _ = numbers
    small = 0 < d < 1 << 16 and 0 < window < 1 << 16 and 0 <= shortest <= longest < 1 << 8
    return small and 0 < loss < 5 and 0 < model < 4


def _unpack(stream: io.BufferedReader, form: str, path: Path) -> tuple[Any, ...]:
    size = struct.calcsize(form)
    data = stream.read(size)
    if len(data) < size:
        raise _short(path, "before its vectors")
    return struct.unpack(form, data)


def _short(path: Path, where: str) -> DataError:
    return DataError("the file ends in the middle", where=f"{path}: {where}", hint="fetch it again")


def _odd(what: str, path: Path, where: str) -> DataError:
    return DataError(what, where=f"{path}: {where}", hint="use the .vec file beside it")
