"""Sums over all paths of a chain, and of one path, one sequence at a time.

    score(y) = start(y_1) + Σ_t e_t(y_t) + Σ_t A(y_{t-1}, y_t) + end(y_n)

    before_t(j) = log Σ_i exp(before_{t-1}(i) + e_{t-1}(i) + A(i, j))          before_1 = start
    after_t(i)  = log Σ_j exp(A(i, j) + e_{t+1}(j) + after_{t+1}(j))           after_n  = end

The sum over i and j is a product with the matrix exp(A − max A), computed once: K exponentials and
K logarithms a step instead of K².  An entry that is too small for that to be exact (scores of many
hundreds, or forbidden moves) is summed again in logarithms, so that no score is too large.

Everything but e is float64: a float32 score of 10⁵ has room for no probability.  No sum is
reordered by the compiler, so that a result depends neither on the machine's vectors nor on the rest
of the batch.
"""

import math
from typing import NamedTuple

import numpy as np

from malmoi.kernels.compile import compiled

TINY = 1e-280
"""A sum of products above it has lost nothing to underflow: each of its terms lost < 1e-307."""
WIDE = 300.0
"""exp(WIDE) times what underflows is still nothing."""


class Chain(NamedTuple):
    """e: [B, T, K].  order: [B, T], the places that are there, in order, then any others.
    length: [B], how many are there.  A: [K, K], from a row to a column.  start, end: [K]."""

    e: np.ndarray
    order: np.ndarray
    length: np.ndarray
    A: np.ndarray
    start: np.ndarray
    end: np.ndarray


@compiled
def places(mask: np.ndarray, order: np.ndarray, length: np.ndarray) -> None:
    """The places of every row that are there, then those that are not; how many are there."""
    B, T = mask.shape
    for b in range(B):
        n = 0
        for t in range(T):
            if mask[b, t]:
                order[b, n] = t
                n += 1
        length[b] = n
        for t in range(T):
            if not mask[b, t]:
                order[b, n] = t
                n += 1


@compiled
def maximum(x: np.ndarray) -> float:
    top: float = x[0]
    for i in range(1, len(x)):
        if x[i] > top:
            top = x[i]
    return top


@compiled
def logsumexp(x: np.ndarray) -> float:
    top = maximum(x)
    if top == -math.inf:
        return top
    total = 0.0
    for i in range(len(x)):
        total += math.exp(x[i] - top)
    return top + math.log(total)


@compiled
def exact(x: np.ndarray, A: np.ndarray, j: int) -> float:
    """log Σ_i exp(x_i + A_ij)."""
    top = -math.inf
    for i in range(len(x)):
        top = max(top, x[i] + A[i, j])
    if top == -math.inf:
        return top
    total = 0.0
    for i in range(len(x)):
        total += math.exp(x[i] + A[i, j] - top)
    return top + math.log(total)


@compiled
def powers(A: np.ndarray) -> tuple[np.ndarray, float]:
    """exp(A − top) and top, the largest entry."""
    top = maximum(A.ravel())
    if top == -math.inf:
        top = 0.0
    return np.exp(A - top), top


@compiled
def step(
    x: np.ndarray, A: np.ndarray, M: np.ndarray, top_A: float, u: np.ndarray, out: np.ndarray
) -> None:
    """out_j = log Σ_i exp(x_i + A_ij), where M, top_A = powers(A); u = exp(x − max x)."""
    K = len(x)
    top = maximum(x)
    if top == -math.inf:
        u[:], out[:] = 0.0, -math.inf
        return
    for i in range(K):
        u[i] = math.exp(x[i] - top)
    out[:] = 0.0
    fours = K - K % 4
    for i in range(0, fours, 4):  # four rows at a time: half the reading and writing of `out`
        p, q, r, s = u[i], u[i + 1], u[i + 2], u[i + 3]
        for j in range(K):
            out[j] += (p * M[i, j] + q * M[i + 1, j]) + (r * M[i + 2, j] + s * M[i + 3, j])
    for i in range(fours, K):
        for j in range(K):
            out[j] += u[i] * M[i, j]
    for j in range(K):
        out[j] = exact(x, A, j) if out[j] < TINY else math.log(out[j]) + top + top_A


