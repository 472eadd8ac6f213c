"""What people say of words, compared with their vectors.

    similarities   pairs with a score that people gave (WordSim-353, Finkelstein et al. 2002):
                   the rank correlation (Spearman) of score and cosine
    analogies      a : b = c : x (Mikolov et al. 2013a, §4.1): how often the first of analogy(a, b,
                   c) that is none of the three is the word that people say

Words are compared in capitals; the more frequent spelling wins.  Only the first 300,000 words
take part.  Pairs and questions with a word that has no vector are left out, and counted.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from malmoi.data.lines import read_lines
from malmoi.errors import DataError, EmptyText
from malmoi.vectors.words import WordVectors

MOST, BEST, AT_ONCE = 300_000, 5, 256


class Similarities(NamedTuple):
    """Correlations; how many pairs were compared, and how many had an unknown word."""

    spearman: float
    pearson: float
    pairs: int
    unknown: int

    def measures(self) -> dict[str, float]:
        return {
            "spearman": self.spearman,
            "pearson": self.pearson,
            "pairs": self.pairs,
            "pairs_unknown": self.unknown,
        }


class Section(NamedTuple):
    """Questions of one kind."""

    name: str
    correct: int
    questions: int


class Analogies(NamedTuple):
    """unknown: questions with a word that has no vector."""

    sections: tuple[Section, ...]
    unknown: int

    @property
    def correct(self) -> int:
        return sum(section.correct for section in self.sections)

    @property
    def questions(self) -> int:
        return sum(section.questions for section in self.sections)

    def measures(self) -> dict[str, float]:
        share = self.correct / self.questions if self.questions else 0.0
        return {
            "analogies": share,
            "questions": self.questions,
            "questions_unknown": self.unknown,
        }


def similarities(vectors: WordVectors, path: Path | str) -> Similarities:
    """Read a file of `word, word, score` with tabs or commas; # begins a comment.

    Raises DataError naming the line that is none, EmptyText if fewer than two pairs are known.
    """
    known = _capitals(vectors)
    people: list[float] = []
    cosines: list[float] = []
    unknown = 0
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = [field.strip() for field in line.split("\t" if "\t" in line else ",")]
        try:
            a, b, score = fields[0].upper(), fields[1].upper(), float(fields[2])
        except (IndexError, ValueError):
            if not people and not unknown:  # a header
                continue
            raise DataError(
                "this line is no pair of words with a score",
                where=f"{path}:{number}: {line[:80]!r}",
                hint="word, word, score, with tabs between",
            ) from None
        if a in known and b in known:
            people.append(score)
            cosines.append(float(vectors.unit[known[a]] @ vectors.unit[known[b]]))
        else:
            unknown += 1
    if len(people) < 2:
        raise EmptyText(
            "there are no two pairs whose words are known",
            where=f"{path}: {unknown:,} pairs with an unknown word",
            hint="are the vectors of this language?",
        )
    x, y = np.array(people), np.array(cosines)
    return Similarities(correlation(ranks(x), ranks(y)), correlation(x, y), len(x), unknown)


def analogies(vectors: WordVectors, path: Path | str) -> Analogies:
    """Read a file of four words a line, `: name` above each section, and answer it.

    Raises DataError naming the line that is none, EmptyText if no question can be asked.
    """
    known = _capitals(vectors)
    names: list[str] = []
    asked: list[tuple[int, list[int]]] = []
    unknown = 0
    for section, words in _questions(Path(path), names):
        if all(word in known for word in words):
            asked.append((section, [known[word] for word in words]))
        else:
            unknown += 1
    if not asked:
        raise EmptyText(
            "there is no question whose words are all known",
            where=f"{path}: {unknown:,} questions",
            hint="are the vectors of this language?",
        )
    right = _answered(vectors, np.array([ids for _, ids in asked]), known)
    of = np.array([section for section, _ in asked])
    sections = tuple(
        Section(name, int(right[of == k].sum()), int((of == k).sum()))
        for k, name in enumerate(names)
    )
    return Analogies(sections, unknown)


def _answered(
    vectors: WordVectors, ids: Float[np.ndarray, "n 4"] | np.ndarray, known: dict[str, int]
) -> np.ndarray:
    unit = vectors.unit[:MOST]
    capitals = [word.upper() for word in vectors.words[:MOST]]
    right = np.zeros(len(ids), bool)
    for begin in range(0, len(ids), AT_ONCE):
        rows = ids[begin : begin + AT_ONCE]
        aim = unit[rows[:, 1]] - unit[rows[:, 0]] + unit[rows[:, 2]]
        cosines = aim @ unit.T
        np.put_along_axis(cosines, rows[:, :3], -np.inf, 1)
        size = min(BEST, cosines.shape[1])
        best = np.argpartition(-cosines, size - 1, axis=1)[:, :size]
        for k, (row, found) in enumerate(zip(rows, best, strict=True)):
            given = {capitals[i] for i in row[:3]}
            said = (capitals[i] for i in found[np.argsort(-cosines[k, found])])
            first = next((word for word in said if word not in given), None)
            right[begin + k] = first == capitals[row[3]]
    return right


def _questions(path: Path, names: list[str]) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(read_lines(path), start=1):
        if line.startswith(":"):
            names.append(line[1:].strip())
        elif line.strip():
            words = line.upper().split()
            if len(words) != 4:
                raise DataError(
                    "this line is no question of four words",
                    where=f"{path}:{number}: {line[:80]!r}",
                    hint="athens greece oslo norway; a section begins with `: name`",
                )
            if not names:
                names.append("")
            yield len(names) - 1, words


def _capitals(vectors: WordVectors) -> dict[str, int]:
    """The row of every word in capitals."""
    words = vectors.words[:MOST]
    return {word.upper(): row for row, word in reversed(list(enumerate(words)))}


def ranks(x: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """1 for the smallest; equals share the mean of their ranks."""
    _, place, size = np.unique(x, return_inverse=True, return_counts=True)
    after = np.cumsum(size)
    shared: np.ndarray = (after - (size - 1) / 2)[place]
    return shared


def correlation(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> float:
    """Pearson's, 0 where nothing varies."""
    x, y = x - x.mean(), y - y.mean()
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / scale if scale else 0.0
