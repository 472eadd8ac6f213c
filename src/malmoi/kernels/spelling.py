"""Words of a text as numbers, straight from its bytes.

    letters    the words that are known, one after another, each ended by a line feed
    start      word j begins at letters[start[j]]; start[known] is the first place that is free
    table      open addressing: a row is (hash, where the word begins, its length, its number); a
               row of length 0 is empty

A row that agrees in hash and length is the word only if all its letters agree.  Words are what
space and tab separate within a line (`malmoi.text.tokenizer.Given`).
"""

from collections.abc import Sequence

import numpy as np

from malmoi.kernels.compile import compiled

SPACE, TAB, LINE = 32, 9, 10
SEPARATORS = {" ", "\t", "\n"}
PIECE = 1024  # words: what is known about them stays in the nearest cache
HASH, BEGIN, LENGTH, NUMBER = range(4)


class Spellings:
    """Known words, numbered 0, 1, … as they came, and how often each was seen."""

    def __init__(self, *, letters: int = 1 << 12, words: int = 1 << 10) -> None:
        """letters, words: room to begin with."""
        self.letters = np.zeros(letters, np.uint8)
        self.start = np.zeros(words + 1, np.int64)
        self.seen = np.zeros(words + 1, np.int64)
        self.table = np.zeros((len(self.start) * 2, 4), np.uint32)
        self.known = 0

    @classmethod
    def of(cls, words: Sequence[str]) -> "Spellings":
        """Words that are known already; one that no line could be split into is never found."""
        possible = [word if word and not SEPARATORS & set(word) else "" for word in words]
        text = "\n".join([*possible, ""]).encode()
        known = cls(letters=len(text) + 1, words=len(words))
        known.letters[: len(text)] = np.frombuffer(text, np.uint8)
        known.known = len(words)
        ends = np.flatnonzero(known.letters[: len(text)] == LINE) + 1
        known.start[1 : len(words) + 1] = ends
        rebuild(known.known, known.letters, known.start, known.table)
        return known

    def count(self, text: bytes) -> None:
        """Count the words of some lines; new ones become known."""
        read, at = np.frombuffer(text, np.uint8), 0
        while True:
            at, self.known = learn(
                read, at, self.known, self.letters, self.start, self.seen, self.table
            )
            if at == len(read):
                return
            if self.known + 1 >= len(self.start):
                self.start = np.concatenate([self.start, np.zeros_like(self.start)])
                self.seen = np.concatenate([self.seen, np.zeros_like(self.seen)])
                self.table = np.zeros((len(self.start) * 2, 4), np.uint32)
                rebuild(self.known, self.letters, self.start, self.table)
            else:  # a word that is longer than what is left for letters
                more = np.zeros(len(self.letters) + len(read) - at + 1, np.uint8)
                self.letters = np.concatenate([self.letters, more])

    def counts(self) -> dict[str, int]:
        """Each word, and how often it was seen."""
        letters = self.letters[: self.start[self.known]].tobytes()
        words = letters.decode().split("\n")[:-1]
        return dict(zip(words, self.seen[: self.known].tolist(), strict=True))

    def numbers(self, text: bytes, *, base: int, unknown: int, end: int) -> np.ndarray:
        """Of the words of some lines: number + base, or `unknown`; `end` first and after each."""
        out = np.empty(len(text) + 2, np.uint32)
        out[0] = end
        read = np.frombuffer(text, np.uint8)
        size = look_up(read, self.letters, self.table, base, unknown, end, out[1:])
        return out[: size + 1]


@compiled
def learn(
    text: np.ndarray,
    at: int,
    known: int,
    letters: np.ndarray,
    start: np.ndarray,
    seen: np.ndarray,
    table: np.ndarray,
) -> tuple[int, int]:
    """Count from `at` on, as far as there is room: where it ended, how many words are known."""
    while at < len(text):
        if separates(text[at]):
            at += 1
            continue
        end, wanted = word(text, at)
        row = hit(wanted, end - at, home(wanted, table), table)
        row = same(text, at, end - at, wanted, row, letters, table)
        if table[row, LENGTH] == 0:
            free = start[known]
            if known + 1 >= len(start) or free + end - at + 1 > len(letters):
                return at, known
            letters[free : free + end - at] = text[at:end]
            letters[free + end - at] = LINE
            start[known + 1] = free + end - at + 1
            set_row(table, row, wanted, free, end - at, known)
            known += 1
        number = table[row, NUMBER]
        seen[number] += 1
        at = end
    return at, known


