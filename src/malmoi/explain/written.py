"""What pictures of translators are of: a text that was read, and what was written from it."""

from collections.abc import Sequence
from typing import NamedTuple

from malmoi.decode.hypothesis import Hypothesis
from malmoi.decode.translation import sentences, translations
from malmoi.errors import EmptyText
from malmoi.sentences import Sentences
from malmoi.tasks.paired import PENALTY
from malmoi.text import Vocabulary
from malmoi.use.search import LONGEST
from malmoi.use.translator import Translator

START, END = "<s>", "</s>"


class Read(NamedTuple):
    """A source, as `translate` reads it: padded.  tokens: its own, `</s>` the last."""

    sentences: Sentences
    tokens: tuple[str, ...]


def read(translator: Translator, text: str) -> Read:
    """Raises EmptyText for a text of no token."""
    reader = translator.bitext.source
    ids = reader.encode(text)[:LONGEST]
    if not ids:
        raise EmptyText("there is no token in this text to look at")
    tokens = [token.text for token in reader.tokens(text)][: len(ids)]
    source = sentences([[*ids, Vocabulary.BOUNDARY]]).to(translator.device)
    return Read(source, (*tokens, END))


def spelt(translator: Translator, ids: Sequence[int]) -> tuple[str, ...]:
    """Tokens that were written, `</s>` among them."""
    spell = translator.bitext.target.spell
    return tuple(END if i == Vocabulary.BOUNDARY else spell(i) for i in ids)


def decoded(translator: Translator, hypothesis: Hypothesis) -> str:
    return translator.bitext.target.decode(hypothesis.tokens).replace("\n", " ")


def best_of(
    translator: Translator, text: str, *, beam: int
) -> tuple[Read, Hypothesis, tuple[str, ...], str]:
    """What is read, its best translation, the tokens of that and its text."""
    source = read(translator, text)
    ids = source.sentences.ids[0, : len(source.tokens)].tolist()
    ((best,),) = translations(
        translator.model, [ids], limit=translator.bitext.limit, width=beam, n=1, penalty=PENALTY,
        forbid=(Vocabulary.UNK,),
    )  # fmt: skip
    end = [Vocabulary.BOUNDARY] if best.finished else []
    return source, best, spelt(translator, [*best.tokens, *end]), decoded(translator, best)
