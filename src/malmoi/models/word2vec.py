"""Word vectors: a word is known by the company it keeps.

Mikolov, Chen, Corrado & Dean, "Efficient estimation of word representations in vector space"
(2013a, arXiv:1301.3781); Mikolov, Sutskever, Chen, Corrado & Dean, "Distributed representations of
words and phrases and their compositionality" (2013b, arXiv:1310.4546); Bojanowski, Grave, Joulin &
Mikolov, "Enriching word vectors with subword information" (2017, arXiv:1607.04606).

    skip-gram   maximise Σ_t Σ_{−c ≤ j ≤ c, j ≠ 0} log p(w_{t+j} | w_t)              2013b eq. 1
    CBOW        maximise Σ_t log p(w_t | mean of w_{t−c} … w_{t+c})                  2013a §3.1
    negative    log p(w_O | w_I) ≈ log σ(u_O·v_I) + Σ_{i=1}^k log σ(−u_i·v_I),  w_i ~ P_n    eq. 4
    hierarchical  p(w | w_I) = Π_j σ(±u_{n(w, j)}·v_I)                               eq. 3
    full        p(w | w_I) = exp(u_w·v_I) / Σ_{w′} exp(u_{w′}·v_I)                   eq. 2
    subwords    v_w = mean of z_g over the word and its character n-grams g          2017 §3.2

paper         here                     paper         here
v, z          C                        P_n ∝ U^¾     kernels.tree.noise
v′ (u here)   U                        n(w, j)       kernels.tree.huffman
c, k          window, negatives        t (§2.3)      sample

Differs, as word2vec.c and fastText do: a window is 1 … c words wide, each as likely; words are read
by a chance of √(t/f) + t/f; a noise word that is the word itself is left out; every vector of a bag
takes the whole error (`spread = true` divides it among them, as the gradient says).  v_w is the
mean, the paper has the sum.  σ is exact.  Of a pair, all answers are given before any vector moves.

Training is deterministic with one thread; several share the vectors without a lock (Hogwild).
"""

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Integer
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from malmoi.config import CONFIG, Size, Sizes
from malmoi.errors import Diverged, EmptyText, RunError
from malmoi.kernels import asking, skipgram as kernel
from malmoi.kernels.counting import frozen
from malmoi.kernels.pieces import pieces
from malmoi.kernels.tree import huffman, kept, noise
from malmoi.vectors.words import Subwords, WordVectors, composed

CHUNK = 50_000  # tokens between two events


@dataclass(frozen=True, config=CONFIG)
class Config:
    """loss: "full" asks every word of the vocabulary each time: for a few thousand types at most.

    d: width of a vector.  window: c.  negatives: k.  power: of the noise.  sample: t; 0 reads
    every word.  shared: skip-gram with negatives drawn once for all words of a window: several
    times faster, and another algorithm.  spread: see above.

    shortest, longest, buckets: of the character n-grams; longest = 0: none.
    unknown: tokens that are not in the vocabulary are left out, or learnt as one word.
    """

    architecture: Literal["skipgram", "cbow"] = "skipgram"
    loss: Literal["negative", "hierarchical", "full"] = "negative"
    d: Size = 100
    window: Annotated[int, Field(ge=1, le=100)] = 5
    negatives: Annotated[int, Field(ge=1, le=1000)] = 5
    power: Annotated[float, Field(ge=0.0, le=2.0)] = 0.75
    sample: Annotated[float, Field(ge=0.0, le=1.0)] = 1e-3
    shared: bool = False
    spread: bool = False
    shortest: Annotated[int, Field(ge=1, le=100)] = 3
    longest: Annotated[int, Field(ge=0, le=100)] = 0
    buckets: Annotated[int, Field(ge=1, le=2**28)] = 2_000_000
    unknown: Literal["drop", "learn"] = "drop"

    def __post_init__(self) -> None:
        if self.shared and (self.architecture, self.loss) != ("skipgram", "negative"):
            raise ValueError("shared: only skip-gram with negative samples has some to share")
        if self.longest and self.longest < self.shortest:
            raise ValueError(
                f"longest: {self.longest} is below shortest = {self.shortest}; 0 for no n-grams"
            )

    def build(self, sizes: Sizes) -> "Word2Vec":
        return Word2Vec(self, sizes)


