"""Korean morphemes by Kiwi (Lee 2024, the optional package `kiwipiepy`): 좋았다 → 좋 었 다.

A type is the morpheme's form and its tag (좋/VA), so that homographs of different parts of speech
differ.  A contraction holds two morphemes in one syllable (했 is 하 and 었): spans may overlap.
Joining is Kiwi's own, and guesses the spaces.
"""

from collections.abc import Sequence
from functools import cache
from itertools import groupby
from typing import Any

from malmoi.errors import UsageError
from malmoi.text.tokenizer import Piece


class Morphemes:
    """Kiwi as a tokenizer.  Raises UsageError if kiwipiepy is not installed.

    package: Kiwi's version up to the minor one.  Another may split otherwise, so a text that was
    learnt with one is not read with another.
    """

    kind = "morphemes"
    unknown = "<unk>"

    def __init__(self) -> None:
        try:
            import kiwipiepy
        except ImportError:
            raise UsageError(
                "morphemes need Kiwi, which is not installed",
                where="kind = 'morphemes'",
                hint="pip install 'malmoi[ko]'",
            ) from None
        version = ".".join(str(kiwipiepy.__version__).split(".")[:2])
        self.package = f"kiwipiepy=={version}"
        self._kiwi = _kiwi()

    def split(self, line: str) -> list[str]:
        return [f"{m.form}/{m.tag}" for m in self._kiwi.tokenize(line)]

    def pieces(self, line: str) -> list[Piece]:
        return [
            Piece(f"{m.form}/{m.tag}", m.start, m.start + m.len) for m in self._kiwi.tokenize(line)
        ]

    def join(self, tokens: Sequence[str]) -> str:
        runs = groupby(tokens, key=lambda token: token == self.unknown)
        return " ".join(
            " ".join(run) if unknown else self._kiwi.join([_form_and_tag(t) for t in run])
            for unknown, run in runs
        )

    def show(self, token: str) -> str:
        return _form_and_tag(token)[0]


@cache
def _kiwi() -> Any:
    """Kiwi, which takes a second to start, once a process."""
    from kiwipiepy import Kiwi

    return Kiwi(num_workers=1)


def _form_and_tag(token: str) -> tuple[str, str]:
    form, _, tag = token.rpartition("/")
    return form, tag
