"""Interpolated estimation of Markov source parameters from sparse data (Jelinek & Mercer 1980; the
lectures' "back-off" with α_1, α_2, α_3).

    p(w | h) = Σ_k λ_k p_k(w | h),   p_k = c(h_k w) / c(h_k),   h_k the last k − 1 words of h
             p_0 = 1 / V,   λ ≥ 0,   Σ λ = 1

The same as a recursion, which is how it is stored, with μ_k = Σ_{j<k} λ_j / Σ_{j≤k} λ_j:

    P_k(w | h) = (1 − μ_k) p_k(w | h) + μ_k P_{k-1}(w | h')          beta(h) = μ_k

If h_k was never seen, p_k is 0 / 0 and the others share its weight, which is P_k = P_{k-1}.

λ is fitted by EM on held-out text (Dempster, Laird & Rubin 1977).  Read from the top, every word is
said by some order: order k passes it down with probability μ_k.  So

    E:  the probability that order k passed word i down       M:  μ_k = Σ_i passed / Σ_i reached

Without held-out text each word of the training text is predicted from the counts of all the others
(leaving one out), which is announced.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Integer

from malmoi.kernels.counting import Trie, checked, frozen
from malmoi.kernels.lookup import ratios
from malmoi.models.smoothing.levels import Estimate, levels, log

SAMPLE = 1 << 20  # tokens of the training text that are left out, one after another
ROUNDS, ENOUGH = 500, 1e-9  # of EM; nats a word gained in one


def interpolated(
    trie: Trie,
    weights: Sequence[float],
    stream: Integer[np.ndarray, " N"],
    heldout: Integer[np.ndarray, " H"] | None,
) -> Estimate:
    """weights: λ_0 … λ_n or λ_1 … λ_n; none: fitted."""
    n, V = len(trie.level) - 1, trie.level[1]
    told = []
    if weights:
        mu = passing([0.0] * (n + 1 - len(weights)) + list(weights))
    else:
        alone = heldout is None or len(heldout) < 2
        sample = stream[:SAMPLE] if heldout is None or alone else heldout
        mu = fit(shares(trie, sample, left_out=alone), V)
        found = ", ".join(f"{w:.4f}" for w in mixture(mu))
        told = [
            f"interpolated: weights of orders 0 to {n} {found}, fitted by EM "
            + ("on the training text, leaving one out" if alone else "on the held-out text")
        ]
    p, beta = np.empty(len(trie.word)), np.ones(len(trie.first) - 1)
    for k, level in enumerate(levels(trie), 1):
        c = trie.counts[level.grams]
        total = level.sum(c)
        below = 1 / V if k == 1 else p[trie.link[level.grams]]
        p[level.grams] = (1 - mu[k]) * c / total[level.parent] + mu[k] * below
        beta[level.histories] = np.where(level.keep(total) > 0, mu[k], 1.0)
    return Estimate(trie, log(p), log(beta), told)


def passing(weights: Sequence[float]) -> list[float]:
    """μ_0 … μ_n of λ_0 … λ_n; μ_0 is 0: nothing is below the uniform distribution."""
    up = np.cumsum(weights)
    return [0.0, *(float(a / b) if b > 0 else 0.0 for a, b in pairwise(up))]


def mixture(mu: Sequence[float]) -> list[float]:
    """λ_0 … λ_n of μ_0 … μ_n."""
    reached = np.append(np.cumprod(np.array(mu)[:0:-1])[::-1], 1.0)
    return [float(r * (1 - m)) for r, m in zip(reached, mu, strict=True)]


def shares(
    trie: Trie, text: Integer[np.ndarray, " N"], *, left_out: bool
) -> Float[np.ndarray, "n E"]:
    """p_k of every word of `text` for k = 1 … n; -1 where its history was never seen."""
    total = np.concatenate([lv.keep(lv.sum(trie.counts[lv.grams])) for lv in levels(trie)])
    p = np.full((len(trie.level) - 1, len(text) - 1), -1.0)
    ratios(
        checked(text, trie.level[1]),
        frozen(trie.word),
        frozen(trie.first),
        frozen(trie.link),
        frozen(trie.counts),
        frozen(total),
        frozen(np.array(trie.level, np.int64)),
        int(trie.counts[: trie.level[1]].sum()),
        int(left_out),
        p,
    )
    return p


def fit(p: Float[np.ndarray, "n E"], V: int) -> list[float]:
    """EM for μ, from equal weights; its likelihood has one maximum."""
    n, E = p.shape
    mu = passing([1 / (n + 1)] * (n + 1))
    before = -np.inf
    for _ in range(ROUNDS):
        mix = [np.full(E, 1 / V)]
        for k in range(1, n + 1):
            here = (1 - mu[k]) * p[k - 1] + mu[k] * mix[-1]
            mix.append(np.where(p[k - 1] >= 0, here, mix[-1]))
        likelihood = float(np.log(mix[-1]).mean())
        if likelihood - before < ENOUGH:
            break
        before, reached, new = likelihood, np.ones(E), [0.0]
        for k in range(n, 0, -1):
            seen = p[k - 1] >= 0
            passed = np.where(seen, reached * mu[k] * mix[k - 1] / mix[k], reached)
            visits = float(reached[seen].sum())
            new.insert(1, float(passed[seen].sum()) / visits if visits > 0 else mu[k])
            reached = passed
        mu = new
    return mu
