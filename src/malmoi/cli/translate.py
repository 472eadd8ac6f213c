"""`malmoi translate`: a line in, a line out."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from malmoi.cli.options import (
    RUN,
    json_,
    lines_of,
    machine,
    quiet,
    say,
    set_up,
    show,
    show_json,
)
from malmoi.cli.searching import searching

if TYPE_CHECKING:
    from malmoi.use.search import Search


@click.command("translate")
@RUN
@click.argument("file", default="-")
@searching
@click.option("--n-best", type=click.IntRange(1, 1_000), default=1, show_default=True,
              help="How many translations of each line.")  # fmt: skip
@click.option("--min-length", type=click.IntRange(0), default=0, show_default=True,
              help="The fewest tokens of a translation.")  # fmt: skip
@click.option("--max-length", type=click.IntRange(1), default=None,
              help="The most.  [default: 2 a token of the source, and 20]")  # fmt: skip
@click.option("--prefix", default="", metavar="TEXT", help="What every translation begins with.")
@click.option("--longest", type=click.IntRange(1), default=1_024, show_default=True,
              help="Tokens of a line that are read.")  # fmt: skip
@json_
@machine
@quiet
def translate_(
    run: str,
    file: str,
    search: "Search",
    n_best: int,
    min_length: int,
    max_length: int | None,
    prefix: str,
    longest: int,
    as_json: bool,
    threads: int | None,
    device: str | None,
    quiet: bool,
) -> None:
    """Translate each line of FILE, or of stdin: one line out for one line in, always.

    A blank line is answered by an empty one.  With --n-best: for each line so many lines, each the
    line's number, the score and the text, with tabs between them.

    \b
    malmoi translate runs/en-fr < in.txt > out.txt
    malmoi translate runs/en-fr in.txt --beam 10 --n-best 3
    malmoi translate runs/en-fr in.txt --coverage 0.2 --replace-unknown --max-ratio 1.5
    """
    from malmoi.cli.count import counting
    from malmoi.use import Translator, load_as

    translator = load_as(Translator, run, device=set_up(threads, device))
    search = dataclasses.replace(
        search, beam=max(search.beam, n_best), n=n_best, minimum=min_length, maximum=max_length,
        longest=longest, prefix=prefix,
    )  # fmt: skip
    found: list[dict[str, Any]] = []
    with counting("translating", None, "lines", quiet=quiet) as done:
        answers = translator.search(_lines(file), search, done=done)
        for number, answer in enumerate(answers, start=1):
            if answer.cut:
                said = f"line {number:,} is too long: its last {answer.cut:,} tokens are not read"
                say(f"note: {said}", quiet=quiet)
            if as_json:
                best = [written._asdict() for written in answer.best]
                found.append({"source": answer.source, "best": best})
            elif n_best == 1:
                show(answer.text)
            else:
                for written in answer.best:
                    show(f"{number}\t{written.score:.6f}\t{written.text}")
    if as_json:
        show_json(found)


def _lines(file: str) -> Iterator[str]:
    """The lines; of an empty text none, which is no error where a line is answered by a line."""
    from malmoi.errors import EmptyText

    lines: Iterable[str] = lines_of(file)
    try:
        yield from lines
    except EmptyText:
        return
