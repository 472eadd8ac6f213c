"""`malmoi train`: by name, by recipe, or on from where a run was stopped."""

from pathlib import Path

import click

from malmoi.cli.options import (
    as_typed,
    changed,
    changed_columns,
    columns,
    json_,
    machine,
    quiet,
    quoted,
    say,
    seed,
    show_json,
)
from malmoi.errors import UsageError
from malmoi.ladder import NAMES, names_of

USUAL = {
    "language-modelling": "lstm", "classification": "rnn-max", "tagging": "bilstm-crf",
    "translation": "bahdanau",
}  # fmt: skip
TOKENS = ("given", "words", "characters", "jamo", "bpe", "unigram", "morphemes")


@click.command("train")
@click.argument("what", required=False, metavar="[NAME|RECIPE.toml]")
@click.option("--data", default=None, metavar="NAME|FILE|FOLDER", help="The text to learn from.")
@click.option("--tokens", type=click.Choice(TOKENS), default=None, help="What a token is.")
@columns
@click.option("--to", default=None, metavar="FOLDER", help="Where the run goes.")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change one line of the recipe."
)
@click.option("--resume", default=None, metavar="RUN", help="Go on with a run that was stopped.")
@click.option("--budget", default=None, metavar="TIME", help="At most so long: 90s, 5m, 1h.")
@json_
@seed
@machine
@quiet
def train_(
    what: str | None,
    data: str | None,
    tokens: str | None,
    text_column: str,
    label_columns: tuple[str, ...],
    labels_separator: str,
    to: str | None,
    overrides: tuple[str, ...],
    resume: str | None,
    budget: str | None,
    as_json: bool,
    seed: int | None,
    threads: int | None,
    device: str | None,
    quiet: bool,
) -> None:
    """Train a model and leave a run folder.

    \b
    malmoi train lstm --data my.txt --to runs/lstm     a model by name, defaults from the text
    malmoi train recipes/lstm-wikitext2.toml --set model.layers=3
    malmoi train --resume runs/lstm                    to the last bit where it would have been
    """
    from malmoi.data.table import Columns

    asked = Columns(text_column, label_columns, labels_separator)
    if resume is not None:
        refused = {
            "NAME": what, "--data": data, "--tokens": tokens, "--to": to, "--seed": seed,
            "--set": overrides or None, "--threads": threads, "--device": device,
            "--budget": budget, **dict.fromkeys(as_typed(asked)[:1], asked),
        }  # fmt: skip
        if given := [name for name, value in refused.items() if value is not None]:
            raise UsageError(
                "a resumed run keeps its recipe",
                where=f"given beside --resume: {', '.join(given)}",
                hint=f"malmoi train --resume {resume}",
            )
    elif what is None:
        raise UsageError("train what?", hint="malmoi train lstm --data my.txt --to runs/lstm")

    from malmoi.cli.clock import seconds
    from malmoi.cli.progress import Watch
    from malmoi.metrics.headline import headline
    from malmoi.recipe import Recipe
    from malmoi.run import Run
    from malmoi.trainer import resumed, training
    from malmoi.training.distributed import speaks

    changes = [*overrides, *changed(seed, threads, device)]
    changes += [f"training.minutes={seconds(budget) / 60}"] if budget is not None else []

    if resume is not None:
        folder = Path(resume)
        events = resumed(folder)
    else:
        assert what is not None
        if what not in NAMES and data is None:
            _not_data(what)
        if what not in NAMES and (Path(what).suffix == ".toml" or Path(what).is_file()):
            changes += [f"task.data={quoted(data)}"] if data is not None else []
            changes += [f"task.tokens={quoted(tokens)}"] if tokens is not None else []
            recipe = Recipe.load(what, [*changes, *changed_columns(asked)])
            folder = Path(to or Path("runs") / Path(what).stem)
        else:
            from malmoi.data.asked import find
            from malmoi.defaults import recipe_for

            if data is None:
                raise UsageError(
                    f"train {what} on what?", hint=f"malmoi train {what} --data my.txt"
                )
            source = find(data, columns=asked)
            recipe = recipe_for(what, source, data=data, tokens=tokens, columns=asked).replace(
                changes
            )
            folder = Path(to or Path("runs") / what)
        events = training(recipe, folder)
    with Watch(quiet=quiet or not speaks()) as watch:
        for event in events:
            watch.see(event)
    if not speaks():
        return

    report = Run(folder).report
    if as_json:
        show_json(report)
        return
    say(f"the run is in {folder}", quiet=quiet)
    for split in ("valid", "test"):
        measures = report.get(split)
        if measures:
            click.echo(f"{split:<6} {headline(measures)}")


def _not_data(what: str) -> None:
    """Raises UsageError if data was given where a model is named, saying which would fit."""
    from malmoi.data import catalogue
    from malmoi.data.annotated import kind_by_name
    from malmoi.defaults import learns_from

    path = Path(what)
    named = what in catalogue.BUILT_IN or what in catalogue.PUBLISHED
    texts = path.suffix in (".txt", ".text", ".gz") or kind_by_name(path) is not None
    if not named and not (texts and path.is_file()):
        return
    task = learns_from(catalogue.find(what))
    raise UsageError(
        f"{what} is data: which model shall learn from it?",
        where=f"models that fit it: {', '.join(names_of(task))}",
        hint=f"malmoi train {USUAL[task]} --data {what}",
    )
