"""The data sets malmoi knows by name, and the one way to find any data: `find(name or path)`.

    python-docs                     carried by every Python
    toy-ko, toy-en                  made by malmoi (toy.py)
    wikitext-2, nsmc, …             on the shelf: the folder that MALMOI_DATA names
    my.txt, a folder                yours (files.py)
    train.en:train.fr, folder:en-fr yours, in pairs (moses.py)

Nothing here touches the network.  `get` says whether a copy on the shelf is the published one, or
where the data set is to be had.
"""

import gzip
import hashlib
import os
import shlex
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from malmoi.data import python_docs, shelf, toy
from malmoi.data.annotated import kind_of
from malmoi.data.dataset import DataSet
from malmoi.data.files import files_of, from_file, from_folder
from malmoi.data.moses import languages_of, two_files
from malmoi.data.paired import from_paired_file, from_paired_folder, from_two_files, is_memory
from malmoi.data.published import PUBLISHED as PUBLISHED
from malmoi.data.shares import plain
from malmoi.data.table import TOLD, Columns
from malmoi.errors import DataError, TextError, did_you_mean

SHELF = "MALMOI_DATA"

BUILT_IN = ("python-docs", *toy.LANGUAGES)


@dataclass(frozen=True)
class Entry:
    """A line of `malmoi data list`.  form: as DataSet's."""

    name: str
    here: bool
    form: str
    language: str
    licence: str
    description: str


def shelf_folder() -> Path | None:
    """The folder that MALMOI_DATA names, if it names one."""
    named = os.environ.get(SHELF)
    return Path(named) if named else None


def available(folder: Path | None = None) -> list[Entry]:
    """Every named data set, and whether it can be read now.  folder: the shelf."""
    built_in = [_built_in(name) for name in BUILT_IN]
    found = [Entry(d.name, True, d.form, d.language, d.licence, d.description) for d in built_in]
    for name, about in PUBLISHED.items():
        here = not _missing(name, folder or shelf_folder())
        found.append(
            Entry(name, here, about.form, about.language, about.licence, about.description)
        )
    return found


def find(
    name: str | Path,
    *,
    seed: int = 0,
    folder: Path | None = None,
    columns: Columns = TOLD,
    pairs: bool = False,
) -> DataSet:
    """A named data set, a file or a folder.  seed: of the split of a file.

    folder: the shelf.  columns: of a table, where malmoi should not tell them itself.
    pairs: it is a source and a target that are wanted, where a table could be something else.

    A name wins over a file of that name; write ./name to mean the file.
    Raises DataError if there is no such thing, or if it is known but not on the shelf.
    """
    known = str(name)
    if not known:
        raise DataError(
            "which text?",
            where="none is named; a run that was imported has none of its own",
            hint="--data my.txt",
        )
    if known in BUILT_IN:
        return _built_in(known)
    if known in PUBLISHED:
        return _published(known, folder or shelf_folder())
    if not _speakable(known):
        raise DataError(
            "this name is not UTF-8 text, so no recipe can hold it",
            where=ascii(known),
            hint="rename the file",
        )
    path = Path(name)
    if known and path.is_dir():  # "" would be the folder we stand in
        return from_folder(path, seed, columns, pairs=pairs)
    if known and path.exists():
        return from_file(path, seed, columns, pairs=pairs)
    if ":" in known and (found := _in_parts(known, seed)):
        return found
    near = did_you_mean(known, (*BUILT_IN, *PUBLISHED, *_beside(path)))
    raise DataError(
        f"there is no data set, file or folder {known!r}",
        where=f"names: {', '.join((*BUILT_IN, *PUBLISHED))}",
        hint=near if near.startswith("did") else "malmoi data list",
    )


def _in_parts(name: str, seed: int) -> DataSet | None:
    """`train.en:train.fr` or `folder:en-fr`, if the name is one of them."""
    place, languages = languages_of(name)
    if languages and Path(place).is_dir():
        return from_paired_folder(Path(place), files_of(Path(place)), seed, languages)
    if languages and Path(place).is_file():
        return from_paired_file(Path(place), seed, languages)
    if two := two_files(name):
        return from_two_files(*two, seed)
    return None


