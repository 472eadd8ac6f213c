"""Where a sentence ends, in Korean and in English.

A sentence ends at a line feed, and at `.`, `!`, `?`, `…` with the quotes and brackets that close
after them, if white space or the end of the text follows (after `。！？` nothing need follow).  A
full stop does not end it after a title (Dr.), an initial (J. Bach), a word that counts before a
number (No. 5), a number that opens the sentence (1. 서론) or a date (2019. 4. 13.); nothing does
before a small letter.  Korean endings without a full stop (좋았어요 추천해요) are left together:
guessing would break more than it mends.
"""

import re

BEFORE_NAMES = frozenset(
    ["mr", "mrs", "ms", "dr", "prof", "st", "gen", "col", "sen", "rep", "vs", "e.g", "i.e", "cf"]
)
BEFORE_NUMBERS = frozenset(
    ["no", "nos", "vol", "fig", "figs", "eq", "p", "pp", "ch", "sec", "jan", "feb", "mar", "apr"]
) | {"jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec"}

_STOPS = ".!?…。！？"
_END = re.compile(rf"(?<![{_STOPS}])([{_STOPS}]++)[)\]}}\"'”’»」』》〉】]*+|\n")
_OPENING = "([{\"'“‘«「『《〈【"
_NEAR = 60  # characters looked at around a stop


def sentences(text: str) -> list[tuple[int, int]]:
    """Start and end of every sentence, without the white space around it."""
    found: list[tuple[int, int]] = []
    start = 0
    for match in _END.finditer(text):
        if match.group() == "\n" or _ends(text, start, match):
            _add(found, text, start, match.end())
            start = match.end()
    _add(found, text, start, len(text))
    return found


def split_sentences(text: str) -> list[str]:
    """The sentences of a text."""
    return [text[start:end] for start, end in sentences(text)]


def _add(found: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    inside = text[start:end]
    if inside.strip():
        left = len(inside) - len(inside.lstrip())
        found.append((start + left, start + len(inside.rstrip())))


def _ends(text: str, start: int, match: re.Match[str]) -> bool:
    """Whether a stop, somewhere after the start of its sentence, ends it."""
    stop: str = match.group(1)
    after = text[match.end() : match.end() + _NEAR]
    if stop[-1] in "。！？":
        return True
    if after and not after[0].isspace():
        return False
    following = after.lstrip().lstrip(_OPENING)[:1]
    if following.islower():
        return False
    if stop != ".":
        return True
    since = max(start, match.start() - _NEAR)
    so_far = text[since : match.start()].strip()
    word = so_far.split()[-1].lstrip(_OPENING) if so_far else ""
    if word.lower() in BEFORE_NAMES or (len(word) == 1 and word.isupper() and word.isascii()):
        return False
    if following.isdigit() and (word.isdigit() or word.lower() in BEFORE_NUMBERS):
        return False
    opens = since == start and so_far == word
    return not (opens and word.isdigit())
