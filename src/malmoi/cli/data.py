"""`malmoi data list | inspect FILE | get NAME`."""

import dataclasses

import click

from malmoi.cli.options import json_, show_json


@click.group("data")
def data_() -> None:
    """Data sets: what there is by name, what a file really holds."""


@data_.command("list")
@json_
def list_(as_json: bool) -> None:
    """The named data sets, and whether each is on this machine."""
    from malmoi.data import catalogue

    found = catalogue.available()
    if as_json:
        show_json([dataclasses.asdict(entry) for entry in found])
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("name", "here", "language", "licence", "what it is"):
        table.add_column(column, no_wrap=column == "name")
    for entry in found:
        table.add_row(
            entry.name,
            "yes" if entry.here else "no",
            entry.language,
            entry.licence,
            entry.description,
        )
    Console().print(table)


@data_.command("inspect")
@click.argument("file")
@json_
def inspect(file: str, as_json: bool) -> None:
    """What a file holds: encoding, line ends, lines, characters, scripts, and what to beware of."""
    from malmoi.data.formats import sniff

    found = dataclasses.asdict(sniff(file))
    if as_json:
        show_json(found)
        return
    for name, value in found.items():
        if isinstance(value, list | tuple):
            for item in value:
                click.echo(f"{name.replace('_', ' '):<20}{item}")
        elif isinstance(value, dict):
            shown = ", ".join(f"{key} {share:.0%}" for key, share in value.items())
            click.echo(f"{name.replace('_', ' '):<20}{shown}")
        else:
            shown = f"{value:,}" if type(value) is int else str(value)
            click.echo(f"{name.replace('_', ' '):<20}{shown}")


@data_.command("get")
@click.argument("name")
def get(name: str) -> None:
    """Verify a named data set on this machine, or say where it is to be had."""
    from malmoi.data import catalogue

    click.echo(catalogue.get(name))
