"""The n-gram language model (Shannon 1948; Jelinek & Mercer 1980; Katz 1987; Kneser & Ney 1995;
Chen & Goodman 1998, whose modified Kneser–Ney is the default).

    p(w_1 … w_T) = Π_t p(w_t | w_{t-n+1} … w_{t-1})

An n-gram model is the simplest recurrent model there is: its carry is its last n − 1 words, and its
next state is the same words shifted by one.  Nothing is learnt by gradient: `estimate` counts once.

paper        here                          paper     here
n            config.order                  p*, β     logp, beta, see `models.smoothing`
c(h w)       `kernels.counting.Trie`       h         carry: the last n − 1 ids, [B, n − 1]

Differs: a history stops at a boundary: what was said before the sentence is never read.
"""

import math
import re
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Float, Int, Integer
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from malmoi.config import CONFIG, Sizes
from malmoi.errors import RunError, UsageError
from malmoi.kernels import lookup, scoring
from malmoi.kernels.counting import Trie, checked, frozen
from malmoi.kernels.index import MOST, NOTHING, Index, index
from malmoi.models.counting import Counting, count
from malmoi.models.counting.disk import on_disk
from malmoi.models.smoothing import relative
from malmoi.models.smoothing.jelinek_mercer import interpolated
from malmoi.models.smoothing.katz import katz
from malmoi.models.smoothing.kneser_ney import kneser_ney
from malmoi.models.smoothing.levels import Estimate

Estimator = Literal[
    "mle", "additive", "interpolated", "katz", "kneser-ney", "stupid-backoff", "arpa"
]

WORTH = 16  # n-grams that are indexed for each word that is looked up
TABLES = Lock()  # while one changes, or an index of one is made
ARRAYS = ("word", "first", "link", "logp", "beta")


@dataclass(frozen=True, config=CONFIG)
class Config:
    """order: n.  estimator: `arpa` is what a model read from an ARPA file says of itself.

    What follows is for some estimators only, and None means their own.

    alpha: what `additive` adds to every count (1), what `stupid-backoff` pays a step (0.4).
    k: the largest count that `katz` discounts (5), the largest that `stupid-backoff` ignores (0).
    weights: λ of `interpolated`, for orders 1 … n or 0 … n; empty: fitted on the held-out text.

    counting: who counts (`models.counting`), memory: what `duckdb` may take of it, such as 500MB.
    """

    order: Annotated[int, Field(ge=1, le=64)] = 5
    estimator: Estimator = "kneser-ney"
    alpha: Annotated[float, Field(gt=0.0)] | None = None
    k: Annotated[int, Field(ge=0)] | None = None
    weights: tuple[Annotated[float, Field(ge=0.0)], ...] = ()
    counting: Counting = "memory"
    memory: str = ""

    def __post_init__(self) -> None:
        if self.weights and len(self.weights) not in (self.order, self.order + 1):
            raise ValueError(
                f"weights: {len(self.weights)} given; order {self.order} takes {self.order}, "
                f"or {self.order + 1} with the uniform distribution first"
            )
        if self.weights and not math.isclose(sum(self.weights), 1.0, abs_tol=1e-6):
            raise ValueError(f"weights: they sum to {sum(self.weights):g}, not to 1")
        if self.memory and not re.fullmatch(r"\d+(\.\d+)? ?[KMGT]i?B", self.memory, re.ASCII):
            raise ValueError(f"memory: {self.memory!r} is no size; 500MB or 2GB is one")
        if self.memory and self.counting != "duckdb":
            raise ValueError("memory: only counting = duckdb keeps to it")
        if self.estimator == "katz" and self.k == 0:
            raise ValueError("k: katz needs at least 1")

    def build(self, sizes: Sizes) -> "NGram":
        return NGram(self, sizes)


