"""`malmoi export RUN --to FORMAT`: a run in another program's format."""

from pathlib import Path

import click

from malmoi.cli.options import RUN, quiet, say
from malmoi.errors import UsageError

FORMATS = ("arpa",)


@click.command("export")
@RUN
@click.option(
    "--to", "form", type=click.Choice(FORMATS), required=True, help="arpa: KenLM, SRILM, Kaldi."
)
@click.option("-o", "--output", default=None, metavar="FILE", help="[default: NAME.arpa]")
@quiet
def export_(run: str, form: str, output: str | None, quiet: bool) -> None:
    r"""Write a run in another program's format.

    arpa is the text format of n-gram models: word scores are equal to 1e-5 in other readers.  A
    word that is spelt like one of ARPA's specials is written with a backslash: \<unk>.
    """
    from malmoi.export.arpa import write_arpa
    from malmoi.models.ngram import NGram
    from malmoi.run import open_run
    from malmoi.text import Text
    from malmoi.use import network

    opened = open_run(run)
    model = network(opened)
    if not isinstance(model, NGram):
        raise UsageError(
            f"{run} is not an n-gram model: ARPA holds counts, not networks",
            where=f"it is a {opened.model['kind']}",
            hint="its weights are in model.safetensors already",
        )
    path = Path(output or f"{Path(run).resolve().name}.arpa")
    write_arpa(path, model, Text.load(opened.text).vocabulary.types)
    say(f"wrote {path}", quiet=quiet)
