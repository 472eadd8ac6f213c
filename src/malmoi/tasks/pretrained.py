"""Word vectors that a reader begins with (Collobert & Weston 2008; Lample et al. 2016, §4.2).

The vocabulary of the training text is extended by the words of the vectors, so that a word which
training has not seen keeps its vector.  A word of the text that has none begins

    random     at random, as far spread as the vectors are
    unk        nowhere: it is read as `<unk>`
    subword    with the mean of its letters' vectors (fastText), at random where they have none

`<unk>` itself begins with what the vectors have for it, else with their mean.  A word is looked for
as it is written, then in small letters.  Everything is in the run: using it needs no vectors.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from malmoi.errors import DataError, UsageError
from malmoi.text import Text, Vocabulary
from malmoi.text.normalise import nfc
from malmoi.vectors import WordVectors, read_vectors

Policy: TypeAlias = Literal["random", "unk", "subword"]


class Pretrained:
    """The vectors of a file or a run.  limit: only the first so many words of it (0: all)."""

    def __init__(self, source: str, *, limit: int = 0, policy: Policy = "random") -> None:
        self.source, self.policy = source, policy
        self.vectors: WordVectors = read_vectors(Path(source), limit=limit)
        if policy == "subword" and self.vectors.subwords is None:
            raise UsageError(
                "these vectors have none for letters: words that they do not know stay unknown",
                where=f"{source}; the recipe says oov = 'subword'",
                hint="vectors of fastText (.bin, or malmoi train fasttext); or oov = 'random'",
            )
        self._rows: dict[str, int] = {}
        for row, word in enumerate(self.vectors.words):
            self._rows.setdefault(nfc(word), row)

    def find(self, word: str) -> Float[np.ndarray, " d"] | None:
        """The vector of a word, as it is written or in small letters."""
        row = self._rows.get(word, self._rows.get(word.lower()))
        if row is None:
            return None
        vector: np.ndarray = self.vectors.matrix[row]
        return vector

    def extended(self, known: Vocabulary) -> Vocabulary:
        """The vocabulary with all words of the vectors; without those that become `<unk>`."""
        pairs = list(zip(known.types, known.counts[Vocabulary.RESERVED :], strict=True))
        lines, unknown = known.counts[: Vocabulary.RESERVED]
        if self.policy == "unk":
            kept = [(word, count) for word, count in pairs if self.find(word) is not None]
            unknown += sum(count for _, count in pairs) - sum(count for _, count in kept)
            pairs = kept
        there = {word for word, _ in pairs}
        pairs += [(word, 0) for word in self._rows if word not in there]
        return Vocabulary([w for w, _ in pairs], [lines, unknown, *(c for _, c in pairs)])

    def matrix(self, vocabulary: Vocabulary, seed: int) -> Float[np.ndarray, "V d"]:
        """The vectors that the ids begin with."""
        v, rng = self.vectors, np.random.default_rng(seed)
        out = rng.normal(0.0, max(float(v.matrix.std()), 1e-6), (len(vocabulary), v.d))
        out[Vocabulary.BOUNDARY] = 0.0
        out[Vocabulary.UNK] = v.matrix.mean(0) if v.unk is None else v.unk
        for id, word in enumerate(vocabulary.types, start=Vocabulary.RESERVED):
            vector = self.find(word)
            if vector is None and self.policy == "subword" and v.subwords is not None:
                vector = v.subwords.vector(word)
            if vector is not None:
                out[id] = vector
        return out.astype(np.float32)

    def coverage(self, known: Vocabulary) -> str:
        """How much of the text has a vector, for a person.  Raises DataError if nothing has."""
        pairs = list(zip(known.types, known.counts[Vocabulary.RESERVED :], strict=True))
        found = [(word, count) for word, count in pairs if self.find(word) is not None]
        if not found:
            raise DataError(
                "the vectors know no word of the training text",
                where=(
                    f"{self.source}: {_some(self.vectors.words)}",
                    f"the text: {_some(known.types)}",
                ),
                hint="are they of this language, and cut into the same tokens?",
            )
        said, all_ = sum(count for _, count in found), max(1, sum(count for _, count in pairs))
        rest = {"random": "begin at random", "unk": "are <unk>", "subword": "begin with letters"}
        share = f"{len(found):,} of {len(pairs):,} words of the text have a vector"
        return (
            f"{self.source}: {share} ({100 * said / all_:.1f} % of its tokens), the others "
            f"{rest[self.policy]}; {len(self._rows):,} words have vectors in all"
        )


def widened(text: Text, pretrained: Pretrained) -> Text:
    """The same text with the words of the vectors in its vocabulary.  Raises UsageError for
    pieces of words, whose vocabulary is fixed."""
    if text.kind in ("bpe", "unigram"):
        raise UsageError(
            f"pieces of words ({text.kind}) have no vectors of words",
            hint='tokens = "words", or leave the vectors out',
        )
    vocabulary = pretrained.extended(text.vocabulary)
    return Text(text.tokenizer, vocabulary, size=text.size, min_count=text.min_count)


def _some(words: Sequence[str]) -> str:
    return ", ".join(map(repr, words[:6]))
