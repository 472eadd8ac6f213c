"""How near translations are to what people wrote: BLEU and chrF, as sacreBLEU counts them.

    BLEU    geometric mean of the precisions of 1- to 4-grams, times a penalty for being short
            (Papineni et al. 2002); of the whole corpus, never a mean over sentences
    chrF    F2 of character n-grams, n ≤ 6 (Popović 2015)
    exact   share of the translations that are one of the references, to the letter (in NFC):
            1 − the word error rate of grapheme-to-phoneme

A number without its signature compares with nothing (Post 2018, arXiv:1804.08771), so each comes
with its own.  Where the references are in Hangul, kana or Han, whose words this tokenisation cannot
see, BLEU over single characters (`tokenize = char`) stands beside it.

BLEU of a corpus is a function of counts summed over its sentences: `counts` has them, a row a
sentence, and `of_counts` is the function, of many sums at once.  What it takes to draw sentences
anew (`significance.paired_bootstrap`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from unicodedata import normalize

import numpy as np
from jaxtyping import Float, Integer

from malmoi.errors import EmptyText

UNSPACED = ((0xAC00, 0xD7A3), (0x3040, 0x30FF), (0x3400, 0x9FFF))
"""First and last of Hangul syllables, kana and Han."""


@dataclass(frozen=True)
class Bleu:
    """bleu, chrf: from 0 to 100.  characters: BLEU over characters; None for spaced scripts."""

    bleu: float
    signature: str
    chrf: float
    chrf_signature: str
    exact: float
    sentences: int
    characters: float | None = None
    characters_signature: str = ""

    @classmethod
    def of(cls, said: Sequence[str], references: Sequence[Sequence[str]]) -> "Bleu":
        """said: translations.  references: for each of them, one right answer or more.

        Raises EmptyText if there is nothing to compare.
        """
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF

        if len(said) != len(references):
            raise ValueError(f"{len(said)} translations for {len(references)} sources")
        if not said or not all(references):
            raise EmptyText("there is nothing to compare translations with")
        # sacreBLEU takes the first references, then the second ones …, and None where there is none
        streams = [
            [some[k] if k < len(some) else None for some in references]
            for k in range(max(map(len, references)))
        ]
        bleu, chrf = BLEU(force=True), CHRF()
        found = bleu.corpus_score(said, streams).score  # type: ignore[arg-type]  # None is allowed
        near = chrf.corpus_score(said, streams).score  # type: ignore[arg-type]
        right = sum(
            _plain(text) in map(_plain, some) for text, some in zip(said, references, strict=True)
        )
        letters, letters_signature = None, ""
        if unspaced(text for some in references for text in some):
            char = BLEU(tokenize="char", force=True)
            letters = char.corpus_score(said, streams).score  # type: ignore[arg-type]
            letters_signature = str(char.get_signature())
        return cls(
            found,
            str(bleu.get_signature()),
            near,
            str(chrf.get_signature()),
            right / len(said),
            len(said),
            letters,
            letters_signature,
        )

    def measures(self) -> dict[str, float | str]:
        """All of it by name."""
        found: dict[str, float | str] = {"bleu": self.bleu, "chrf": self.chrf, "exact": self.exact}
        if self.characters is not None:
            found |= {"bleu_characters": self.characters}
        found |= {"bleu_signature": self.signature, "chrf_signature": self.chrf_signature}
        if self.characters is not None:
            found |= {"bleu_characters_signature": self.characters_signature}
        return found


def counts(said: Sequence[str], references: Sequence[Sequence[str]]) -> Integer[np.ndarray, "n 10"]:
    """Of each translation its length, that of the reference nearest in length, how many of its
    n-grams are right, and how many it has, n = 1 … 4: tokens and counts are sacreBLEU's."""
    from sacrebleu.metrics.bleu import BLEU

    bleu = BLEU(force=True, effective_order=True)
    found = [bleu.sentence_score(text, some) for text, some in zip(said, references, strict=True)]
    rows = [[one.sys_len, one.ref_len, *one.counts, *one.totals] for one in found]
    return np.array(rows, np.int64).reshape(len(said), 10)


def of_counts(sums: Float[np.ndarray, "draws 10"]) -> Float[np.ndarray, " draws"]:
    """BLEU from 0 to 1, of sums of `counts`, a row a corpus.

    A precision of 0 is smoothed as sacreBLEU does (exp): the k-th of them is 1 / (2^k · n-grams).
    """
    size, wanted, right, there = sums[:, 0], sums[:, 1], sums[:, 2:6], sums[:, 6:]
    halvings = np.cumsum((right == 0) & (there > 0), 1)
    hits = np.where(right > 0, right, 0.5**halvings)
    logs = np.log(hits / np.maximum(there, 1.0)).mean(1)
    short = np.minimum(0.0, 1.0 - wanted / np.maximum(size, 1.0))
    none = (there == 0).any(1) | (right == 0).all(1)
    return np.asarray(np.where(none, 0.0, np.exp(logs + short)))


def unspaced(texts: Iterable[str]) -> bool:
    """Whether most letters are Hangul, kana or Han."""
    letters = found = 0
    for text in texts:
        for c in text:
            if c.isalpha():
                letters += 1
                found += any(first <= ord(c) <= last for first, last in UNSPACED)
    return 2 * found > letters


def _plain(text: str) -> str:
    return " ".join(normalize("NFC", text).split())
