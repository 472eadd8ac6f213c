"""Byte-level pieces that someone else has learnt: GPT-2's byte-pair encoding
(Radford et al. 2019, section 2.2; Sennrich, Haddow & Birch 2016, arXiv:1508.07909).

    line → chunks → UTF-8 bytes, each a letter → pieces

Every byte is a letter, so there is no unknown piece.  A letter is one character: the byte's own
where it prints, else the next from U+0100 on; so a space reads `Ġ`.

malmoi learns none: its `bpe` has whole characters for letters where they are frequent.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from malmoi.text.tokenizer import Piece

NOTHING = "\N{LATIN CAPITAL LETTER A WITH GRAVE}"
"""The letter of byte 0xC0, which is in no UTF-8: a piece that no text has."""


class ByteLevel:
    """vocabulary: piece → id in the other program, specials too.  merges: as in merges.txt.

    boundary: the piece that stands between texts.  Raises ValueError if they are no such model.
    """

    kind = "byte-level"
    unknown = "\N{REPLACEMENT CHARACTER}"
    package = ""

    def __init__(
        self, vocabulary: Mapping[str, int], merges: Sequence[Sequence[str]], boundary: str
    ) -> None:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers

        self.vocabulary = dict(vocabulary)
        self.merges = [(first, second) for first, second in merges]
        self.boundary = boundary
        letters = set(_letters())
        if missing := letters - set(vocabulary):
            raise ValueError(f"{len(missing)} of the 256 bytes have no piece")
        if boundary not in vocabulary:
            raise ValueError(f"{boundary!r} is no piece of it")
        try:
            self._model = Tokenizer(models.BPE(self.vocabulary, self.merges))
        except Exception as error:  # `tokenizers` raises nothing narrower
            raise ValueError(f"no byte-pair encoding: {error}") from None
        self._model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        self._decoder = decoders.ByteLevel()

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "ByteLevel":
        """From what `stored` gave."""
        try:
            return cls(stored["vocabulary"], stored["merges"], stored["boundary"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"no byte-level pieces: {error!r}") from None

    def stored(self) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary, "merges": self.merges, "boundary": self.boundary}

    def files(self) -> dict[str, str]:
        """vocab.json, merges.txt and tokenizer.json, as other programs read them."""
        from tokenizers import Tokenizer, processors

        whole = Tokenizer.from_str(self._model.to_str())
        whole.decoder = self._decoder
        whole.post_processor = processors.ByteLevel(trim_offsets=False)
        whole.add_special_tokens([self.boundary])
        pairs = (" ".join(pair) for pair in self.merges)
        return {
            "vocab.json": json.dumps(self.vocabulary, ensure_ascii=False),
            "merges.txt": "\n".join(["#version: 0.2", *pairs, ""]),
            "tokenizer.json": whole.to_str(pretty=True),
        }

    def order(self) -> list[int]:
        """Their id of each of ours: the boundary, what no text has, and the rest."""
        first = [self.vocabulary[self.boundary], self.vocabulary[NOTHING]]
        return [*first, *sorted(set(self.vocabulary.values()) - set(first))]

    def split(self, line: str) -> list[str]:
        pieces: list[str] = self._model.encode(line).tokens
        return pieces

    def pieces(self, line: str) -> list[Piece]:
        found = self._model.encode(line)
        return [Piece(t, *span) for t, span in zip(found.tokens, found.offsets, strict=True)]

    def join(self, tokens: Sequence[str]) -> str:
        text: str = self._decoder.decode(list(tokens))
        return text

    def show(self, token: str) -> str:
        letters = _letters()
        if not set(token) <= set(letters):
            return token
        raw = bytes(letters[c] for c in token)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return "".join(f"<0x{b:02X}>" for b in raw)


@cache
def _letters() -> dict[str, int]:
    """The byte of each letter."""
    prints = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in prints]
    return {chr(b): b for b in prints} | {chr(0x100 + i): b for i, b in enumerate(rest)}