class NGram:
    """A count table that reads and speaks like a network.

    Until `estimate` or `load_state_dict` it knows nothing and every word is as likely as another.
    """

    context: int | None = None

    def __init__(self, config: Config, sizes: Sizes) -> None:
        V = sizes.vocabulary
        self.config = config
        self.V = V
        self.level: tuple[int, ...] = (0, *[V] * config.order)
        self.word: Integer[np.ndarray, " M"] = np.arange(V, dtype=np.int32)
        self.first: Integer[np.ndarray, " I"] = np.full(
            1 if config.order == 1 else V + 1, V, np.int32
        )
        self.link: Integer[np.ndarray, " M"] = np.full(V, -1, np.int32)
        self.logp: Float[np.ndarray, " M"] = np.full(V, -math.log(V))
        self.beta: Float[np.ndarray, " I"] = np.zeros(len(self.first) - 1)
        self._index: Index
        self._asked: int
        self._forget()

    @property
    def normalised(self) -> bool:
        """Whether every conditional sums to 1, so that there is a perplexity."""
        return self.config.estimator != "stupid-backoff"

    def estimate(
        self, stream: Integer[np.ndarray, " N"], heldout: Integer[np.ndarray, " H"] | None = None
    ) -> list[str]:
        """Count `stream` and smooth; returns what a person should be told about it."""
        c = self.config
        if len(stream) and stream[0] != 0:
            raise UsageError(
                "the stream begins in the middle of a line",
                where=f"its first id is {stream[0]}",
                hint="put a boundary, 0, before it",
            )
        trie, logp, beta, told = self._smooth(
            count(stream, order=c.order, vocabulary=self.V, how=c.counting, memory=c.memory),
            stream,
            heldout,
        )
        arrays = (trie.word, trie.first, trie.link, logp, beta)
        self._become(trie.level, dict(zip(ARRAYS, arrays, strict=True)))
        return told

    def _smooth(self, trie: Trie, stream: np.ndarray, heldout: np.ndarray | None) -> Estimate:
        c = self.config
        match c.estimator:
            case "mle":
                return relative.mle(trie)
            case "additive":
                return relative.additive(trie, c.alpha or 1.0)
            case "stupid-backoff":
                return relative.stupid_backoff(trie, c.k or 0)
            case "interpolated":
                return interpolated(trie, c.weights, stream, heldout)
            case "katz":
                return katz(trie, c.k or 5)
            case "kneser-ney":
                return kneser_ney(trie, on_disk if c.counting == "duckdb" else np.empty)
            case "arpa":
                raise UsageError(
                    "a model from an ARPA file is not estimated",
                    hint="choose an estimator, such as kneser-ney",
                )

    def begin(self, batch: int) -> Int[Tensor, "B context"]:
        return torch.zeros(batch, self.config.order - 1, dtype=torch.long)

    def __call__(
        self, x: Int[Tensor, "B T"], carry: Int[Tensor, "B context"]
    ) -> tuple[Float[Tensor, "B T V"], Int[Tensor, "B context"]]:
        """The log p of every next word, float64."""
        read, before = self._ids(x), self._ids(carry)
        out = np.empty((*read.shape, self.V))
        with TABLES:
            table = self._table()
        lookup.rows(read, before, table, out)
        return torch.from_numpy(out).to(x.device), self._shift(x, carry)

    def log_prob(
        self, x: Int[Tensor, "B T"], y: Int[Tensor, "B T"], carry: Int[Tensor, "B context"]
    ) -> tuple[Float[Tensor, "B T"], Int[Tensor, "B context"]]:
        return self._score(x, y, carry)[0], self._shift(x, carry)

    def matched(
        self, x: Int[Tensor, "B T"], y: Int[Tensor, "B T"], carry: Int[Tensor, "B context"]
    ) -> Int[Tensor, "B T"]:
        """The order of the longest n-gram that ends in each y: n if nothing was backed off."""
        return self._score(x, y, carry)[1]

    def read(self, stream: Integer[np.ndarray, " N"]) -> Float[np.ndarray, " T"]:
        """log p of every token of a stream that begins with a boundary, but for that one."""
        text = checked(stream, self.V)
        out: np.ndarray = np.empty((1, max(len(text) - 1, 0)))
        matched = np.empty(out.shape, np.int64)
        before = np.zeros((1, self.config.order - 1), np.int64)
        self._ask(text[None, :-1], text[None, 1:], before, out, matched)
        return out.ravel()

    def _score(self, x: Tensor, y: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
        read, said, before = self._ids(x), self._ids(y), self._ids(carry)
        out, matched = np.empty(read.shape), np.empty(read.shape, np.int64)
        self._ask(read, said, before, out, matched)
        return torch.from_numpy(out).to(x.device), torch.from_numpy(matched).to(x.device)

    def _shift(self, x: Tensor, carry: Tensor) -> Tensor:
        context = self.config.order - 1
        seen = torch.cat([carry, x], 1)
        return seen[:, seen.size(1) - context :]

    def _ids(self, x: Tensor) -> np.ndarray:
        if x.numel() and not 0 <= int(x.min()) <= int(x.max()) < self.V:
            raise UsageError(
                "a token id is not in the model's vocabulary",
                where=f"ids {int(x.min())} to {int(x.max())}; allowed 0 to {self.V - 1}",
            )
        return frozen(x.detach().cpu().numpy())

    def _ask(
        self,
        x: np.ndarray,
        y: np.ndarray,
        carry: np.ndarray,
        out: np.ndarray,
        matched: np.ndarray,
    ) -> None:
        """`scoring.score`.  Who has asked for many words is answered from an index, made once."""
        with TABLES:
            table = self._table()
            self._asked += x.size
            worth = self._asked * WORTH > len(self.word) and 0 < len(self.word) - self.V < MOST
            if worth and not len(self._index.rows):
                made = index(table.level, table.word, table.first, table.logp, table.beta)
                self._index = Index(*map(frozen, made))
            known = self._index
        scoring.score(x, y, carry, table, known, out, matched)

    def _become(self, level: tuple[int, ...], arrays: Mapping[str, np.ndarray]) -> None:
        """Another table, all at once: who is reading the old one goes on with it."""
        with TABLES:
            self.level = level
            for name, array in arrays.items():
                setattr(self, name, array)
            self._forget()

    def _forget(self) -> None:
        """What was made of another table is not of this one."""
        self._index = Index(*map(frozen, NOTHING))
        self._asked = 0

    def _table(self) -> lookup.Table:
        penalty = 0.0 if self.normalised else math.log(self.config.alpha or 0.4)
        return lookup.Table(
            frozen(self.word),
            frozen(self.first),
            frozen(self.link),
            frozen(self.logp),
            frozen(self.beta),
            frozen(np.array(self.level, np.int64)),
            penalty,
        )

    def parameters(self) -> Iterator[Tensor]:
        """The probabilities and back-off weights that are stored; nothing here has a gradient."""
        yield torch.from_numpy(self.logp)
        yield torch.from_numpy(self.beta)

    def state_dict(self) -> dict[str, Tensor]:
        level = torch.tensor(self.level, dtype=torch.int64)
        return {"level": level} | {name: torch.from_numpy(getattr(self, name)) for name in ARRAYS}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """The arrays are used where they lie: a memory-mapped file is read where it is needed."""
        missing = {"level", *ARRAYS} ^ set(state)
        if missing:
            raise RunError("this is not the table of an n-gram model", where=sorted(missing))
        level = tuple(state["level"].long().flatten().tolist())
        if len(level) != self.config.order + 1 or level[1] != self.V:
            raise RunError(
                "the table belongs to another n-gram model",
                where=f"order {len(level) - 1}, vocabulary {max(level[:2], default=0)}; "
                f"expected order {self.config.order}, vocabulary {self.V}",
            )
        arrays = {name: state[name].numpy() for name in ARRAYS}
        if fault := lookup.fault(level=level, **arrays):
            raise RunError("the table of the n-gram model leads out of itself", where=fault)
        self._become(level, arrays)
