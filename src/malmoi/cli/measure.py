"""`malmoi evaluate` of a classifier or a tagger."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from malmoi import files
from malmoi.cli.count import counting
from malmoi.cli.measured import plain, table
from malmoi.cli.options import announce, as_typed, say, show_json
from malmoi.data import catalogue
from malmoi.data.annotated import kind_of, opened
from malmoi.data.asked import check, remembered
from malmoi.data.dataset import DataSet
from malmoi.data.examples import Example, Tagged
from malmoi.data.table import TOLD, Columns, Table
from malmoi.errors import DataError, UsageError
from malmoi.metrics import schemes
from malmoi.metrics.labels import Labels as Report
from malmoi.metrics.spans import Spans
from malmoi.tasks.answers import rewritten
from malmoi.tasks.tagging import chosen
from malmoi.use.classifier import Classifier
from malmoi.use.tagger import Tagger

T = TypeVar("T", Example, Tagged)


class Read(NamedTuple):
    """Examples, and how tags are written where they were learnt; column: of the tags."""

    name: str
    items: list[Any]
    column: str
    learnt: Iterable[Tagged]


def measure(
    reader: Classifier | Tagger,
    data: str | None,
    split: str | None,
    column: str | None,
    asked: Columns,
    *,
    predictions: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Read the labelled data, answer, compare, show."""
    if data == "-":
        raise UsageError(
            "labelled data is read from a file, not from stdin",
            hint="--data FILE",
        )
    if predictions is not None and not Path(predictions).absolute().parent.is_dir():
        raise UsageError(f"there is no folder for {predictions}", hint="make it: mkdir -p")
    if isinstance(reader, Classifier):
        if column is not None:
            raise UsageError("--column is for taggers: of a table it is --label-column")
        report, rows, lines = _classifier(reader, data, split, asked, quiet)
    else:
        if asked != TOLD:
            raise UsageError(f"{as_typed(asked)[0]} is for classifiers: of tags it is --column")
        report, rows, lines = _tagger(reader, data, split, column, quiet)
    if predictions is not None:
        as_lines = predictions.endswith((".jsonl", ".json"))
        text = (
            "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows) if as_lines else lines
        )
        files.write(Path(predictions), text)
        say(f"what was true and what was said: {predictions}", quiet=quiet)
    if as_json:
        show_json(plain(report))
    else:
        table(report)


def _classifier(
    reader: Classifier, data: str | None, split: str | None, asked: Columns, quiet: bool
) -> tuple[Report | Spans, list[dict[str, Any]], str]:
    name = reader.config.data if data is None else data
    if asked != TOLD:
        check(name)
    read = _read(
        name,
        data is not None,
        split,
        reader.config.split_seed,
        lambda source, part: list(source.examples(part)),
        quiet,
        remembered(asked, reader.config.columns, name),
    )
    examples: list[Example] = read.items
    known = set(reader.labels.types)
    _unseen(read.name, [k for e in examples for k in e.labels], known, "texts", quiet)
    with counting("classifying", len(examples), "texts", quiet=quiet) as done:
        report, said = reader.evaluate(examples, read=done)
    rows = [
        {"gold": e.labels, "said": s.labels, "probability": s.probability, "text": e.text}
        for e, s in zip(examples, said, strict=True)
    ]
    lines = "".join(
        "\t".join((joined(e.labels), joined(s.labels), f"{s.probability:.6f}", flat(e.text))) + "\n"
        for e, s in zip(examples, said, strict=True)
    )
    return report, rows, lines


