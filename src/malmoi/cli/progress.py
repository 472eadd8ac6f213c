"""A reader of training events that draws progress bars on stderr."""

import sys
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from malmoi.cli.clock import clock
from malmoi.metrics.headline import headline
from malmoi.trainer import Announced, Counted, Measuring, Planned, Prepared, Resumed
from malmoi.training.events import Evaluated, Finished, Reason, Step

ENDED: dict[Reason, str] = {
    "epochs": "the epochs are over",
    "steps": "the steps are over",
    "minutes": "the time is over",
    "patience": "it has not improved for long, and is given up,",
}


class Watch:
    """Shows what a training is doing and what is left; on a pipe, a line now and then."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.console = Console(file=sys.stderr, highlight=False, quiet=quiet)
        columns: tuple[ProgressColumn, ...] = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[doing]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self.progress = Progress(*columns, console=self.console, transient=True)
        self.bar: TaskID | None = None
        self.title, self.unit = "training", "tokens"
        self.told: set[str] = set()

    def __enter__(self) -> "Watch":
        if self.console.is_terminal and not self.quiet:
            self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.progress.live.is_started:  # stopping what was not started prints an empty line
            self.progress.stop()

    def begin(self, title: str) -> None:
        """A new model: a new bar."""
        self.title = title
        if self.bar is not None:
            self.progress.remove_task(self.bar)
        self.bar = self.progress.add_task(title, total=None, doing="preparing")

    def see(self, event: Any) -> None:
        """Show one event; unknown ones are none of our business."""
        if self.bar is None:
            self.begin(self.title)
        assert self.bar is not None
        match event:
            case Announced(text=text) if text not in self.told:  # of several models, once
                self.told.add(text)
                self.say(f"note: {text}")
            case Prepared():
                self.unit = event.unit
                self.say(
                    f"{self.title}: {event.events:,} {event.unit} to learn from, "
                    f"{event.vocabulary:,} types"
                    + (f", {event.parameters:,} parameters" if event.parameters else "")
                )
            case Resumed(step=step):
                self.say(f"{self.title}: going on after step {step:,}")
            case Planned(steps=steps):
                self.progress.update(self.bar, total=steps)
            case Counted(seconds=s):
                self.say(f"{self.title}: counted in {clock(s)}")
            case Measuring(split=split):
                self.progress.update(self.bar, doing=f"measuring {split}")
            case Step():
                self.progress.update(
                    self.bar,
                    completed=event.step,
                    doing=f"step {event.step:,} · epoch {event.epoch} · loss {event.loss:.3f} · "
                    f"{event.events / event.seconds:,.0f} {self.unit}/s",
                )
            case Evaluated(measures=measures):
                mark = "  ← best" if event.best else ""
                self.say(f"{self.title}: step {event.step:,}  dev {headline(measures)}{mark}")
            case Finished(reason=reason):
                self.say(f"{self.title}: {ENDED[reason]} at step {event.step:,}")
            case _:
                pass

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, soft_wrap=True)