@compiled
def forward(chain: Chain, alpha: np.ndarray, log_z: np.ndarray) -> None:
    """alpha[b, t] = before_t + e_t, t counting only places that are there; log Z of every row."""
    e, order, length, A, start, end = chain
    B, _, K = e.shape
    M, top_A = powers(A)
    u, before = np.empty(K), np.empty(K)
    for b in range(B):
        n = length[b]
        log_z[b] = 0.0
        before[:] = start
        for t in range(n):
            if t > 0:
                step(alpha[b, t - 1], A, M, top_A, u, before)
            for j in range(K):
                alpha[b, t, j] = before[j] + e[b, order[b, t], j]
        if n > 0:
            for j in range(K):
                u[j] = alpha[b, n - 1, j] + end[j]
            log_z[b] = logsumexp(u)


@compiled
def backward(
    chain: Chain,
    alpha: np.ndarray,
    log_z: np.ndarray,
    weight: np.ndarray,
    d_e: np.ndarray,
    d_A: np.ndarray,
    d_start: np.ndarray,
    d_end: np.ndarray,
) -> None:
    """Σ_b weight_b ∂log Z_b: how often each place has each tag, how often each move is made.

    All four are 0 at first; a row that has no possible path adds nothing.
    """
    e, order, length, A, _, end = chain
    B, T, K = e.shape
    M, top_A = powers(A)
    back, M_back = np.ascontiguousarray(A.T), np.ascontiguousarray(M.T)
    x, after, earlier = np.empty(K), np.empty(K), np.empty(K)
    u, v = np.zeros((T + 3, K)), np.zeros((T + 3, K))
    moves = np.zeros((K, K))  # to be multiplied by M
    for b in range(B):
        n, g = length[b], weight[b]
        if n == 0 or log_z[b] == -math.inf:
            continue
        after[:] = end
        for t in range(n - 1, -1, -1):
            place = order[b, t]
            for j in range(K):
                x[j] = e[b, place, j] + after[j]
                often = g * math.exp(alpha[b, t, j] + after[j] - log_z[b])
                d_e[b, place, j] = often
                if t == 0:
                    d_start[j] += often
                if t == n - 1:
                    d_end[j] += often
            if t == 0:
                break
            step(x, back, M_back, top_A, v[t - 1], earlier)
            here = alpha[b, t - 1]
            top = maximum(here)
            spread = top + top_A + maximum(x) - log_z[b]
            if spread < WIDE:
                scale = g * math.exp(spread)
                for i in range(K):
                    u[t - 1, i] = scale * math.exp(here[i] - top)
            else:
                u[t - 1] = 0.0
                for i in range(K):
                    for j in range(K):
                        d_A[i, j] += g * math.exp(here[i] + A[i, j] + x[j] - log_z[b])
            after[:] = earlier
        add_products(u, v, n - 1, moves)
    d_A += moves * M


@compiled
def add_products(u: np.ndarray, v: np.ndarray, n: int, out: np.ndarray) -> None:
    """out += Σ_{t<n} u_t v_tᵀ, four at a time; three rows after the last are overwritten."""
    K = len(out)
    u[n : n + 3] = 0.0
    v[n : n + 3] = 0.0
    for t in range(0, n, 4):
        for i in range(K):
            p, q, r, s = u[t, i], u[t + 1, i], u[t + 2, i], u[t + 3, i]
            for j in range(K):
                low = p * v[t, j] + q * v[t + 1, j]
                out[i, j] += low + (r * v[t + 2, j] + s * v[t + 3, j])


@compiled
def score(chain: Chain, tags: np.ndarray, total: np.ndarray) -> bool:
    """The score of one path a row, of tags [B, T]; False if one of them is none of 0 … K − 1."""
    e, order, length, A, start, end = chain
    B, _, K = e.shape
    for b in range(B):
        total[b] = 0.0
        last = -1
        for t in range(length[b]):
            place = order[b, t]
            tag = tags[b, place]
            if tag < 0 or tag >= K:
                return False
            total[b] += e[b, place, tag] + (start[tag] if t == 0 else A[last, tag])
            last = tag
        if last >= 0:
            total[b] += end[last]
    return True


@compiled
def count(
    chain: Chain,
    tags: np.ndarray,
    weight: np.ndarray,
    d_e: np.ndarray,
    d_A: np.ndarray,
    d_start: np.ndarray,
    d_end: np.ndarray,
) -> None:
    """Add Σ_b weight_b ∂score_b: what the path is made of."""
    for b in range(len(tags)):
        last = -1
        for t in range(chain.length[b]):
            place = chain.order[b, t]
            tag = tags[b, place]
            d_e[b, place, tag] += weight[b]
            if t == 0:
                d_start[tag] += weight[b]
            else:
                d_A[last, tag] += weight[b]
            last = tag
        if last >= 0:
            d_end[last] += weight[b]
