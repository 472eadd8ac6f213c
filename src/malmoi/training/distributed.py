"""One training in several processes: `torchrun --nproc-per-node 2 -m malmoi train …`.

Every process sees every batch and works on every W-th row of it, beginning with its rank's.  With
N the events of the whole batch, known to all, each back-propagates its own Σ loss / N; added up by
torch's DistributedDataParallel that is the gradient of one process with the whole batch, exactly:

    ∇ (1/N) Σ_rows  =  Σ_r ∇ (1/N) Σ_{rows of r}

All processes therefore hold the same weights and take the same decisions.  What only one can know
(the measures, the clock, a signal) is told to the others.  Process 0 alone writes files.
"""

import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from malmoi.carry import tree_map
from malmoi.errors import RunError, UsageError
from malmoi.objective import Batch

PATIENCE = timedelta(hours=2)  # for the others: process 0 may measure for long


@dataclass(frozen=True)
class World:
    """The processes that train together, and which of them this is."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files and measures."""
        return self.rank == 0

    def part(self, batch: Batch) -> tuple[Any, bool]:
        """The rows of a batch that are this process's, and whether they count.

        A process for which there is none works on the first row, to keep step, and for nothing.
        """
        if self.size == 1:
            return batch, True
        counts = self.rank < len(batch)
        return batch.rows(slice(self.rank, None, self.size) if counts else slice(0, 1)), counts

    def wrap(self, objective: nn.Module) -> nn.Module:
        """Let gradients be averaged over the processes while they are computed."""
        return objective if self.size == 1 else DistributedDataParallel(objective)

    def quietly(self, objective: nn.Module, *, last: bool) -> AbstractContextManager[object]:
        """Exchange gradients only after the last of several batches."""
        if isinstance(objective, DistributedDataParallel) and not last:
            return objective.no_sync()
        return nullcontext()

    def sum(self, t: Tensor) -> Tensor:
        """The sum of a tensor over all processes."""
        if self.size > 1:
            with self.company():
                dist.all_reduce(t)
        return t

    def highest(self, number: int) -> int:
        """The highest of the processes' numbers: a signal that came to any has come to all."""
        if self.size == 1:
            return number
        t = torch.tensor(number)
        with self.company():
            dist.all_reduce(t, dist.ReduceOp.MAX)
        return int(t)

    def tell(self, value: Any) -> Any:
        """What process 0 says (JSON); what the others give is not looked at."""
        if self.size == 1:
            return value
        said = torch.frombuffer(bytearray(json.dumps(value), "utf-8"), dtype=torch.uint8)
        length = torch.tensor(len(said))
        with self.company():
            dist.broadcast(length, 0)
            said = said if self.leads else torch.empty(int(length), dtype=torch.uint8)
            dist.broadcast(said, 0)
        return json.loads(bytes(said.tolist()))

    def wait(self) -> None:
        """Go on when all processes have come here."""
        self.highest(0)

    def gather(self, carry: Any) -> Any:
        """The carry of all rows, from every process's: what a checkpoint keeps."""
        if self.size == 1:
            return carry
        mine = leaves(carry)
        rows = len(mine[0]) if mine else 0
        most, total = self.highest(rows), int(self.sum(torch.tensor(rows)))
        plan = self.tell([[list(t.shape[1:]), str(t.dtype).removeprefix("torch.")] for t in mine])
        whole = []
        for i, (shape, dtype) in enumerate(plan):
            padded = torch.zeros([most, *shape], dtype=getattr(torch, dtype))
            if rows:
                padded[:rows] = mine[i]
            parts = [torch.empty_like(padded) for _ in range(self.size)]
            with self.company():
                dist.all_gather(parts, padded)
            whole.append(torch.stack(parts, 1).flatten(0, 1)[:total])  # row r·W + rank
        rest = iter(whole)
        return tree_map(lambda t: next(rest), carry)

    def share(self, carry: Any) -> Any:
        """The rows of a whole carry that are this process's; None where there is none for it."""
        if self.size == 1 or carry is None:
            return carry
        mine = tree_map(lambda t: t[self.rank :: self.size].contiguous(), carry)
        return mine if len(leaves(mine)[0]) else None

    @contextmanager
    def first(self) -> Iterator[None]:
        """Process 0 does this before the others, which then find it done."""
        if not self.leads:
            self.wait()
        yield
        if self.leads:
            self.wait()

    @contextmanager
    def company(self) -> Iterator[None]:
        """Say of a broken connection that another process is gone."""
        try:
            yield
        except RuntimeError as error:
            if self.size == 1 or not _is_of_the_connection(error):
                raise
            raise RunError(
                f"process {self.rank} of {self.size} has lost another one",
                where=str(error).splitlines()[0],
                hint="the first failure in torchrun's report names it; then resume",
            ) from error


ALONE = World()


def leaves(carry: Any) -> list[Tensor]:
    """The tensors of a carry; all have as many rows."""
    if isinstance(carry, Tensor):
        return [carry]
    return [t for part in carry or () for t in leaves(part)]


@contextmanager
def join(device: torch.device | None = None) -> Iterator[World]:
    """The world that torchrun has started this process in; alone if it was not torchrun.

    gloo carries what lies in the CPU's memory, nccl what lies on a GPU.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    cuda = device is not None and device.type == "cuda"
    if cuda and torch.cuda.device_count() < int(os.environ.get("LOCAL_WORLD_SIZE", "1")):
        raise UsageError(
            "there are more processes than GPUs",
            where=f"{os.environ['LOCAL_WORLD_SIZE']} processes, {torch.cuda.device_count()} GPUs",
            hint="torchrun --nproc-per-node gpu, or --device cpu",
        )
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    try:
        dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=PATIENCE)
    except (ValueError, RuntimeError) as error:
        raise UsageError(
            f"this process cannot find the other {size - 1}",
            where=str(error).splitlines()[0],
            hint="start them with torchrun, or unset WORLD_SIZE",
        ) from error
    try:
        yield World(dist.get_rank(), size)
    finally:
        dist.destroy_process_group()


def one_process() -> None:
    """Raise UsageError if torchrun has started several processes, each of which would do it all."""
    if (size := int(os.environ.get("WORLD_SIZE", "1"))) > 1:
        raise UsageError(
            "this is done by one process",
            where=f"torchrun has started {size}",
            hint="malmoi train can use several: torchrun --nproc-per-node 2 -m malmoi train …",
        )


def speaks() -> bool:
    """Whether this process talks to people: of those that torchrun started, the first."""
    return os.environ.get("RANK", "0") == "0"


def _is_of_the_connection(error: RuntimeError) -> bool:
    words = ("Connection", "connection", "peer", "gloo", "NCCL", "Broken pipe")
    return isinstance(error, dist.DistError) or any(word in str(error) for word in words)
