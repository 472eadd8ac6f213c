"""`malmoi explain RUN|FILE --map words|phrases`."""

from collections.abc import Sequence
from typing import Any

from malmoi.cli import pairs as cli_pairs
from malmoi.cli.looking import opened
from malmoi.cli.options import say
from malmoi.errors import UsageError
from malmoi.explain import mapping
from malmoi.explain.atlas import Atlas
from malmoi.use import KINDS
from malmoi.use.translator import Translator
from malmoi.vectors import WordVectors


def draw(
    run: str,
    of: str,
    given: Sequence[str] | None,
    side: Any,
    data: str | None,
    split: str | None,
    method: Any,
    most: int,
    seed: int,
    device: str,
    *,
    quiet: bool,
) -> Atlas:
    """The map of what is given, or of what stands in the data."""
    model = opened(run, device)
    if isinstance(model, WordVectors):
        if of == "phrases" or side or data or split:
            raise UsageError("word vectors have a map of words, their own or yours")
        own = None if given is None else [word for line in given for word in line.split()]
        return mapping.vectors_of(model, own, n=most, method=method, seed=seed)
    if not isinstance(model, Translator):
        raise UsageError(
            f"there is no map of {KINDS[type(model)][0]}", hint="translators, word vectors"
        )
    translator = model
    if given is None:
        pairs = cli_pairs.read(translator, data, split, quiet, once=True)
        say(f"of {len(pairs):,} pairs", quiet=quiet)
        if of == "words":
            return mapping.words_of(translator, pairs, n=most, method=method, seed=seed)
        phrases = mapping.short((pair.source for pair in pairs), most, seed=seed)
        return mapping.phrases_of(translator, phrases, method=method, seed=seed)
    if of == "phrases":
        return mapping.phrases_of(translator, given, method=method, seed=seed)
    words = [word for line in given for word in line.split()]
    return mapping.own_words(translator, words, side=side or "source", method=method, seed=seed)
