"""`malmoi export RUN --to FORMAT`: a run in another program's format."""

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from malmoi.cli.options import RUN, quiet, say
from malmoi.errors import UsageError

if TYPE_CHECKING:
    from malmoi.run import Run

M = TypeVar("M")
FORMATS = ("arpa", "ctranslate2", "huggingface")


@click.command("export")
@RUN
@click.option(
    "--to", "form", type=click.Choice(FORMATS), required=True,
    help="arpa: KenLM, SRILM, Kaldi.  ctranslate2: a fast translator for processors.  "
    "huggingface: a GPT for transformers.",
)  # fmt: skip
@click.option(
    "-o", "--output", default=None, metavar="FILE|FOLDER",
    help="[default: NAME.arpa, NAME.ctranslate2 …]",
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

    huggingface is a folder of GPT-2's form.

    \b
    malmoi export runs/ngram --to arpa -o model.arpa
    malmoi export runs/en-fr --to ctranslate2 --quantization int8 -o en-fr
    malmoi export runs/gpt --to huggingface -o gpt
    """
    from malmoi.run import open_run

    if form != "ctranslate2" and quantization:
        raise UsageError("--quantization is for ctranslate2")
    opened = open_run(run)
    path = Path(output or f"{Path(run).resolve().name}.{form}")
    match form:
        case "arpa":
            _arpa(opened, path)
        case "ctranslate2":
            _ctranslate2(opened, path, quantization or "float32")
        case _:
            _huggingface(opened, path)
    say(f"wrote {path}", quiet=quiet)


def _arpa(run: "Run", path: Path) -> None:
    from malmoi.export.arpa import write_arpa
    from malmoi.models.ngram import NGram
    from malmoi.text import Text

    model = _model(
        run, NGram, "is not an n-gram model: ARPA holds counts, not networks",
        hint="its weights are in model.safetensors already",
    )  # fmt: skip
    write_arpa(path, model, Text.load(run.text).vocabulary.types)


def _ctranslate2(run: "Run", path: Path, quantization: str) -> None:
    from malmoi.export.ctranslate2 import write_ctranslate2
    from malmoi.models.transformer import Transformer
    from malmoi.text import Bitext

    model = _model(
        run, Transformer, "is not a Transformer that translates: CTranslate2 computes no other",
        hint="malmoi train transformer --data PAIRS --to RUN",
    )  # fmt: skip
    bitext = Bitext.load(run.text)
    write_ctranslate2(path, model, bitext, quantization=quantization, card=_card(run))


def _huggingface(run: "Run", path: Path) -> None:
    from malmoi.export.gpt2 import write_gpt2
    from malmoi.models.gpt import GPT
    from malmoi.text import Text

    model = _model(
        run, GPT, "is not a GPT: of ours, only that is a model of transformers",
        hint="its weights are in model.safetensors already",
    )  # fmt: skip
    write_gpt2(path, model, Text.load(run.text), card=_card(run))


def _model(run: "Run", kind: type[M], otherwise: str, *, hint: str) -> M:
    """The network, which must be of this kind."""
    from malmoi.use import network

    model = network(run)
    if not isinstance(model, kind):
        where = f"it is a {run.model['kind']}"
        raise UsageError(f"{run.folder} {otherwise}", where=where, hint=hint)
    return model


def _card(run: "Run") -> str:
    card = run.folder / "README.md"
    return card.read_text("utf-8") if card.exists() else ""