def _tagger(
    reader: Tagger, data: str | None, split: str | None, column: str | None, quiet: bool
) -> tuple[Report | Spans, list[dict[str, Any]], str]:
    task = reader.config
    read = _read(
        task.data if data is None else data,
        data is not None,
        split,
        task.split_seed,
        lambda source, part: list(source.sentences(part)),
        quiet,
    )
    column = column or task.column or read.column
    pairs = [chosen(sentence, column, read.name) for sentence in read.items]
    gold = _in_scheme(
        [tags for _, tags in pairs],
        (chosen(s, column, read.name)[1] for s in read.learnt),
        reader.labels.scheme,
        f"{read.name}, column {column!r}",
    )
    known = set(reader.labels.types)
    _unseen(read.name, [t for tags in gold for t in tags], known, "words", quiet)
    words = [sentence.words for sentence in read.items]
    with counting("tagging", len(words), "sentences", quiet=quiet) as done:
        report, said = reader.evaluate(words, gold, read=done)
    rows = [
        {"words": list(w), "gold": list(g), "said": s}
        for w, g, s in zip(words, gold, said, strict=True)
    ]
    lines = "".join(
        "".join(f"{w}\t{g}\t{s}\n" for w, g, s in zip(*three, strict=True)) + "\n"
        for three in zip(words, gold, said, strict=True)
    )
    return report, rows, lines


def _read(
    data: str,
    whole: bool,
    split: str | None,
    seed: int,
    take: Callable[[DataSet, str], list[T]],
    quiet: bool,
    asked: Columns = TOLD,
) -> Read:
    """A file is read whole, unless it is the run's own or a split of it is asked for."""
    named = data in catalogue.BUILT_IN or data in catalogue.PUBLISHED
    path = Path(data)
    if whole and split is None and not named and path.is_file():
        if (kind := kind_of(path)) is None:
            raise DataError(
                "this file has lines, and no labels to compare with",
                where=data,
                hint="a table (.tsv, .csv, .jsonl) or tagged sentences (.conllu, .conll)",
            )
        found = opened(path, kind, asked)
        announce(found.said, quiet=quiet)
        source = catalogue_of(found.items, data)
        return Read(data, take(source, "all"), found.column, ())
    source = catalogue.find(data, seed=seed, columns=asked)
    announce(source.announcements, quiet=quiet)
    held_out = "test" if "test" in source.splits else "valid"
    items = take(source, split or held_out)
    say(f"reading {source.name}, {split or held_out}", quiet=quiet)
    learnt = source.sentences("train") if "train" in source.tagged else ()
    return Read(source.name, items, source.column, learnt)


def catalogue_of(items: Any, name: str) -> DataSet:
    """A whole file as a data set of one split."""
    table = isinstance(items, Table)
    return DataSet(
        name, "", "", "", "words", {"all": lambda: iter(())},
        labelled={"all": items} if table and items.columns.labels else {},
        tagged={} if table else {"all": items},
    )  # fmt: skip


def _in_scheme(
    tags: Sequence[Sequence[str]],
    learnt: Iterable[Sequence[str]],
    scheme: schemes.Scheme,
    where: str,
) -> list[list[str]]:
    """The tags as the model writes them."""
    if scheme == "none":
        return [list(some) for some in tags]
    written = schemes.sniff(learnt)
    written = schemes.sniff(tags) if written == "none" else written
    if written == "none":
        if all(tag == schemes.OUTSIDE for some in tags for tag in some):
            return [list(some) for some in tags]
        odd = next(t for some in tags for t in some if t != schemes.OUTSIDE)
        raise DataError(
            "the model finds entities, and these tags write none",
            where=f"{where}: {odd!r}",
            hint="choose another column with --column",
        )
    return [rewritten(some, written, scheme) for some in tags]


def _unseen(name: str, labels: Sequence[str], known: set[str], unit: str, quiet: bool) -> None:
    new = sorted({label for label in labels if label not in known})
    if new and not known & set(labels):
        raise DataError(
            "the model knows none of these labels",
            where=(
                f"{name}: {', '.join(map(repr, new[:8]))}{', …' if len(new) > 8 else ''}",
                f"the model: {', '.join(map(repr, sorted(known)[:8]))}",
            ),
            hint="is it the right column, and the right model?",
        )
    if new:
        wrong = sum(label not in known for label in labels)
        more = ", …" if len(new) > 5 else ""
        announce(
            [
                f"training has not seen {', '.join(new[:5])}{more}: {wrong:,} {unit} so labelled "
                "count as wrong"
            ],
            quiet=quiet,
        )


def joined(labels: Iterable[str]) -> str:
    """Labels in one cell."""
    return ",".join(labels)


def flat(text: str) -> str:
    """A text in one cell of one line."""
    return text.replace("\t", " ").replace("\r", " ").replace("\n", " ")
