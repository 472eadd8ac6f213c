"""How the labelled texts and tagged sentences of published data sets are read from their files.

Every reader takes the folder of its data set and gives its splits; nothing is read before it is
asked for.  Where there is no published split, `tenth` of the text makes one: 0 is valid, and 1
test if that is missing too.
"""

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path

from malmoi.data.conll import Sentences
from malmoi.data.examples import Example, Examples, Tagged, TaggedSentences
from malmoi.data.rows import cells
from malmoi.data.shares import TENTH, Items, T, tenth
from malmoi.data.shelf import MONTHS, locate, read, read_petitions
from malmoi.errors import TextError

Keep = Callable[[int], bool]
PARTS: Mapping[str, Keep] = {
    "train": lambda part: part > 1,
    "valid": lambda part: part == 0,
    "test": lambda part: part == 1,
}


def _file(folder: Path, name: str) -> Path:
    return locate(folder, name) or folder / name


def _kept(items: Items[T], keep: Keep) -> Iterator[T]:
    return (item for item in items() if keep(tenth(item.text)))


# -- texts with labels ---------------------------------------------------------------------------


def _reviews(folder: Path, name: str, keep: Keep) -> Iterator[Example]:
    """The document column, quotation marks and all.  Empty documents are dropped."""
    for number, row in enumerate(read(folder, name), start=1):
        columns = row.split("\t")
        if len(columns) != 3:
            where = f"{folder / name}:{number}: {len(columns)} columns"
            raise TextError("a row of nsmc has id, document and label", where=where)
        key, document, label = columns
        if number > 1 and document.strip() and keep(tenth(key)):
            yield Example(document, (label,))


def nsmc(folder: Path) -> dict[str, Examples]:
    """The published test file, and the published training file cut in two by the review's id."""
    train = "ratings_train.txt"
    return {
        "train": partial(_reviews, folder, train, bool),
        "valid": partial(_reviews, folder, train, PARTS["valid"]),
        "test": partial(_reviews, folder, "ratings_test.txt", lambda part: True),
    }


KINDS = (
    *("fragment", "statement", "question", "command", "rhetorical question"),
    *("rhetorical command", "intonation-dependent"),
)
HELD_OUT = 49_622  # where the last tenth of 3i4k begins: its kinds are in order again from there


def _intentions(folder: Path, name: str, start: int, end: int | None) -> Iterator[Example]:
    for number, row in enumerate(islice(read(folder, name), start, end), start=start + 1):
        label, tab, text = row.partition("\t")
        if not tab or label not in map(str, range(len(KINDS))):
            raise TextError(
                "a row of 3i4k is a label and a text", where=f"{folder / name}:{number}"
            )
        yield Example(text, (KINDS[int(label)],))


def intentions(folder: Path) -> dict[str, Examples]:
    train = partial(_intentions, folder, "fci_train_val.txt")
    return {
        "train": partial(train, 0, HELD_OUT),
        "valid": partial(train, HELD_OUT, None),
        "test": partial(_intentions, folder, "fci_test.txt", 0, None),
    }


def _clinc(folder: Path, parts: tuple[str, ...]) -> Iterator[Example]:
    name = "data_full.json"
    try:
        found = json.loads("\n".join(read(folder, name)))
        for part in parts:
            yield from (Example(str(text), (str(intent),)) for text, intent in found[part])
    except (ValueError, KeyError, TypeError) as error:
        raise TextError("this is not CLINC150", where=f"{folder / name}: {error}") from error


def clinc(folder: Path) -> dict[str, Examples]:
    parts = {"train": "train", "valid": "val", "test": "test"}
    return {split: partial(_clinc, folder, (of, f"oos_{of}")) for split, of in parts.items()}


def _table(
    path: Path, kind: str, text: int, label: int, names: tuple[str, ...]
) -> Iterator[Example]:
    """Two columns of a table with a header.  names: of the labels, where they are numbers."""
    for _, row in islice(cells(path, "csv" if kind == "csv" else "tsv", ","), 1, None):
        said = row[label].strip()
        yield Example(row[text], (names[int(said)] if names else said,))


def banking(folder: Path) -> dict[str, Examples]:
    train = partial(_table, _file(folder, "train.csv"), "csv", 0, 1, ())
    return {
        "train": partial(_kept, train, bool),
        "valid": partial(_kept, train, PARTS["valid"]),
        "test": partial(_table, _file(folder, "test.csv"), "csv", 0, 1, ()),
    }


def topics(folder: Path, language: str) -> dict[str, Examples]:
    """SIB-200: index, topic and text; quotes are text."""
    parts = {"train": "train", "valid": "dev", "test": "test"}
    return {
        split: partial(_table, _file(folder, f"{language}/{part}.tsv"), "tsv", 2, 1, ())
        for split, part in parts.items()
    }


def chatbot(folder: Path) -> dict[str, Examples]:
    names = ("daily life", "parting", "love")
    questions = partial(_table, _file(folder, "ChatbotData.csv"), "csv", 0, 2, names)
    return {split: partial(_kept, questions, keep) for split, keep in PARTS.items()}


def _petitions(folder: Path, months: tuple[str, ...]) -> Iterator[Example]:
    for category, title, body in read_petitions(folder, months):
        if text := f"{title.strip()}\n{body.strip()}".strip():
            yield Example(text, (category,))


def petitions(folder: Path) -> dict[str, Examples]:
    return {split: partial(_petitions, folder, months) for split, months in MONTHS.items()}


def _masc(folder: Path, split: str) -> Iterator[Example]:
    """Documents in the order of genre and SHA-256: of ten neighbours the fifth is valid, the last
    test.  So every genre has its share, and none of two documents loses both."""
    with zipfile.ZipFile(_file(folder, "masc_tagged_no_wsj.zip")) as archive:
        about = archive.read("masc_tagged/categories.txt").decode()
        genres = [line.rsplit(" ", 1) for line in about.splitlines() if "wsj_" not in line]
        order = sorted(genres, key=lambda g: (g[1], hashlib.sha256(g[0].encode()).digest()))
        places = {"valid": (4,), "test": (9,)}.get(split, (0, 1, 2, 3, 5, 6, 7, 8))
        for i, (name, genre) in enumerate(order):
            if i % TENTH in places:
                yield Example(_untagged(archive.read(f"masc_tagged/{name}").decode()), (genre,))


def _untagged(text: str) -> str:
    """word_TAG word_TAG, a sentence or a part of one on a line: the words alone."""
    lines = (" ".join(w.rpartition("_")[0] or w for w in line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def masc(folder: Path) -> dict[str, Examples]:
    return {split: partial(_masc, folder, split) for split in PARTS}


# -- sentences with tags -------------------------------------------------------------------------


def universal(folder: Path, names: tuple[str, str, str]) -> dict[str, TaggedSentences]:
    """Universal Dependencies; names: of the files of train, valid and test."""
    files = zip(PARTS, names, strict=True)
    return {split: Sentences(_file(folder, name), "conllu") for split, name in files}


def wnut(folder: Path) -> dict[str, TaggedSentences]:
    names = ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated")
    files = zip(PARTS, names, strict=True)
    return {split: Sentences(_file(folder, name), "conll") for split, name in files}


def klue(folder: Path) -> dict[str, TaggedSentences]:
    characters = Sentences(_file(folder, "klue-ner-v1.1_dev.tsv"), "conll", glue="")
    every: Items[Tagged] = characters
    return {split: partial(_kept, every, keep) for split, keep in PARTS.items()}
