"""The character n-grams of words, hashed into buckets as fastText does (Bojanowski et al. 2017).

    <where>   with n = 3:   <wh  whe  her  ere  re>

An n-gram is n characters of UTF-8; its bucket is its FNV-1a hash, 32 bits, modulo the number of
buckets.  fastText's bytes are signed: one from 128 on is extended by ones before it is hashed.
A single `<` or `>` is no n-gram.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from malmoi.kernels.compile import compiled


def pieces(
    words: Sequence[str], shortest: int, longest: int, buckets: int
) -> tuple[Int[np.ndarray, " n1"], Int[np.ndarray, " m"]]:
    """The buckets of word i are bucket[first[i]:first[i+1]], one for each of its n-grams."""
    coded = [f"<{word}>".encode() for word in words]
    ends = np.cumsum([0, *map(len, coded)])
    text = np.frombuffer(b"".join(coded), np.uint8)
    most = (longest - shortest + 1) * len(text) if buckets else 0
    bucket, first = np.empty(most, np.int64), np.zeros(len(words) + 1, np.int64)
    if most:
        n = hashed(text, ends, shortest, longest, buckets, first, bucket)
        bucket = bucket[:n].copy()
    return first, bucket


@compiled
def hashed(
    text: np.ndarray,
    ends: np.ndarray,
    shortest: int,
    longest: int,
    buckets: int,
    first: np.ndarray,
    bucket: np.ndarray,
) -> int:
    """Fill first and bucket; returns how many n-grams there are."""
    n = 0
    for word in range(len(ends) - 1):
        begin, end = ends[word], ends[word + 1]
        for start in range(begin, end):
            if text[start] & 0xC0 == 0x80:  # inside of a character
                continue
            h = np.uint32(2166136261)
            characters = 0
            at = start
            while at < end and characters < longest:
                while True:  # one character
                    byte = np.uint32(text[at])
                    if byte >= np.uint32(128):
                        byte |= np.uint32(0xFFFFFF00)
                    h = np.uint32((h ^ byte) * np.uint32(16777619))
                    at += 1
                    if at == end or text[at] & 0xC0 != 0x80:
                        break
                characters += 1
                edge = characters == 1 and (start == begin or at == end)
                if characters >= shortest and not edge:
                    bucket[n] = h % np.uint32(buckets)
                    n += 1
        first[word + 1] = n
    return n