def annotated(path: Path) -> bool:
    """Whether a file is one of labelled texts, tagged sentences or pairs."""
    return kind_of(path) is not None or is_memory(path)


def get(name: str, folder: Path | None = None) -> str:
    """One line about a data set that is here as published.  Raises DataError if it is not."""
    if name in BUILT_IN:
        return f"{name} is made by malmoi from what is on this machine: nothing to get"
    if name not in PUBLISHED:
        hint = did_you_mean(name, (*BUILT_IN, *PUBLISHED))
        raise DataError(f"there is no data set named {name!r}", hint=hint)
    about, place = PUBLISHED[name], _place(name, folder or shelf_folder())
    wrong = []
    for file, digest in about.files.items():
        path = shelf.locate(place, file)
        if path is not None and digest is not None and (is_ := contents_digest(path)) != digest:
            wrong.append(f"{path}: SHA-256 {is_[:16]}…, published {digest[:16]}…")
    if wrong:
        raise DataError(f"{name} is not as published", where=wrong, hint=f"from {about.source}")
    unknown = "" if all(about.files.values()) else " (no published SHA-256 to compare with)"
    checked = "are here" if unknown else "are as published (SHA-256)"
    return f"{name}: {len(about.files)} file(s) in {place} {checked}{unknown}"


def contents_digest(path: Path) -> str:
    """SHA-256 of what a file holds, unzipped."""
    digest = hashlib.sha256()
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TextError(
            "the gzip file is cut short or damaged",
            where=f"{path}: {error}",
            hint=f"gzip -t {shlex.quote(str(path))}",
        ) from None
    return digest.hexdigest()


def _built_in(name: str) -> DataSet:
    if name in toy.LANGUAGES:
        return toy.data_set(name)
    return DataSet(
        name=name,
        description="the documentation that every Python carries, as sentences",
        licence="PSF-2.0",
        language="English",
        tokens="words",
        splits={split: partial(_python_docs, split) for split in ("train", "valid", "test")},
        announcements=(python_docs.edition(),),
    )


def _python_docs(split: str) -> Iterator[str]:
    return iter(python_docs.python_docs()[split])


def _published(name: str, folder: Path | None) -> DataSet:
    about, place = PUBLISHED[name], _place(name, folder)
    labelled = about.labelled(place) if about.labelled else {}
    tagged = about.tagged(place) if about.tagged else {}
    pairs = dict(about.pairs(place)) if about.pairs else {}
    return DataSet(
        name=name,
        description=about.description,
        licence=about.licence,
        language=about.language,
        tokens=about.tokens,
        splits=about.splits(place)
        if about.splits
        else plain(tagged) or plain(labelled) or plain(pairs),
        announcements=about.announcements,
        labelled=labelled,
        tagged=tagged,
        column=about.column,
        pairs=pairs,
        source_tokens=about.source_tokens,
    )


def _place(name: str, folder: Path | None) -> Path:
    """Where a published data set lies.  Raises DataError if it is not all there."""
    missing = _missing(name, folder)
    if not missing:
        assert folder is not None
        return folder / (PUBLISHED[name].folder or name)
    about = PUBLISHED[name]
    place = about.folder or name
    looked = f"{folder / place}" if folder else f"nowhere: {SHELF} is not set"
    raise DataError(
        f"{name} is not on this machine",
        where=(f"looked in: {looked}", f"missing: {', '.join(missing)}, or the same with .gz"),
        hint=f"get it from {about.source}, put it in a folder {place!r}, "
        f"and set {SHELF} to the folder that folder is in",
    )


def _missing(name: str, folder: Path | None) -> list[str]:
    about = PUBLISHED[name]
    place = folder / (about.folder or name) if folder else None
    return [f for f in about.files if place is None or shelf.locate(place, f) is None]


def _speakable(name: str) -> bool:
    """Whether a name can be written down and looked for."""
    try:
        return b"\0" not in name.encode()
    except UnicodeEncodeError:
        return False


def _beside(path: Path) -> list[str]:
    """Files near a path that was perhaps misspelt, a few."""
    try:
        return [str(path.parent / p.name) for p in path.parent.iterdir()][:1000]
    except OSError:
        return []
