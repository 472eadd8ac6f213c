"""A vector for each of many words, and for a word never seen where its letters have vectors.

similarity(a, b)     cos(a, b) = a·b / |a| |b|
nearest(a)           the words of the largest cosine with a
analogy(a, b, c)     a is to b as c is to x: the largest cosine with b̂ − â + ĉ, x none of the
                     three                              (Mikolov, Yih & Zweig 2013, N13-1090)
subwords             v(w) = mean of the vectors of its character n-grams    (kernels/pieces.py)

A word is looked for as it is written, then composed (NFC), then decomposed: 말 is 말, whether it is
one code point or three.  The letters of one that was never seen are those of its composed form.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from malmoi.errors import DataError, UsageError
from malmoi.kernels.pieces import pieces

NEAR = 20_000  # of so many words one that was misspelt is looked for


class Neighbour(NamedTuple):
    """A word, and the cosine of the angle to it."""

    word: str
    similarity: float


@dataclass(frozen=True, eq=False)
class Subwords:
    """Vectors of the character n-grams of `shortest` to `longest` characters, by bucket."""

    shortest: int
    longest: int
    matrix: Float[np.ndarray, "buckets d"]

    def vector(self, word: str) -> Float[np.ndarray, " d"] | None:
        """The mean of the n-grams of a word, None if it has none."""
        _, bucket = pieces([word], self.shortest, self.longest, len(self.matrix))
        if not len(bucket):
            return None
        mean: np.ndarray = self.matrix[bucket].mean(0)
        return mean


class WordVectors:
    """words: the frequent ones first, where the source has an order.  matrix: [V, d].

    subwords: of the n-grams.  unk: what stands for every other word.
    """

    def __init__(
        self,
        words: Iterable[str],
        matrix: Float[np.ndarray, "V d"],
        *,
        subwords: Subwords | None = None,
        unk: Float[np.ndarray, " d"] | None = None,
    ) -> None:
        self.words = tuple(words)
        self.matrix = matrix
        self.subwords, self.unk = subwords, unk
        if len(self.words) != len(matrix):
            raise DataError(f"{len(self.words):,} words for {len(matrix):,} vectors")
        self._row = {word: row for row, word in reversed(list(enumerate(self.words)))}

    @property
    def d(self) -> int:
        """The width of a vector."""
        return int(self.matrix.shape[1])

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self.row(word) is not None

    def __repr__(self) -> str:
        return f"WordVectors({len(self):,} words, d={self.d})"

    def __getitem__(self, word: str) -> Float[np.ndarray, " d"]:
        """The vector of a word.  Raises UsageError if it has none."""
        found = self.get(word)
        if found is None:
            from difflib import get_close_matches

            close = get_close_matches(word, self.words[:NEAR], 1)
            raise UsageError(
                f"there is no vector for {word!r}",
                where=f"{len(self):,} words are known, and their letters have no vectors",
                hint=f"did you mean {close[0]!r}?" if close else "a word of the training text",
            )
        return found

    def get(self, word: str) -> Float[np.ndarray, " d"] | None:
        """The vector of a word, of its letters if need be; None if it has none."""
        row = self.row(word)
        if row is not None:
            vector: np.ndarray = self.matrix[row]
            return vector
        return self.subwords.vector(unicodedata.normalize("NFC", word)) if self.subwords else None

    def row(self, word: str) -> int | None:
        """Where in the matrix a word is, in whatever form of Unicode it is written."""
        row = self._row.get(word)
        if row is None and not word.isascii():
            forms = (unicodedata.normalize(form, word) for form in ("NFC", "NFD"))
            row = next((self._row[form] for form in forms if form in self._row), None)
        return row

    @cached_property
    def unit(self) -> Float[np.ndarray, "V d"]:
        """Every vector, one long; zeros stay zeros."""
        lengths = np.linalg.norm(self.matrix, axis=1, keepdims=True)
        scaled: np.ndarray = (self.matrix / np.where(lengths > 0, lengths, 1)).astype(np.float32)
        return scaled

    def similarity(self, a: str, b: str) -> float:
        """The cosine of the angle between two words."""
        return float(direction(self[a]) @ direction(self[b]))

    def nearest(self, word: str | Float[np.ndarray, " d"], k: int = 10) -> list[Neighbour]:
        """The k words nearest to a word, which is not among them, or to a vector."""
        if isinstance(word, str):
            return self._nearest(direction(self[word]), k, [word])
        return self._nearest(direction(word), k, [])

    def analogy(self, a: str, b: str, c: str, k: int = 10) -> list[Neighbour]:
        """a is to b as c is to …"""
        aim = direction(self[b]) - direction(self[a]) + direction(self[c])
        return self._nearest(direction(aim), k, [a, b, c])

    def _nearest(
        self, aim: Float[np.ndarray, " d"], k: int, without: Sequence[str]
    ) -> list[Neighbour]:
        cosines = self.unit @ aim.astype(np.float32)
        hidden = [row for word in without if (row := self.row(word)) is not None]
        cosines[hidden] = -np.inf
        k = max(0, min(k, len(cosines) - len(set(hidden))))
        best = (
            np.argpartition(-cosines, k - 1)[:k] if 0 < k < len(cosines) else np.arange(len(self))
        )
        best = best[np.lexsort((best, -cosines[best]))][:k]
        return [Neighbour(self.words[i], float(cosines[i])) for i in best]

    def first(self, n: int) -> "WordVectors":
        """Only the first n words."""
        return WordVectors(self.words[:n], self.matrix[:n], subwords=self.subwords, unk=self.unk)


def direction(vector: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
    """A vector made one long; zero stays zero."""
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector


def composed(own: np.ndarray, types: tuple[str, ...], subwords: Subwords) -> np.ndarray:
    """The mean of each word's own vector and those of its n-grams."""
    first, bucket = pieces(types, subwords.shortest, subwords.longest, len(subwords.matrix))
    total = own.astype(np.float32, copy=True)
    word = np.repeat(np.arange(len(types)), np.diff(first))
    for begin in range(0, len(bucket), 1 << 16):  # bounds memory
        part = slice(begin, begin + (1 << 16))
        np.add.at(total, word[part], subwords.matrix[bucket[part]])
    mean: np.ndarray = total / (1 + np.diff(first))[:, None].astype(np.float32)
    return mean
