"""`malmoi models`: the ladder."""

import click

from malmoi.cli.options import json_, show_json
from malmoi.ladder import LADDER


@click.command("models")
@json_
def models_(as_json: bool) -> None:
    """The ladder: every model, its paper, what it is for.

    A name goes wherever a model is asked for: malmoi train NAME, compare --models NAME,NAME.
    """
    if as_json:
        show_json([rung._asdict() for rung in LADDER])
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("name", style="bold", no_wrap=True)
    table.add_column("paper")
    table.add_column("what it is for")
    for rung in LADDER:
        table.add_row(rung.name, rung.paper, rung.purpose)
    Console().print(table)
