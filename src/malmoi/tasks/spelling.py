"""How the words of a vocabulary are spelt: letters as numbers, for models that read them.

    the cat      begin t h e end        begin c a t end
    </s>, <unk>  begin boundary end     begin unknown end      nothing spells these two

Numbers begin at 1 (0 is behind the end): the marks `begin` and `end`, the two symbols, then the
letters in the order of their code points.  Letters are characters, in Korean syllables; or jamo; or
the bytes of UTF-8.  Of a word longer than LONGEST letters, marks counted, the rest is not read.
"""

from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Int32

from malmoi.tasks.lexicon import spell
from malmoi.text import Vocabulary

Letters: TypeAlias = Literal["none", "characters", "jamo", "bytes"]
BEGIN, END, BOUNDARY, UNK = 1, 2, 3, 4
LONGEST = 64


class Spellings:
    """table: how each id is spelt.  characters: how many numbers letters have, marks and all."""

    def __init__(self, vocabulary: Vocabulary, letters: Letters) -> None:
        words = [_cut(word, letters) for word in vocabulary.types]
        known = sorted({letter for word in words for letter in word})
        numbers = {letter: i for i, letter in enumerate(known, start=UNK + 1)}
        spelt = [[BOUNDARY], [UNK], *([numbers[letter] for letter in word] for word in words)]
        self.characters = UNK + len(known)
        self.longest = 2 + max(map(len, spelt))
        self.table: Int32[np.ndarray, "V L"] = np.zeros((len(spelt), self.longest), np.int32)
        for row, word in zip(self.table, spelt, strict=True):
            row[: len(word) + 2] = [BEGIN, *word, END]


def _cut(word: str, letters: Letters) -> str | bytes:
    """The letters of a word that are read."""
    whole = word.encode() if letters == "bytes" else spell(word, letters)
    return whole[: LONGEST - 2]
