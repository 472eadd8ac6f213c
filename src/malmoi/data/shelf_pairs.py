"""How the pairs of published data sets are read from their files.

Every reader takes the folder of its data set and gives its splits; nothing is read before it is
asked for.  Where there is no published split, `tenth` of the source makes one.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path

from malmoi.data.examples import Pair, Pairs
from malmoi.data.moses import Parallel, find_parallel
from malmoi.data.pairs import Languages, held_out, whole
from malmoi.data.rows import cells
from malmoi.data.shares import SPLITS, Items, deal, tenth
from malmoi.data.shelf import locate, read
from malmoi.data.shelf_examples import PARTS, Keep
from malmoi.errors import DataError, TextError


def _columns(folder: Path, name: str) -> Iterator[Pair]:
    """Two columns between tabs; what follows them says who wrote them."""
    for number, line in enumerate(read(folder, name), start=1):
        source, tab, rest = line.partition("\t")
        if not tab:
            raise TextError("a pair has a tab in it", where=f"{folder / name}:{number}")
        yield Pair(source, rest.partition("\t")[0])


def _kept(items: Items[Pair], keep: Keep) -> Iterator[Pair]:
    return (pair for pair in items() if keep(tenth(pair.source)))


def _dealt(items: Items[Pair]) -> dict[str, Pairs]:
    return held_out({split: partial(_kept, items, keep) for split, keep in PARTS.items()})


def tatoeba_french(folder: Path) -> dict[str, Pairs]:
    names = {"train": "train.tsv", "valid": "dev.tsv", "test": "test.tsv"}
    return held_out({split: partial(_columns, folder, name) for split, name in names.items()})


def tatoeba_korean(folder: Path) -> dict[str, Pairs]:
    return _dealt(partial(_columns, folder, "kor.txt"))


def _replies(path: Path) -> Iterator[Pair]:
    for _, row in islice(cells(path, "csv", ","), 1, None):
        yield Pair(row[0], row[1])


def chatbot(folder: Path) -> dict[str, Pairs]:
    name = "ChatbotData.csv"
    return _dealt(partial(_replies, locate(folder, name) or folder / name))


def pronunciations(folder: Path) -> dict[str, Pairs]:
    parts = {"train": "train", "valid": "dev", "test": "test"}
    return held_out(
        {
            split: partial(_columns, folder, f"{part}/kor_{part}.tsv")
            for split, part in parts.items()
        }
    )


def _toy(folder: Path, name: str) -> Iterator[Pair]:
    """Lines of one width: what is asked, `_`, what is answered, each with spaces after it."""
    for number, line in enumerate(read(folder, name), start=1):
        source, mark, target = line.partition("_")
        if not mark:
            raise TextError(
                "a question and its answer have _ between them", where=f"{name}:{number}"
            )
        yield Pair(source.strip(), target.strip())


def toy(folder: Path, name: str) -> dict[str, Pairs]:
    return _dealt(partial(_toy, folder, name))


def korean_news(folder: Path) -> dict[str, Pairs]:
    place = folder / "news"
    names = {"valid": "korean-english-park.dev", "test": "korean-english-park.test"}
    return held_out(
        {
            split: Parallel(*(_side(place, f"{name}.{language}") for language in ("en", "ko")))
            for split, name in names.items()
        }
    )


def _side(folder: Path, name: str) -> Path:
    return locate(folder, name) or folder / name


def parallel(folder: Path, languages: Languages) -> Mapping[str, Pairs]:
    """Parallel files whose names say which split they are; missing splits are cut from train."""
    found = find_parallel(folder, languages)
    if found is None:
        raise DataError("there are no parallel files here", where=str(folder))
    views: dict[str, Pairs] = {
        split: whole(part, f"{folder.name}, {split}")[0] for split, part in found[0].items()
    }
    if missing := tuple(split for split in SPLITS if split not in views):
        views |= deal(views["train"], folder.name, 0, missing)[0]
    return held_out({split: views[split] for split in SPLITS})
