"""`malmoi data list | inspect FILE | get NAME`."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from malmoi.cli.options import json_, show_json

if TYPE_CHECKING:
    from malmoi.data.overview import Overview

SHOWN = 20  # labels


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
    for column in ("name", "here", "form", "language", "licence", "what it is"):
        table.add_column(column, no_wrap=column == "name")
    for entry in found:
        table.add_row(
            entry.name,
            "yes" if entry.here else "no",
            entry.form,
            entry.language,
            entry.licence,
            entry.description,
        )
    Console().print(table)


@data_.command("inspect")
@click.argument("file", metavar="FILE")
@json_
def inspect(file: str, as_json: bool) -> None:
    """What a file, a folder or a named data set holds.

    Of a file its encoding, line ends, lines, characters, scripts, and what to beware of; where
    texts are labelled or words tagged, how many of each.
    """
    from malmoi.data import catalogue
    from malmoi.data.formats import sniff
    from malmoi.data.overview import overview

    named = file in catalogue.BUILT_IN or file in catalogue.PUBLISHED
    parts = ":" in file and not Path(file).exists()  # train.en:train.fr, folder:en-fr
    if named or parts or Path(file).is_dir():
        seen = overview(catalogue.find(file))
        show_json(_plain(seen)) if as_json else _show_overview(seen)
        return
    found = dataclasses.asdict(sniff(file))
    labelled = catalogue.annotated(Path(file))
    if as_json:
        show_json(found | (_plain(overview(catalogue.find(Path(file)))) if labelled else {}))
        return
    for name, value in found.items():
        if isinstance(value, list | tuple):
            for item in value:
                _show(name, item)
        elif isinstance(value, dict):
            _show(name, ", ".join(f"{key} {share:.0%}" for key, share in value.items()))
        else:
            _show(name, value)
    if labelled:
        _show_overview(overview(catalogue.find(Path(file))))


def _show(name: str, value: object) -> None:
    shown = f"{value:,}" if type(value) is int else str(value)
    click.echo(f"{name.replace('_', ' '):<20}{shown}")


def _show_overview(seen: "Overview") -> None:
    _show("form", seen.form)
    if seen.columns:
        _show("columns", f"{', '.join(seen.columns)} ({seen.column} is meant)")
    for split, part in seen.splits.items():
        sizes = dataclasses.asdict(part)
        labels = sizes.pop("labels") or {}
        _show(split, ", ".join(f"{n:,} {name}" for name, n in sizes.items() if n) or "nothing")
        if labels:
            kinds = [f"{label} {count:,}" for label, count in list(labels.items())[:SHOWN]]
            more = f", … and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
            _show("", f"{len(labels):,} labels: {', '.join(kinds)}{more}")
    for said in seen.announcements:
        _show("", said)


def _plain(seen: "Overview") -> dict[str, object]:
    """As JSON, without the counts that a form does not have."""
    found = dataclasses.asdict(seen)
    parts = found["splits"].items()
    found["splits"] = {split: {k: v for k, v in part.items() if v} for split, part in parts}
    return found


@data_.command("get")
@click.argument("name")
def get(name: str) -> None:
    """Verify a named data set on this machine, or say where it is to be had."""
    from malmoi.data import catalogue

    click.echo(catalogue.get(name))
