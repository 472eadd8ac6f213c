"""`malmoi evaluate` of a translator, and `malmoi score --pairs`."""

import json
from pathlib import Path
from typing import Any

import click

from malmoi import files
from malmoi.cli.count import counting
from malmoi.cli.options import announce, say, show_json
from malmoi.data import catalogue
from malmoi.data.examples import Pair
from malmoi.data.moses import two_files
from malmoi.data.paired import open_both, open_paired
from malmoi.data.pairs import grouped
from malmoi.errors import UsageError
from malmoi.metrics.headline import headline
from malmoi.tasks.paired import turned
from malmoi.use.search import Search
from malmoi.use.translator import Translator

EXPLAINED = {
    "bleu": "4-grams shared with what people wrote, 0 to 100",
    "chrf": "the same of characters",
    "bleu_characters": "BLEU with every character a word",
    "exact": "share that is right to the letter; 1 - word error rate",
    "perplexity": "how many tokens it hesitates between, given the right ones before",
    "token_accuracy": "how often the right token is the likeliest",
    "bits_per_character": "comparable between tokenisations",
}


def evaluate(
    translator: Translator,
    data: str | None,
    split: str | None,
    *,
    search: Search,
    predictions: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Read the pairs, translate, compare, show."""
    if data == "-":
        raise UsageError("pairs are read from a file, not from stdin", hint="--data FILE")
    if predictions is not None and not Path(predictions).absolute().parent.is_dir():
        raise UsageError(f"there is no folder for {predictions}", hint="make it: mkdir -p")
    pairs = read(translator, data, split, quiet, once=True)
    with counting("measuring", 2 * len(pairs), "pairs", quiet=quiet) as done:
        cost, bleu, said = translator.evaluate(pairs, search=search, done=done)
    measures: dict[str, Any] = {**bleu.measures(), **cost.measures(), "pairs": len(pairs)}
    if predictions is not None:
        rows = [
            {
                "source": pair.source,
                "said": answer.text,
                "log_prob": answer.best[0].log_prob,
                "references": [pair.target, *pair.others],
            }
            for pair, answer in zip(pairs, said, strict=True)
        ]
        lines = predictions.endswith((".jsonl", ".json"))
        text = "".join(
            (json.dumps(row, ensure_ascii=False) if lines else _cells(row)) + "\n" for row in rows
        )
        files.write(Path(predictions), text)
        say(f"what was asked and what was said: {predictions}", quiet=quiet)
    if as_json:
        show_json({**measures, "beam": search.beam})
        return
    click.echo(f"{headline(measures)}   (beam {search.beam})")
    click.echo()
    for name, value in measures.items():
        if isinstance(value, str):
            click.echo(f"{name:<28}{value}")
            continue
        shown = f"{value:,.4f}" if isinstance(value, float) and value % 1 else f"{value:,.0f}"
        click.echo(f"{name:<28}{shown:>14}   {EXPLAINED.get(name, '')}".rstrip())


def _cells(row: dict[str, Any]) -> str:
    """Source, translation and references in cells of one line."""
    texts = (row["source"], row["said"], *row["references"])
    return "\t".join(" ".join(text.replace("\t", " ").splitlines()) for text in texts)


def score(translator: Translator, data: str, *, as_json: bool, quiet: bool) -> None:
    """log p(target | source) of each pair, a line a pair."""
    pairs = read(translator, data, None, quiet, once=False)
    with counting("scoring", len(pairs), "pairs", quiet=quiet) as done:
        scores = translator.score(pairs, done=done)
    if as_json:
        show_json(
            [
                {"source": p.source, "target": p.target, "log_prob": s}
                for p, s in zip(pairs, scores, strict=True)
            ]
        )
        return
    for s in scores:
        click.echo(f"{s:.6f}")


def read(
    translator: Translator, data: str | None, split: str | None, quiet: bool, *, once: bool
) -> list[Pair]:
    """The pairs as the translator reads them; a file is read whole, unless it is the run's own.

    once: a source stands once, with all its targets; else a pair of which a side is blank stays,
    so that as many come out of a file as are in it; a row of a table with nothing in it is none.
    """
    config = translator.config
    whole = None
    named = data in catalogue.BUILT_IN or data in catalogue.PUBLISHED
    if data is not None and split is None and not named:
        if Path(data).is_file():
            whole = open_paired(Path(data), blank=not once)
        elif not Path(data).exists() and (two := two_files(data)):
            whole = open_both(*two, blank=not once)
    if whole is not None:
        items, said = whole
        announce(said, quiet=quiet)
        pairs = list(items())
    elif data is None and not config.data:  # it was imported
        raise UsageError("this run has no data of its own", hint="--data FILE")
    else:
        source = catalogue.find(data or config.data, seed=config.split_seed, pairs=True)
        announce(source.announcements, quiet=quiet)
        split = split or ("test" if "test" in source.pairs else "valid")
        say(f"reading {source.name}, {split}", quiet=quiet)
        pairs = list(source.paired(split))
    if config.swapped:
        pairs = turned(pairs, "train")
    return list(grouped(lambda: iter(pairs))) if once else pairs
