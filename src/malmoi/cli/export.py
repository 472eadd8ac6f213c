"""`malmoi export RUN --to FORMAT`: a run in another program's format."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from malmoi.cli.options import RUN, quiet, say
from malmoi.errors import UsageError

if TYPE_CHECKING:
    from malmoi.run import Run

FORMATS = ("arpa", "ctranslate2")


@click.command("export")
@RUN
@click.option(
    "--to", "form", type=click.Choice(FORMATS), required=True,
    help="arpa: KenLM, SRILM, Kaldi.  ctranslate2: a fast translator for processors.",
)  # fmt: skip
@click.option(
    "-o", "--output", default=None, metavar="FILE|FOLDER",
    help="[default: NAME.arpa, NAME.ctranslate2]",
)  # fmt: skip
@click.option(
    "--quantization", default=None, metavar="KIND",
    help="Of ctranslate2: int8, int16, float16, bfloat16, float32, int8_float16 …  "
    "[default: float32]",
)  # fmt: skip
@quiet
def export_(run: str, form: str, output: str | None, quantization: str | None, quiet: bool) -> None:
    """Write a run in another program's format.

    arpa is the text format of n-gram models: word scores are equal to 1e-5 in other readers.  A
    word that is spelt like one of ARPA's specials is written with a backslash: \\<unk>.

    ctranslate2 is a folder with a Transformer's weights, its texts, and a README.md with the lines
    of Python that use it.  Its log-probabilities are equal to 1e-4 in float32.

    \b
    malmoi export runs/ngram --to arpa -o model.arpa
    malmoi export runs/en-fr --to ctranslate2 --quantization int8 -o en-fr
    """
    from malmoi.run import open_run

    if form != "ctranslate2" and quantization:
        raise UsageError("--quantization is for ctranslate2")
    opened = open_run(run)
    path = Path(output or f"{Path(run).resolve().name}.{form}")
    if form == "arpa":
        _arpa(opened, path)
    else:
        _ctranslate2(opened, path, quantization or "float32")
    say(f"wrote {path}", quiet=quiet)


def _arpa(run: "Run", path: Path) -> None:
    from malmoi.export.arpa import write_arpa
    from malmoi.models.ngram import NGram
    from malmoi.text import Text
    from malmoi.use import network

    model = network(run)
    if not isinstance(model, NGram):
        raise UsageError(
            f"{run.folder} is not an n-gram model: ARPA holds counts, not networks",
            where=f"it is a {run.model['kind']}",
            hint="its weights are in model.safetensors already",
        )
    write_arpa(path, model, Text.load(run.text).vocabulary.types)


def _ctranslate2(run: "Run", path: Path, quantization: str) -> None:
    from malmoi.export.ctranslate2 import write_ctranslate2
    from malmoi.models.transformer import Transformer
    from malmoi.text import Bitext
    from malmoi.use import network

    model = network(run)
    if not isinstance(model, Transformer):
        raise UsageError(
            f"{run.folder} is not a Transformer that translates: CTranslate2 computes no other",
            where=f"it is a {run.model['kind']}",
            hint="malmoi train transformer --data PAIRS --to RUN",
        )
    card = run.folder / "README.md"
    write_ctranslate2(
        path, model, Bitext.load(run.text), quantization=quantization,
        card=card.read_text("utf-8") if card.exists() else "",
    )  # fmt: skip
