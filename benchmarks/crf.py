"""A chain of tags, against pytorch-crf: learning (loss and gradient) and reading (Viterbi).

Both sides are given the same float32 emissions, mask, transitions and tags.  Learning ends with the
gradients of the emissions and of all transitions, reading with the best tags of every sentence
(tests/layers/test_crf.py: they are the same).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torchcrf import CRF as Peer

from benchmarks.harness import Row, interleave, row
from malmoi.layers.crf import CRF

BATCH, SHORTEST, LONGEST = 32, 10, 40


@dataclass
class Sides:
    """The four things that are measured, on one batch."""

    ours: CRF
    peer: Peer
    e: Tensor
    mask: Tensor
    y: Tensor

    @classmethod
    def of(cls, labels: int) -> "Sides":
        torch.manual_seed(0)
        lengths = torch.randint(SHORTEST, LONGEST + 1, (BATCH,))
        mask = torch.arange(int(lengths.max())) < lengths[:, None]
        ours, peer = CRF(labels), Peer(labels, batch_first=True)
        for weight in ours.parameters():
            torch.nn.init.normal_(weight)
        peer.load_state_dict(
            {
                "transitions": ours.transitions,
                "start_transitions": ours.start,
                "end_transitions": ours.end,
            }
        )
        e = torch.randn(*mask.shape, labels, requires_grad=True)
        return cls(ours, peer, e, mask, torch.randint(labels, mask.shape))

    def forget(self) -> None:
        self.e.grad = None
        self.ours.zero_grad()
        self.peer.zero_grad()

    def learn(self) -> float:
        self.forget()
        loss = -self.ours(self.e, self.mask).log_prob(self.y).sum()
        loss.backward()
        return float(loss.detach())

    def peer_learn(self) -> float:
        self.forget()
        loss = -self.peer(self.e, self.y, self.mask)
        loss.backward()
        return float(loss.detach())

    @torch.no_grad()
    def read(self) -> list[list[int]]:
        best = self.ours(self.e, self.mask).best().tolist()
        return [y[:n] for y, n in zip(best, self.mask.sum(1).tolist(), strict=True)]

    @torch.no_grad()
    def peer_read(self) -> list[list[int]]:
        return self.peer.decode(self.e, self.mask)


def rows(*, tiny: bool = False) -> Iterator[Row]:
    repeats = 2 if tiny else 200
    for labels, learning, reading in ((20, 3.0, 10.0), (50, 6.0, 5.0)):
        sides = Sides.of(3 if tiny else labels)
        setting = (
            f"{labels} tags, batch {BATCH}, {SHORTEST} to {LONGEST} words, float32; "
            f"median of {repeats}"
        )
        yield row(
            f"crf: loss and gradient, {labels} tags",
            interleave(sides.learn, sides.peer_learn, repeats=repeats),
            amount=int(sides.mask.sum()),
            unit="words",
            goal=learning,
            setting="log-likelihood and its gradients against pytorch-crf; " + setting,
        )
        yield row(
            f"crf: Viterbi, {labels} tags",
            interleave(sides.read, sides.peer_read, repeats=repeats),
            amount=int(sides.mask.sum()),
            unit="words",
            goal=reading,
            setting="the best tags as lists against pytorch-crf's decode; " + setting,
        )
