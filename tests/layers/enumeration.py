"""The distributions over tags by their definition: every path, its score, and sums over them."""

import functools
import itertools
from typing import NamedTuple

import numpy as np
import torch

from malmoi.layers.crf import LinearChain, Moves
from malmoi.layers.distributions import Independent

CASES = 500


class Paths(NamedTuple):
    """Every path of one row, T tags each, 0 where masked: the likeliest first, ties by the last
    tag, then the one before it, and so on."""

    there: list[int]
    tags: np.ndarray
    scores: np.ndarray
    K: int

    @property
    def log_z(self) -> float:
        top = self.scores.max()
        return top if np.isneginf(top) else top + np.log(np.exp(self.scores - top).sum())

    @property
    def p(self) -> np.ndarray:
        return np.zeros(len(self.tags)) if np.isneginf(self.log_z) else np.exp(self.log_prob)

    @property
    def log_prob(self) -> np.ndarray:
        impossible = np.isneginf(self.scores)
        return np.where(impossible, -np.inf, self.scores - (self.log_z if self.possible else 0))

    @property
    def possible(self) -> int:
        return int((self.scores > -np.inf).sum())

    def nbest(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        tags, logp = np.zeros((k, self.tags.shape[1]), int), np.full(k, -np.inf)
        n = min(k, self.possible)
        tags[:n], logp[:n] = self.tags[:n], self.log_prob[:n]
        return tags, logp

    @property
    def marginals(self) -> np.ndarray:
        out = np.zeros((self.tags.shape[1], self.K))
        for t, j in itertools.product(self.there, range(self.K)):
            out[t, j] = self.p[self.tags[:, t] == j].sum()
        return out

    @property
    def edges(self) -> np.ndarray:
        out = np.zeros((max(0, self.tags.shape[1] - 1), self.K, self.K))
        for s, t in itertools.pairwise(self.there):
            for i, j in itertools.product(range(self.K), repeat=2):
                out[t - 1, i, j] = self.p[(self.tags[:, s] == i) & (self.tags[:, t] == j)].sum()
        return out


def enumerated(chain: LinearChain, row: int, allowed: Moves | None = None) -> Paths:
    e, A, start, end = (
        x.detach().double().numpy()
        for x in (chain.emissions[row], chain.transitions, chain.start, chain.end)
    )
    if allowed is not None:
        start, A, end = (
            np.where(may, x, -np.inf) for may, x in zip(allowed, (start, A, end), strict=True)
        )
    T, K = e.shape
    there = chain.mask[row].nonzero()[:, 0].tolist()
    n = len(there)
    y = np.array(list(itertools.product(range(K), repeat=n)), int).reshape(K**n, n)
    scores = sum((e[t, y[:, m]] for m, t in enumerate(there)), np.zeros(K**n))
    if there:
        scores += start[y[:, 0]] + A[y[:, :-1], y[:, 1:]].sum(1) + end[y[:, -1]]
    best = np.lexsort((*y.T, -scores))
    tags = np.zeros((len(y), T), int)
    tags[:, there] = y
    return Paths(there, tags[best], scores[best], K)


def in_logarithms(chain: LinearChain, row: int) -> float:
    """log Z by the forward algorithm in NumPy's float64, every sum in logarithms."""
    e, A, start, end = (
        x.double().numpy() for x in (chain.emissions, chain.transitions, chain.start, chain.end)
    )
    alpha = start + e[row, 0]
    for e_t in e[row, 1:]:
        alpha = np.logaddexp.reduce(alpha[:, None] + A, 0) + e_t
    return float(np.logaddexp.reduce(alpha + end))


class Case(NamedTuple):
    given: LinearChain | Independent
    rows: list[Paths]

    def check(self, found: torch.Tensor, name: str) -> None:
        expected = np.stack([np.asarray(getattr(row, name)) for row in self.rows])
        np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-10, rtol=0)


@functools.cache
def cases(kind: type[LinearChain] | type[Independent], whole: bool = False) -> list[Case]:
    """500 rows, 0 to 6 places, 1 to 5 tags, any mask, some of the scores −inf.

    whole: with scores that are small whole numbers, so that many paths are equally good.
    """
    rng = np.random.default_rng(0)
    drawn: list[Case] = []
    while sum(len(case.rows) for case in drawn) < CASES:
        B, T, K = (int(rng.integers(*bounds)) for bounds in ((1, 6), (0, 9), (1, 6)))
        mask = rng.random((B, T)) < rng.choice([0.3, 0.7, 1.0], (B, 1))
        mask &= mask.cumsum(1) <= 6
        e, A, start, end = (
            torch.from_numpy(
                rng.integers(-1, 2, shape).astype(float) if whole else rng.normal(0, 2, shape)
            ).masked_fill_(torch.from_numpy(rng.random(shape) < forbidden), -np.inf)
            for shape, forbidden in (
                ((B, T, K), rng.choice([0.0, 0.1])),
                ((K, K), rng.choice([0.0, 0.0, 0.2, 0.6])),
                ((K,), rng.choice([0.0, 0.3])),
                ((K,), rng.choice([0.0, 0.3])),
            )
        )
        zero = torch.zeros(K, K).double()
        moves = (A, start, end) if kind is LinearChain else (zero, zero[0], zero[0])
        chain = LinearChain(e, torch.from_numpy(mask), *moves)
        given = chain if kind is LinearChain else Independent(e, chain.mask)
        drawn.append(Case(given, [enumerated(chain, row) for row in range(B)]))
    return drawn
