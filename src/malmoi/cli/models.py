"""`malmoi models`: the ladder."""

import click

from malmoi.cli.options import json_, show_json
from malmoi.ladder import LADDER, NAMES, Learns

TITLES: dict[Learns, str] = {
    "language-modelling": "language modelling: say what comes next (any text)",
    "classification": "classification: say what a text is (texts with labels)",
    "tagging": "tagging: say what every word is (sentences with tags)",
    "translation": "translation: write one text from another (pairs of texts)",
    "word-vectors": "word vectors: say which words are alike (any text)",
}
WIDE = max(map(len, NAMES))


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

    console = Console()
    for task, title in TITLES.items():
        table = Table(
            box=None, pad_edge=False, title=title, title_justify="left", title_style="underline"
        )
        table.add_column("name", style="bold", no_wrap=True, min_width=WIDE)
        table.add_column("paper", ratio=2)
        table.add_column("what it is for", ratio=3)
        for rung in LADDER:
            if rung.task == task:
                table.add_row(rung.name, rung.paper, rung.purpose)
        console.print(table)
        console.print()
