"""The maps of words and phrases, of a translator or of word vectors: which, and where they lie.

Words are those that occur most in a data set and are one token of the model, or a person's own (of
several tokens: their mean).  Phrases are short sources of a data set, or a person's own.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random

import numpy as np
import torch

from malmoi.data.examples import Pair
from malmoi.decode.translation import sentences
from malmoi.errors import DataError
from malmoi.explain.atlas import Alike, Atlas, Method, Place, Sheet
from malmoi.explain.planes import FEWEST, nearest, pca, tsne
from malmoi.explain.summaries import SIDES, Side, named, summary, table
from malmoi.text import Text, Vocabulary
from malmoi.use.search import LONGEST
from malmoi.use.translator import Translator
from malmoi.vectors.words import WordVectors

SHORT = 6  # words of a source that is taken for a phrase
BATCH = 64
NAMES: dict[Side, str] = {"source": "Words that are read", "target": "Words that are written"}


def words_of(
    translator: Translator,
    pairs: Iterable[Pair],
    *,
    n: int = 300,
    method: Method = "pca",
    seed: int = 0,
    title: str = "The map of words",
) -> Atlas:
    """The words of both sides that occur most.  Raises DataError if there are fewer than four."""
    some = list(pairs)
    sides: dict[Side, Sequence[str]] = {
        "source": [pair.source for pair in some],
        "target": [pair.target for pair in some],
    }
    counts = {
        side: counted(getattr(translator.bitext, side), lines) for side, lines in sides.items()
    }
    sheets = []
    if shared(translator):
        chosen: dict[int, tuple[int, Side, str]] = {}
        for side, found in counts.items():
            for i, (text, count) in found.items():
                chosen[i] = max(chosen.get(i, (0, side, text)), (count, side, text))
        rows = sorted(chosen.items(), key=lambda item: (-item[1][0], item[0]))[: 2 * n]
        label = [(text, side) for _, (_, side, text) in rows]
        X = table(translator.model, "source")[[i for i, _ in rows]]
        what = f"The {len(rows):,} words that occur most, of both sides: they share their vectors."
        sheets.append(_sheet("Words", what, label, X, method, seed))
    else:
        for side, name in NAMES.items():
            best = sorted(counts[side].items(), key=lambda item: (-item[1][1], item[0]))[:n]
            X = table(translator.model, side)[[i for i, _ in best]]
            what = f"The {len(best):,} that occur most."
            sheets.append(
                _sheet(name, what, [(text, side) for _, (text, _) in best], X, method, seed)
            )
    return Atlas(title, "words", method, seed, tuple(sheets))


def own_words(
    translator: Translator,
    words: Sequence[str],
    *,
    side: Side = "source",
    method: Method = "pca",
    seed: int = 0,
    title: str = "The map of words",
) -> Atlas:
    """These words, as they stand within a line.  Raises DataError for fewer than four."""
    reader: Text = getattr(translator.bitext, side)
    E = table(translator.model, side)
    kept, rows = [], []
    for word in dict.fromkeys(words):
        ids = reader.encode(f" {word}")
        if ids and Vocabulary.UNK not in ids:
            kept.append((word, side))
            rows.append(E[ids].mean(0))
    X = torch.stack(rows) if rows else E[:0]
    missing = len(dict.fromkeys(words)) - len(kept)
    what = f"{len(kept):,} words; of several tokens, the mean of them."
    what += f" {missing:,} the model does not know." if missing else ""
    return Atlas(title, "words", method, seed, (_sheet(NAMES[side], what, kept, X, method, seed),))


def phrases_of(
    translator: Translator,
    phrases: Sequence[str],
    *,
    method: Method = "pca",
    seed: int = 0,
    title: str = "The map of phrases",
) -> Atlas:
    """What the encoder makes of each.  Raises DataError if there are fewer than four."""
    some = [phrase for phrase in dict.fromkeys(phrases) if phrase.strip()]
    encoded = [translator.bitext.source.encode(phrase)[:LONGEST] for phrase in some]
    order = sorted(range(len(some)), key=lambda i: len(encoded[i]))
    rows: list[torch.Tensor | None] = [None] * len(some)
    for start in range(0, len(order), BATCH):
        part = order[start : start + BATCH]
        source = sentences([[*encoded[i], Vocabulary.BOUNDARY] for i in part])
        for i, row in zip(
            part, summary(translator.model, source.to(translator.device)), strict=True
        ):
            rows[i] = row
    X = torch.stack([row for row in rows if row is not None]) if some else torch.zeros(0, 1)
    what = f"{len(some):,} phrases, a dot each: {named(translator.model)}."
    label: list[tuple[str, Side]] = [(" ".join(phrase.split()), "source") for phrase in some]
    return Atlas(title, "phrases", method, seed, (_sheet("Phrases", what, label, X, method, seed),))


def vectors_of(
    vectors: WordVectors,
    words: Sequence[str] | None = None,
    *,
    n: int = 300,
    method: Method = "pca",
    seed: int = 0,
    title: str = "The map of words",
) -> Atlas:
    """The n words that stand first, which are the frequent ones; or these, as far as they have
    vectors.  Raises DataError for fewer than four."""
    if words is None:
        kept = [word for word in vectors.words if any(map(str.isalpha, word))][:n]
        what = f"The {len(kept):,} words that stand first of {len(vectors):,}."
    else:
        asked = list(dict.fromkeys(words))
        kept = [word for word in asked if vectors.get(word) is not None]
        what = f"{len(kept):,} words."
        if len(kept) < len(asked):
            what += f" {len(asked) - len(kept):,} have no vector."
    rows = [vectors[word] for word in kept]
    X = torch.from_numpy(np.array(rows, dtype=np.float64).reshape(len(kept), -1))
    labels: list[tuple[str, Side]] = [(word, "source") for word in kept]
    return Atlas(title, "words", method, seed, (_sheet("Words", what, labels, X, method, seed),))


def short(sources: Iterable[str], n: int, *, seed: int = 0) -> list[str]:
    """n of the different short sources, drawn by chance; if there are few, the shortest."""
    found = sorted(dict.fromkeys(source.strip() for source in sources if source.strip()))
    few = [source for source in found if len(source.split()) <= SHORT]
    if len(few) < min(n, 20):
        return sorted(found, key=len)[:n]
    return sorted(Random(seed).sample(few, min(n, len(few))))


def counted(text: Text, lines: Iterable[str]) -> dict[int, tuple[str, int]]:
    """Tokens that are whole words (or letters), and how often; of words spelt alike the most
    frequent alone."""
    letters = text.kind in ("characters", "jamo")
    seen: Counter[tuple[str, int]] = Counter()
    for line in lines:
        for i, token in zip(text.encode(line), text.tokens(line), strict=True):
            inside = token.text.strip()
            whole = letters or (_parts(line, token.start) and _parts(line, token.end))
            said = any(map(str.isalnum if letters else str.isalpha, inside))
            if whole and said and i != Vocabulary.UNK:
                seen[inside, i] += 1
    found: dict[int, tuple[str, int]] = {}
    spelt: set[str] = set()
    for (inside, i), count in sorted(seen.items(), key=lambda item: (-item[1], item[0])):
        if i not in found and (letters or inside not in spelt):  # ㄱ begins and ends syllables
            found[i] = inside, count
            spelt.add(inside)
    return found


def _parts(line: str, place: int) -> bool:
    """Whether no word goes on over this place."""
    return place in (0, len(line)) or not (line[place - 1].isalnum() and line[place].isalnum())


def shared(translator: Translator) -> bool:
    """Whether both sides have the same word vectors."""
    source, target = (table(translator.model, side) for side in SIDES)
    return translator.bitext.joint and source.data_ptr() == target.data_ptr()


def _sheet(
    name: str,
    what: str,
    labels: Sequence[tuple[str, Side]],
    X: torch.Tensor,
    method: Method,
    seed: int,
) -> Sheet:
    if len(labels) < FEWEST:
        raise DataError(
            f"a map needs at least {FEWEST} of them", where=f"{name}: {len(labels)} found"
        )
    rows = X.detach().to("cpu", torch.float64).numpy()
    if not np.isfinite(rows).all():
        raise DataError("there are vectors that are not numbers", where=name)
    plane = pca(rows) if method == "pca" else tsne(rows, seed=seed)
    places = [
        Place(text, round(float(x), 6), round(float(y), 6), side)
        for (text, side), (x, y) in zip(labels, plane.points, strict=True)
    ]
    most = 5 if max(len(text) for text, _ in labels) < 20 else 3  # phrases are long to read
    alike = [Alike(labels[i][0], labels[j][0], cos) for i, j, cos in nearest(rows, most)]
    return Sheet(name, what, rows.shape[1], tuple(places), tuple(alike), plane.share)
