"""The smallest model and task on which every law of training can be tried.

Run as a program it trains in a run folder, for the tests that kill it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from malmoi.objective import Loss

V = 11


class Memory(NamedTuple):
    h: Tensor
    steps: Tensor


@dataclass(frozen=True)
class TinyBatch:
    x: Tensor
    y: Tensor
    mask: Tensor
    fresh: bool

    @property
    def events(self) -> int:
        return int(self.mask.sum())

    def __len__(self) -> int:
        return len(self.x)

    def to(self, device: torch.device) -> "TinyBatch":
        return TinyBatch(self.x.to(device), self.y.to(device), self.mask.to(device), self.fresh)

    def rows(self, part: slice) -> "TinyBatch":
        return TinyBatch(self.x[part], self.y[part], self.mask[part], self.fresh)


class TinyModel(nn.Module):
    """An Elman network with dropout and tied embeddings."""

    def __init__(self, d: int = 8, dropout: float = 0.2) -> None:
        super().__init__()
        self.embed = nn.Embedding(V, d)
        self.W = nn.Linear(2 * d, d)
        self.drop = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(d)
        self.out = nn.Linear(d, V)
        self.out.weight = self.embed.weight

    def begin(self, batch: int) -> Memory:
        w = self.embed.weight
        return Memory(w.new_zeros(batch, w.size(1)), w.new_zeros(batch))

    def forward(self, x: Tensor, carry: Memory) -> tuple[Tensor, Memory]:
        h, steps = carry.h, carry.steps
        states = []
        for t in range(x.size(1)):
            e = self.drop(self.embed(x[:, t]))
            h = torch.tanh(self.W(torch.cat((e, h), -1)))
            states.append(h)
        logits = self.out(self.drop(self.norm(torch.stack(states, 1))))
        return logits, Memory(h, steps + x.size(1))


class TinyTask:
    """Lanes of a made-up text; shuffled, it is batches of lines for themselves."""

    def __init__(
        self,
        *,
        batches: int = 7,
        rows: int = 4,
        length: int = 5,
        shuffled: bool = False,
        better: tuple[str, Literal["lower", "higher"]] = ("perplexity", "lower"),
        poison: tuple[int, int] | None = None,
    ) -> None:
        self.n, self.rows, self.length, self.shuffled = batches, rows, length, shuffled
        self.better = better
        self.poison = poison
        random = np.random.default_rng(7)
        size = rows * (batches * length + 1)
        steps = random.choice([1, 2, 3], size=size, p=[0.7, 0.2, 0.1])
        text = torch.from_numpy(np.cumsum(steps) % V).view(rows, -1)
        self.x, self.y = text[:, :-1], text[:, 1:]
        self.mask = torch.from_numpy(random.random((rows, batches * length)) < 0.8)
        self.measured = 0

    def at(self, k: int, *, fresh: bool) -> TinyBatch:
        part = slice(k * self.length, (k + 1) * self.length)
        return TinyBatch(self.x[:, part], self.y[:, part], self.mask[:, part], fresh)

    def batches(self, split: str, *, epoch: int) -> Sequence[TinyBatch]:
        order = range(self.n)
        if self.shuffled:
            order = np.random.default_rng((3, epoch)).permutation(self.n).tolist()
        return [self.at(k, fresh=self.shuffled or i == 0) for i, k in enumerate(order)]

    def loss(self, model: Any, batch: TinyBatch, carry: Any) -> tuple[Loss, Any]:
        carry = model.begin(len(batch.x)) if carry is None else carry
        logits, carry = model(batch.x, carry)
        nll = nn.functional.cross_entropy(
            logits.flatten(0, 1), batch.y.flatten(), reduction="none"
        ).view_as(batch.y)
        return Loss((nll * batch.mask).sum(), batch.events), carry

    def measure(self, model: Any, split: str) -> dict[str, float]:
        self.measured += 1
        nats, events = 0.0, 0
        for batch in self.batches(split, epoch=0):
            loss, _ = self.loss(model, batch, None)
            nats, events = nats + loss.sum.item(), events + loss.count
        return {"perplexity": float(np.exp(nats / events)), "nats": nats}
