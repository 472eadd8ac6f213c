"""What pictures are made of: frozen values, the same in Python and in a JSON file.

    picture = explain(malmoi.load("runs/nsmc"), "…")
    picture.page()                       how it is drawn
    as_json(picture)                     what it says, number by number

Nothing in a picture needs the model: whoever has the file can draw it again.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from malmoi.explain.blocks import Bar, Bars, Heading, Word
from malmoi.explain.draw import Real
from malmoi.explain.page import Block, Page
from malmoi.text import Vocabulary
from malmoi.use.classifier import Classified, Classifier

STRICT = ConfigDict(extra="forbid", strict=True, ser_json_inf_nan="strings")
SHOWN = 5  # labels whose probability is drawn


@runtime_checkable
class Picture(Protocol):
    """Every kind of picture; a frozen dataclass."""

    def page(self) -> Page: ...


def as_json(picture: Picture) -> str:
    """The picture's values, infinities spelt "Infinity"."""
    kind = type(picture)
    return TypeAdapter(kind).dump_json(picture, indent=1).decode() + "\n"


@dataclass(frozen=True, config=STRICT)
class Piece:
    """token: as the model reads it.  start, end: where it stands in the text as it was given.

    known: whether it is a type of the model's vocabulary.
    """

    token: str
    start: int
    end: int
    known: bool = True


@dataclass(frozen=True, config=STRICT)
class Answer:
    """labels: all of them, the likeliest first, and probabilities beside them.  said: those that
    the model says."""

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    said: tuple[str, ...]

    @classmethod
    def of(cls, said: Classified) -> "Answer":
        labels, p = tuple(said.probabilities), tuple(said.probabilities.values())
        return cls(labels, p, said.labels)

    @property
    def sentence(self) -> str:
        """What the model says, in words."""
        chance = dict(zip(self.labels, self.probabilities, strict=True))
        told = [f"{label} ({percent(chance[label])})" for label in self.said]
        return f"The model says {', '.join(told) or 'none of its labels'}."

    def blocks(self, chosen: str = "") -> list[Block]:
        """The probabilities of the first labels, and of the chosen one."""
        rows = list(zip(self.labels, self.probabilities, strict=True))
        shown = [row for k, row in enumerate(rows) if k < SHOWN or row[0] == chosen]
        bars = [Bar(name, p, percent(p), strong=name in self.said) for name, p in shown]
        rest = f"The {SHOWN} likeliest of {len(rows)}." if len(rows) > SHOWN else ""
        return [Heading("What it says", rest), Bars(bars, "the probabilities of the labels")]


def percent(p: float) -> str:
    return f"{100 * p:.1f} %" if 0.001 <= p <= 0.999 or p in (0, 1) else f"{100 * p:.3g} %"


def pieces_of(reader: Classifier, text: str) -> tuple[Piece, ...]:
    """The tokens that the model reads of a text."""
    x, tokens = reader.read([text])
    ids = x.ids[0].tolist()
    return tuple(
        Piece(token.text, token.start, token.end, i != Vocabulary.UNK)
        for token, i in zip(tokens[0], ids, strict=False)
    )


class Unit(NamedTuple):
    """Pieces that share characters (the jamo of a syllable, the bytes of one), drawn as one."""

    start: int
    end: int
    pieces: tuple[int, ...]


def units(text: str, pieces: Sequence[Piece]) -> list[Unit]:
    """The pieces as they are drawn, without the white space around them."""
    found: list[Unit] = []
    for k, piece in enumerate(pieces):
        inside, start, end = text[piece.start : piece.end], piece.start, piece.end
        if inside.strip():  # white space that is a token by itself stays one
            start += len(inside) - len(inside.lstrip())
            end = start + len(inside.strip())
        if found and (start < found[-1].end or start >= end):
            last = found[-1]
            found[-1] = Unit(last.start, max(last.end, end), (*last.pieces, k))
        else:
            found.append(Unit(start, end, (k,)))
    return found


def passage(
    text: str,
    pieces: Sequence[Piece],
    shade: Callable[[float], float],
    values: Sequence[float],
    told: Callable[[float], str],
    more: Callable[[Unit], str] = lambda unit: "",
) -> list[Word]:
    """The text as it was written, each token shaded by its value.

    shade, told: of a value; where several pieces are drawn as one their values are summed.  more:
    told besides.  What no token covers is shown and not shaded.
    """
    words: list[Word] = []
    at = pieces[0].start if pieces else 0
    for unit in units(text, pieces):
        value = sum(values[k] for k in unit.pieces)
        between, shown = text[at : unit.start], text[unit.start : unit.end]
        if between.strip():
            words.append(Word(between.strip(), before=_gap(between[:1])))
            between = between[len(between.rstrip()) :]
        known = all(pieces[k].known for k in unit.pieces)
        note = "" if known else " (unknown to the model)"
        said = f"{visible(shown)}: {told(value)}{note}{more(unit)}"
        words.append(Word(shown, shade(value), said, _gap(between), known))
        at = max(at, unit.end)
    return words


def relative(values: Sequence[float]) -> Callable[[float], float]:
    """Shades beside the largest of these values."""
    largest = max(map(abs, values), default=0.0) or 1.0
    return lambda value: value / largest


def _gap(between: str) -> str:
    return "" if not between.isspace() else "\n" if "\n" in between else " "


def visible(text: str) -> str:
    """A token of white space as a sign that can be seen."""
    return "␣" * len(text) if text.isspace() else text


def ends_visible(text: str) -> str:
    """White space at the ends of some tokens as signs, and what is between on one line."""
    inside = text.strip()
    if not inside:
        return visible(text)
    left, right = text[: text.index(inside)], text[text.index(inside) + len(inside) :]
    return visible(left) + " ".join(inside.split()) + visible(right)


def with_sign(value: Real) -> str:
    """A number that is for or against."""
    return f"{value:+.3f}".replace("-", "−")


def unread(text: str, pieces: Sequence[Piece]) -> str:
    """A remark on the end of the text, where the model did not read it."""
    rest = text[max((piece.end for piece in pieces), default=0) :].strip()
    return f" The last {len(rest):,} characters were not read." if len(rest) > 1 else ""


def ranked(
    text: str, pieces: Sequence[Piece], values: Sequence[float], n: int
) -> list[tuple[str, float]]:
    """The n units of the largest values, sizes compared, each spelling once with its sum."""
    total: dict[str, float] = {}
    for unit in units(text, pieces):
        shown = visible(text[unit.start : unit.end])
        total[shown] = total.get(shown, 0.0) + sum(values[k] for k in unit.pieces)
    return sorted(total.items(), key=lambda item: -abs(item[1]))[:n]


def title_of(text: str) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59].rstrip()}…"
