"""A model that another program trained, as a run folder: `malmoi import FOLDER|FILE --to RUN`.

    Marian, OPUS-MT    in the form of Hugging Face      marian.py, marian_text.py
    GPT-2              in the form of Hugging Face      gpt2.py
    SRILM, KenLM       an ARPA file                     arpa.py

The run is complete: it is used, measured, explained, checked and exported as one that was trained
here.  Its recipe names no data, since none is known; `model.json` has the SHA-256
of the weights that were read.
"""

import dataclasses
import shlex
from collections import Counter
from pathlib import Path
from typing import Literal, NamedTuple, cast

from torch import nn

from malmoi import card, files
from malmoi.config import Sizes
from malmoi.errors import DataError, RunError, UsageError
from malmoi.export.arpa import read_arpa
from malmoi.export.found import WEIGHTS, json_of
from malmoi.export.gpt2 import read_gpt2
from malmoi.export.marian import read_marian
from malmoi.export.marian_text import read_bitext
from malmoi.ladder import of_kind
from malmoi.models.ngram import NGram
from malmoi.recipe import Recipe, kind_of
from malmoi.run import Run, claim
from malmoi.tasks.language_modelling import LanguageModelling
from malmoi.tasks.translation import Translation
from malmoi.text import Bitext, Kind, Text, Vocabulary
from malmoi.text.normalise import nfc
from malmoi.text.tokenizer import Given
from malmoi.version import __version__

KINDS = {
    "marian": "a Marian or OPUS-MT folder has config.json, model.safetensors, source.spm, "
    "target.spm and vocab.json",
    "gpt2": "a GPT-2 folder has config.json, model.safetensors, vocab.json and merges.txt",
    "arpa": "an n-gram model is a file whose name ends in .arpa or .arpa.gz",
}
"""What malmoi reads, by the model_type of config.json, and which files that has."""
WANTED = "; ".join(KINDS.values())


class Found(NamedTuple):
    """What a folder holds, as a run has it."""

    recipe: Recipe
    sizes: Sizes
    model: nn.Module | NGram
    texts: Text | Bitext


def import_run(folder: str | Path, to: str | Path) -> Run:
    """Read the folder, or the ARPA file, and write the run folder `to`, which is new.

    Raises DataError for a folder that malmoi does not read, RunError if a run lies in `to`.
    """
    folder = Path(folder)
    kind = recognise(folder)
    found = {"gpt2": _gpt2, "arpa": _arpa}.get(kind, _marian)(folder)
    weights = folder if kind == "arpa" else folder / WEIGHTS
    parameters = sum(weight.numel() for weight in found.model.parameters())
    report = {
        "parameters": parameters,
        "vocabulary": found.sizes.vocabulary,
        "valid": None,
        "test": None,
    }
    if isinstance(found.texts, Bitext):
        report["source_vocabulary"] = found.sizes.source
    model = {
        "kind": kind_of(found.recipe.model),
        **dataclasses.asdict(found.sizes),
        "data": {weights.name: files.sha256(weights)},
    }
    with claim(to) as draft:
        if draft.finished or draft.resumable:
            raise RunError(f"there is a run in {to}", hint="choose another folder with --to")
        found.texts.save(draft.folder / "text")
        draft.begin(recipe=found.recipe.to_toml(), model=model)
        return draft.finish(
            weights=found.model.state_dict(),
            report=report,
            readme=_readme(folder.resolve().name, found.recipe, parameters),
        )


def _marian(folder: Path) -> Found:
    read = read_marian(folder)
    task = Translation(
        data="", tokens="sentencepiece", vocabulary=0, joint=read.sizes.joint, longest=0
    )
    bitext = read_bitext(folder, read.source, read.target)
    return Found(Recipe(task=task, model=read.config), read.sizes, read.model, bitext)


def _gpt2(folder: Path) -> Found:
    read = read_gpt2(folder)
    kind = cast(Kind | Literal["byte-level"], read.text.kind)
    task = LanguageModelling(data="", tokens=kind, order="windows", length=read.config.context)
    return Found(Recipe(task=task, model=read.config), read.sizes, read.model, read.text)


def _arpa(path: Path) -> Found:
    model, spelt = read_arpa(path)
    types = [nfc(word) for word in spelt]  # a text is composed before its words are looked for
    if len(set(types)) < len(types):
        twice = max(types, key=Counter(types).__getitem__)
        raise DataError(
            "a word stands in the file in two forms of Unicode",
            where=f"{path}: {twice!r}",
            hint="train on text in NFC",
        )
    text = Text(Given(), Vocabulary(types, [0] * model.V))
    task = LanguageModelling(data="", tokens="given")
    return Found(Recipe(task=task, model=model.config), Sizes(model.V), model, text)


def recognise(folder: Path) -> str:
    """Which of KINDS it is.  Raises DataError for another, saying what it is if that is seen."""
    if folder.is_file() and folder.name.lower().endswith((".arpa", ".arpa.gz")):
        return "arpa"
    if not folder.is_dir():
        what = (
            "is a file, not a folder, nor named as an ARPA file is"
            if folder.exists()
            else "does not exist"
        )
        raise DataError(f"{folder} {what}", hint=WANTED)
    names = sorted(path.name for path in folder.iterdir())
    if files.MANIFEST in names:
        raise UsageError(
            f"{folder} is a run of malmoi already",
            hint=f"malmoi check {shlex.quote(str(folder))}",
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
    known = [name for name in KINDS if name != "arpa"]
    if kind not in known:
        raise DataError(
            f"{folder} holds no model that malmoi reads",
            where=f"{folder / 'config.json'}: model_type = {kind!r}: {', '.join(known)}",
            hint=WANTED,
        )
    return str(kind)


def _readme(name: str, recipe: Recipe, parameters: int) -> str:
    """The model card: what is known, and what is not."""
    task = kind_of(recipe.task)
    lines = [
        f"# {name}, {card.NOUN[task]}",
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
        *card.USE[task],
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
