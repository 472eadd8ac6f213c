"""Entities written as a tag at every word, and which tags may follow which.

    words    Jane  Doe  went  to  New  York  City  .
    bio      B-p   I-p  O     O   B-l  I-l   I-l   O     B begins, I goes on      (IOB2)
    bioes    B-p   E-p  O     O   B-l  I-l   E-l   O     E ends, S stands alone
    iob1     I-p   I-p  O     O   I-l  I-l   I-l   O     B only where two of a kind touch
    none     NOUN  NOUN VERB  …                          a tag is a tag

(Ramshaw & Marcus 1995, cmp-lg/9505040: iob1; Tjong Kim Sang & Veenstra 1999, cs/9907006: bio.)

What a model predicts may be illegal.  An entity counts only if it is written as the scheme says
(strict, as in seqeval's strict mode): an I of bio that continues nothing is no entity, nor is a B
of bioes that no E ends.  A tag may have no label: `B`, `I`, `O`.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias, get_args

Scheme: TypeAlias = Literal["bio", "bioes", "iob1", "none"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
PREFIXES = {"bio": "BIO", "bioes": "BIOES", "iob1": "BIO"}
OUTSIDE = "O"
_TAG = re.compile(r"O|[BIES](-.*)?", re.DOTALL)


class Span(NamedTuple):
    """Words start … end - 1 are a `label`."""

    start: int
    end: int
    label: str


class Fault(NamedTuple):
    """The tag at a word that may not stand there, and why."""

    at: int
    tag: str
    why: str


class LegalMoves(NamedTuple):
    """Which tags may begin a sentence, which may follow which ([from][to]), which may end it."""

    start: list[bool]
    transitions: list[list[bool]]
    end: list[bool]


class _Part(NamedTuple):
    prefix: str
    label: str


_BOUNDARY = _Part(OUTSIDE, "")  # before the first word and after the last


@lru_cache(maxsize=1 << 12)
def _parse(tag: str, scheme: Scheme) -> _Part:
    """The prefix and the label of a tag.  Raises ValueError if the scheme has no such tag."""
    prefix, label = tag[:1], tag[2:]
    if not _TAG.fullmatch(tag) or prefix not in PREFIXES[scheme]:
        raise ValueError(f"{tag!r} is no tag of {scheme}: {', '.join(PREFIXES[scheme])}")
    return _Part(prefix, label)


def spans(tags: Sequence[str], scheme: Scheme) -> list[Span]:
    """The entities, strictly read.  Raises ValueError at a tag that the scheme does not have."""
    if scheme == "none":
        raise ValueError("tags of no scheme have no spans: choose from bio, bioes, iob1")
    parts = [_parse(tag, scheme) for tag in tags] + [_BOUNDARY]
    found = []
    before, i = _BOUNDARY, 0
    while i < len(tags):
        end = i + 1
        if _begins(before, parts[i], scheme):
            while _goes_on(parts[end - 1], parts[end]):
                end += 1
            if _complete(parts[end - 1], parts[end], scheme):
                found.append(Span(i, end, parts[i].label))
        before, i = parts[end - 1], end
    return found


def _begins(before: _Part, here: _Part, scheme: Scheme) -> bool:
    """Whether an entity begins here, given that none goes on from the word before."""
    if scheme != "iob1":
        return here.prefix in "BS"
    if here.prefix == "B":
        return before.prefix != OUTSIDE and before.label == here.label
    return here.prefix == "I"  # were it of the entity before, that would not have ended


def _goes_on(before: _Part, here: _Part) -> bool:
    return before.prefix in "BI" and here.prefix in "IE" and before.label == here.label


def _complete(last: _Part, after: _Part, scheme: Scheme) -> bool:
    if scheme == "bioes":
        return last.prefix in "ES"
    # seqeval: in iob1 a B that only another type's B follows is not complete (that B is illegal)
    return not (
        scheme == "iob1" and last.prefix == after.prefix == "B" and last.label != after.label
    )


def tags_of(entities: Iterable[Span], length: int, scheme: Scheme) -> list[str]:
    """The tags of entities that do not overlap, in a sentence of so many words."""
    if scheme == "none":
        raise ValueError("entities cannot be written without a scheme: bio, bioes or iob1")
    tags = [OUTSIDE] * length
    before = Span(0, 0, "")
    for entity in sorted(entities):
        start, end, label = entity
        if not before.end <= start < end <= length:
            raise ValueError(f"{entity} overlaps {before}, or is not within {length} words")
        touches = start == before.end > 0 and label == before.label
        first = "I" if scheme == "iob1" and not touches else "B"
        last = "I" if end - start > 1 else first
        if scheme == "bioes":
            last = "E" if end - start > 1 else "S"
        for i in range(start, end):
            prefix = last if i == end - 1 else first if i == start else "I"
            tags[i] = f"{prefix}-{label}" if label else prefix
        before = entity
    return tags


def convert(tags: Sequence[str], old: Scheme, new: Scheme) -> list[str]:
    """The same entities in another scheme; what is illegal in the old one (`check`) becomes O."""
    return tags_of(spans(tags, old), len(tags), new)


def moves(labels: Sequence[str], scheme: Scheme) -> LegalMoves:
    """The legal moves between tags, for decoding that cannot write nonsense."""
    if scheme == "none":
        yes = [True] * len(labels)
        return LegalMoves(yes, [list(yes) for _ in labels], list(yes))
    parts = [_parse(label, scheme) for label in labels]
    return LegalMoves(
        [not _why_not(_BOUNDARY, part, scheme) for part in parts],
        [[not _why_not(before, part, scheme) for part in parts] for before in parts],
        [not _why_not(part, _BOUNDARY, scheme) for part in parts],
    )


def check(tags: Sequence[str], scheme: Scheme) -> list[Fault]:
    """Every tag that may not follow the one before it, or not end the sentence."""
    if scheme == "none":
        return []
    faults: list[Fault] = []
    before = _BOUNDARY
    for i, tag in enumerate(tags):
        try:
            here = _parse(tag, scheme)
        except ValueError as error:
            faults.append(Fault(i, tag, str(error)))
            before = _BOUNDARY
            continue
        if why := _why_not(before, here, scheme):
            faults.append(Fault(i, tag, why))
        before = here
    if why := _why_not(before, _BOUNDARY, scheme):
        faults.append(Fault(len(tags) - 1, tags[-1], why))
    return faults


@lru_cache(maxsize=1 << 12)
def _why_not(before: _Part, here: _Part, scheme: Scheme) -> str:
    """Why a tag may not follow another; nothing if it may."""
    same = before.prefix != OUTSIDE and before.label == here.label
    if scheme == "iob1":
        needless = here.prefix == "B" and not same
        return "B is written only after an entity of the same label" if needless else ""
    opened = before.prefix in "BI"
    if here.prefix in "IE" and not (opened and same):
        return f"{here.prefix} continues no entity of its label"
    if scheme == "bioes" and opened and here.prefix not in "IE":
        return "the entity before it has no E"
    return ""


def sniff(sentences: Iterable[Sequence[str]]) -> Scheme:
    """The scheme that tags are written in, by what they are and what follows what.

    bioes: an E or an S is among them.  iob1: an I begins an entity, and no B is needless there.
    """
    prefixes: set[str] = set()
    opens = needless = False
    for tags in sentences:
        if not all(map(_TAG.fullmatch, tags)):
            return "none"
        prefixes.update(tag[0] for tag in tags)
        if "E" not in prefixes and "S" not in prefixes:
            opens = opens or bool(check(tags, "bio"))
            needless = needless or bool(check(tags, "iob1"))
    if not prefixes - {OUTSIDE}:
        return "none"
    if prefixes & {"E", "S"}:
        return "bioes"
    return "iob1" if opens and not needless else "bio"
