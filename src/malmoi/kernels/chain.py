"""Sums, maxima and the k best over all paths of a chain, one sequence at a time.

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
def climb(x: np.ndarray, A: np.ndarray, out: np.ndarray) -> None:
    """out_j = max_i (x_i + A_ij)."""
    K = len(x)
    out[:] = -math.inf
    fours = K - K % 4
    for i in range(0, fours, 4):
        p, q, r, s = x[i], x[i + 1], x[i + 2], x[i + 3]
        for j in range(K):
            low = max(p + A[i, j], q + A[i + 1, j])
            high = max(r + A[i + 2, j], s + A[i + 3, j])
            out[j] = max(out[j], max(low, high))
    for i in range(fours, K):
        for j in range(K):
            out[j] = max(out[j], x[i] + A[i, j])


@compiled
def viterbi(chain: Chain, tags: np.ndarray) -> None:
    """Write the best path of every row into tags [B, T], 0 at first; leave a row that has none.

    Of equally good paths the one whose last tag is lowest, then the one before it, and so on.
    """
    e, order, length, A, start, end = chain
    B, T, K = e.shape
    delta = np.empty((T, K))
    back = np.ascontiguousarray(A.T)
    x = np.empty(K)
    for b in range(B):
        n = length[b]
        if n == 0:
            continue
        for j in range(K):
            delta[0, j] = start[j] + e[b, order[b, 0], j]
        for t in range(1, n):
            climb(delta[t - 1], A, delta[t])
            for j in range(K):
                delta[t, j] += e[b, order[b, t], j]
        for j in range(K):
            x[j] = delta[n - 1, j] + end[j]
        for t in range(n - 1, -1, -1):
            best = 0
            for i in range(1, K):
                if x[i] > x[best]:
                    best = i
            if x[best] == -math.inf:
                break
            tags[b, order[b, t]] = best
            if t > 0:
                for i in range(K):
                    x[i] = delta[t - 1, i] + back[best, i]


@compiled
def insert(
    s: float, tag: int, rank: int, score: np.ndarray, tags: np.ndarray, ranks: np.ndarray
) -> bool:
    """Put s among the falling scores, after its equals; False if there is no room for it."""
    r = len(score) - 1
    if not s > score[r]:
        return False
    while r > 0 and s > score[r - 1]:
        score[r], tags[r], ranks[r] = score[r - 1], tags[r - 1], ranks[r - 1]
        r -= 1
    score[r], tags[r], ranks[r] = s, tag, rank
    return True


@compiled
def k_best(chain: Chain, tags: np.ndarray, score: np.ndarray) -> None:
    """The k best paths of every row: tags [B, k, T], 0 at first, and their scores [B, k].

    −inf where there are fewer.  Ties as in `viterbi`.
    """
    e, order, length, A, start, end = chain
    B, T, K = e.shape
    k = score.shape[1]
    delta = np.empty((T, K, k))  # the scores of the k best ways to each tag, falling,
    tag, rank = np.empty((T, K, k), np.int64), np.empty((T, K, k), np.int64)  # and whence
    last_tag, last_rank = np.empty(k, np.int64), np.empty(k, np.int64)
    for b in range(B):
        n = length[b]
        score[b] = -math.inf
        if n == 0:
            score[b, 0] = 0.0
            continue
        delta[:n] = -math.inf
        for j in range(K):
            delta[0, j, 0] = start[j] + e[b, order[b, 0], j]
        for t in range(1, n):
            for j in range(K):
                for i in range(K):
                    for r in range(k):
                        s = delta[t - 1, i, r] + A[i, j]
                        if not insert(s, i, r, delta[t, j], tag[t, j], rank[t, j]):
                            break
                delta[t, j] += e[b, order[b, t], j]
        for j in range(K):
            for r in range(k):
                s = delta[n - 1, j, r] + end[j]
                if not insert(s, j, r, score[b], last_tag, last_rank):
                    break
        for place in range(k):
            if score[b, place] == -math.inf:
                break
            j, r = last_tag[place], last_rank[place]
            for t in range(n - 1, -1, -1):
                tags[b, place, order[b, t]] = j
                j, r = tag[t, j, r], rank[t, j, r]
