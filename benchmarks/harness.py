"""How two programs are compared on a machine that others use too.

    ours, peer = interleave(step, plain_step, repeats=20)      # seconds

They take turns in one process, so that what slows one down slows the other down as well, and the
median forgets the turns that were disturbed most.  Only the ratio of the two means anything.
"""

import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import torch
from rich.table import Table

from malmoi import files
from malmoi.errors import DataError

BEGIN, END = "<!-- results -->", "<!-- /results -->"


@dataclass(frozen=True)
class Row:
    """name: "PART: what is measured".  ours, peer: how much is done in a second, in `unit`.

    ratio: how many times ours is better.  goal: the ratio we promise, None if we promise nothing.
    setting: what is done, by whom.  machine: where.
    """

    name: str
    unit: str
    ours: float
    peer: float
    ratio: float
    goal: float | None
    setting: str
    machine: str

    @property
    def part(self) -> str:
        return self.name.partition(":")[0]

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return "no promise"
        return "met" if self.ratio >= self.goal else "missed"


class Part(Protocol):
    """A module of this package.  tiny: the same in a second, to see that it runs."""

    def rows(self, *, tiny: bool) -> Iterator[Row]: ...


def interleave(
    ours: Callable[[], object], peer: Callable[[], object], *, repeats: int
) -> tuple[float, float]:
    """The median seconds of each, over turns taken alternately, after one turn to warm up."""
    ours(), peer()
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for run, times in zip((ours, peer), seconds, strict=True):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
    return median(seconds[0]), median(seconds[1])


def row(
    name: str,
    seconds: tuple[float, float],
    *,
    amount: float,
    unit: str,
    goal: float | None,
    setting: str,
) -> Row:
    """What `interleave` measured; amount: how much was done in one turn, in `unit`/s."""
    ours, peer = seconds
    speeds = (amount / ours, amount / peer)
    return Row(name, unit + "/s", *speeds, peer / ours, goal, setting, machine())


def machine() -> str:
    """Processor, cores, threads, versions: what a ratio may depend on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return ", ".join(
        (
            processor(),
            f"{cores} cores",
            f"{torch.get_num_threads()} threads",
            f"torch {torch.__version__} {torch.backends.cpu.get_cpu_capability()}",
            f"Python {platform.python_version()}",
            f"{platform.system()} {platform.machine()}",
        )
    )


def processor() -> str:
    """The name that the processor gives itself, if it can be asked."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        told = ""
    names = [line.partition(":")[2] for line in told.splitlines() if line.startswith("model name")]
    return names[0].strip() if names else platform.processor() or "unknown processor"


def read(path: Path) -> list[Row]:
    """The rows of a results file, none if it is not there.  Raises DataError for another file."""
    if not path.exists():
        return []
    try:
        found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return [Row(**{f.name: one.pop(f.name) for f in fields(Row)}, **one) for one in found]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(
            "these are not results of benchmarks",
            where=f"{path}: {type(error).__name__}: {error}",
            hint=f"move it away: mv {path} {path}.old",
        ) from None


def merge(old: Iterable[Row], new: Sequence[Row]) -> list[Row]:
    """All rows of the parts measured anew, and the old ones of the others, in order of name."""
    parts = {row.part for row in new}
    kept = [row for row in old if row.part not in parts]
    return sorted([*kept, *new], key=lambda row: row.name)


def write(path: Path, rows: Iterable[Row]) -> None:
    """The rows as JSON, whole or not at all."""
    body = [asdict(row) for row in rows]
    files.write(path, json.dumps(body, indent=1, ensure_ascii=False) + "\n")


def cells(row: Row) -> tuple[str, ...]:
    """A row as a person reads it."""
    return (
        row.name,
        _number(row.ours),
        _number(row.peer),
        row.unit,
        f"{row.ratio:.2f}×",
        "–" if row.goal is None else f"{row.goal:g}×",
        row.verdict,
    )


def _number(x: float) -> str:
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


HEAD = ("what", "ours", "peer", "unit", "ratio", "goal", "")


def table(rows: Iterable[Row]) -> Table:
    """For the terminal."""
    drawn = Table()
    for name in HEAD:
        right = name in ("ours", "peer", "ratio", "goal")
        drawn.add_column(name, justify="right" if right else "left")
    for one in rows:
        drawn.add_row(*cells(one), style="red" if one.verdict == "missed" else None)
    return drawn


def markdown(rows: Sequence[Row]) -> str:
    """For the documentation."""
    rule = ["---:" if name in ("ours", "peer", "ratio", "goal") else "---" for name in HEAD]
    lines = [HEAD, tuple(rule), *(cells(one) for one in rows)]
    drawn = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    notes = "\n".join(f"- **{one.name}**: {one.setting}" for one in rows)
    machines = "\n".join(f"- {name}" for name in dict.fromkeys(one.machine for one in rows))
    return f"{drawn}\n\n{notes}\n\nMeasured on:\n\n{machines}\n"


def publish(page: Path, rows: Sequence[Row]) -> None:
    """Write the table between the page's two markers.  Raises DataError if they are not there."""
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise DataError("the page has no place for results", where=f"{page}: {BEGIN} … {END}")
    files.write(page, f"{before}{BEGIN}\n{markdown(rows)}{END}{after}")
