"""What was copied from a source, marked in the text: the evidence of each word as its shade."""

from collections.abc import Sequence
from typing import Literal

from pydantic.dataclasses import dataclass

from malmoi.explain.blocks import Heading, Row, Rows, Scale, Word
from malmoi.explain.page import Block, Page
from malmoi.explain.picture import STRICT, title_of, with_sign
from malmoi.explain.table import Table
from malmoi.use.copied import Passage, Reading, WordEvidence

STRONGEST = 10.0  # bits
DRAWN = 200  # lines; the JSON has all


@dataclass(frozen=True, config=STRICT)
class Evidence:
    """bits: for the source, against it if negative.  copied: part of a passage."""

    word: str
    start: int
    end: int
    bits: float
    copied: bool


@dataclass(frozen=True, config=STRICT)
class Copy:
    """line: from 1 on.  start, end: in it."""

    line: int
    start: int
    end: int
    text: str
    words: int
    bits: float


@dataclass(frozen=True, config=STRICT)
class Copies:
    """lines: the evidence of each word, line by line."""

    source: str
    background: str
    lines: tuple[tuple[Evidence, ...], ...]
    passages: tuple[Copy, ...]
    kind: Literal["copied"] = "copied"

    def page(self) -> Page:
        found = {passage.line for passage in self.passages}
        rows = [
            Row([_word(one) for one in line], f"{'▸ ' if number in found else ''}{number:,}")
            for number, line in enumerate(self.lines[:DRAWN], 1)
            if line
        ]
        lead = (
            f"Blue: likelier after {self.source}; orange: after {self.background}. A dotted line "
            "below: part of a passage."
        )
        if len(self.lines) > DRAWN:
            lead += f" The first {DRAWN} lines are drawn."
        blocks: list[Block] = [
            Heading("The text", lead),
            Rows(rows, ruled=True),
            Scale(f"{STRONGEST:g} bits", signed=True),
        ]
        if self.passages:
            table = [
                (f"{p.line:,}", f"{p.bits:.0f}", f"{p.words:,}", p.text)
                for p in sorted(self.passages, key=lambda p: -p.bits)
            ]
            blocks += [
                Heading("The passages", "Those with most evidence first."),
                Table(("line", "bits", "words", "passage"), table),
            ]
        words = sum(p.words for p in self.passages)
        of = sum(map(len, self.lines))
        n = len(self.passages)
        finding = (
            f"{n:,} passage{'s' if n != 1 else ''} of {self.source}: {words:,} of {of:,} words."
            if n
            else f"Nothing that was copied from {self.source} was found in {of:,} words."
        )
        return Page(title_of(f"Copied from {self.source}?"), finding, tuple(blocks))


def _word(one: Evidence) -> Word:
    shade = max(-1.0, min(1.0, one.bits / STRONGEST))
    return Word(one.word, shade, f"{one.word}: {with_sign(one.bits)} bits", known=not one.copied)


def copies(readings: Sequence[Reading], *, source: str, background: str) -> Copies:
    """The picture of what `use.copied` found."""
    lines, passages = [], []
    for number, reading in enumerate(readings, 1):
        lines.append(
            tuple(
                Evidence(w.text, w.start, w.end, w.bits, _inside(w, reading.passages))
                for w in reading.words
            )
        )
        passages += [
            Copy(number, p.start, p.end, p.text, p.words, p.bits) for p in reading.passages
        ]
    return Copies(source, background, tuple(lines), tuple(passages))


def _inside(word: WordEvidence, passages: Sequence[Passage]) -> bool:
    return any(p.start <= word.start < p.end for p in passages)
