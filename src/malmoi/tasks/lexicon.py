"""What a tagger knows of a language: its words, their letters, and its tags."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch

from malmoi import files
from malmoi.config import Sizes
from malmoi.data.ragged import Ragged, Rows
from malmoi.errors import RunError
from malmoi.layers.crf import Moves
from malmoi.metrics import schemes
from malmoi.sentences import Sentences, Spelling
from malmoi.tasks.labels import Labels
from malmoi.text import Text, Vocabulary
from malmoi.text.hangul import decompose

LETTERS = "letters.json"
FEW_SHAPES = 32  # words are spelt so many at a time: oneDNN keeps a program for each shape it meets
RARE = 2  # letters seen less often are unknown letters
Words: TypeAlias = tuple[str, ...]


class Lexicon:
    """text: the words; its tokenizer cuts what is not cut into words yet.  labels: the tags.
    letters: of which words are spelt, None where nobody reads them; spelling: as what.
    """

    def __init__(
        self, text: Text, labels: Labels, letters: Vocabulary | None, spelling: str
    ) -> None:
        self.text, self.labels, self.letters, self.spelling = text, labels, letters, spelling

    @classmethod
    def learn(cls, text: Text, labels: Labels, spelling: str) -> "Lexicon":
        """The letters are those of the text's known words."""
        if spelling == "none":
            return cls(text, labels, None, spelling)
        known = text.vocabulary
        seen: Counter[str] = Counter()
        for word, count in zip(known.types, known.counts[Vocabulary.RESERVED :], strict=True):
            for letter in spell(word, spelling):
                seen[letter] += count
        letters = Vocabulary.learn(seen, lines=len(known.types), min_count=RARE)
        return cls(text, labels, letters, spelling)

    def save(self, place: Path) -> None:
        self.labels.save(place)
        if self.letters is not None:
            files.write(
                place / LETTERS,
                files.dumps({"types": self.letters.types, "counts": self.letters.counts}),
            )
        self.text.save(place)

    @classmethod
    def load(cls, place: Path, spelling: str) -> "Lexicon":
        """Read what `save` wrote.  Raises RunError if it is not as written."""
        letters = None
        if spelling != "none":
            try:
                found = json.loads((place / LETTERS).read_bytes())
                letters = Vocabulary(found["types"], found["counts"])
            except (OSError, ValueError, KeyError, TypeError) as error:
                where = f"{place / LETTERS}: {error}"
                raise RunError("the letters of this run cannot be read", where=where) from None
        return cls(Text.load(place), Labels.load(place), letters, spelling)

    @property
    def sizes(self) -> Sizes:
        return Sizes(
            vocabulary=len(self.text.vocabulary),
            labels=len(self.labels),
            characters=len(self.letters) if self.letters is not None else 0,
        )

    @property
    def moves(self) -> Moves:
        """Which tags may begin, follow and end."""
        return Moves(
            *(torch.tensor(m) for m in schemes.moves(self.labels.types, self.labels.scheme))
        )

    def read(self, sentences: Sequence[Words]) -> "Read":
        """Sentences as numbers."""
        return Read(self, sentences)


class Read:
    """Sentences as numbers: the words' own, and each different word spelt once."""

    def __init__(self, lexicon: Lexicon, sentences: Sequence[Words]) -> None:
        forms: dict[str, int] = {}
        self.forms = Ragged.of(
            [forms.setdefault(word, len(forms)) for word in words] for words in sentences
        )
        self.ids = np.array(lexicon.text.vocabulary.ids(forms), dtype=np.int64)
        self.letters: Ragged | None = None
        if lexicon.letters is not None:
            ids = lexicon.letters.ids
            self.letters = Ragged.of(ids(spell(word, lexicon.spelling)) for word in forms)

    def __call__(self, rows: Rows) -> Sentences:
        """Some of the sentences, side by side."""
        forms, mask = self.forms.padded(rows)
        ids = torch.from_numpy(self.ids)[forms].masked_fill(~mask, 0)
        if self.letters is None:
            return Sentences(ids, mask)
        different, index = np.unique(forms.numpy(), return_inverse=True)
        different = np.append(different, np.full(-len(different) % FEW_SHAPES, different[0]))
        letters, there = self.letters.padded(different, multiple=4)
        return Sentences(
            ids, mask, Spelling(letters, there, torch.from_numpy(index.reshape(forms.shape)))
        )


def spell(word: str, spelling: str) -> str:
    """The letters of a word: its characters, or the jamo of its syllables."""
    return decompose(word) if spelling == "jamo" else word
