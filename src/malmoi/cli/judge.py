"""The verbs that judge with language models: `malmoi rank` and `malmoi copied`."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from malmoi.cli.options import RUN, json_, lines_of, machine, quiet, say, set_up, show, show_json
from malmoi.errors import EmptyText


@click.command("rank")
@RUN
@click.argument("file", default="-")
@click.option(
    "--by",
    type=click.Choice(("sentence", "token", "character")),
    default="sentence",
    show_default=True,
    help="Its log-probability, or that of one token or one character of it.",
)
@json_
@machine
@quiet
def rank_(
    run: str,
    file: str,
    by: str,
    as_json: bool,
    threads: int | None,
    device: str | None,
    quiet: bool,
) -> None:
    """Which of several sentences is likeliest: the lines of FILE, or of stdin, the best first.

    A blank line parts one choice from the next.  What stands before each sentence is the logarithm
    (natural) that it was ranked by; a whole sentence is the less likely the longer it is, a token
    or a character of it is not.

    \b
    printf '학교에 간다\\n학교를 간다\\n' | malmoi rank runs/lstm
    """
    from malmoi.use import LanguageModel, load_as

    lm = load_as(LanguageModel, run, device=set_up(threads, device))
    groups = list(choices(lines_of(file)))
    if not groups:
        raise EmptyText("there is nothing to choose from", hint="give sentences, one a line")
    ranked = [lm.choose(group, by=by) for group in groups]  # type: ignore[arg-type]  # click knows
    say(f"ranked by log p of a {by}", quiet=quiet)
    if as_json:
        show_json([[choice._asdict() for choice in group] for group in ranked])
        return
    for k, group in enumerate(ranked):
        if k:
            click.echo()
        for choice in group:
            show(f"{choice.score:.6f}\t{choice.text}")


def choices(lines: Iterable[str]) -> Iterator[list[str]]:
    """Lines between blank lines."""
    group: list[str] = []
    for line in lines:
        if line.strip():
            group.append(line)
        elif group:
            yield group
            group = []
    if group:
        yield group


@click.command("copied")
@click.argument("source", metavar="RUN_SOURCE")
@click.argument("background", metavar="RUN_BACKGROUND")
@click.argument("file", default="-")
@click.option(
    "--evidence", type=click.FloatRange(0), default=20.0, show_default=True,
    help="Bits that a passage has at least: 20 are a million to one.",
)  # fmt: skip
@click.option("--words", type=click.IntRange(1), default=4, show_default=True, help="At least.")
@click.option(
    "--price", type=click.FloatRange(0), default=1.0, show_default=True,
    help="Bits a word of a passage has on average at least.",
)  # fmt: skip
@click.option("-o", "--out", metavar="FILE", help="The text with its passages: .html, .svg, .png.")
@json_
@machine
@quiet
def copied_(
    source: str,
    background: str,
    file: str,
    evidence: float,
    words: int,
    price: float,
    out: str | None,
    as_json: bool,
    threads: int | None,
    device: str | None,
    quiet: bool,
) -> None:
    """Which passages of FILE, or of stdin, were copied from a source.

    RUN_SOURCE is a language model of the suspected source (malmoi train ngram --data source.txt),
    RUN_BACKGROUND one of other text of its kind.  A passage is a run of words that the first one
    foresees much better.  One line a passage: its line, where it begins and ends there, the
    evidence in bits, and its text.
    """
    from malmoi.explain.copies import copies
    from malmoi.explain.picture import as_json as written
    from malmoi.explain.save import check, save
    from malmoi.use import LanguageModel, load_as
    from malmoi.use.copied import copied

    if out is not None:
        check(out)
    name = set_up(threads, device)
    ours, theirs = (load_as(LanguageModel, run, device=name) for run in (source, background))
    lines = list(lines_of(file))
    say(f"reading {len(lines):,} lines", quiet=quiet)
    found = list(copied(ours, theirs, lines, evidence=evidence, words=words, price=price))
    picture = copies(found, source=Path(source).name, background=Path(background).name)
    if out is not None:
        save(picture, out)
        say(f"written: {out}", quiet=quiet)
    if as_json:
        click.echo(written(picture), nl=False)
        return
    for p in picture.passages:
        show(f"{p.line}\t{p.start}\t{p.end}\t{p.bits:.1f}\t{p.text}")
    say(picture.page().finding, quiet=quiet)
