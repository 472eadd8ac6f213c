"""The places of a text with the n tokens that begin at each: what others than us sort and count.

Nothing but NumPy is needed here, so that a worker that is sent these loops starts at once.
"""

from typing import Any

import numpy as np

SAID = "said"


def windows(stream: np.ndarray, begin: int, end: int, n: int) -> np.ndarray:
    """The n tokens from each place in begin … end - 1 on, [n, end - begin].

    What follows the end of the sentence, or of the text, is -1: no n-gram goes over it.
    """
    part = np.full(end - begin + n - 1, -1, np.int32)
    here = stream[begin : end + n - 1]
    part[: len(here)] = here
    columns = np.lib.stride_tricks.sliding_window_view(part, end - begin).copy()
    for k in range(2, n):  # the first may be <s>
        columns[k, columns[k - 1] <= 0] = -1
    return columns


def together(rows: np.ndarray, said: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sorted rows, [m, n], those that are the same added up."""
    order = np.lexsort(rows.T[::-1])
    rows = rows[order]
    begin = np.flatnonzero(np.append(True, (rows[1:] != rows[:-1]).any(1))[: len(rows)])
    return rows[begin], np.add.reduceat(said[order], begin) if len(begin) else said


def count_parts(
    batch: dict[str, np.ndarray], *, text: Any, fetch: Any, step: int, n: int
) -> dict[str, np.ndarray]:
    """`together` of the parts that a batch numbers, as columns; fetch(text) is the stream."""
    stream = fetch(text)
    places = len(stream) - 1  # no two words begin at the last
    ends = [(part * step, min((part + 1) * step, places)) for part in batch["id"].tolist()]
    rows = [windows(stream, begin, end, n).T for begin, end in ends if begin < end]
    whole = np.concatenate([np.empty((0, n), np.int32), *rows])
    found, said = together(whole, np.ones(len(whole), np.int64))
    return {f"w{k + 1}": found[:, k] for k in range(n)} | {SAID: said}
