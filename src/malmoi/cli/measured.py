"""What a classifier or a tagger is worth, as a table or as JSON."""

from typing import Any

import click
from rich.cells import cell_len

from malmoi.cli.options import show
from malmoi.metrics.headline import headline
from malmoi.metrics.labels import Labels as Report
from malmoi.metrics.spans import Spans

SHOWN = 30  # labels in the table
SMALL = 12  # labels in the matrix
EXPLAINED = {
    "accuracy": "share that is exactly right",
    "macro_f1": "mean of the labels' F1, small ones count as much",
    "micro_f1": "F1 of all decisions together",
    "calibration_error": "how far from its own probabilities it is (ECE)",
    "nats": "-log p of what is true, summed",
    "f1": "entities: right only if both ends and the label are",
}


def plain(report: Report | Spans) -> dict[str, Any]:
    """All of it, for JSON."""
    found: dict[str, Any] = dict(report.measures())
    found["by_label"] = {name: s._asdict() for name, s in report.by_label.items()}
    if isinstance(report, Report):
        if report.confusion is not None:
            found["names"] = list(report.names)
            found["confusion"] = report.confusion.tolist()
        found["reliability"] = [bin_._asdict() for bin_ in report.reliability]
    return found


def table(report: Report | Spans) -> None:
    """On stdout: the headline, every measure, label by label, and a small confusion matrix."""
    measures = report.measures()
    click.echo(headline(measures))
    click.echo()
    for name, value in measures.items():
        shown = f"{value:,.4f}" if isinstance(value, float) else f"{value:,}"
        click.echo(f"{name:<24}{shown:>16}   {EXPLAINED.get(name, '')}".rstrip())
    click.echo()
    by_label = sorted(report.by_label.items(), key=lambda pair: (-pair[1].support, pair[0]))
    wide = max([5, *(cell_len(name) for name, _ in by_label[:SHOWN])])
    show(f"{'label':<{wide}}  precision   recall       F1  support")
    for name, (precision, recall, f1, support) in by_label[:SHOWN]:
        figures = f"{precision:9.4f}{recall:9.4f}{f1:9.4f}{support:9,}"
        show(f"{name}{' ' * (wide - cell_len(name))}  {figures}")
    if len(by_label) > SHOWN:
        click.echo(f"… and {len(by_label) - SHOWN} more: --json")
    if isinstance(report, Report) and report.confusion is not None and len(report.names) <= SMALL:
        _confusion(report)


def _confusion(report: Report) -> None:
    assert report.confusion is not None
    corner = "true ↓  said →"
    wide = max(cell_len(name) for name in (corner, *report.names))
    cells = [max(7, cell_len(name) + 2) for name in report.names]
    click.echo()
    over = (" " * (n - cell_len(name)) + name for name, n in zip(report.names, cells, strict=True))
    show(corner + " " * (wide - cell_len(corner)) + "".join(over))
    for name, row in zip(report.names, report.confusion.tolist(), strict=True):
        counts = "".join(f"{count:{n},}" for count, n in zip(row, cells, strict=True))
        show(name + " " * (wide - cell_len(name)) + counts)
