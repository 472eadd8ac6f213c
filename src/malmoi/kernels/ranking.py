"""Words by falling count, ties by code points: the order of a vocabulary.

Words are letters and starts, as in `kernels.spelling`.  UTF-8 compares as the code points do, so
that eight bytes at a time are compared as one number.
"""

import numpy as np

from malmoi.kernels.compile import compiled, inlined
from malmoi.kernels.memory import eight

U = np.uint64


@compiled
def sort(seen: np.ndarray, letters: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The words by falling count, ties by their letters; by merging (Knuth, TAOCP 3, §5.2.4).

    start: of each word, and where the last one ends.
    """
    known = len(seen)
    head = np.empty(known, np.uint64)
    for w in range(known):
        head[w] = chunk(letters, start[w], start[w + 1] - 1)
    ranked, merged = np.arange(known), np.empty(known, np.int64)
    width = 1
    while width < known:
        for low in range(0, known, 2 * width):
            middle, high = min(low + width, known), min(low + 2 * width, known)
            i, j = low, middle
            for k in range(low, high):
                second = i == middle or (
                    j < high and before(ranked[j], ranked[i], seen, head, letters, start)
                )
                if second:
                    merged[k] = ranked[j]
                    j += 1
                else:
                    merged[k] = ranked[i]
                    i += 1
        ranked, merged = merged, ranked
        width *= 2
    return ranked


@inlined
def before(
    a: int, b: int, seen: np.ndarray, head: np.ndarray, letters: np.ndarray, start: np.ndarray
) -> bool:
    """Whether word a comes before word b."""
    if seen[a] != seen[b]:
        return bool(seen[a] > seen[b])
    if head[a] != head[b]:
        return bool(head[a] < head[b])
    i, a_end, j, b_end = start[a] + 8, start[a + 1] - 1, start[b] + 8, start[b + 1] - 1
    while i < a_end and j < b_end:
        one, other = chunk(letters, i, a_end), chunk(letters, j, b_end)
        if one != other:
            return bool(one < other)
        i, j = i + 8, j + 8
    return bool(a_end - start[a] < b_end - start[b])


@inlined
def chunk(letters: np.ndarray, begin: int, end: int) -> np.uint64:
    """The next eight bytes, the first one highest, 0 from the end on: compared as numbers, they
    are compared as bytes."""
    x = U(eight(letters, begin))
    if end - begin < 8:
        x &= (U(1) << U(8 * max(end - begin, 0))) - U(1)
    x = ((x & U(0x00FF00FF00FF00FF)) << U(8)) | ((x >> U(8)) & U(0x00FF00FF00FF00FF))
    x = ((x & U(0x0000FFFF0000FFFF)) << U(16)) | ((x >> U(16)) & U(0x0000FFFF0000FFFF))
    return (x << U(32)) | (x >> U(32))
