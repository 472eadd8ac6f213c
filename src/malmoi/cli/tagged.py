"""A tagged text as people and programs read it: CoNLL, CoNLL-U, JSON, spans."""

from collections.abc import Iterator
from typing import Any

from malmoi.use.tagger import TaggedText, TaggedToken

COLUMNS = {"lemma": 2, "upos": 3, "xpos": 4, "feats": 5, "head": 6, "deprel": 7}
MISC = 9


def plain(tagged: TaggedText) -> dict[str, Any]:
    """For JSON: places are characters of the text as it was given."""
    return {
        "text": tagged.text,
        "tokens": [token._asdict() for token in tagged.tokens],
        "entities": [entity._asdict() for entity in tagged.entities],
    }


def conll(tagged: TaggedText) -> str:
    """Word and tag, a blank line after each sentence."""
    return "".join(
        "".join(f"{token.text}\t{token.tag}\n" for token in some) + "\n"
        for some in _sentences(tagged)
    )[:-1]


def conllu(tagged: TaggedText, column: str) -> str:
    """Ten columns: the tag in its own, or as `NER=` in the last if it has none there.

    What is white space is no word in CoNLL-U and is left out.
    """
    found = []
    for some in _sentences(tagged):
        words = [token for token in some if token.text.strip()]
        if not words:
            continue
        text = tagged.text[words[0].start : words[-1].end]
        found.append(f"# text = {' '.join(text.split())}\n")
        for i, word in enumerate(words):
            row = [str(i + 1), word.text, *["_"] * 8]
            misc = []
            if column in COLUMNS:
                row[COLUMNS[column]] = word.tag
            else:
                misc.append(f"NER={word.tag}")
            if i + 1 < len(words) and words[i + 1].start <= word.end:
                misc.append("SpaceAfter=No")
            row[MISC] = "|".join(misc) or "_"
            found.append("\t".join(row) + "\n")
        found.append("\n")
    return "".join(found)[:-1]


def spans(tagged: TaggedText, *, entities: bool) -> Iterator[tuple[str, ...]]:
    """Start, end, label, probability, text: of the entities, or else of every word."""
    if entities:
        for e in tagged.entities:
            yield (
                str(e.start),
                str(e.end),
                e.label,
                f"{e.probability:.6f}",
                " ".join(e.text.split()),
            )
        return
    for t in tagged.tokens:
        yield str(t.start), str(t.end), t.tag, f"{t.probability:.6f}", t.text


def _sentences(tagged: TaggedText) -> Iterator[tuple[TaggedToken, ...]]:
    start = 0
    for length in tagged.sentences:
        yield tagged.tokens[start : start + length]
        start += length
