"""`python -m benchmarks [PART …]`: measure, print the table, keep it.

Progress goes to stderr, the table to stdout, the rows to benchmarks/results.json and the table to
docs/benchmarks.md too.  A part measured alone replaces its own rows only.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from rich.console import Console

from benchmarks import harness
from benchmarks.harness import Part, Row
from malmoi.errors import MalmoiError, UsageError, did_you_mean
from malmoi.training.device import keep_memory

PARTS = (
    "lstm",
    "softmax",
    "gpt",
    "ngram",
    "crf",
    "classify",
    "tagger",
    "vectors",
    "translate",
    "joey",
)
OPTIONAL = {
    "tagger": "Flair, in an environment of its own (docs/benchmarks.md)",
    "joey": "JoeyNMT, in an environment of its own (docs/benchmarks.md)",
}
HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PAGE = HERE.parent / "docs" / "benchmarks.md"


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Our speed beside our peers'."
    )
    parser.add_argument("part", nargs="*", help=f"{', '.join(PARTS)}; all of them if none is named")
    parser.add_argument(
        "--tiny", action="store_true", help="sizes of a toy: see that it runs, keep nothing"
    )
    asked = parser.parse_args(words)
    try:
        run(asked.part, tiny=asked.tiny)
    except MalmoiError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def run(parts: Sequence[str], *, tiny: bool = False) -> None:
    """Measure these parts, all if none is named.  Raises UsageError for a name that is none."""
    if unknown := [part for part in parts if part not in PARTS]:
        raise UsageError(
            f"there is no benchmark {unknown[0]!r}", hint=did_you_mean(unknown[0], PARTS)
        )
    found = {part: loaded(part) for part in parts or PARTS}
    modules = {part: module for part, module in found.items() if module is not None}
    keep_memory()  # for both sides alike
    kept = [] if tiny else harness.read(RESULTS)  # a file that cannot be read is found at once
    rows: list[Row] = []
    for part, module in modules.items():
        rows += measured(part, module, tiny=tiny)
        if not tiny:  # after each part: an interruption costs one part
            kept = harness.merge(kept, [row for row in rows if row.part == part])
            harness.write(RESULTS, kept)
            harness.publish(PAGE, kept)
    if modules:
        Console(width=None if sys.stdout.isatty() else 140).print(harness.table(rows))


def loaded(part: str) -> Part | None:
    """The module of a part; None, and it is said, if its peer is not here and is OPTIONAL.

    Raises UsageError if another's peer is not installed.
    """
    try:
        module: Part = import_module(f"benchmarks.{part}")
    except ImportError as error:
        if part in OPTIONAL:
            print(f"{part}: not measured: it needs {OPTIONAL[part]}: {error}", file=sys.stderr)
            return None
        if not isinstance(error, ModuleNotFoundError):
            raise
        raise UsageError(
            f"the benchmark {part} needs {error.name}, which is not installed",
            hint="pip install -c constraints.txt -e '.[bench,kenlm]' (kenlm: a C++ compiler)",
        ) from None
    return module


def measured(part: str, module: Part, *, tiny: bool) -> list[Row]:
    """One part, told as it goes."""
    rows = []
    print(f"{part}: measuring", file=sys.stderr, flush=True)
    for row in module.rows(tiny=tiny):
        print(f"{row.name}: {row.ratio:.2f}×", file=sys.stderr, flush=True)
        rows.append(row)
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
