"""The n-grams of a trie as lines of text, many at a time: `export.arpa` says what a line is."""

import numpy as np

from malmoi.kernels.compile import compiled

PLACES = 12
"""Decimal places: conditionals that are read again still sum to 1."""
NUMBER = 18  # bytes of a number that is above -1000, at most


@compiled
def lines(
    k: int,
    node: int,
    end: int,
    path: np.ndarray,
    word: np.ndarray,
    first: np.ndarray,
    logp: np.ndarray,
    beta: np.ndarray,
    names: np.ndarray,
    name: np.ndarray,
    out: np.ndarray,
) -> tuple[int, int]:
    """Print k-grams from `node` on until `end` or until `out` is full: where it ended, how much.

    logp, beta: log10, of node `node + i` at i; no beta that would be printed as 0 is printed.
    names: the spelling of w is names[name[w]:name[w + 1]], and the last one that of <s>.
    path: the node of each beginning of the last n-gram that was printed; to begin with, the first
    node of each level.
    """
    V = len(name) - 2
    longest = 0
    for w in range(V + 1):
        longest = max(longest, name[w + 1] - name[w])
    at, start = 0, node
    while node < end and at + k * (longest + 1) + 2 * NUMBER + 2 <= len(out):
        at = number(logp[node - start], out, at)
        path[k - 1] = node
        for j in range(k - 2, -1, -1):  # neighbours have the same history, or the next one
            while first[path[j] + 1] <= path[j + 1]:
                path[j] += 1
        for j in range(k):
            w = word[path[j]]
            if w == 0 and k > 1 and j == 0:
                w = V
            out[at] = 9 if j == 0 else 32
            at += 1
            for i in range(name[w], name[w + 1]):
                out[at] = names[i]
                at += 1
        if abs(beta[node - start]) * 10.0**PLACES > 0.5:
            out[at] = 9
            at = number(beta[node - start], out, at + 1)
        out[at] = 10
        at += 1
        node += 1
    return node, at


@compiled
def number(x: float, out: np.ndarray, at: int) -> int:
    """Print x, |x| < 1000, with no zeros at the end; returns the place after it."""
    scaled = int(np.rint(abs(x) * 10.0**PLACES))
    if x < 0 and scaled > 0:
        out[at] = 45
        at += 1
    whole = scaled // 10**PLACES
    rest = scaled - whole * 10**PLACES
    power = 100 if whole >= 100 else 10 if whole >= 10 else 1
    while power > 0:
        out[at] = 48 + whole // power % 10
        at += 1
        power //= 10
    if rest > 0:
        out[at] = 46
        at += 1
        power = 10 ** (PLACES - 1)
        while rest > 0:
            out[at] = 48 + rest // power
            rest %= power
            power //= 10
            at += 1
    return at
