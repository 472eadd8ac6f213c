"""Texts dealt out to train, valid and test by their own SHA-256, so that no text is in two.

    named sets    the tenth of a key: the first 8 bytes of SHA-256(key), modulo 10
    your files    texts in the order of SHA-256("seed:text"): the first tenth of the different
                  texts is valid, the second test, the rest train

A text is what is left in NFC without the white space around it: a duplicate goes where the first
went, whatever its label.  The same on every machine.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeAlias, TypeVar

import numpy as np

from malmoi.data.dataset import Source
from malmoi.data.examples import Example, Pair, Tagged
from malmoi.errors import EmptyText
from malmoi.text.normalise import nfc

T = TypeVar("T", Example, Tagged, Pair)
Items: TypeAlias = Callable[[], Iterator[T]]
TENTH = 10
SPLITS = ("train", "valid", "test")


def _number(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")


def tenth(key: str) -> int:
    """Which of ten parts a key belongs to."""
    return _number(nfc(key).strip()) % TENTH


def drawn(items: Iterable[T], limit: int, seed: int) -> list[T]:
    """Those of the `limit` smallest hashes, in their own order (0: all): fewer are among more."""
    found = list(items)
    if not 0 < limit < len(found):
        return found
    order = sorted(range(len(found)), key=lambda i: (_place(found[i].text, seed), i))
    return [found[i] for i in sorted(order[:limit])]


def lines_of(items: Items[T]) -> Iterator[str]:
    """The texts alone, as lines; blank ones are dropped."""
    return (line for item in items() for line in item.text.split("\n") if line.strip())


def plain(views: dict[str, Items[T]]) -> dict[str, Source]:
    return {split: partial(lines_of, items) for split, items in views.items()}


def deal(
    items: Items[T], name: str, seed: int, wanted: tuple[str, ...] = ("valid", "test")
) -> tuple[dict[str, Items[T]], tuple[str, ...]]:
    """Split by the text: a tenth for each of `wanted`, the rest for train; and what to say.

    Reads everything once.  Raises EmptyText if there are too few different texts to split.
    """
    numbers = np.fromiter((_place(item.text, seed) for item in items()), np.uint64)
    distinct = np.unique(numbers)
    if len(distinct) < 1 + len(wanted):
        where = f"{name}: {len(distinct):,} different texts"
        hint = "a few hundred or more make sense"
        raise EmptyText("there is too little to split", where=where, hint=hint)
    size = max(len(distinct) // TENTH, 1)
    bounds = [int(distinct[i * size]) for i in range(len(wanted) + 1)]
    bounds[0] = 0
    views: dict[str, Items[T]] = {
        split: partial(_between, items, seed, bounds[i], bounds[i + 1])
        for i, split in enumerate(wanted)
    }
    views["train"] = partial(_between, items, seed, bounds[-1], 1 << 64)
    views = {split: views[split] for split in SPLITS if split in views}
    left = np.searchsorted(np.array(bounds[1:], np.uint64), numbers, side="right")
    counts = dict(zip((*wanted, "train"), np.bincount(left, minlength=len(bounds)), strict=True))
    said = (
        f"{name}: {len(numbers):,} texts split by malmoi into "
        + ", ".join(f"{counts[split]:,} {split}" for split in views)
        + f" (by the SHA-256 of the text, no text in two; seed {seed})",
    )
    return views, said


def _place(text: str, seed: int) -> int:
    return _number(f"{seed}:{nfc(text).strip()}")


def _between(items: Items[T], seed: int, low: int, high: int) -> Iterator[T]:
    return (item for item in items() if low <= _place(item.text, seed) < high)
