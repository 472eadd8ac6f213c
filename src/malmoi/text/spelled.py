"""Many lines at once, as bytes: what the compiled loops of `kernels.spelling` read.

    for some in blocks(lines):
        text = joined(some)

Every line of the bytes ends in a line feed.  Lines that hold one themselves cannot be put together
so: somebody has to split them one by one.

Words are cut at ASCII space and tab, which NFC neither makes, nor takes away, nor composes with
anything (Unicode Standard Annex 15).  So a text need not be normalised as a whole: of a text that
is learnt, its types are, and of one that is looked up, the words that are not known as they stand.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from unicodedata import is_normalized

from malmoi.text.normalise import PILE, may_pile, nfc

LINES = 1 << 13  # put together at a time
FEW = 1000  # lines that are not worth it


def blocks(lines: Iterable[str]) -> Iterator[list[str]]:
    """Some lines at a time, in order."""
    rest = iter(lines)
    while some := list(islice(rest, LINES)):
        yield some


def joined(lines: Sequence[str]) -> bytes | None:
    """The lines as bytes; None if they are few, or one holds a line feed.

    Raises TextError as `nfc` does on half a surrogate pair.
    """
    if len(lines) < FEW:
        return None
    try:
        text = "\n".join(lines) + "\n"
        return text.encode() if text.count("\n") == len(lines) else None
    except UnicodeEncodeError:
        for line in lines:
            nfc(line)  # says what is no text, and where
        raise


def strays(words: Sequence[str]) -> dict[int, str]:
    """The words that are not in NFC: which they are, and what they are in NFC.

    Raises TextError as `nfc` does.
    """
    text = "\n".join(words)
    if is_composed(text):
        return {}
    odd = [
        j
        for j, word in enumerate(words)
        if len(word) > PILE or not (word.isascii() or is_normalized("NFC", word))
    ]
    return {j: nfc(words[j]) for j in odd}


def composed(text: str) -> str:
    """Lines in NFC; the text itself if they are.  Raises TextError as `nfc` does."""
    return text if is_composed(text) else "\n".join(map(nfc, text.split("\n")))


def is_composed(text: str) -> bool:
    """Whether it is in NFC, and surely none of it is refused by `nfc`."""
    return text.isascii() or (not may_pile(text) and is_normalized("NFC", text))