@compiled
def look_up(
    text: np.ndarray,
    letters: np.ndarray,
    table: np.ndarray,
    base: int,
    unknown: int,
    line: int,
    out: np.ndarray,
) -> int:
    """Fill `out`; returns how much of it.

    Some words at a time, in three rounds, so that the memory is asked for many of them at once.
    """
    begin, size = np.empty(PIECE, np.int64), np.empty(PIECE, np.int64)
    wanted, row = np.empty(PIECE, np.uint32), np.empty(PIECE, np.int64)
    place = np.empty(PIECE, np.int64)
    at = filled = 0
    while at < len(text):
        words = 0
        while at < len(text) and words < PIECE:  # where they are
            if text[at] == LINE:
                out[filled] = line
                filled += 1
                at += 1
            elif separates(text[at]):
                at += 1
            else:
                begin[words], place[words] = at, filled
                at, wanted[words] = word(text, at)
                size[words] = at - begin[words]
                filled += 1
                words += 1
        for i in range(words):  # which they may be
            row[i] = hit(wanted[i], size[i], home(wanted[i], table), table)
        for i in range(words):  # which they are
            found = same(text, begin[i], size[i], wanted[i], row[i], letters, table)
            out[place[i]] = table[found, NUMBER] + base if table[found, LENGTH] > 0 else unknown
    return filled


@compiled
def rebuild(known: int, letters: np.ndarray, start: np.ndarray, table: np.ndarray) -> None:
    """Put all known words into an empty table."""
    for number in range(known):
        at, (end, wanted) = start[number], word(letters, start[number])
        if end == at:
            continue
        row = hit(wanted, 0, home(wanted, table), table)
        set_row(table, row, wanted, at, end - at, number)


@compiled
def set_row(
    table: np.ndarray, row: int, wanted: np.uint32, begin: int, size: int, number: int
) -> None:
    table[row, HASH], table[row, BEGIN] = wanted, begin
    table[row, LENGTH], table[row, NUMBER] = size, number


@compiled
def separates(byte: int) -> bool:
    return byte in (SPACE, TAB, LINE)


@compiled
def word(text: np.ndarray, at: int) -> tuple[int, np.uint32]:
    """Where the word that begins here ends, and its hash (FNV-1a, 64 bits, folded)."""
    h = np.uint64(14695981039346656037)
    while at < len(text) and not separates(text[at]):
        h = (h ^ np.uint64(text[at])) * np.uint64(1099511628211)
        at += 1
    return at, np.uint32((h ^ (h >> np.uint64(32))) & np.uint64(0xFFFFFFFF))


@compiled
def home(wanted: np.uint32, table: np.ndarray) -> int:
    """The row that is looked at first."""
    return int(np.int64((np.uint64(wanted) * np.uint64(len(table))) >> np.uint64(32)))


@compiled
def hit(wanted: np.uint32, size: int, row: int, table: np.ndarray) -> int:
    """From this row on, the first that agrees or is empty."""
    while table[row, LENGTH] > 0 and (table[row, HASH] != wanted or table[row, LENGTH] != size):
        row = row + 1 if row + 1 < len(table) else 0
    return row


@compiled
def same(
    text: np.ndarray,
    at: int,
    size: int,
    wanted: np.uint32,
    row: int,
    letters: np.ndarray,
    table: np.ndarray,
) -> int:
    """From this hit on, the first that spells text[at:at + size], or an empty row."""
    while table[row, LENGTH] > 0:
        begin, i = table[row, BEGIN], 0
        while i < size and letters[begin + i] == text[at + i]:
            i += 1
        if i == size:
            break
        row = hit(wanted, size, row + 1 if row + 1 < len(table) else 0, table)
    return row
