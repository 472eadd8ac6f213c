"""`malmoi import FOLDER|FILE --to RUN`: a model that another program trained, as a run."""

import click

from malmoi.cli.options import quiet, say


@click.command("import")
@click.argument("folder", metavar="FOLDER|FILE")
@click.option("--to", required=True, metavar="RUN", help="The run folder to make.")
@quiet
def import_(folder: str, to: str, quiet: bool) -> None:
    """Make a run of a model that another program trained.

    FOLDER is in the form of Hugging Face: a Marian or OPUS-MT model (config.json,
    model.safetensors, source.spm, target.spm, vocab.json) or a GPT-2 (config.json,
    model.safetensors, vocab.json, merges.txt).  FILE is an n-gram model of KenLM, SRILM or another
    (.arpa, .arpa.gz).  The run is used as any other, and what it came from is no longer needed.

    \b
    malmoi import opus-mt-en-fr --to runs/en-fr
    malmoi translate runs/en-fr < in.txt > out.txt
    malmoi import model.arpa --to runs/ngram
    malmoi import gpt2 --to runs/gpt2
    malmoi generate runs/gpt2 --prompt "…"
    """
    from malmoi.export.imported import import_run

    run = import_run(folder, to)
    report = run.report
    what = f"{run.model['kind']}, {report['parameters']:,} parameters"
    say(f"wrote {to}: {what}, {report['vocabulary']:,} types", quiet=quiet)
