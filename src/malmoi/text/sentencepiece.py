"""Pieces of a SentencePiece model that someone else has trained (Kudo & Richardson 2018,
arXiv:1808.06226), by the optional package `sentencepiece`.

The model normalises by itself (mostly NFKC) and marks a space with `▁`.  Marian's many-tongued
models begin a source with a code such as `>>fra<<`: a piece of its own.

malmoi trains none: its `unigram` is the same model, and lossless.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any

from malmoi.errors import UsageError
from malmoi.text.tokenizer import Piece

CODE = re.compile(r">>[^<>\s]+<<")


class SentencePiece:
    """model: the bytes of a `.spm` or `.model` file.

    Raises ValueError if they are none, UsageError if the package is not installed.
    """

    kind = "sentencepiece"
    unknown = "<unk>"

    def __init__(self, model: bytes) -> None:
        try:
            import sentencepiece
        except ImportError:
            raise UsageError(
                "these pieces need SentencePiece, which is not installed",
                where="kind = 'sentencepiece'",
                hint="pip install 'malmoi[spm]'",
            ) from None
        version = ".".join(str(sentencepiece.__version__).split(".")[:2])
        self.package = f"sentencepiece=={version}"
        self.bytes = model
        try:
            self._model = sentencepiece.SentencePieceProcessor(model_proto=model)
            self._model.encode("", out_type=str)
        except (RuntimeError, OSError) as error:
            raise ValueError(f"no SentencePiece model: {error}") from None

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "SentencePiece":
        """From what `stored` gave."""
        try:
            return cls(base64.b64decode(stored["base64"], validate=True))
        except (KeyError, TypeError, binascii.Error) as error:
            raise ValueError(f"no SentencePiece model: {error!r}") from None

    def stored(self) -> dict[str, str]:
        return {"base64": base64.b64encode(self.bytes).decode()}

    def split(self, line: str) -> list[str]:
        code, rest = _code(line)
        pieces: list[str] = self._model.encode(rest, out_type=str)
        return [*code, *pieces]

    def pieces(self, line: str) -> list[Piece]:
        code, rest = _code(line)
        before = len(line) - len(rest)
        found = self._model.encode(rest, return_type="offset_mapping")
        return [
            *(Piece(piece, 0, before) for piece in code),
            *(
                Piece(piece, start + before, end + before)
                for piece, (start, end) in zip(found["pieces"], found["offsets"], strict=True)
            ),
        ]

    def join(self, tokens: Sequence[str]) -> str:
        text: str = self._model.decode_pieces(list(tokens))
        return text

    def show(self, token: str) -> str:
        return token.replace("▁", " ")


def _code(line: str) -> tuple[list[str], str]:
    """The language that the line begins by asking for, if it does, and the rest."""
    found = CODE.match(line)
    return ([found[0]], line[found.end() :]) if found else ([], line)
