"""A bar on stderr for work that is counted: so many texts of so many."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def counting(
    title: str, total: int | None, unit: str, *, quiet: bool = False
) -> Iterator[Callable[[int], object]]:
    """Call what this gives with how many more are done.  On a pipe nothing is drawn."""
    if quiet or not sys.stderr.isatty():
        yield lambda more: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn(f"{{task.completed:,.0f}} {unit} · {{task.speed:,.0f}}/s"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as progress:
        task = progress.add_task(title, total=total)
        yield lambda more: progress.advance(task, more)
