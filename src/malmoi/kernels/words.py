"""The words of a text, straight from its bytes, eight at a time.

Words are what space and tab separate within a line (`malmoi.text.tokenizer.Given`).  Each has a
key: of a word of less than eight bytes these bytes; eight are mixed, so that none is lost; of a
longer word it is a hash.  Two words of at most eight bytes are the same if key and size are.

Every text that is read here is `padded`.
"""

from typing import NamedTuple

import numpy as np

from malmoi.kernels.compile import compiled, inlined
from malmoi.kernels.memory import eight, lowest, prefetch

SPACE, TAB, LINE = 32, 9, 10
PIECE = 512  # words of which the rows are asked for at once
PAD = 16  # bytes that may be read beyond the end

U = np.uint64
ONES, TOPS = U(0x0101010101010101), U(0x8080808080808080)
SPACES, TABS, LINES = U(SPACE) * ONES, U(TAB) * ONES, U(LINE) * ONES
ODD, MIX = U(0x9E3779B97F4A7C15), U(0xD6E8FEB86659FD93)
NONE = U(0)


class Held(NamedTuple):
    """Words of the text, PIECE of them: the key, where it begins, its bytes, its place in what
    comes out, the row where it is looked for first."""

    key: np.ndarray
    begin: np.ndarray
    size: np.ndarray
    place: np.ndarray
    row: np.ndarray


def padded(text: bytes) -> np.ndarray:
    """The bytes, and line feeds after them."""
    out = np.full(len(text) + PAD, LINE, np.uint8)
    out[: len(text)] = np.frombuffer(text, np.uint8)
    return out


@compiled
def holder() -> Held:
    return Held(
        np.empty(PIECE, np.uint64),
        np.empty(PIECE, np.int64),
        np.empty(PIECE, np.int64),
        np.empty(PIECE, np.int64),
        np.empty(PIECE, np.int64),
    )


@compiled
def cut(
    text: np.ndarray,
    at: int,
    rows: np.ndarray,
    line: int,
    out: np.ndarray,
    filled: int,
    held: Held,
) -> tuple[int, int, int]:
    """Hold the next words, and ask for their rows.  Line ends go to `out`, words get their places.

    Returns how many are held, where it ended, and how much of `out` is given away.
    """
    words = 0
    while at < len(text) - PAD and words < PIECE:
        letter = text[at]
        if letter == LINE:
            out[filled] = line
            filled += 1
            at += 1
        elif letter in (SPACE, TAB):
            at += 1
        else:
            key, end = read(text, at)
            row = home(key, rows)
            prefetch(rows, row, 0)
            held.key[words], held.row[words], held.place[words] = key, row, filled
            held.begin[words], held.size[words] = at, end - at
            words += 1
            filled += 1
            at = end
    return words, at, filled


@inlined
def read(text: np.ndarray, at: int) -> tuple[np.uint64, int]:
    """The key of the word that begins here, and where it ends."""
    some = eight(text, at)
    ends = separators(some)
    key, end = U(0), at
    while ends == NONE:
        key = (key ^ some) * ODD
        key ^= key >> U(29)
        end += 8
        some = eight(text, end)
        ends = separators(some)
    bits = lowest(ends) - U(7)  # of the letters before the first separator
    some &= (U(1) << bits) - U(1)
    if end > at:
        some = (key ^ some) * ODD
        some ^= some >> U(32)
    return some, end + int(np.int64(bits >> U(3)))


@inlined
def separators(some: np.uint64) -> np.uint64:
    """Of eight bytes, the top bit of each that separates; above the lowest one, of others too.

    x − 1 borrows from the top bit where a byte is 0 (Warren, Hacker's Delight, §6–1).
    """
    space, tab, line = some ^ SPACES, some ^ TABS, some ^ LINES
    return (
        ((space - ONES) & ~space) | ((tab - ONES) & ~tab) | ((line - ONES) & ~line)
    ) & TOPS  # fmt: skip


@inlined
def home(key: np.uint64, rows: np.ndarray) -> int:
    """The row that is looked at first."""
    x = key * ODD
    x = (x ^ (x >> U(32))) * MIX
    return int(np.int64((x ^ (x >> U(32))) & U(len(rows) - 1)))


@inlined
def ascii(text: np.ndarray, begin: int, size: int) -> bool:
    letters = 0
    for i in range(begin, begin + size):
        letters |= text[i]
    return letters < 128
