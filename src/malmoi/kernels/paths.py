"""The best path of a chain (Viterbi 1967), and the k best.

    δ_1 = start + e_1        δ_t(j) = max_i (δ_{t-1}(i) + A(i, j)) + e_t(j)

Only maxima are kept: which i it was is asked again on the way back, for one j a step.
"""

import math

import numpy as np

from malmoi.kernels.chain import Chain
from malmoi.kernels.compile import compiled


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
