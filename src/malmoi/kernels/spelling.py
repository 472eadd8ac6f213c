"""Words of a text as numbers, straight from its bytes.

    letters    the words that are known, one after another, each ended by a line feed
    start      word j begins at letters[start[j]]; start[known] is the first place that is free
    rows       open addressing: a row is (key, its length << 32 | its number); 0 is an empty one

Keys are those of `kernels.words`.  A word of at most eight bytes is the one of the row that agrees
with it; of a longer one the letters are compared.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from unicodedata import is_normalized

import numpy as np

from malmoi.kernels.compile import compiled, inlined
from malmoi.kernels.memory import eight
from malmoi.kernels.ranking import sort
from malmoi.kernels.words import LINE, NONE, PAD, PIECE, U, ascii, cut, holder, home, padded, read

NUMBER = U(0xFFFFFFFF)
KEY, WHO = 0, 1


class Numbered(NamedTuple):
    """ids: of the words of some lines, a boundary first and after each.

    places: of the unknown words that are not ASCII, in ids.  spelt: these words, a line each.
    """

    ids: np.ndarray
    places: np.ndarray
    spelt: bytes


class Spellings:
    """Known words, numbered 0, 1, … as they came, and how often each was seen."""

    def __init__(self, *, letters: int = 1 << 12, words: int = 1 << 10) -> None:
        """letters, words: room to begin with."""
        self.letters = np.zeros(letters + PAD, np.uint8)
        self.start = np.zeros(words + 1, np.int64)
        self.seen = np.zeros(words + 1, np.int64)
        self.rows = empty_rows(words)
        self.known = 0

    @classmethod
    def of(cls, words: Sequence[str]) -> "Spellings":
        """Words that are known already.  One that no line is split into, or that is not in NFC, is
        never found."""
        text = "".join(f"{word}\n" for word in words)
        if not plain(text, len(words)):
            text = "".join(f"{word}\n" if word and plain(word, 0) else "\n" for word in words)
        known = cls(letters=0, words=len(words))
        known.letters = padded(text.encode())
        known.known = len(words)
        ends = np.flatnonzero(known.letters[:-PAD] == LINE) + 1
        known.start[1 : len(words) + 1] = ends
        rebuild(known.known, known.letters, known.start, known.rows)
        return known

    def count(self, text: bytes) -> np.ndarray:
        """Count the words of some lines; new ones become known.  Returns their numbers + 1, and 0
        for the end of each line."""
        read, at, filled = padded(text), 0, 0
        out = np.empty(len(text) + 1, np.uint32)
        while at < len(text):
            at, filled, self.known = learn(
                read, at, self.known, self.letters, self.start, self.seen, self.rows, out, filled
            )
            if at < len(text):
                self._grow(len(read) - at)
        return out[:filled].copy()

    def _grow(self, longest: int) -> None:
        """Room for twice as much; longest: of what may come next, in bytes."""
        if self.start[self.known] + longest + PIECE + PAD > len(self.letters):
            more = np.zeros(len(self.letters) + longest + PIECE, np.uint8)
            self.letters = np.concatenate([self.letters, more])
        if self.known + PIECE >= len(self.start):
            room = np.zeros(len(self.start) + PIECE, np.int64)
            self.start = np.concatenate([self.start, room])
            self.seen = np.concatenate([self.seen, room])
            self.rows = empty_rows(len(self.start))
            rebuild(self.known, self.letters, self.start, self.rows)

    def merge(self, same: Mapping[int, str]) -> np.ndarray:
        """Count words as other words: number → word.  Returns the number that each word has now."""
        number = np.arange(self.known)
        for j, word in same.items():
            other = int(self.count(f"{word}\n".encode())[0]) - 1
            if other != j:
                self.seen[other] += self.seen[j]
                self.seen[j] = 0
            self.seen[other] -= 1  # for the counting of it just now
            number[j] = other
        return number

    def counts(self) -> dict[str, int]:
        """Each word, and how often it was seen."""
        seen = self.seen[: self.known].tolist()
        return {word: n for word, n in zip(self.words(), seen, strict=True) if n}

    def words(self) -> list[str]:
        """Word j is the one of number j."""
        return self.letters[: self.start[self.known]].tobytes().decode().split("\n")[:-1]

    def ranked(self) -> np.ndarray:
        """The numbers by falling count, ties by code points."""
        return sort(self.seen[: self.known], self.letters, self.start[: self.known + 1])

    def numbers(self, text: bytes, *, base: int, unknown: int, end: int) -> Numbered:
        """Of the words of some lines: number + base, or `unknown`; `end` first and after each."""
        out = np.empty(len(text) + 2, np.uint32)
        out[0] = end
        strange = np.empty((len(text) // 2 + 1, 3), np.int64)  # a byte at least, and an end
        size, found = look_up(
            padded(text), self.letters, self.start, self.rows, base, unknown, end, out[1:], strange
        )
        strange = strange[:found]
        spelt = gathered(np.frombuffer(text, np.uint8), strange).tobytes()
        return Numbered(out[: size + 1], strange[:, 0] + 1, spelt)


def plain(text: str, lines: int) -> bool:
    """Whether it is in NFC, has so many line feeds, and no other separator."""
    return (
        text.count("\n") == lines
        and " " not in text
        and "\t" not in text
        and is_normalized("NFC", text)
    )


def empty_rows(words: int) -> np.ndarray:
    """For so many words: a power of two, at most two in three taken."""
    return np.zeros((1 << max(4, (words * 3 // 2).bit_length()), 2), np.uint64)


@compiled
def learn(
    text: np.ndarray,
    at: int,
    known: int,
    letters: np.ndarray,
    start: np.ndarray,
    seen: np.ndarray,
    rows: np.ndarray,
    out: np.ndarray,
    filled: int,
) -> tuple[int, int, int]:
    """Count from `at` on, as far as there is room: where it ended, how much of `out` is filled, and
    how many words are known.
    """
    held = holder()
    while at < len(text) - PAD:
        words, after, full = cut(text, at, rows, 0, out, filled, held)
        free = start[known]
        if known + words >= len(start) or free + after - at + words + PAD > len(letters):
            break
        for i in range(words):
            begin, size = held.begin[i], held.size[i]
            row = find(text, begin, size, held.key[i], held.row[i], letters, start, rows)
            if rows[row, WHO] == NONE:
                free = start[known]
                letters[free : free + size] = text[begin : begin + size]
                letters[free + size] = LINE
                start[known + 1] = free + size + 1
                rows[row, KEY], rows[row, WHO] = held.key[i], who(size, known)
                known += 1
            number = np.int64(rows[row, WHO] & NUMBER)
            seen[number] += 1
            out[held.place[i]] = number + 1
        at, filled = after, full
    return at, filled, known


@compiled
def look_up(
    text: np.ndarray,
    letters: np.ndarray,
    start: np.ndarray,
    rows: np.ndarray,
    base: int,
    unknown: int,
    line: int,
    out: np.ndarray,
    strange: np.ndarray,
) -> tuple[int, int]:
    """Fill `out`, and `strange` with (place in it, begin, size) of each unknown word that is not
    ASCII; returns how much of each.
    """
    held = holder()
    key, begin, size, place, row = held
    at = filled = odd = 0
    while at < len(text) - PAD:
        words, at, filled = cut(text, at, rows, line, out, filled, held)
        for i in range(words):
            at_row = find(text, begin[i], size[i], key[i], row[i], letters, start, rows)
            if rows[at_row, WHO] != NONE:
                out[place[i]] = np.int64(rows[at_row, WHO] & NUMBER) + base
                continue
            out[place[i]] = unknown
            if not ascii(text, begin[i], size[i]):
                strange[odd, 0], strange[odd, 1], strange[odd, 2] = place[i], begin[i], size[i]
                odd += 1
    return filled, odd


@inlined
def who(size: int, number: int) -> np.uint64:
    return (U(size) << U(32)) | U(number)


@inlined
def find(
    text: np.ndarray,
    begin: int,
    size: int,
    key: np.uint64,
    row: int,
    letters: np.ndarray,
    start: np.ndarray,
    rows: np.ndarray,
) -> int:
    """From this row on, the first that is of this word or is empty."""
    while True:
        found = rows[row, WHO]
        if found == NONE:
            return row
        if rows[row, KEY] == key and np.int64(found >> U(32)) == size:
            if size <= 8:
                return row
            known, i = start[np.int64(found & NUMBER)], 0
            other = eight(letters, known + size - 8) ^ eight(text, begin + size - 8)
            while i + 8 < size:
                other |= eight(letters, known + i) ^ eight(text, begin + i)
                i += 8
            if other == NONE:
                return row
        row = (row + 1) & (len(rows) - 1)


@compiled
def gathered(text: np.ndarray, strange: np.ndarray) -> np.ndarray:
    """The words of `look_up`'s strange ones, a line each."""
    out, filled = np.empty(strange[:, 2].sum() + len(strange), np.uint8), 0
    for _, begin, size in strange:
        out[filled : filled + size] = text[begin : begin + size]
        out[filled + size] = LINE
        filled += size + 1
    return out


@compiled
def rebuild(known: int, letters: np.ndarray, start: np.ndarray, rows: np.ndarray) -> None:
    """Put all known words into empty rows."""
    for number in range(known):
        begin, size = start[number], start[number + 1] - 1 - start[number]
        if size > 0:
            key, _ = read(letters, begin)
            row = home(key, rows)
            while rows[row, WHO] != NONE:
                row = (row + 1) & (len(rows) - 1)
            rows[row, KEY], rows[row, WHO] = key, who(size, number)
