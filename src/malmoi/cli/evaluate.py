"""The verbs that read: `malmoi evaluate` and `malmoi score`."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from malmoi.cli.options import (
    RUN,
    announce,
    columns,
    json_,
    lines_of,
    machine,
    quiet,
    say,
    set_up,
    show,
    show_json,
)
from malmoi.cli.searching import asked as searched, searching
from malmoi.errors import UsageError

if TYPE_CHECKING:
    from malmoi.use.search import Search

EXPLAINED = {
    "perplexity": "how many tokens the model hesitates between",
    "perplexity_without_oov": "the same, over the tokens it knows",
    "bits_per_character": "comparable between tokenisations",
    "bits_per_byte": "comparable between tokenisations and scripts",
    "oov_rate": "share of the tokens that are <unk> to the model",
}


@click.command("evaluate")
@RUN
@click.option(
    "--data", default=None, metavar="NAME|FILE|FOLDER|-", help="[default: the run's own data]"
)
@click.option("--split", default=None, help="train, valid or test [default: test if there is one]")
@click.option(
    "--mix", "others", multiple=True, metavar="RUN",
    help="Of a language model: mixed with this one, the weights fitted on RUN's valid split.",
)  # fmt: skip
@click.option("--column", default=None, help="Of a tagger: the column of the true tags.")
@columns
@click.option(
    "--predictions", default=None, metavar="FILE",
    help="Write what was true and what was said of every text or sentence; .jsonl for JSON.",
)  # fmt: skip
@searching
@json_
@machine
@quiet
@click.pass_context
def evaluate_(
    context: click.Context,
    run: str,
    data: str | None,
    split: str | None,
    others: tuple[str, ...],
    column: str | None,
    text_column: str,
    label_columns: tuple[str, ...],
    labels_separator: str,
    predictions: str | None,
    search: "Search",
    as_json: bool,
    threads: int | None,
    device: str | None,
    quiet: bool,
) -> None:
    """How good a run is on a text: perplexity, accuracy, entity F1, and what belongs to it.

    Of a language model every token and one end of each line are scored, <unk> as an ordinary token;
    the beginning of a line is not.  Several that read the same tokens can be measured as one, the
    mixture of their probabilities (--mix).  Of a classifier or a tagger the data is labelled, and a
    label that training has not seen counts as wrong.  Of a translator the data is pairs: BLEU and
    chrF of its own translations, with sacreBLEU's signatures, and the perplexity of the right ones.

    A file is read whole; a named data set or folder is read by its split.  Columns of a table that
    were chosen in training are those that are meant, unless others are.
    """
    from malmoi.data import catalogue
    from malmoi.data.table import TOLD, Columns
    from malmoi.recipe import Recipe
    from malmoi.run import open_run
    from malmoi.tasks.language_modelling import LanguageModelling
    from malmoi.use import LanguageModel, Translator, WordVectors, load

    asked = Columns(text_column, label_columns, labels_separator)
    if data == "-" and split is not None:
        raise UsageError("stdin is read whole: it has no splits", hint="leave out --split")
    device = set_up(threads, device)
    lm = load(run, device=device)
    if others and not isinstance(lm, LanguageModel):
        raise UsageError("--mix is for language models")
    if isinstance(lm, WordVectors):
        raise UsageError(
            "word vectors are compared with what people say of words, not with a text",
            hint=f"malmoi vectors {run} evaluate",
        )
    if isinstance(lm, Translator):
        if column is not None or asked != TOLD:
            raise UsageError("columns of labels and tags are for classifiers and taggers")
        from malmoi.cli import pairs

        pairs.evaluate(
            lm, data, split, search=search, predictions=predictions, as_json=as_json, quiet=quiet
        )
        return
    if given := searched(context):
        raise UsageError(f"{given[0]} is for translators")
    if not isinstance(lm, LanguageModel):
        from malmoi.cli.measure import measure

        measure(
            lm, data, split, column, asked, predictions=predictions, as_json=as_json, quiet=quiet
        )
        return
    if column is not None or predictions is not None or asked != TOLD:
        raise UsageError("columns and --predictions are for classifiers and taggers")
    task = Recipe.from_toml(open_run(run).recipe).task
    assert isinstance(task, LanguageModelling)
    read: Literal["line", "text"] = "line" if task.order == "lines" else "text"
    shares: list[dict[str, Any]] = []
    if others:
        from malmoi.cli.mixing import mixed

        lm, shares = mixed(lm, run, others, task, read, device=device, quiet=quiet)
    named = data in catalogue.BUILT_IN or data in catalogue.PUBLISHED
    if data == "-":
        lines: Iterable[str] = lines_of("-")
    elif data is not None and split is None and not named and Path(data).is_file():
        lines = lines_of(data)
    else:
        source = catalogue.find(data or task.data, seed=task.split_seed)
        announce(source.announcements, quiet=quiet)
        split = split or ("test" if "test" in source.splits else "valid")
        say(f"reading {source.name}, {split}", quiet=quiet)
        lines = source.lines(split)
    measures = lm.perplexity(lines, context=read).measures()
    if as_json:
        show_json({**measures, "weights": shares} if shares else measures)
        return
    for share in shares:
        click.echo(f"{'weight':<24}{share['weight']:>16.4f}   {share['run']}")
    for name, value in measures.items():
        shown = "∞" if math.isinf(value) else f"{value:,.4f}" if value % 1 else f"{value:,.0f}"
        click.echo(f"{name:<24}{shown:>16}   {EXPLAINED.get(name, '')}".rstrip())


@click.command("score")
@RUN
@click.argument("file", default="-")
@click.option("--tokens", is_flag=True, help="The surprisal of every token, in bits.")
@click.option(
    "--pairs", default=None, metavar="FILE", help="Of a translator: log p(target | source)."
)
@json_
@machine
@quiet
def score_(
    run: str,
    file: str,
    tokens: bool,
    pairs: str | None,
    as_json: bool,
    threads: int | None,
    device: str | None,
    quiet: bool,
) -> None:
    """Log-probability (natural logarithm) of each line of FILE, or of stdin.

    One line out for one line in.  With --tokens: one line a token, its surprisal in bits, where it
    stands in the line as given; a blank line between lines.  With --pairs: one line a pair.
    """
    from malmoi.use import LanguageModel, Translator, load_as

    if pairs is not None:
        if file != "-" or tokens:
            raise UsageError("--pairs is scored alone", hint=f"malmoi score {run} --pairs {pairs}")
        from malmoi.cli import pairs as paired

        translator = load_as(Translator, run, device=set_up(threads, device))
        paired.score(translator, pairs, as_json=as_json, quiet=quiet)
        return
    lm = load_as(LanguageModel, run, device=set_up(threads, device))
    if file != "-" and not tokens and not as_json:
        say(f"scoring {file}", quiet=quiet)
        click.echo("".join(f"{s:.6f}\n" for s in lm.score_file(file).tolist()), nl=False)
        return
    lines = list(lines_of(file))
    say(f"scoring {len(lines):,} lines", quiet=quiet)
    if tokens:
        found: list[list[dict[str, Any]]] = []
        for line in lines:
            rows = [token._asdict() for token in lm.tokens(line)]
            found.append(rows)
            if not as_json:
                for row in rows:
                    show(
                        f"{row['surprisal'] / math.log(2):9.4f}\t{row['start']}\t{row['end']}"
                        f"\t{row['text']}"
                    )
                click.echo()
        if as_json:
            show_json(
                [{"line": line, "tokens": rows} for line, rows in zip(lines, found, strict=True)]
            )
        return
    scores = lm.score(lines)
    if as_json:
        show_json([{"line": line, "log_prob": s} for line, s in zip(lines, scores, strict=True)])
        return
    for s in scores:
        click.echo(f"{s:.6f}")
