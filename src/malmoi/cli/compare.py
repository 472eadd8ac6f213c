"""`malmoi compare`: the ladder on one text, one table, one report."""

import shlex
from pathlib import Path

import click

from malmoi.cli.clock import clock, seconds
from malmoi.cli.options import as_typed, changed, columns, json_, machine, quiet, say, seed
from malmoi.cli.train import TOKENS


@click.command("compare")
@click.option(
    "--data", default="python-docs", show_default=True, metavar="NAME|FILE|FOLDER",
    help="What to learn from and to be measured on.",
)  # fmt: skip
@click.option(
    "--models", default=None, metavar="NAME,NAME…",
    help="Rungs of the ladder that learn the same (malmoi models). [default: those for the data: "
    "taggers if it has tags, classifiers if labels, translators if pairs, else language models]",
)  # fmt: skip
@click.option("--tokens", type=click.Choice(TOKENS), default=None, help="What a token is.")
@columns
@click.option(
    "--budget", default="5m", show_default=True, metavar="TIME",
    help="For all of it: 90s, 5m, 1h; or none.",
)  # fmt: skip
@click.option(
    "--seeds", type=click.IntRange(1, 100), default=1, show_default=True,
    help="Trainings of each model; figures are then mean ± standard deviation.",
)  # fmt: skip
@click.option("--to", default=None, metavar="FOLDER", help="[default: runs/compare-NAME]")
@click.option("--prompt", default="", metavar="TEXT", help="What every model writes on from.")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a line of every recipe."
)
@json_
@seed
@machine
@quiet
def compare_(
    data: str,
    models: str | None,
    tokens: str | None,
    text_column: str,
    label_columns: tuple[str, ...],
    labels_separator: str,
    budget: str,
    seeds: int,
    to: str | None,
    prompt: str,
    overrides: tuple[str, ...],
    as_json: bool,
    seed: int | None,
    threads: int | None,
    device: str | None,
    quiet: bool,
) -> None:
    """Train several models on one data set, under one tokenisation, and compare them.

    \b
    malmoi compare --data python-docs
    malmoi compare --data my.txt --models ngram,lstm,gpt --budget 5m --to runs/mine
    malmoi compare --data nsmc --models bow,rnn-max,selfattentive
    malmoi compare --data ud-ko-kaist --seeds 3
    malmoi compare --data pairs.tsv --models bahdanau,transformer --budget 20m

    Leaves a run folder for each model, comparison.json and report.html.
    """
    from malmoi.cli.progress import Watch
    from malmoi.comparison.run import Began, Compared, comparing, suited
    from malmoi.data.asked import find
    from malmoi.data.table import Columns

    asked = Columns(text_column, label_columns, labels_separator)
    folder = Path(to) if to else Path("runs") / f"compare-{Path(data).stem}"
    named = ",".join(suited(find(data, columns=asked))) if models is None else models
    names = [name.strip() for name in named.split(",") if name.strip()]
    typed = ["malmoi", "compare", "--data", data, "--models", ",".join(names)]
    typed += ["--tokens", tokens] if tokens else []
    typed += as_typed(asked)
    typed += ["--budget", budget]
    typed += ["--seeds", str(seeds)] if seeds > 1 else []
    typed += ["--prompt", prompt] if prompt else []
    for option, value in (("--seed", seed), ("--threads", threads), ("--device", device)):
        typed += [option, str(value)] if value is not None else []
    for override in overrides:
        typed += ["--set", override]
    events = comparing(
        data,
        to=folder,
        models=names,
        tokens=tokens,
        columns=asked,
        budget=0.0 if budget == "none" else seconds(budget),
        prompt=prompt,
        seed=seed if seed is not None else 1,
        seeds=seeds,
        overrides=[*overrides, *changed(None, threads, device)],
        commands=(shlex.join(typed),),
    )
    done: Compared | None = None
    with Watch(quiet=quiet) as watch:
        for event in events:
            if isinstance(event, Began):
                watch.begin(f"{event.number}/{event.trainings} {event.name}")
            elif isinstance(event, Compared):
                done = event
            else:
                watch.see(event)
    assert done is not None
    if as_json:
        click.echo(done.comparison.to_json(), nl=False)
    else:
        from rich.console import Console

        from malmoi.comparison.table import Table

        Console().print(Table(done.comparison))
    trained = sum(
        trial.seconds for entry in done.comparison.entries for trial in entry.trials or (entry,)
    )
    say(f"trained for {clock(trained)}; report: {done.report}", quiet=quiet)
