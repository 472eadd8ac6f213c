"""The verbs that say what a text is: `malmoi classify` and `malmoi tag`."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from malmoi.cli.options import (
    RUN,
    announce,
    json_,
    lines_of,
    machine,
    quiet,
    say,
    set_up,
    show,
    text_column as text_column_,
)
from malmoi.errors import UsageError

if TYPE_CHECKING:
    from malmoi.data.examples import Tagged
    from malmoi.use.tagger import TaggedText

FILES = (".txt", ".text", ".tsv", ".csv", ".jsonl", ".conll", ".conllu", ".bio", ".gz")


@click.command("classify")
@RUN
@click.argument("texts", nargs=-1, metavar="[TEXT… | FILE | -]")
@text_column_
@click.option("--probabilities", is_flag=True, help="The probability of every label.")
@click.option(
    "--threshold", type=click.FloatRange(0, 1), default=None,
    help="Where a text may have several labels: say those of this probability. [default: 0.5]",
)  # fmt: skip
@json_
@machine
@quiet
def classify_(
    run: str,
    texts: tuple[str, ...],
    text_column: str,
    probabilities: bool,
    threshold: float | None,
    as_json: bool,
    threads: int | None,
    device: str | None,
    quiet: bool,
) -> None:
    """The label of each text, and how likely it is.

    A line out for a line in: label, probability, text.  A FILE is read line by line, a table
    (.tsv, .csv, .jsonl) by its text column, which is the one that was chosen in training unless
    another is, and - or nothing is stdin.

    \b
    malmoi classify runs/nsmc "다시 보고 싶은 영화"
    malmoi classify runs/nsmc reviews.txt > labels.tsv
    """
    from malmoi.cli.count import counting
    from malmoi.use import Classifier, load_as

    reader = load_as(Classifier, run, device=set_up(threads, device))
    source, told = _texts(texts, text_column, reader.config.text_column, quiet)
    labels = reader.labels.types
    if probabilities and not as_json:
        show("\t".join(("label", "probability", *labels, "text")))

    def rows() -> Iterator[dict[str, Any]]:
        with counting("classifying", None, "texts", quiet=quiet or told) as done:
            for answer in reader.stream(source, threshold=threshold):
                done(1)
                yield {
                    "text": answer.text,
                    "label": answer.label,
                    **({"labels": answer.labels} if reader.labels.several else {}),
                    "probability": answer.probability,
                    **({"probabilities": answer.probabilities} if probabilities else {}),
                }

    if as_json:
        _array(rows())
        return
    for row in rows():
        every = [f"{row['probabilities'][k]:.6f}" for k in labels] if probabilities else []
        said = ",".join(row.get("labels", (row["label"],)))
        show("\t".join((said, f"{row['probability']:.6f}", *every, _flat(row["text"]))))


def _texts(
    given: tuple[str, ...], column: str, learnt: str, quiet: bool
) -> tuple[Iterable[str], bool]:
    """What is to be classified, and whether it was typed.

    column: asked for, of a table; learnt: the one that was when the model learnt.
    """
    from malmoi.data.annotated import kind_of
    from malmoi.data.asked import check
    from malmoi.data.table import Columns, open_table

    piped = given in ((), ("-",))
    typed = not piped and (len(given) > 1 or not _names_a_file(given[0]))
    if column and (piped or typed):
        raise UsageError("--text-column is of a table", hint="malmoi classify RUN FILE.tsv")
    if piped:
        return lines_of("-"), False
    if typed:
        return given, True
    path = Path(given[0])
    if not path.exists():
        raise UsageError(
            f"there is no file {path}",
            hint=f"to classify these words themselves: echo {path} | malmoi classify RUN -",
        )
    kind = kind_of(path)
    say(f"reading {path}", quiet=quiet)
    if kind is None:
        if column:
            check(path)
        return lines_of(str(path)), False
    if kind == "conllu" or kind == "conll":
        raise UsageError(
            f"{path} holds sentences in columns, not texts", hint="give a file of lines, or a table"
        )
    table = open_table(path, kind, Columns(column or learnt))
    announce((line for line in table.said if "text" in line), quiet=quiet)
    column = table.columns.text
    return (str(row.cells.get(column, "")) for row in table.rows()), False


def _names_a_file(word: str) -> bool:
    """Whether a word is a file, or looks as if it were to be one."""
    try:
        if Path(word).is_file():
            return True
    except (OSError, ValueError):  # a text can be longer than a name may be
        return False
    return not any(c.isspace() for c in word) and Path(word).suffix.lower() in FILES


def _flat(text: str) -> str:
    """A text in one cell of one line."""
    return text.replace("\t", " ").replace("\r", " ").replace("\n", " ")


@click.command("tag")
@RUN
@click.argument("file", default="-", metavar="[FILE|-]")
@click.option("--words", is_flag=True, help="The lines are cut into words, by spaces.")
@click.option("--whole", is_flag=True, help="Read a line as one sentence, however long.")
@click.option(
    "--format", "form", type=click.Choice(("conll", "conllu", "json", "spans")), default=None,
    help="conll: word and tag. spans: where each entity stands. [default: conll]",
)  # fmt: skip
@json_
@machine
@quiet
def tag_(
    run: str,
    file: str,
    words: bool,
    whole: bool,
    form: str | None,
    as_json: bool,
    threads: int | None,
    device: str | None,
    quiet: bool,
) -> None:
    """The tag of every word of FILE, or of stdin.

    A line is a text, and is cut into sentences and words.  What is cut already is left so: with
    --words, and in files of columns (.conllu, .conll).

    json and spans tell places as characters of the line as it was given.

    \b
    malmoi tag runs/ner < sentences.txt
    malmoi tag runs/pos test.conllu --format conllu
    """
    from malmoi.cli.count import counting
    from malmoi.cli.tagged import conll, conllu, plain, spans
    from malmoi.text.tokenizer import Given
    from malmoi.use import Tagger, load_as

    if as_json and form not in (None, "json"):
        raise UsageError(f"--json is --format json, not {form}", hint="leave one of them out")
    form = "json" if as_json else form or "conll"
    tagger = load_as(Tagger, run, device=set_up(threads, device))
    source = _columns(file, quiet)
    if (words or source is not None) and whole:
        raise UsageError("words that are cut are sentences already", hint="leave out --whole")

    def answers() -> Iterator["TaggedText"]:
        if source is not None:
            found = tagger.stream_words(source)
        elif words:
            found = tagger.stream_words(map(Given().split, lines_of(file)))
        else:
            found = tagger.stream(lines_of(file), split=not whole)
        with counting("tagging", None, "texts", quiet=quiet) as done:
            for answer in found:
                done(1)
                yield answer

    if form == "json":
        _array(plain(tagged) for tagged in answers())
    elif form == "conll":
        for tagged in answers():
            show(conll(tagged)) if tagged.tokens else None
    elif form == "conllu":
        for tagged in answers():
            show(conllu(tagged, tagger.column)) if tagged.tokens else None
    else:
        entities = tagger.labels.scheme != "none"
        for number, tagged in enumerate(answers(), start=1):
            for row in spans(tagged, entities=entities):
                show("\t".join((str(number), *row)))


def _columns(file: str, quiet: bool) -> "Iterable[Sequence[str] | Tagged] | None":
    """The sentences of a file of columns; None if it is a file of lines."""
    from malmoi.data.annotated import kind_of
    from malmoi.data.conll import open_sentences

    path = Path(file)
    if file == "-" or not path.is_file():
        return None
    kind = kind_of(path)
    if kind == "conllu" or kind == "conll":
        say(f"reading the words of {file}", quiet=quiet)
        return open_sentences(path, kind)()
    return None


def _array(rows: Iterable[Any]) -> None:
    """A JSON list, written as it comes."""
    first = True
    for row in rows:
        click.echo("[" if first else ",")
        click.echo(json.dumps(row, ensure_ascii=False), nl=False)
        first = False
    click.echo("[]" if first else "\n]")
