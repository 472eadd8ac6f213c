"""Options that many verbs share, and how results and errors are shown."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from malmoi.data.table import Columns

F = TypeVar("F", bound=Callable[..., Any])

RUN = click.argument("run", metavar="RUN")


def json_(f: F) -> F:
    """--json: the result as JSON instead of text."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(f)


def quiet(f: F) -> F:
    return click.option("-q", "--quiet", is_flag=True, help="Nothing on stderr but errors.")(f)


def seed(f: F) -> F:
    return click.option(
        "--seed", type=click.IntRange(0, 2**63 - 1), default=None, help="Seed of everything random."
    )(f)


def machine(f: F) -> F:
    """--threads and --device."""
    f = click.option(
        "--device", default=None, metavar="NAME", help="cpu, cuda, cuda:1 … [default: cpu]"
    )(f)
    return click.option(
        "--threads", type=click.IntRange(1, 1024), default=None, help="CPU threads of torch."
    )(f)


def columns(f: F) -> F:
    """--text-column, --label-column and --labels-separator: of a table, else malmoi tells them."""
    f = click.option(
        "--labels-separator", default="", metavar="MARK",
        help="Of a table: what stands between the labels of one cell.",
    )(f)  # fmt: skip
    f = click.option(
        "--label-column", "label_columns", multiple=True, metavar="NAME",
        help="Of a table: the label; again for each, where labels stand in several columns.",
    )(f)  # fmt: skip
    return text_column(f)


def text_column(f: F) -> F:
    return click.option(
        "--text-column", default="", metavar="NAME", help="Of a table: the column of the texts."
    )(f)


def changed_columns(columns: "Columns") -> list[str]:
    """What these columns change in a recipe, as --set would."""
    labels = ", ".join(map(quoted, columns.labels))
    return [
        f"task.{key}={value}"
        for key, value, asked in (
            ("text_column", quoted(columns.text), columns.text),
            ("label_columns", f"[{labels}]", columns.labels),
            ("labels_separator", quoted(columns.separator), columns.separator),
        )
        if asked
    ]


def as_typed(columns: "Columns") -> list[str]:
    """These columns as they are typed."""
    words = ["--text-column", columns.text] if columns.text else []
    words += [word for name in columns.labels for word in ("--label-column", name)]
    return words + (["--labels-separator", columns.separator] if columns.separator else [])


def set_up(threads: int | None, device: str | None) -> str:
    """Apply --threads, check --device; returns the device's name."""
    import torch

    from malmoi.errors import UsageError
    from malmoi.training.config import DEVICE
    from malmoi.training.device import choose, keep_memory

    keep_memory()
    if threads:
        torch.set_num_threads(threads)
    name = "cpu" if device is None else device
    if not re.fullmatch(DEVICE, name):
        raise UsageError(f"there is no device {name!r}", hint="--device cpu, cuda or cuda:1")
    return str(choose(name))


def changed(seed: int | None, threads: int | None, device: str | None) -> list[str]:
    """What these options change in a recipe, as --set would."""
    return [
        f"{key}={quoted(value) if isinstance(value, str) else value}"
        for key, value in (
            ("seed", seed),
            ("training.threads", threads),
            ("training.device", device),
        )
        if value is not None
    ]


def quoted(text: str) -> str:
    """A text as --set reads it: quotation marks and backslashes are its own."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def say(text: str, *, quiet: bool = False) -> None:
    """What a person wants to know beside the result."""
    if not quiet:
        click.echo(text, err=True)


def announce(lines: Iterable[str], *, quiet: bool = False) -> None:
    for line in lines:
        say(f"note: {line}", quiet=quiet)


def show(text: str) -> None:
    """A result on stdout: exactly as it is, but for a terminal, which would obey some of it."""
    if sys.stdout.isatty():
        text = "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)
    click.echo(text, color=True)  # else click takes away what looks like a terminal's colours


def show_json(value: Mapping[str, Any] | list[Any]) -> None:
    """One JSON document on stdout; numbers JSON cannot say become null."""
    click.echo(json.dumps(_plain(value), ensure_ascii=False, indent=1, allow_nan=False))


def _plain(value: Any) -> Any:
    match value:
        case float() if value != value or value in (float("inf"), float("-inf")):
            return None
        case Mapping():
            return {str(k): _plain(v) for k, v in value.items()}
        case list() | tuple():
            return [_plain(v) for v in value]
    return value


def lines_of(path: str) -> Iterable[str]:
    """The lines of a file, or of stdin for `-`; checked as every text is."""
    from malmoi.data.formats import read_lines

    return read_lines(sys.stdin.buffer, name="stdin") if path == "-" else read_lines(path)
