"""From a line to tokens and back: splitting as given, words, characters, jamo.

    kind         tokens                                           join(split(line)) is
    given        what ASCII spaces and tabs separate              the line, runs of spaces made one
    words        words, numbers, punctuation marks, symbols       readable: spaces are guessed
    characters   characters: a Hangul syllable is one             the line
    jamo         characters, each syllable as its jamo            the line
    bpe, unigram pieces of words, learnt     (subwords.py)        the line
    morphemes    Korean morphemes by Kiwi    (morphemes.py)       readable

A tokenizer sees NFC only.  Its spans point into the NFC line; `Text` maps them to the original.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple, Protocol, runtime_checkable

from malmoi.text import hangul
from malmoi.text.normalise import marks


class Piece(NamedTuple):
    """A token's type, and its span in the NFC line."""

    text: str
    start: int
    end: int


@runtime_checkable
class Tokenizer(Protocol):
    """What `Text` asks of every kind.  Law: `split(line)` is the texts of `pieces(line)`."""

    kind: str
    unknown: str  # what an unknown token is written as
    package: str  # the package that splits, and its version, if it is not this one

    def split(self, line: str) -> list[str]: ...
    def pieces(self, line: str) -> list[Piece]: ...
    def join(self, tokens: Sequence[str]) -> str: ...
    def show(self, token: str) -> str: ...


class Given:
    """Tokens that someone else has made: split at ASCII space and tab, and nowhere else."""

    kind = "given"
    package = ""
    unknown = "<unk>"

    def split(self, line: str) -> list[str]:
        return [w for w in line.replace("\t", " ").split(" ") if w]

    def pieces(self, line: str) -> list[Piece]:
        return [Piece(m.group(), *m.span()) for m in re.finditer(r"[^ \t]+", line)]

    def join(self, tokens: Sequence[str]) -> str:
        return " ".join(tokens)

    def show(self, token: str) -> str:
        return token


class Characters:
    """One token a character."""

    kind = "characters"
    package = ""
    unknown = "\N{REPLACEMENT CHARACTER}"

    def split(self, line: str) -> list[str]:
        return list(line)

    def pieces(self, line: str) -> list[Piece]:
        return [Piece(c, i, i + 1) for i, c in enumerate(line)]

    def join(self, tokens: Sequence[str]) -> str:
        return "".join(tokens)

    def show(self, token: str) -> str:
        return token


class Jamo(Characters):
    """One token a character, but two or three a Hangul syllable; each has the syllable's span."""

    kind = "jamo"

    def split(self, line: str) -> list[str]:
        return list(hangul.decompose(line))

    def pieces(self, line: str) -> list[Piece]:
        return [Piece(j, i, i + 1) for i, c in enumerate(line) for j in hangul.parts(c)]

    def join(self, tokens: Sequence[str]) -> str:
        return hangul.compose("".join(tokens))


class Words:
    """Words, numbers, punctuation: one regular expression.

    A word keeps its inner apostrophes and hyphens (don't, well-known), a number its inner dots
    and commas (3.14, 10,000); an emoji with its joiners and skin tones is one token.
    """

    kind = "words"
    package = ""
    unknown = "<unk>"

    def split(self, line: str) -> list[str]:
        return _words().findall(line)

    def pieces(self, line: str) -> list[Piece]:
        return [Piece(m.group(), *m.span()) for m in _words().finditer(line)]

    def join(self, tokens: Sequence[str]) -> str:
        out: list[str] = []
        glue = True  # the next token touches what stands before it
        open_quotes: set[str] = set()
        for token in tokens:
            closes = token in open_quotes
            before = glue or closes or token in _CLOSING
            out += [token] if before else [" ", token]
            if token in _EITHER:
                open_quotes ^= {token}
            glue = token in _OPENING or (token in _EITHER and not closes)
        return "".join(out)

    def show(self, token: str) -> str:
        return token


_CLOSING = frozenset(".,!?;:%)]}…’”»›。、，．！？：；）］｝〉》」』】〕~")
_OPENING = frozenset("([{‘“«‹（［｛〈《「『【〔#$₩£€@")
_EITHER = frozenset("\"'`")


@cache
def _words() -> re.Pattern[str]:
    letter = rf"[\w{marks()}\u200c\u200d]"
    return re.compile(
        rf"""
        \d+ (?: [.,]\d+ )+ {letter}*                         # a number with its inner dots
        | \w {letter}* (?: ['’\-] {letter}+ )*               # a word
        | [^\w\s] (?: [{marks()}\U0001f3fb-\U0001f3ff]       # a sign, with its marks and tones
                    | \u200d [^\w\s] )*                      # and what a joiner ties to it
        """,
        re.VERBOSE,
    )
