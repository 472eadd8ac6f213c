"""The data sets malmoi knows by name, and the one way to find any data: `find(name or path)`.

    python-docs                     carried by every Python
    toy-ko, toy-en                  made by malmoi (toy.py)
    wikitext-2, nsmc, …             on the shelf: the folder that MALMOI_DATA names
    my.txt, a folder                yours (files.py)

Nothing here touches the network.  `get` says whether a copy on the shelf is the published one, or
where the data set is to be had.
"""

import gzip
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from malmoi.data import python_docs, shelf, toy
from malmoi.data.dataset import DataSet
from malmoi.data.files import from_file, from_folder
from malmoi.data.shelf import Published
from malmoi.errors import DataError, did_you_mean

SHELF = "MALMOI_DATA"

PUBLISHED = {
    "wikitext-2": Published(
        description="English Wikipedia articles, words with <unk> (Merity et al. 2016)",
        licence="CC BY-SA 3.0",
        language="English",
        tokens="given",
        source="the repository pytorch/examples, word_language_model/data/wikitext-2",
        files={
            "train.txt": "9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f",
            "valid.txt": "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
            "test.txt": "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
        },
        splits=partial(
            shelf.word_files,
            names={"train": "train.txt", "valid": "valid.txt", "test": "test.txt"},
        ),
        announcements=("wikitext-2: words as given, blank lines dropped",),
    ),
    "ptb": Published(
        description="Penn Treebank news, 10,000 words with <unk> (Mikolov et al. 2010)",
        licence="LDC; ask there",
        language="English",
        tokens="given",
        source="the simple-examples of Mikolov's RNNLM (its data folder)",
        files={"ptb.train.txt": None, "ptb.valid.txt": None, "ptb.test.txt": None},
        splits=partial(
            shelf.word_files,
            names={"train": "ptb.train.txt", "valid": "ptb.valid.txt", "test": "ptb.test.txt"},
        ),
    ),
    "tiny-shakespeare": Published(
        description="plays of Shakespeare in one file, for character models (Karpathy 2015)",
        licence="public domain",
        language="English",
        tokens="characters",
        source="the repository karpathy/char-rnn, data/tinyshakespeare/input.txt",
        files={"input.txt": "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"},
        splits=shelf.tiny_shakespeare,
        announcements=(
            "tiny-shakespeare: the first 90 % of the characters are train, the rest valid, as in "
            "nanoGPT; there is no third part, so test is valid",
        ),
    ),
    "war-and-peace": Published(
        description="Tolstoy's novel in English, for character models (Karpathy et al. 2015)",
        licence="public domain",
        language="English",
        tokens="characters",
        source="Project Gutenberg, or ThingsOfBeam/Corpus, warpeace_input.txt (CR made LF)",
        files={
            "warpeace_input.txt": "387abb24183c7a856e1b22227cf76a935149a00fe876d40f407677e7eab25eae"
        },
        splits=shelf.war_and_peace,
        announcements=("war-and-peace: 80, 10 and 10 % of the characters, cut at line ends",),
    ),
    "nsmc": Published(
        description="short Korean film reviews (Naver sentiment movie corpus, Park 2015)",
        licence="CC0 1.0",
        language="Korean",
        tokens="characters",
        source="the repository e9t/nsmc",
        files={
            "ratings_train.txt": "e03b7d14e9e41be8d464a28057cd25d7396c53e67aa7fd5f7e552c59b0ee2940",
            "ratings_test.txt": "8ac9f64052f11dbf6ae0acb5e038f03d90a76f0eda7820cfb3a92d02edfcebda",
        },
        splits=shelf.nsmc,
        announcements=(
            "nsmc: the reviews without their labels; valid is a tenth of the published training "
            "file, by the SHA-256 of the review's id",
        ),
    ),
    "petitions-ko": Published(
        description="bodies of petitions to the Blue House, six months of 2017 and 2019",
        licence="KOGL Type 1",
        language="Korean",
        tokens="bpe",
        source="the repository lovit/petitions_archive, the six monthly files",
        files={
            f"petitions_{month}.jsonl": digest
            for month, digest in {
                "2017-08": "13f09d466b6a8f5732bf5609f0799701dc397c5740d75275b5977bd9930c4729",
                "2019-04": "6db47ca63b0f46731ec22a2043aa55bd2928efd620bf9cc8c52726f7962b2fc0",
                "2019-05": "624dadd3d1f8b5ed9065e7b539095990dcb1babe40fb6b9d45f3feb025f8b5a6",
                "2019-06": "28886a963d2fabdad0e90ec2d64adf42dc0668389250fb6a4969fad968240282",
                "2019-07": "bc15c72d2e0e15ff0b05488127841a110784168149ef17f578622c9103771e12",
                "2019-08": "6364e84171bb4ddbc03cf1445d91e19d05bfe568baeceb0a573079092e8a5500",
            }.items()
        },
        splits=shelf.petitions,
        announcements=("petitions-ko: split by month; valid is 2019-07, test 2019-08",),
    ),
}
BUILT_IN = ("python-docs", *toy.LANGUAGES)


@dataclass(frozen=True)
class Entry:
    """A line of `malmoi data list`."""

    name: str
    here: bool
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
    found = [Entry(d.name, True, d.language, d.licence, d.description) for d in built_in]
    for name, about in PUBLISHED.items():
        here = not _missing(name, folder or shelf_folder())
        found.append(Entry(name, here, about.language, about.licence, about.description))
    return found


def find(name: str | Path, *, seed: int = 0, folder: Path | None = None) -> DataSet:
    """A named data set, a file or a folder.  seed: of the split of a file.

    A name wins over a file of that name; write ./name to mean the file.
    Raises DataError if there is no such thing, or if it is known but not on the shelf.
    """
    known = str(name)
    if known in BUILT_IN:
        return _built_in(known)
    if known in PUBLISHED:
        return _published(known, folder or shelf_folder())
    path = Path(name)
    if known and path.is_dir():  # "" would be the folder we stand in
        return from_folder(path, seed)
    if known and path.exists():
        return from_file(path, seed)
    near = did_you_mean(known, (*BUILT_IN, *PUBLISHED, *_beside(path)))
    raise DataError(
        f"there is no data set, file or folder {known!r}",
        where=f"names: {', '.join((*BUILT_IN, *PUBLISHED))}",
        hint=near if near.startswith("did") else "malmoi data list",
    )


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
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
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
    return DataSet(
        name=name,
        description=about.description,
        licence=about.licence,
        language=about.language,
        tokens=about.tokens,
        splits=about.splits(place),
        announcements=about.announcements,
    )


def _place(name: str, folder: Path | None) -> Path:
    """Where a published data set lies.  Raises DataError if it is not all there."""
    missing = _missing(name, folder)
    if not missing:
        assert folder is not None
        return folder / name
    about = PUBLISHED[name]
    looked = f"{folder / name}" if folder else f"nowhere: {SHELF} is not set"
    raise DataError(
        f"{name} is not on this machine",
        where=(f"looked in: {looked}", f"missing: {', '.join(missing)}, or the same with .gz"),
        hint=f"get it from {about.source}, put it in a folder {name!r}, "
        f"and set {SHELF} to the folder that folder is in",
    )


def _missing(name: str, folder: Path | None) -> list[str]:
    files = PUBLISHED[name].files
    return [f for f in files if folder is None or shelf.locate(folder / name, f) is None]


def _beside(path: Path) -> list[str]:
    """Files near a path that was perhaps misspelt, a few."""
    try:
        return [str(path.parent / p.name) for p in path.parent.iterdir()][:1000]
    except OSError:
        return []
