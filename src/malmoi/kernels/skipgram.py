"""One reading of a text by word2vec: skip-gram or CBOW.

Mikolov et al. 2013a (arXiv:1301.3781), 2013b (arXiv:1310.4546); Bojanowski et al. 2017.

An input is a bag of rows of C, its middle h.  What is asked of it, rows of U, and what the answers
say of it, e = −∂E/∂h, is `kernels.asking`'s.

    h = 1/|bag| Σ_{r ∈ bag} C_r            C_r ← C_r + η e          (/ |bag| where `spread`)

    skip-gram      the bag is a word (and its n-grams); asked are the words around it, one by one
    CBOW           the bag is the words around a word; asked is the word
    shared         skip-gram with negatives drawn once for a window: all of its words are asked at
                   once, and each negative for all of them

While the words around one word are asked, h follows its bag: it moves by `pull` · η e, where
pull = Σ_r n_r² / |bag| for a bag that holds the row r n_r times (1 where there are no repetitions).
The bag itself is moved once, at the end.

Several threads may sweep over the same C and U without a lock (Hogwild; Recht et al. 2011).
"""

from typing import NamedTuple

import numpy as np

from malmoi.kernels.asking import (
    SHARED,
    WHOLE,
    Noise,
    Tree,
    ask,
    ask_all,
    below,
    draw,
    fetch,
    turn,
    weigh,
)
from malmoi.kernels.compile import inlined, reordered

LONGEST = 1_000
"""Words of a sentence that are read together; the rest is read as further sentences."""
EVERY = 64  # one word in so many tells what it cost


class Net(NamedTuple):
    """C: [rows, d], words, then n-grams.  U: [words or nodes, d]."""

    C: np.ndarray
    U: np.ndarray


class Bags(NamedTuple):
    """The rows of word w are row[first[w]:first[w+1]].  pull: how h follows its bag."""

    first: np.ndarray
    row: np.ndarray
    pull: np.ndarray


class Plan(NamedTuple):
    """asked: one of `kernels.asking`.  longest: the most rows that the tree asks for one word.
    lr: η falls linearly from the first of the two at `read` = 0 to the second at `total`."""

    cbow: bool
    asked: int
    window: int
    negatives: int
    longest: int
    spread: bool
    lr: tuple[float, float]
    total: float


@reordered
def sweep(
    stream: np.ndarray,
    keep: np.ndarray,
    net: Net,
    bags: Bags,
    noise: Noise,
    tree: Tree,
    plan: Plan,
    read: float,
    seed: int,
) -> tuple[int, float, int]:
    """Learn from a stretch of the stream, 0 between sentences, `read` words into the training.

    keep: word w is read by a chance of keep[w] / 2³².  Returns how many words were there, what
    some of the predictions cost in nats, and how many those were.
    """
    C, U = net
    d = C.shape[1]
    ways = max(2 * plan.window + plan.negatives, 1 + plan.negatives, plan.longest)
    rng = np.array([np.uint64(seed)])
    sentence = np.empty(LONGEST, np.int64)
    asked, answer = np.empty(ways, np.int64), np.empty(ways, np.float32)
    weight, g = np.ones(ways, np.float32), np.empty(ways, np.float32)
    h, h0, e = np.empty(d, np.float32), np.empty(d, np.float32), np.empty(d, np.float32)
    whole, shared = plan.asked == WHOLE, plan.asked == SHARED
    once = plan.cbow or shared  # h is asked once, not for one word after the other
    words = n = told = K = 0
    cost = 0.0
    for p in range(len(stream)):
        w = np.int64(stream[p])
        if w != 0:
            words += 1
            if draw(rng) < keep[w]:
                sentence[n] = w
                n += 1
            if n < LONGEST and p + 1 < len(stream):
                continue
        progress = min(1.0, (read + words) / plan.total)
        lr = np.float32(plan.lr[0] + progress * (plan.lr[1] - plan.lr[0]))
        for i in range(n):
            reach = 1 + below(rng, plan.window)
            low, high = max(0, i - reach), min(n, i + reach + 1)
            if high - low < 2:
                continue
            tells = told == 0 or (p + i) % EVERY == 0
            pairs = 1
            if shared:
                pairs = high - low - 1
                K = ask_all(sentence, low, high, i, rng, noise, plan.negatives, asked, answer)
                weight[:pairs], weight[pairs:K] = 1.0, pairs
            elif once:
                K = ask(plan.asked, sentence[i], rng, noise, plan.negatives, tree, asked, answer)
            if once:  # before h is made: the rows of U come from farther away
                fetch(U, asked, K)
            if i + plan.window + 1 < n:  # no window has reached it
                fetch_bag(C, bags, sentence[i + plan.window + 1])
            h[:] = 0.0
            size = 0
            first, last = (low, high) if plan.cbow else (i, i + 1)  # of the bag
            for j in range(first, last):
                if (j != i) == plan.cbow:
                    size += gather(h, C, bags, sentence[j])
            share = np.float32(1.0 / size)
            for q in range(d):
                h[q] *= share
                h0[q] = h[q]
            if not plan.spread:
                share = np.float32(1.0)
            pull = share * bags.pull[sentence[i]]
            for j in range(low, high):
                if j == i:
                    continue
                if not once:
                    word = sentence[j]
                    K = ask(plan.asked, word, rng, noise, plan.negatives, tree, asked, answer)
                    fetch(U, asked, K)
                cost += weigh(h, U, asked, answer, weight, K, lr, g, tells, whole)
                told += tells * pairs
                turn(h, U, asked, K, g, e)
                if once:
                    break
                for q in range(d):
                    h[q] += pull * e[q]
            if not once:
                for q in range(d):
                    e[q] = (h[q] - h0[q]) / pull
            for j in range(first, last):
                if (j != i) == plan.cbow:
                    scatter(e, share, C, bags, sentence[j])
        n = 0
    return words, cost, told


@inlined
def gather(h: np.ndarray, C: np.ndarray, bags: Bags, word: int) -> int:
    """Add the rows of a word to h; returns how many there are."""
    begin: int = bags.first[word]
    end: int = bags.first[word + 1]
    for at in range(begin, end):
        r = bags.row[at]
        for q in range(len(h)):
            h[q] += C[r, q]
    return end - begin


@inlined
def fetch_bag(C: np.ndarray, bags: Bags, word: int) -> None:
    """Have the rows of a word fetched."""
    begin, end = bags.first[word], bags.first[word + 1]
    fetch(C, bags.row[begin:end], end - begin)


@inlined
def scatter(e: np.ndarray, share: np.float32, C: np.ndarray, bags: Bags, word: int) -> None:
    """Move the rows of a word."""
    for at in range(bags.first[word], bags.first[word + 1]):
        r = bags.row[at]
        for q in range(len(e)):
            C[r, q] += share * e[q]
