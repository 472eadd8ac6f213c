"""Small models whose every probability is known, and searches written without tensors."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

STATES = 97


class Table:
    """A made-up language model: what was read is a number, and each number has its own logits.

    The number depends on the whole past, so two pasts are told apart (almost) always.
    """

    def __init__(self, logits: np.ndarray, context: int | None = None) -> None:
        self.logits = torch.from_numpy(logits)
        self.V = logits.shape[1]
        self.context = context
        self.steps = 0

    def begin(self, batch: int) -> tuple[Tensor, Tensor]:
        return torch.zeros(batch, dtype=torch.long), torch.zeros(batch, dtype=torch.long)

    def __call__(self, x: Tensor, carry: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple]:
        self.steps += 1
        state, n = carry
        out = []
        for token in x.unbind(1):
            state, n = (31 * state + 7 * token + 11 * n + 1) % STATES, n + 1
            out.append(self.logits[state])
        assert self.context is None or int(n.max()) <= self.context
        return torch.stack(out, 1), (state, n)

    def log_prob(self, x: Tensor, y: Tensor, carry: tuple) -> tuple[Tensor, tuple]:
        logits, carry = self(x, carry)
        return logits.log_softmax(-1).gather(-1, y[..., None]).squeeze(-1), carry

    def next(self, words: list[int]) -> np.ndarray:
        """log p of what follows these words, without tensors."""
        state = 0
        for n, w in enumerate(words):
            state = (31 * state + 7 * w + 11 * n + 1) % STATES
        z = self.logits.numpy()[state]
        if not np.isfinite(z).any():
            return z
        return z - math.log(np.exp(z).sum())


class Text(NamedTuple):
    tokens: tuple[int, ...]
    log_prob: float
    score: float
    finished: bool


def make(
    seed: int, V: int = 4, *, holes: float = 0.0, eos: float = 0.0, context: int | None = None
) -> Table:
    """holes: share of the logits that are -inf.  eos: added to the end's."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.standard_normal((STATES, V))
    logits[:, 0] += eos
    logits[rng.random(logits.shape) < holes] = -np.inf
    return Table(logits, context)


def divisor(kind: str, alpha: float, length: int) -> float:
    """The length penalty once more, from its formula."""
    return {"none": 1.0, "power": length**alpha, "gnmt": ((5 + length) / 6) ** alpha}[kind]


def everything(
    model: Table, prompt: list[int], *, limit: int, minimum: int = 0, forbid: tuple[int, ...] = ()
) -> Iterator[tuple[tuple[int, ...], float, int, bool]]:
    """Every text there is: tokens, log p, how many events, whether it ended."""
    words = [w for w in range(1, model.V) if w not in forbid]
    for size in range(limit + 1):
        for text in itertools.product(words, repeat=size):
            logp = 0.0
            for t, w in enumerate(text):
                logp += model.next([*prompt, *text[:t]])[w]
            if size == limit:
                yield text, logp, size, False
            elif size >= minimum and 0 not in forbid:
                yield text, logp + model.next([*prompt, *text])[0], size + 1, True


def enumerate_best(
    model: Table, prompt: list[int], kind: str, alpha: float, **limits: object
) -> list[Text]:
    found = [
        Text(text, logp, logp / divisor(kind, alpha, events), ended)
        for text, logp, events, ended in everything(model, prompt, **limits)
        if logp > -np.inf
    ]
    return sorted(found, key=lambda h: (-h.score, h.tokens))


def plain_beam(
    model: Table, prompt: list[int], kind: str, alpha: float, *, width: int, limit: int
) -> list[Text]:
    """Beam search with k slots in plain Python, never stopping early."""
    alive: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    closed: list[Text] = []

    def close(logp: float, text: tuple[int, ...], ended: bool) -> None:
        closed.append(
            Text(text, logp, logp / divisor(kind, alpha, max(1, len(text) + ended)), ended)
        )

    for t in range(limit):
        candidates = [
            (s + logp, rank, w)
            for rank, (s, text) in enumerate(alive)
            for w, logp in enumerate(model.next([*prompt, *text]))
            if logp > -np.inf
        ]
        candidates.sort(key=lambda c: (-c[0], c[1], c[2]))
        if not candidates and not closed:
            for s, text in alive:
                close(s, text, False)
        grown = []
        for s, rank, w in candidates[: width - len(closed)]:
            text = alive[rank][1]
            if w == 0:
                close(s, text, True)
            elif t == limit - 1:
                close(s, (*text, w), False)
            else:
                grown.append((s, (*text, w)))
        alive = grown
    return sorted(closed, key=lambda h: (-h.score, h.tokens))


@pytest.fixture(scope="session")
def table() -> Callable[..., Table]:
    return make


@pytest.fixture(scope="session")
def best_of_all() -> Callable[..., list[Text]]:
    return enumerate_best


@pytest.fixture(scope="session")
def reference_beam() -> Callable[..., list[Text]]:
    return plain_beam
