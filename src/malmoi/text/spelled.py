"""Many lines at once, as bytes: what the compiled loops of `kernels.spelling` read.

    for some in blocks(lines):
        text = joined(some)

Bytes are in NFC and every line of them ends in a line feed.  Lines that hold one themselves cannot
be put together so: somebody has to split them one by one.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from unicodedata import is_normalized

from malmoi.text.normalise import may_pile, nfc

LINES = 1 << 13  # put together at a time
FEW = 1000  # lines that are not worth it


def blocks(lines: Iterable[str]) -> Iterator[list[str]]:
    """Some lines at a time, in order."""
    rest = iter(lines)
    while some := list(islice(rest, LINES)):
        yield some


def joined(lines: Sequence[str]) -> bytes | None:
    """The lines as bytes; None if they are few, or one holds a line feed.

    Raises TextError as `nfc` does.
    """
    if len(lines) < FEW:
        return None
    try:
        text = composed("\n".join(lines) + "\n")
        return text.encode() if text.count("\n") == len(lines) else None
    except UnicodeEncodeError:
        for line in lines:
            nfc(line)  # says what is no text, and where
        raise


def composed(text: str) -> str:
    """Lines that each end in a line feed, in NFC.  Raises TextError as `nfc` does."""
    if text.isascii():
        return text
    if not may_pile(text) and is_normalized("NFC", text):
        return text
    return "".join(nfc(line) + "\n" for line in text.split("\n")[:-1])
