"""A text of as many words as asked for: what is on the shelf, and made-up sentences for the rest.

The lines of the texts alternate, so that every part of the whole is like every other.
"""

from collections.abc import Iterator
from itertools import chain, count, islice
from operator import itemgetter
from pathlib import Path

from malmoi.data import catalogue
from malmoi.data.toy import LANGUAGES, language
from malmoi.export.arpa import escape

SHELF = ("wikitext-2", "nsmc", "petitions-ko", "war-and-peace", "tiny-shakespeare")
TRANSLATED = ("tatoeba-eng-fra",)
PIECE = 20_000  # made-up sentences with one seed


def write(path: Path, words: int) -> int:
    """Write lines until so many words stand in the file; returns how many do."""
    written = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line in alternating([*map(iter, real()), made_up()]):
            said = list(map(plain, line.split()))
            file.write(" ".join(said) + "\n")
            written += len(said)
            if written >= words:
                break
    return written


def plain(word: str) -> str:
    """The word; without its marks if it is one that ARPA files cannot hold as it is."""
    return word if escape(word) == word else word.strip("<>/\\") or "-"


def real() -> list[Iterator[str]]:
    """The texts of the shelf, every split of each, as far as they are there."""
    here = {entry.name for entry in catalogue.available() if entry.here}
    plain = [catalogue.find(name).splits for name in SHELF if name in here]
    pairs = [catalogue.find(name, pairs=True).pairs for name in TRANSLATED if name in here]
    return [chain.from_iterable(read() for read in splits.values()) for splits in plain] + [
        map(itemgetter(side), chain.from_iterable(read() for read in splits.values()))
        for splits in pairs
        for side in (0, 1)
    ]


def made_up() -> Iterator[str]:
    """Sentences of the toy languages, without end."""
    for seed in count():
        pieces = [language(name).sentences(f"benchmark/{seed}", PIECE) for name in LANGUAGES]
        yield from alternating(pieces)


def alternating(texts: list[Iterator[str]]) -> Iterator[str]:
    """Some lines of each in turn; who has come to an end is left out."""
    while texts:
        for text in list(texts):
            some = list(islice(text, 10))
            yield from some
            if not some:
                texts.remove(text)
