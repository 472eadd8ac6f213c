"""Korean morphemes by Kiwi (Lee 2024, the optional package `kiwipiepy`): 좋았다 → 좋 었 다.

A type is the morpheme's dictionary form and its tag (좋/VA), so that homographs of different parts
of speech differ.  A contraction gives two morphemes over the same syllable: spans may overlap.
"""

from collections.abc import Sequence
from typing import Any

from malmoi.errors import UsageError
from malmoi.text.tokenizer import Piece


class Morphemes:
    """Kiwi as a tokenizer.  Raises UsageError if kiwipiepy is not installed."""

    kind = "morphemes"
    unknown = "<unk>"

    def __init__(self) -> None:
        try:
            from kiwipiepy import Kiwi
        except ImportError:
            raise UsageError(
                "morphemes need Kiwi, which is not installed",
                where="kind = 'morphemes'",
                hint="pip install 'malmoi[ko]'",
            ) from None
        self._kiwi: Any = Kiwi(num_workers=1)

    def split(self, line: str) -> list[str]:
        return [f"{m.form}/{m.tag}" for m in self._kiwi.tokenize(line)]

    def pieces(self, line: str) -> list[Piece]:
        return [
            Piece(f"{m.form}/{m.tag}", m.start, m.start + m.len) for m in self._kiwi.tokenize(line)
        ]

    def join(self, tokens: Sequence[str]) -> str:
        pairs = [tuple(token.rsplit("/", 1)) for token in tokens if "/" in token]
        text: str = self._kiwi.join(pairs)
        return text

    def show(self, token: str) -> str:
        return token.rsplit("/", 1)[0]
