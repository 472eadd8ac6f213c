"""The places of a text with the n tokens that begin at each: what others than us count.

Nothing but NumPy is needed here, so that a worker that is sent these loops starts at once.
"""

from typing import Any

import numpy as np

SAID = "said"


def windows(stream: np.ndarray, begin: int, end: int, n: int) -> np.ndarray:
    """The n tokens from each place in begin … end - 1 on, [end - begin, n]; -1 after the last."""
    part = np.full(end - begin + n - 1, -1, np.int32)
    here = stream[begin : end + n - 1]
    part[: len(here)] = here
    return np.lib.stride_tricks.sliding_window_view(part, n)


def distinct(stream: np.ndarray, begin: int, end: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The distinct n-grams of orders 2 … n that begin in a part, filled up with -1; how often."""
    rows, found = windows(stream, begin, end, n), []
    for k in range(2, n + 1):
        kept = rows[(rows[:, k - 1] >= 0) & (rows[:, 1 : k - 1] != 0).all(1)].copy()
        kept[:, k:] = -1
        found.append(kept)
    return np.unique(np.concatenate(found), axis=0, return_counts=True)


def count_parts(
    batch: dict[str, np.ndarray], *, text: Any, fetch: Any, step: int, n: int
) -> dict[str, np.ndarray]:
    """`distinct` of the parts that a batch numbers, as columns; fetch(text) is the stream."""
    stream = fetch(text)
    ends = [(part * step, min((part + 1) * step, len(stream))) for part in batch["id"].tolist()]
    found = [distinct(stream, begin, end, n) for begin, end in ends if begin < end]
    grams = np.concatenate([np.empty((0, n), np.int32), *(grams for grams, _ in found)])
    said = np.concatenate([np.empty(0, np.int64), *(said for _, said in found)])
    return {f"w{k + 1}": grams[:, k] for k in range(n)} | {SAID: said}
