"""A model that another program trained, as a run folder: `malmoi import FOLDER --to RUN`.

    Marian, OPUS-MT    in the form of Hugging Face      marian.py, marian_text.py

The run is complete: it translates, is measured, scored, explained, checked and exported as one
that was trained here.  Its recipe names no data, since none is known; `model.json` has the SHA-256
of the weights that were read.
"""

import dataclasses
import shlex
from pathlib import Path

from malmoi import card, files
from malmoi.errors import DataError, RunError, UsageError
from malmoi.export.marian import WEIGHTS, read_marian
from malmoi.export.marian_config import json_of
from malmoi.export.marian_text import read_bitext
from malmoi.ladder import of_kind
from malmoi.recipe import Recipe, kind_of
from malmoi.run import Run, claim
from malmoi.tasks.translation import Translation
from malmoi.version import __version__

WANTED = (
    "a Marian or OPUS-MT folder has config.json, model.safetensors, source.spm, target.spm and "
)
WANTED += "vocab.json"


def import_run(folder: str | Path, to: str | Path) -> Run:
    """Read the folder, whatever it is, and write the run folder `to`, which is new.

    Raises DataError for a folder that malmoi does not read, RunError if a run lies in `to`.
    """
    folder = Path(folder)
    recognise(folder)
    found = read_marian(folder)
    bitext = read_bitext(folder, found.source, found.target)
    recipe = Recipe(
        task=Translation(
            data="", tokens="sentencepiece", vocabulary=0, joint=found.sizes.joint, longest=0
        ),
        model=found.config,
    )
    parameters = sum(weight.numel() for weight in found.model.parameters())
    report = {
        "parameters": parameters,
        "vocabulary": found.sizes.vocabulary,
        "source_vocabulary": found.sizes.source,
        "valid": None,
        "test": None,
    }
    model = {
        "kind": kind_of(recipe.model),
        **dataclasses.asdict(found.sizes),
        "data": {WEIGHTS: files.sha256(folder / WEIGHTS)},
    }
    with claim(to) as draft:
        if draft.finished or draft.resumable:
            raise RunError(f"there is a run in {to}", hint="choose another folder with --to")
        bitext.save(draft.folder / "text")
        draft.begin(recipe=recipe.to_toml(), model=model)
        return draft.finish(
            weights=found.model.state_dict(),
            report=report,
            readme=_readme(folder.resolve().name, recipe, parameters),
        )


def recognise(folder: Path) -> None:
    """Raise DataError unless malmoi reads such a folder, saying what it is if that is seen."""
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise DataError(f"{folder} {what}", hint=WANTED)
    names = sorted(path.name for path in folder.iterdir())
    if files.MANIFEST in names:
        raise UsageError(
            f"{folder} is a run of malmoi already",
            hint=f"malmoi translate {shlex.quote(str(folder))} < in.txt",
        )
    if "model.bin" in names and any(name.endswith("_vocabulary.json") for name in names):
        raise DataError(
            f"{folder} is a folder of CTranslate2, which malmoi writes and does not read",
            hint="import what it was made from",
        )
    if any(name.endswith((".npz", "decoder.yml")) for name in names):
        raise DataError(
            f"{folder} is a folder of Marian's own program",
            where=", ".join(name for name in names if name.endswith((".npz", ".yml"))),
            hint="most OPUS-MT models are published in the form of Hugging Face, too: " + WANTED,
        )
    if "config.json" not in names:
        raise DataError(
            f"{folder} holds no model that malmoi knows",
            where=", ".join(names[:5]) or "it is empty",
            hint=WANTED,
        )
    config = json_of(folder / "config.json")
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != "marian":
        raise DataError(
            f"{folder} holds no model that malmoi reads",
            where=f"{folder / 'config.json'}: model_type = {kind!r}: 'marian'",
            hint=WANTED,
        )


def _readme(name: str, recipe: Recipe, parameters: int) -> str:
    """The model card: what is known, and what is not."""
    lines = [
        f"# {name}, {card.NOUN['translation']}",
        "",
        f"A {kind_of(recipe.model)} ({of_kind(kind_of(recipe.model)).paper}) of {parameters:,} "
        f"parameters that was trained by another program, and imported by malmoi {__version__}.",
        "",
        "What it was trained on, what it is worth and what its licence is stand where it came "
        "from; nothing has measured it here.",
        "",
        "## Use",
        "",
        "```",
        *card.USE["translation"],
        "```",
        "",
        "## Recipe",
        "",
        "```toml",
        recipe.to_toml().rstrip(),
        "```",
        "",
    ]
    return "\n".join(lines)
