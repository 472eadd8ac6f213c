"""Unicode at the door: NFC once, and the way back to the string that came in.

한 is one code point (U+D55C) or three (U+1112 U+1161 U+11AB); é is one or two.  A model must not
see the difference, and a reader must not be told offsets into a string that he never wrote.

    normal = normalise(line)
    normal.text                        the NFC form: what models see
    normal.span(start, end)            the same place in `line`: what people see

The map is exact per *run*, the shortest stretch whose NFC form does not depend on its neighbours
(Unicode Standard Annex 15): usually one character with its marks, or one syllable's jamo.  If one
run becomes several characters (a base with marks that do not compose), each has the run's span.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache

from malmoi.errors import TextError

PILE = 1_000


@dataclass(frozen=True, slots=True)
class Normal:
    """A line in NFC, with the map to what it was before.

    starts, ends: for every character of `text`, where its run lies in the original; None where
    nothing changed.  length: of the original.
    """

    text: str
    length: int
    starts: tuple[int, ...] | None = None
    ends: tuple[int, ...] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where `text[start:end]` was in the original string."""
        if self.starts is None or self.ends is None:
            return start, end
        first = self.starts[start] if start < len(self.starts) else self.length
        return (first, self.ends[end - 1]) if end > start else (first, first)


def nfc(line: str) -> str:
    """The line in NFC, without the map.

    Raises TextError on half a surrogate pair, and on more than 1,000 marks over one letter: no
    one wrote that, and normalising takes time that grows with their square.
    """
    if line.isascii():
        return line
    try:
        line.encode()
    except UnicodeEncodeError as error:
        raise TextError(
            "half a surrogate pair is not text",
            where=f"character {error.start:,}: U+{ord(line[error.start]):04X}",
            hint="decode the bytes as UTF-8 with errors='strict' to see where they are wrong",
        ) from None
    if may_pile(line) and (pile := _piles().search(line)):
        raise TextError(
            f"more than {PILE:,} combining marks stand over one character",
            where=f"character {pile.start():,}: U+{ord(line[pile.start()]):04X} and after it",
        )
    return unicodedata.normalize("NFC", line)


def may_pile(text: str) -> bool:
    """Whether more than PILE marks may stand in a row: one of every PILE + 1 would be seen here."""
    return any(unicodedata.category(c)[0] == "M" for c in text[PILE :: PILE + 1])


def normalise(line: str) -> Normal:
    """The line in NFC with its map.  Raises TextError on half a surrogate pair."""
    text = nfc(line)
    if text == line:
        return Normal(text, len(line))
    starts: list[int] = []
    ends: list[int] = []
    for start, end in runs(line):
        for _ in range(len(unicodedata.normalize("NFC", line[start:end]))):
            starts.append(start)
            ends.append(end)
    assert len(starts) == len(text)
    return Normal(text, len(line), tuple(starts), tuple(ends))


def runs(line: str) -> list[tuple[int, int]]:
    """The line cut into the shortest stretches that normalise independently of each other."""
    cuts = [0]
    for i in range(1, len(line)):
        c = line[i]
        if _stands_alone(c) or not (_is_mark(c) or _composes(line[cuts[-1] : i], c)):
            cuts.append(i)
    return list(zip(cuts, [*cuts[1:], len(line)], strict=True)) if line else []


@cache
def _is_mark(character: str) -> bool:
    """Whether the character begins with a mark: one that may change places with its neighbours."""
    return unicodedata.combining(unicodedata.normalize("NFD", character)[0]) != 0


@cache
def _stands_alone(character: str) -> bool:
    """Whether nothing that stands before the character can reorder or compose with it."""
    head = unicodedata.normalize("NFD", character)[0]
    return not _is_mark(character) and head not in _seconds()


@lru_cache(1 << 12)
def _composes(run: str, character: str) -> bool:
    whole = unicodedata.normalize("NFC", run + character)
    return whole != unicodedata.normalize("NFC", run) + unicodedata.normalize("NFC", character)


@cache
def _seconds() -> frozenset[str]:
    """The characters that can be the second of a composition.

    Vowel and final jamo, and the second parts of Unicode's canonical pairs (in planes 0 and 1).
    """
    found = {chr(c) for c in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))}
    for code in range(0x20000):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            found.add(chr(int(parts[1], 16)))
    return frozenset(found)


def characters(line: str) -> int:
    """How many characters a line is in bits per character: NFC, and the line end is one."""
    return len(nfc(line)) + 1


def octets(line: str) -> int:
    """How many bytes a line is in bits per byte: UTF-8 of the NFC form, and the line end is one."""
    return len(nfc(line).encode()) + 1


@cache
def marks() -> str:
    r"""Every combining mark, for use inside a character class: Python's \w leaves them out."""
    codes = [c for c in range(0x20000) if unicodedata.category(chr(c)).startswith("M")]
    ranges: list[list[int]] = []
    for code in [*codes, *range(0xE0100, 0xE01F0)]:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{chr(a)}-{chr(b)}" for a, b in ranges)


@cache
def _piles() -> re.Pattern[str]:
    return re.compile(f"[{marks()}]{{{PILE + 1}}}")
