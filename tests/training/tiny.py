"""The smallest model and task on which every law of training can be tried.

Run as a program it trains in a run folder, to be killed, signalled, or started by torchrun.
"""

import argparse
import dataclasses
import json
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from malmoi.errors import Interrupted, MalmoiError
from malmoi.objective import Loss
from malmoi.run import claim
from malmoi.training.config import Training
from malmoi.training.distributed import ALONE, World, join
from malmoi.training.events import Event, Finished, Step
from malmoi.training.fit import fit
from malmoi.training.interrupts import signals
from malmoi.training.state import State

V = 11


class Memory(NamedTuple):
    h: Tensor
    read: Tensor


@dataclass(frozen=True)
class TinyBatch:
    x: Tensor
    y: Tensor
    mask: Tensor
    fresh: bool
    poison: str = ""

    @property
    def events(self) -> int:
        return int(self.mask.sum())

    def __len__(self) -> int:
        return len(self.x)

    def to(self, device: torch.device) -> "TinyBatch":
        return dataclasses.replace(
            self, x=self.x.to(device), y=self.y.to(device), mask=self.mask.to(device)
        )

    def rows(self, part: slice) -> "TinyBatch":
        return dataclasses.replace(self, x=self.x[part], y=self.y[part], mask=self.mask[part])


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
        h, states = carry.h, []
        for t in range(x.size(1)):
            h = torch.tanh(self.W(torch.cat((self.drop(self.embed(x[:, t])), h), -1)))
            states.append(h)
        logits = self.out(self.drop(self.norm(torch.stack(states, 1))))
        return logits, Memory(h, carry.read + x.size(1))


class TinyTask:
    """Lanes of a made-up text, their carry handed on; or, shuffled, batches for themselves.

    In batch `poison[1]` of epoch `poison[0]` the loss, or the gradient alone, is not a number.
    """

    better: tuple[str, Literal["lower", "higher"]] = ("perplexity", "lower")

    def __init__(
        self,
        *,
        batches: int = 7,
        rows: int = 4,
        shuffled: bool = False,
        poison: tuple[int, int, str] | None = None,
        pause: float = 0.0,
    ) -> None:
        self.n, self.length, self.shuffled = batches, 5, shuffled
        self.poison, self.pause = poison, pause
        chance = np.random.default_rng(7)
        steps = chance.choice([1, 2, 3], size=(rows, batches * self.length + 1), p=[0.7, 0.2, 0.1])
        text = torch.from_numpy(np.cumsum(steps, 1) % V)
        self.x, self.y = text[:, :-1], text[:, 1:]
        self.mask = torch.from_numpy(chance.random(self.y.shape) < 0.8)
        self.mask[0, 0] = True

    def batches(self, split: str, *, epoch: int) -> Sequence[TinyBatch]:
        order = list(range(self.n))
        if self.shuffled:
            order = np.random.default_rng((3, epoch)).permutation(self.n).tolist()
        return [
            TinyBatch(
                *(
                    t[:, k * self.length : (k + 1) * self.length]
                    for t in (self.x, self.y, self.mask)
                ),
                fresh=self.shuffled or i == 0,
                poison=self.poison[2] if self.poison and self.poison[:2] == (epoch, i) else "",
            )
            for i, k in enumerate(order)
        ]

    def loss(self, model: Any, batch: TinyBatch, carry: Any) -> tuple[Loss, Any]:
        assert len(batch), "as with nn.LSTM, there must be a row to read"
        carry = model.begin(len(batch.x)) if carry is None else carry
        logits, carry = model(batch.x, carry)
        nll = nn.functional.cross_entropy(logits.flatten(0, 1), batch.y.flatten(), reduction="none")
        total = (nll.view(batch.y.shape) * batch.mask).sum()
        if batch.poison == "loss":
            total = total * float("inf")
        if batch.poison == "gradient":
            total = total + (model.norm.weight[3] * 0).sqrt()
        return Loss(total, batch.events), carry

    def measure(self, model: Any, split: str) -> dict[str, float]:
        time.sleep(self.pause)
        nats, events = 0.0, 0
        for batch in self.batches(split, epoch=0):
            loss, _ = self.loss(model, batch, None)
            nats, events = nats + loss.sum.item(), events + loss.count
        return {"perplexity": float(np.exp(nats / events)), "nats": nats}


def model_of(seed: int = 0, **kind: Any) -> TinyModel:
    torch.manual_seed(seed)
    return TinyModel(**kind)


def row(event: Event) -> dict[str, Any]:
    """An event without what the clock said."""
    values = event._asdict()
    values.pop("seconds", None)
    return {"event": type(event).__name__, **values}


def train(
    folder: Path,
    training: Training,
    task: TinyTask,
    *,
    world: World = ALONE,
    dropout: float = 0.2,
    every: int = 1,
    die_at: int = 0,
) -> list[dict[str, Any]]:
    """A whole run, begun or resumed; a checkpoint every so many events."""
    rows = []
    with claim(folder, world=world) as draft, signals(others=world.size > 1) as stop:
        if draft.finished:
            return []
        model = model_of(dropout=dropout)
        if draft.resumable:
            state = draft.resume(model, training).state
        else:
            state = State.begin(model, training, seed=5)
            with world.first():
                (folder / "text").mkdir(exist_ok=True)
                if world.leads:  # who reads it must not see it half written by another
                    (folder / "text" / "vocabulary.txt").write_text("</s>\n<unk>\n")
            draft.begin(recipe="seed = 5\n", model={"d": 8})
        try:
            for n, event in enumerate(fit(model, task, training, state, world=world, stop=stop)):
                rows.append(row(event))
                draft.record(rows[-1])
                if world.leads:
                    sys.stdout.write(json.dumps(rows[-1]) + "\n")
                    sys.stdout.flush()
                if every and n % every == 0:
                    draft.save(state, model)
                if isinstance(event, Step) and event.step == die_at and world.rank == 1:
                    os.kill(os.getpid(), signal.SIGKILL)
        except Interrupted:
            draft.save(state, model)
            raise
        assert isinstance(event, Finished)
        draft.finish(weights=state.weights(model), report={"best": state.best}, readme="# tiny\n")
    return rows


def killed_again_and_again(folder: Path, training: Training, task: TinyTask, kills: int) -> int:
    """Start the training, kill it at a random moment, and so on; at last let it end.

    Children are forked, so that they need not import torch; each is a process of its own.
    """
    chance, done, longest = random.Random(kills), 0, 0.3
    while True:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                train(folder, training, task)
                code = 0
            finally:
                os._exit(code)
        if done < kills:
            time.sleep(chance.random() * longest)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            if os.WEXITSTATUS(status) or done >= kills:
                return os.WEXITSTATUS(status)
            longest *= 0.8  # it had time to end: the rest of the kills go into a new training
            os.rename(folder, folder.with_name(f"{folder.name}-{done}"))
        done += os.WIFSIGNALED(status)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--training", type=json.loads, default={})
    parser.add_argument("--task", type=json.loads, default={})
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--die-at", type=int, default=0)
    parser.add_argument("--kills", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    training, task = Training(**given.training), TinyTask(**given.task)
    if given.kills:
        return killed_again_and_again(given.folder, training, task, given.kills)
    try:
        with join() as world:
            train(
                given.folder,
                training,
                task,
                world=world,
                dropout=given.dropout,
                every=given.every,
                die_at=given.die_at,
            )
    except MalmoiError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
