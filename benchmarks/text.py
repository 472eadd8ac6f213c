"""How fast each kind of token is learnt and read, and how long its tokens are.

MALMOI_DATA=… python -m benchmarks.text [KIND …]
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from malmoi.data.formats import read_lines
from malmoi.text import KINDS, Text


def wikitext(shelf: Path) -> Iterator[str]:
    return read_lines(shelf / "wikitext-2/train.txt.gz")


def nsmc(shelf: Path) -> Iterator[str]:
    lines = read_lines(shelf / "nsmc/ratings_train.txt.gz")
    next(lines)
    return (line.split("\t")[1] for line in lines)


def main(kinds: list[str]) -> None:
    shelf = Path(os.environ["MALMOI_DATA"])
    texts: dict[str, Callable[[Path], Iterator[str]]] = {"wikitext-2": wikitext, "nsmc": nsmc}
    print(f"{'text':<12}{'kind':<12}{'V':>9}{'chars/token':>13}{'learn s':>9}{'encode s':>10}")
    for name, read in texts.items():
        lines = list(read(shelf))
        for kind in kinds:
            start = time.process_time()
            text = Text.learn(lines, kind=kind)
            learnt = time.process_time()
            tokens = sum(map(len, text.encode_lines(lines)))
            read_again = time.process_time()
            characters = sum(map(text.characters, lines))
            print(
                f"{name:<12}{kind:<12}{len(text.vocabulary):>9,}{characters / tokens:>13.2f}"
                f"{learnt - start:>9.1f}{read_again - learnt:>10.1f}"
            )


if __name__ == "__main__":
    main(sys.argv[1:] or [kind for kind in KINDS if kind != "morphemes"])
