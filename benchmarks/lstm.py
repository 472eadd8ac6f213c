"""Training an LSTM language model, against a plain PyTorch loop.

Both sides: embedding, two layers, dropout at the same three places, a full softmax, the mean
cross-entropy of 20 × 35 tokens, the gradient's norm shortened, SGD, the state carried on.  Weights
copied from one side to the other give the same losses (tests/benchmarks/test_peers.py).
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.harness import Row, interleave, row
from benchmarks.training import endless, steps, stream, task
from malmoi.config import Sizes
from malmoi.models.rnn import LSTMConfig

BATCH, LENGTH = 20, 35
LR, CLIP, DROPOUT = 1.0, 5.0, 0.2


class Plain(nn.Module):
    """The model as one writes it with `torch.nn`: time first, as `nn.LSTM` likes it."""

    def __init__(self, V: int, d: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.embed = nn.Embedding(V, d)
        self.drop = nn.Dropout(dropout)
        self.lstm = nn.LSTM(d, d, layers, dropout=dropout)
        self.out = nn.Linear(d, V)

    def forward(
        self, x: Tensor, state: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        h, state = self.lstm(self.drop(self.embed(x)), state)
        return self.out(self.drop(h)), state


@dataclass
class PlainLoop:
    """Each call is one step of the loop that everybody writes."""

    model: nn.Module
    tokens: Tensor
    batch: int
    length: int

    def __post_init__(self) -> None:
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=LR)
        long = (len(self.tokens) - 1) // self.batch
        self.lanes = self.tokens[: long * self.batch].view(self.batch, long).t().contiguous()
        self.at = 0
        self.state: tuple[Tensor, Tensor] | None = None

    def __call__(self) -> float:
        if self.at + self.length >= len(self.lanes):
            self.at, self.state = 0, None
        x = self.lanes[self.at : self.at + self.length]
        y = self.lanes[self.at + 1 : self.at + 1 + self.length]
        self.at += self.length
        if self.state is not None:
            self.state = (self.state[0].detach(), self.state[1].detach())
        self.model.train()
        self.optimizer.zero_grad()
        logits, self.state = self.model(x, self.state)
        loss = F.cross_entropy(logits.flatten(0, 1), y.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimizer.step()
        return loss.item()


def rows(*, tiny: bool = False) -> Iterator[Row]:
    V = 50 if tiny else 10_000
    for d, repeats in ((8, 2), (12, 2)) if tiny else ((200, 30), (650, 15)):
        for precision, goal in (("fp32", 1.0), ("bf16", 1.5)):
            yield one(V, d, precision, goal=goal, repeats=repeats)


def one(V: int, d: int, precision: Literal["fp32", "bf16"], *, goal: float, repeats: int) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        data = task(
            Path(folder),
            V=V,
            tokens=(repeats + 3) * BATCH * LENGTH,  # no turn meets the short batch of the end
            order="lanes",
            batch=BATCH,
            length=LENGTH,
        )
        torch.manual_seed(0)
        config = LSTMConfig(d=d, layers=2, dropout=DROPOUT, dropout_out=DROPOUT)
        ours = steps(
            config.build(Sizes(V)),
            data,
            endless("sgd", lr=LR, clip=CLIP, precision=precision),
        )
        peer = PlainLoop(Plain(V, d, 2, DROPOUT), stream(data), BATCH, LENGTH)
        seconds = interleave(ours, peer, repeats=repeats)
    against = "" if precision == "fp32" else " against fp32"
    return row(
        f"lstm: training 2×{d}, {precision}{against}",
        seconds,
        amount=BATCH * LENGTH,
        unit="tokens",
        goal=goal,
        setting=f"a step of malmoi's training in {precision} against a plain PyTorch loop in fp32; "
        f"2 layers of {d}, vocabulary {V:,}, batch {BATCH}, {LENGTH} tokens back-propagated, "
        f"dropout {DROPOUT}, SGD, clipped at {CLIP:g}; median of {repeats}",
    )