class Swept(NamedTuple):
    """A stretch of text is read.  epoch: from 1.  loss: nats a prediction, of a sample of them.
    words: of the text, read or left out."""

    epoch: int
    loss: float
    lr: float
    words: int
    seconds: float


class Word2Vec:
    """C: vectors of V ids, then of the n-grams' buckets.  U: of what is asked.  Id 0 is no word."""

    def __init__(self, config: Config, sizes: Sizes) -> None:
        self.config, self.V = config, sizes.vocabulary
        rows = self.V + (config.buckets if config.longest else 0)
        self.C: Float[np.ndarray, "rows d"] = np.zeros((rows, config.d), np.float32)
        self.U: Float[np.ndarray, "V d"] = np.zeros((self.V, config.d), np.float32)

    def begin(self, seed: int) -> None:
        """Small random vectors; what is asked begins at zero."""
        rng, d = np.random.default_rng(seed), self.config.d
        rng.random(out=self.C, dtype=np.float32)
        self.C -= 0.5
        self.C /= d
        self.C[0] = 0.0
        self.U[:] = 0.0

    def read(self, counts: Sequence[int]) -> Integer[np.ndarray, " V"]:
        """How often each id is read.  Raises EmptyText if there are no two that are."""
        seen = np.array(counts, np.int64)
        seen[:2] *= (0, self.config.unknown == "learn")
        if (there := int((seen > 0).sum())) < 2:
            raise EmptyText(
                "there are no two words to learn from",
                where=f"words that are frequent enough: {there}",
                hint="more text, or --set task.min_count=1",
            )
        return seen

    def learn(
        self,
        stream: Integer[np.ndarray, " N"],
        types: Sequence[str],
        counts: Sequence[int],
        *,
        lr: tuple[float, float],
        epochs: int = 1,
        threads: int = 1,
        minutes: float = 0.0,
        seed: int = 1,
    ) -> Iterator[Swept]:
        """Read the stream (0 between sentences) so many times, telling how it goes.

        types, counts: of ids 2 …, and of all ids.  lr: at the beginning and at the end; with
        `minutes`, the end comes at the latest then.  Raises EmptyText if no two words can be read.
        """
        c, seen = self.config, self.read(counts)
        net, bags = kernel.Net(self.C, self.U), self._bags(types)
        tree = self._tree(seen)
        keep, drawn = kept(seen, c.sample), noise(seen, c.power)
        total = float(epochs * max(1, int(np.count_nonzero(stream))))
        plan = kernel.Plan(
            cbow=c.architecture == "cbow",
            asked=asking.SHARED if c.shared else ASKED[c.loss],
            window=c.window,
            negatives=c.negatives,
            longest=len(tree.node) if c.loss == "full" else int(np.diff(tree.first).max(initial=0)),
            spread=c.spread,
            lr=lr,
            total=total,
        )
        parts = cuts(stream)
        sizes = [int(np.count_nonzero(stream[begin:end])) for begin, end in parts]
        before = started = time.perf_counter()
        read, loss, limit = 0.0, 0.0, 60 * minutes

        def sweep(epoch: int, part: int, place: float) -> tuple[int, float, int]:
            begin, end = parts[part]
            own = np.random.SeedSequence([seed, epoch, part]).generate_state(1, np.uint64)[0]
            return kernel.sweep(
                frozen(stream[begin:end]),
                keep, net, bags, drawn, tree, plan, place, int(own >> np.uint64(1)),
            )  # fmt: skip

        def swept() -> Iterator[tuple[int, float, tuple[int, float, int]]]:
            """Stretch after stretch: its epoch, where in the training it began, what it told."""
            begun = 0.0  # words, so far handed out
            todo = ((epoch, part) for epoch in range(epochs) for part in range(len(parts)))
            with ThreadPoolExecutor(threads) as pool:
                ahead: deque[tuple[int, float, Future[tuple[int, float, int]]]] = deque()
                for epoch, part in todo:
                    gone = time.perf_counter() - started
                    if limit and gone >= limit:
                        break
                    place = max(begun, total * gone / limit) if limit else begun
                    begun += sizes[part]
                    if threads == 1:
                        yield epoch, place, sweep(epoch, part, place)
                        continue
                    ahead.append((epoch, place, pool.submit(sweep, epoch, part, place)))
                    if len(ahead) > 2 * threads:
                        first, since, done = ahead.popleft()
                        yield first, since, done.result()
                for epoch, place, future in ahead:
                    yield epoch, place, future.result()

        for epoch, place, (words, cost, told) in swept():
            read += words
            loss = cost / told if told else loss
            if not np.isfinite(loss):
                raise Diverged(
                    "the word vectors are no longer numbers",
                    where=f"epoch {epoch + 1}, after {read:,.0f} words",
                    hint=f"a lower learning rate: --set training.lr={lr[0] / 2:g}",
                )
            rate = lr[0] + min(1.0, (place + words) / total) * (lr[1] - lr[0])
            now = time.perf_counter()
            yield Swept(epoch + 1, loss, rate, words, now - before)
            before = now

    def vectors(self, types: Sequence[str]) -> WordVectors:
        """What was learnt: the vectors of ids 2 …, and of their letters."""
        c, unk = self.config, self.C[1] if self.config.unknown == "learn" else None
        own, subwords = self.C[2 : self.V], None
        if c.longest:
            subwords = Subwords(c.shortest, c.longest, self.C[self.V :])
            own = composed(own, tuple(types), subwords)
        return WordVectors(types, own, subwords=subwords, unk=unk)

    def _tree(self, seen: Integer[np.ndarray, " V"]) -> asking.Tree:
        """The way down to each word; of the full softmax the words that there are."""
        if self.config.loss == "hierarchical":
            return huffman(seen)
        there = np.flatnonzero(seen) if self.config.loss == "full" else np.zeros(1, np.int64)
        return asking.Tree(np.zeros(1, np.int64), there, np.zeros(1, np.float32))

    def _bags(self, types: Sequence[str]) -> kernel.Bags:
        """Every word is a bag of itself and its n-grams."""
        V, c = self.V, self.config
        own = np.arange(V)
        if not c.longest:
            return kernel.Bags(np.arange(V + 1), own, np.ones(V, np.float32))
        first, bucket = pieces(types, c.shortest, c.longest, c.buckets)
        first = np.concatenate([[0, 0], first])  # ids 0 and 1 are not spelt
        row = np.insert(bucket + V, first[:-1], own)
        first += np.arange(V + 1)
        pull = np.ones(V, np.float32)
        for w in range(V):
            repeats = np.unique(row[first[w] : first[w + 1]], return_counts=True)[1]
            pull[w] = (repeats**2).sum() / repeats.sum()
        return kernel.Bags(first, row, pull)

    def parameters(self) -> Iterator[Tensor]:
        """Everything that was learnt; nothing here has a gradient."""
        yield torch.from_numpy(self.C)
        yield torch.from_numpy(self.U)

    def state_dict(self) -> dict[str, Tensor]:
        """C and U, and what tells a reader of C how words are made of its rows."""
        c = self.config
        shape = [self.V, c.shortest, c.longest, int(c.unknown == "learn")]
        return {
            "C": torch.from_numpy(self.C),
            "U": torch.from_numpy(self.U),
            "shape": torch.tensor(shape),
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        if set(state) != {"C", "U", "shape"}:
            raise RunError("these are not the vectors of word2vec", where=sorted(state))
        C, U = state["C"].numpy(), state["U"].numpy()
        if C.shape != self.C.shape or U.shape != self.U.shape:
            raise RunError(
                "the vectors belong to another model",
                where=f"{C.shape} and {U.shape}; expected {self.C.shape} and {self.U.shape}",
            )
        self.C, self.U = C, U


ASKED = {
    "negative": asking.NEGATIVE,
    "hierarchical": asking.HIERARCHICAL,
    "full": asking.WHOLE,
}


def cuts(stream: Integer[np.ndarray, " N"]) -> list[tuple[int, int]]:
    """Stretches of about CHUNK tokens that end where a sentence ends."""
    ends, at, N = [0], CHUNK, len(stream)
    while at < N:
        found = np.flatnonzero(stream[at : at + CHUNK] == 0)
        if len(found):
            ends.append(at + int(found[0]) + 1)
            at = ends[-1]
        at += CHUNK
    ends += [N] if ends[-1] < N else []
    return list(pairwise(ends))
