"""Learning the pieces of a unigram language model
(Kudo, ACL 2018, arXiv:1804.10959, §3.2), the same pieces on every run.

    P(x) = Π_i p(x_i)        L = Σ_s |s| log Σ_{x ∈ S(X_s)} P(x)      eq. 6, 8

    1  seeds: substrings that occur at least twice, the best by count × length
    2  EM for p, a few steps
    3  loss_i: how much L falls if piece i goes.  Keep the best 3/4; a letter never goes
    4  again from 2, until there are as many pieces as asked for

paper    here                             paper     here
X_s      a training word                  p(x_i)    exp of `logp`
|s|      how often it was seen            S(X_s)    the ways through its nodes

Differs: step 3 replaces a piece by its best other segmentation and does not renormalise.
All words are walked at once, a place at a time, in NumPy.  Sums are made in one order, so the
result depends on no thread and no hash; that of the `tokenizers` trainer does.

Shapes: N letters of the corpus, W words, E edges, P pieces, L letters in the alphabet.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

LONGEST = 16  # letters in a piece
WORD = 64  # letters in a training word: a longer one is cut
LETTERS = 1_000_000  # of all training words together: beyond, the rarest words are left out
SEEDS = 200_000
KEEP = 0.75
STEPS = 2

Array = np.ndarray


def train(words: Mapping[str, int], *, letters: str, size: int) -> list[tuple[str, float]]:
    """At most `size` pieces with their log-probabilities: all the letters and the best longer ones.

    words: how often each was seen; they are spelt in letters.  The likeliest pieces come first.
    """
    corpus = Corpus.of(words, letters)
    L = len(letters)
    seeds = find(corpus, L, SEEDS)
    logp = np.log(seeds.scores / seeds.scores.sum())
    alive = np.ones(len(logp), dtype=bool)
    while True:
        lattice = Lattice(corpus, np.where(alive[seeds.table], seeds.table, -1))
        for _ in range(STEPS):
            expected = lattice.expect(logp)
            logp = _maximise(expected, L)
        longer = np.flatnonzero(np.isfinite(logp))[L:]
        room = max(0, size - L)
        if len(longer) <= room:
            break
        loss = expected[longer] * (logp[longer] - seeds.otherwise(longer, logp))
        best = longer[np.lexsort((longer, -loss))]
        alive[L:] = False
        alive[best[: max(room, int(KEEP * len(longer)))]] = True
        logp = np.where(alive, logp, -np.inf)
    pieces = [
        (seeds.spell(corpus, letters, i), float(logp[i])) for i in [*range(L), *longer.tolist()]
    ]
    return sorted(pieces, key=lambda piece: (-piece[1], piece[0]))


class Corpus(NamedTuple):
    """Training words end to end.  codes, word, offset: of each letter; counts: of each word."""

    codes: Int[Array, "N"]
    word: Int[Array, "N"]
    offset: Int[Array, "N"]
    counts: Float64[Array, "W"]
    sizes: Int[Array, "W"]

    @classmethod
    def of(cls, words: Mapping[str, int], letters: str) -> "Corpus":
        """The words, cut to WORD letters, the most frequent first, LETTERS letters in all."""
        cut: dict[str, int] = {}
        for word, count in words.items():
            for at in range(0, len(word), WORD):
                part = word[at : at + WORD]
                cut[part] = cut.get(part, 0) + count
        ranked = sorted(cut, key=lambda part: (-cut[part], part))
        total = np.cumsum([len(part) for part in ranked])
        kept = ranked[: int(np.searchsorted(total, LETTERS)) + 1]
        sizes = np.array([len(part) for part in kept], dtype=np.int32)
        places = {letter: i for i, letter in enumerate(letters)}
        return cls(
            codes=np.array([places[c] for part in kept for c in part], dtype=np.int32),
            word=np.repeat(np.arange(len(kept), dtype=np.int32), sizes),
            offset=np.concatenate([np.arange(n, dtype=np.int32) for n in sizes]),
            counts=np.array([cut[part] for part in kept], dtype=np.float64),
            sizes=sizes,
        )


class Seeds(NamedTuple):
    """The pieces to begin with; the letters are the first.

    table[l - 1, n]: the piece of l letters that begins at letter n of the corpus, or -1.
    first: a letter where each piece begins.
    """

    table: Int[Array, "longest N"]
    first: Int[Array, "P"]
    lengths: Int[Array, "P"]
    scores: Float64[Array, "P"]

    def spell(self, corpus: Corpus, letters: str, i: int) -> str:
        """The letters of piece i."""
        if i < len(letters):
            return letters[i]
        begin = self.first[i]
        return "".join(letters[c] for c in corpus.codes[begin : begin + self.lengths[i]])

    def otherwise(self, pieces: Int[Array, "Q"], logp: Float64[Array, "P"]) -> Float64[Array, "Q"]:
        """The log-probability of the best segmentation of each piece into other pieces."""
        scores = np.append(logp, -np.inf)  # at -1: no piece
        lengths, first = self.lengths[pieces], self.first[pieces]
        best = np.full((LONGEST + 1, len(pieces)), -np.inf)
        best[0] = 0.0
        for end in range(1, LONGEST + 1):
            inside = np.flatnonzero(lengths >= end)
            for size in range(1, end + 1):
                using = self.table[size - 1, first[inside] + end - size]
                score = best[end - size, inside] + scores[using]
                score[using == pieces[inside]] = -np.inf
                best[end, inside] = np.maximum(best[end, inside], score)
        found: Array = best[lengths, np.arange(len(pieces))]
        return found


def find(corpus: Corpus, L: int, limit: int) -> Seeds:
    """The L letters, and the substrings seen twice and not always inside the same longer one."""
    N, weights = len(corpus.codes), corpus.counts[corpus.word]
    left = corpus.sizes[corpus.word] - corpus.offset  # letters from here to the end of the word
    table = np.full((LONGEST, N), -1, dtype=np.int32)
    table[0] = corpus.codes
    here = corpus.codes.astype(np.int64)  # which substring of the last length begins here
    counts = [np.bincount(corpus.codes, weights, minlength=L)]
    first = [np.full(L, -1, dtype=np.int64)]
    inside = []  # whether each is always inside the same longer one
    for size in range(2, LONGEST + 1):
        K = len(counts[-1])
        n = np.flatnonzero((left[:-1] >= size) & (here[:-1] >= 0) & (here[1:] >= 0))
        pairs, at, which = np.unique(
            here[n] * K + here[n + 1], return_index=True, return_inverse=True
        )
        seen = np.bincount(which, weights[n], minlength=len(pairs))
        kept = seen >= 2
        longer = np.zeros(K, dtype=bool)
        for part in (pairs[kept] // K, pairs[kept] % K):
            longer[part[counts[-1][part] == seen[kept]]] = True
        inside.append(longer)
        here = np.full(N, -1, dtype=np.int64)
        here[n] = np.where(kept, np.cumsum(kept) - 1, -1)[which]
        table[size - 1] = np.where(here >= 0, here + sum(map(len, counts)), -1)
        counts.append(seen[kept])
        first.append(n[at[kept]])
    inside.append(np.zeros(len(counts[-1]), dtype=bool))
    lengths = np.repeat(np.arange(1, LONGEST + 1), [len(c) for c in counts])
    scores = np.concatenate(counts) * lengths
    free = np.flatnonzero(~np.concatenate(inside)[L:]) + L
    chosen = np.sort(free[np.lexsort((free, -scores[free]))[:limit]])
    chosen = np.concatenate([np.arange(L), chosen])
    place = np.full(len(scores) + 1, -1, dtype=np.int32)  # one more, for what is no piece
    place[chosen] = np.arange(len(chosen))
    return Seeds(
        table=place[table],
        first=np.concatenate(first)[chosen],
        lengths=lengths[chosen],
        scores=np.maximum(scores[chosen], 0.5),
    )


class Step(NamedTuple):
    """Edges that meet in nodes equally far along their words: those of one node stand together.

    far: the other node of each edge.  cuts: where the edges of each of `nodes` begin.
    """

    far: Int[Array, "e"]
    piece: Int[Array, "e"]
    nodes: Int[Array, "n"]
    cuts: Int[Array, "n"]


class Lattice:
    """All the ways to spell the words of a corpus in the pieces of a table.

    Node n + w stands before letter n, w being its word; a word has one node more than letters.
    """

    def __init__(self, corpus: Corpus, table: Int[Array, "longest N"]) -> None:
        self.counts = corpus.counts
        size, n = np.nonzero(table >= 0)
        self.piece = table[size, n]
        self.word = corpus.word[n]
        self.begin = (n + self.word).astype(np.int32)
        self.end = (self.begin + size + 1).astype(np.int32)
        self.last = np.cumsum(corpus.sizes + 1) - 1
        self.start = self.last - corpus.sizes
        reach = corpus.offset[n] + size + 1
        self.forwards = list(_steps(reach, self.end, self.begin, self.piece))
        self.backwards = list(_steps(-corpus.offset[n], self.begin, self.end, self.piece))

    def expect(self, logp: Float64[Array, "P"]) -> Float64[Array, "P"]:
        """How often each piece is expected to be used, over all segmentations: the E step."""
        alpha = self._walk(logp, self.start, self.forwards)
        beta = self._walk(logp, self.last, self.backwards)
        gamma = np.exp(
            alpha[self.begin] + logp[self.piece] + beta[self.end] - alpha[self.last][self.word]
        )
        used = gamma * self.counts[self.word]
        return np.bincount(self.piece, used, minlength=len(logp)).astype(np.float64)

    def likelihood(self, logp: Float64[Array, "P"]) -> float:
        """L: the log-likelihood of the corpus."""
        alpha = self._walk(logp, self.start, self.forwards)
        return float(alpha[self.last] @ self.counts)

    def _walk(
        self, logp: Float64[Array, "P"], source: Int[Array, "W"], steps: list[Step]
    ) -> Float64[Array, "nodes"]:
        """The log-sum over all ways from the source nodes to every node."""
        total = np.full(self.last[-1] + 1, -np.inf)
        total[source] = 0.0
        for step in steps:
            ways = total[step.far] + logp[step.piece]
            best = np.maximum.reduceat(ways, step.cuts)
            sizes = np.diff(step.cuts, append=len(ways))
            shares = np.add.reduceat(np.exp(ways - np.repeat(best, sizes)), step.cuts)
            total[step.nodes] = best + np.log(shares)
        return total


def _steps(
    level: Int[Array, "E"], node: Int[Array, "E"], far: Int[Array, "E"], piece: Int[Array, "E"]
) -> Iterator[Step]:
    """The edges by level, and within a level by node."""
    order = np.lexsort((node, level))
    for edges in np.split(order, np.flatnonzero(np.diff(level[order])) + 1):
        nodes, cuts = np.unique(node[edges], return_index=True)
        yield Step(far[edges], piece[edges], nodes, cuts)


def _maximise(expected: Float64[Array, "P"], L: int) -> Float64[Array, "P"]:
    """The M step.  A longer piece that is hardly used goes; a letter never does."""
    used = expected.copy()
    used[:L] = np.maximum(used[:L], 0.5)
    used[L:][used[L:] < 0.5] = 0.0
    logp = np.full(len(used), -np.inf)
    np.log(used / used.sum(), out=logp, where=used > 0)
    return logp
