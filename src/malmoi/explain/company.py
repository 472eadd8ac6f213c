"""The company that words keep: neighbours of a word, and analogies as arrows.

Mikolov, Yih & Zweig (2013, N13-1090), figure 2, and Mikolov et al. (2013b, arXiv:1310.4546),
figure 2: what is between two words is an arrow; where two pairs have the same between them, their
arrows are parallel.

The plane is that of the words that are drawn alone, by PCA: the two directions in which they differ
most.  Cosines are of all dimensions.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic.dataclasses import dataclass

from malmoi.errors import UsageError
from malmoi.explain.blocks import Bar, Bars, Graphic, Heading
from malmoi.explain.page import Block, Page
from malmoi.explain.picture import STRICT
from malmoi.explain.planes import pca
from malmoi.explain.scatter import Dot, Scatter
from malmoi.explain.table import Table
from malmoi.vectors.words import WordVectors, direction

FEWEST = 3  # words that make a plane


@dataclass(frozen=True, config=STRICT)
class Near:
    """A word, and the cosine of the angle to what was asked for."""

    word: str
    cosine: float


@dataclass(frozen=True, config=STRICT)
class Spot:
    """Where a word lies on the plane."""

    word: str
    x: float
    y: float


@dataclass(frozen=True, config=STRICT)
class Circle:
    """A word and its nearest neighbours, the nearest first.  known: whether it was in the text, or
    has its vector from its letters."""

    word: str
    known: bool
    near: tuple[Near, ...]


@dataclass(frozen=True, config=STRICT)
class Neighbours:
    """spots: of all the words.  share: of their variance that is on the plane."""

    circles: tuple[Circle, ...]
    spots: tuple[Spot, ...]
    share: float
    kind: Literal["neighbours"] = "neighbours"

    def page(self) -> Page:
        asked = {circle.word for circle in self.circles}
        order = sorted(self.spots, key=lambda s: s.word not in asked)  # their names come first
        dots = [Dot(s.word, s.x, s.y, int(s.word in asked)) for s in order]
        blocks: list[Block] = []
        for circle in self.circles:
            lead = "" if circle.known else "Not a word of the training text: from its letters."
            bars = [
                Bar(near.word, near.cosine, f"{near.cosine:.3f}".replace("-", "−"))
                for near in circle.near
            ]
            blocks += [Heading(circle.word, lead), Bars(bars, f"neighbours of {circle.word}")]
        lead = f"Squares are the words that were asked for. {_plane(self.share)}"
        blocks += [
            Heading("Together", lead),
            Graphic(Scatter(dots, "neighbours").draw, "the plane"),
        ]
        told = [
            f"{c.word} – {c.near[0].word} ({c.near[0].cosine:.2f})" for c in self.circles if c.near
        ]
        title = ", ".join(circle.word for circle in self.circles)
        return Page(title, f"Nearest of all: {'; '.join(told)}.", tuple(blocks))


@dataclass(frozen=True, config=STRICT)
class Question:
    """a is to b as c is to …  found: the words nearest to b − a + c, the nearest first.
    wanted: the right one, if it was said; rank: the place where it stands, 0 if it does not."""

    a: str
    b: str
    c: str
    found: tuple[Near, ...]
    wanted: str = ""
    rank: int = 0

    @property
    def d(self) -> str:
        """The end of the second arrow."""
        return self.wanted or self.found[0].word


@dataclass(frozen=True, config=STRICT)
class Analogies:
    """parallel: the cosine of b − a and d − c, question by question."""

    questions: tuple[Question, ...]
    parallel: tuple[float, ...]
    spots: tuple[Spot, ...]
    share: float
    kind: Literal["analogies"] = "analogies"

    def page(self) -> Page:
        place = {spot.word: k for k, spot in enumerate(self.spots)}
        dots = [Dot(spot.word, spot.x, spot.y) for spot in self.spots]
        pairs = [pair for q in self.questions for pair in ((q.a, q.b), (q.c, q.d))]
        arrows = [(place[a], place[b]) for a, b in dict.fromkeys(pairs)]
        lead = f"The more alike what is between two words, the more parallel. {_plane(self.share)}"
        head = ("question", "answer", "cosine", "then", "arrows")
        rows = []
        for q, cosine in zip(self.questions, self.parallel, strict=True):
            best, *others = q.found
            said = ""
            if q.wanted:
                said = " ✓" if q.rank == 1 else f" (wanted {q.wanted}: {_place(q.rank)})"
            rows.append(
                (
                    f"{q.a} : {q.b} = {q.c} : ?",
                    best.word + said,
                    f"{best.cosine:.2f}",
                    ", ".join(near.word for near in others),
                    f"{cosine:.2f}".replace("-", "−"),
                )
            )
        blocks: list[Block] = [
            Heading("Arrows", lead),
            Graphic(Scatter(dots, "analogies", arrows=arrows).draw, "the arrows on the plane"),
            Heading("Answers", "Arrows: the cosine between the two, 1 if they are parallel."),
            Table(head, rows),
        ]
        q = self.questions[0]
        title = f"{q.a} : {q.b} = {q.c} : {q.d}" if len(self.questions) == 1 else "Analogies"
        return Page(title, self.finding, tuple(blocks))

    @property
    def finding(self) -> str:
        asked = [q for q in self.questions if q.wanted]
        told = "; ".join(
            f"{q.a} is to {q.b} as {q.c} to {q.found[0].word}" for q in self.questions[:3]
        )
        rest = len(self.questions) - 3
        more = f"; and {rest} more" if rest > 0 else ""
        right = sum(q.rank == 1 for q in asked)
        return f"{told}{more}." + (f" {right} of {len(asked)} as wanted." if asked else "")


def neighbours(vectors: WordVectors, words: Sequence[str], *, k: int = 10) -> Neighbours:
    """Raises UsageError for a word without a vector."""
    asked = list(dict.fromkeys(words))
    if not asked:
        raise UsageError("of which word?", hint='malmoi explain RUN "king queen"')
    circles = []
    for word in asked:
        near = tuple(Near(n.word, round(n.similarity, 6)) for n in vectors.nearest(word, k))
        circles.append(Circle(word, word in vectors, near))
    drawn = dict.fromkeys([*asked, *(n.word for circle in circles for n in circle.near)])
    spots, share = _spots(vectors, list(drawn))
    return Neighbours(tuple(circles), spots, share)


def analogies(vectors: WordVectors, lines: Sequence[str], *, k: int = 5) -> Analogies:
    """Of each line `a b c`: a is to b as c is to …; a fourth word is the right answer.

    Raises UsageError for another number of words, and for a word without a vector.
    """
    questions, parallel = [], []
    for line in filter(str.strip, lines):
        words = line.split()
        if len(words) not in (3, 4):
            raise UsageError(
                f"an analogy has three words, or four with the answer, not {len(words)}",
                where=line.strip()[:80],
                hint='--show analogies "man king woman"',
            )
        a, b, c, *rest = words
        found = vectors.analogy(a, b, c, max(k, 1))
        wanted = rest[0] if rest else ""
        rank = 0
        if wanted:
            vectors[wanted]  # has it a vector?
            order = [near.word for near in vectors.analogy(a, b, c, len(vectors))]
            rank = order.index(wanted) + 1 if wanted in order else 0
        near = tuple(Near(n.word, round(n.similarity, 6)) for n in found)
        if not near:
            raise UsageError("there is no other word that could be the answer", where=line.strip())
        questions.append(Question(a, b, c, near, wanted, rank))
        d = questions[-1].d
        one, two = vectors[b] - vectors[a], vectors[d] - vectors[c]
        parallel.append(round(float(direction(one) @ direction(two)), 6))
    if not questions:
        raise UsageError("which analogy?", hint='--show analogies "man king woman"')
    drawn = dict.fromkeys(word for q in questions for word in (q.a, q.b, q.c, q.d))
    spots, share = _spots(vectors, list(drawn))
    return Analogies(tuple(questions), tuple(parallel), spots, share)


def _spots(vectors: WordVectors, words: Sequence[str]) -> tuple[tuple[Spot, ...], float]:
    if len(words) < FEWEST:
        raise UsageError(f"a plane needs at least {FEWEST} words", hint="ask for more of them")
    X = np.array([vectors[word] for word in words], dtype=np.float64)
    plane = pca(X)
    places = zip(words, plane.points, strict=True)
    spots = tuple(Spot(w, round(float(x), 6), round(float(y), 6)) for w, (x, y) in places)
    return spots, float(plane.share or 0.0)


def _plane(share: float) -> str:
    return f"The plane holds {100 * share:.0f} % of their variance."


def _place(rank: int) -> str:
    return f"place {rank:,}" if rank else "not found"
