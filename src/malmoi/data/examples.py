"""What is learnt from, beside plain lines: a text with its labels, a sentence with a tag at every
word, a text with another that answers it."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

Span: TypeAlias = tuple[int, int]
"""Where something begins and where it has ended, in characters."""


class Example(NamedTuple):
    """A text and what it was labelled: one label as a rule, several or none where labels are
    chosen each for itself.  The text may have line feeds in it."""

    text: str
    labels: tuple[str, ...]


class Tagged(NamedTuple):
    """A sentence in words, and columns of tags as long as the words.

    columns: of CoNLL-U upos, xpos, lemma, feats, deprel and head; else "1", "2", … by position,
    and "-1" for the last.  text, spans: the sentence as it was written, and where in it each word
    stands: `text[start:end]` is the word, unless words of CoNLL-U share what was written as one
    (`del` for de and el), which have one span between them.
    """

    words: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    text: str
    spans: tuple[Span, ...]


class Pair(NamedTuple):
    """A text and the text that is to be written from it: its translation, its answer.

    others: further texts that would be as right, where people wrote some; measuring knows them.
    """

    source: str
    target: str
    others: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What decides to which part of the data it belongs: no source is in two."""
        return self.source


Examples: TypeAlias = Callable[[], Iterator[Example]]
TaggedSentences: TypeAlias = Callable[[], Iterator[Tagged]]
Pairs: TypeAlias = Callable[[], Iterator[Pair]]
"""Call any and read from the first."""


def joined(words: tuple[str, ...], glue: str = " ") -> tuple[str, tuple[Span, ...]]:
    """Words with something between them, and where each stands."""
    spans, at = [], 0
    for word in words:
        spans.append((at, at + len(word)))
        at += len(word) + len(glue)
    return glue.join(words), tuple(spans)
