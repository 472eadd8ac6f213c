"""`malmoi vectors RUN|FILE …`: what word vectors know, on the command line."""

from pathlib import Path
from typing import Literal

import click

from malmoi.cli.options import json_, quiet, say, show, show_json
from malmoi.errors import UsageError
from malmoi.vectors import Neighbour, WordVectors, read_vectors, write_vectors

SHELF = {"similarity": "wordsim353.tsv", "analogies": "questions-words.txt"}

k_ = click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="How many.")


@click.group("vectors")
@click.argument("source", metavar="RUN|FILE")
@click.option("--limit", type=click.IntRange(1), default=None, help="Read only the first N words.")
@click.pass_context
def vectors_(context: click.Context, source: str, limit: int | None) -> None:
    """What word vectors know: of a run, or of a file of word2vec, GloVe or fastText.

    \b
    malmoi vectors runs/word2vec nearest king
    malmoi vectors glove.6B.100d.txt analogy man king woman
    malmoi vectors runs/fasttext export -o vectors.txt
    """
    context.obj = read_vectors(source, limit=limit or 0)


@vectors_.command("nearest")
@click.argument("words", nargs=-1, required=True)
@k_
@json_
@click.pass_obj
def nearest(vectors: WordVectors, words: tuple[str, ...], k: int, as_json: bool) -> None:
    """The words whose vectors point the way of each of WORDS, and the cosine of the angle."""
    found = {word: vectors.nearest(word, k) for word in words}
    if as_json:
        show_json({word: _rows(near) for word, near in found.items()})
        return
    for word, near in found.items():
        if len(found) > 1:
            show(f"{word}:")
        _print(near)


@vectors_.command("analogy")
@click.argument("a")
@click.argument("b")
@click.argument("c")
@k_
@json_
@click.pass_obj
def analogy(vectors: WordVectors, a: str, b: str, c: str, k: int, as_json: bool) -> None:
    """A is to B as C is to …"""
    found = vectors.analogy(a, b, c, k)
    if as_json:
        show_json(_rows(found))
    else:
        _print(found)


@vectors_.command("similarity")
@click.argument("a")
@click.argument("b")
@json_
@click.pass_obj
def similarity(vectors: WordVectors, a: str, b: str, as_json: bool) -> None:
    """The cosine of the angle between two words: 1 is the same way, 0 has nothing to do with it."""
    cosine = vectors.similarity(a, b)
    if as_json:
        show_json({"a": a, "b": b, "similarity": cosine})
    else:
        click.echo(f"{cosine:.6f}")


@vectors_.command("evaluate")
@click.option("--similarity", default=None, metavar="FILE", help="word, word, score, with tabs.")
@click.option("--analogies", default=None, metavar="FILE", help="Four words a line.")
@json_
@quiet
@click.pass_obj
def evaluate(
    vectors: WordVectors, similarity: str | None, analogies: str | None, as_json: bool, quiet: bool
) -> None:
    """Compare with what people say: similar pairs (Spearman's rank correlation) and analogies.

    Without files: WordSim-353 and questions-words, if wordvec-eval-en is on the shelf that
    MALMOI_DATA names.
    """
    from malmoi.vectors import exams

    if similarity is None and analogies is None:
        similarity, analogies = _shelved("similarity"), _shelved("analogies")
    measures: dict[str, float] = {}
    if similarity is not None:
        measures |= exams.similarities(vectors, similarity).measures()
    sections: tuple[exams.Section, ...] = ()
    if analogies is not None:
        found = exams.analogies(vectors, analogies)
        sections = found.sections
        measures |= found.measures()
    if as_json:
        show_json({**measures, "sections": [s._asdict() for s in sections]})
        return
    for name, value in measures.items():
        click.echo(f"{name:<24}{value:>12,.4f}" if value % 1 else f"{name:<24}{value:>12,.0f}")
    for section in sections:
        say(f"  {section.name}: {section.correct} of {section.questions}", quiet=quiet)


@vectors_.command("export")
@click.option("-o", "--output", required=True, metavar="FILE")
@click.option(
    "--to", "form", type=click.Choice(["word2vec", "glove"]), default="word2vec", show_default=True
)
@quiet
@click.pass_obj
def export(
    vectors: WordVectors, output: str, form: Literal["word2vec", "glove"], quiet: bool
) -> None:
    """Write the vectors as text: word2vec's (with a first line) or GloVe's (without)."""
    write_vectors(vectors, output, form)
    say(f"wrote {len(vectors):,} vectors to {output}", quiet=quiet)


def _shelved(kind: str) -> str:
    import os

    folder = os.environ.get("MALMOI_DATA")
    path = Path(folder or "", "wordvec-eval-en", SHELF[kind])
    if not folder or not path.is_file():
        raise UsageError(
            "evaluate with which pairs, or which questions?",
            where=f"{SHELF[kind]} is not on the shelf" if folder else "MALMOI_DATA is not set",
            hint="--similarity wordsim353.tsv, --analogies questions-words.txt",
        )
    return str(path)


def _rows(found: list[Neighbour]) -> list[dict[str, object]]:
    return [near._asdict() for near in found]


def _print(found: list[Neighbour]) -> None:
    for near in found:
        show(f"{near.similarity:.6f}\t{near.word}")
