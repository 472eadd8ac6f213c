"""What a layer costs, measured: seconds forward and back, and what is kept for the way back.

self-attention   layers.attention.SelfAttention, heads of 64     Vaswani et al. (2017), table 1
weights formed   the same, its n × n weights formed, as when someone listens to them
LSTM             layers.recurrent.LSTM                           recurrent
convolution      layers.convolution.GLU of width k, gated        convolutional

All are d wide, read B texts of n places, and take turns, so that what slows one down slows the
others down as well; what counts is the quickest turn, the one that was disturbed least.  On a
processor with one thread it is the processor's own time, which others do not take.  Memory is the
storage that the graph holds for the way back, the input and the parameters not counted.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, get_args

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from malmoi.explain.picture import STRICT
from malmoi.layers.attention import SelfAttention
from malmoi.layers.convolution import GLU
from malmoi.layers.recurrent import LSTM, HiddenCell

Layer = Literal["self-attention", "weights formed", "LSTM", "convolution"]
LAYERS: tuple[Layer, ...] = get_args(Layer)
HEAD = 64  # width of a head
FEWEST, MOST, ENOUGH = 5, 40, 0.25  # turns, and seconds after which no more than FEWEST are taken


@dataclass(frozen=True, config=STRICT)
class Cost:
    """seconds: forward and back.  kept: bytes."""

    layer: Layer
    n: int
    d: int
    seconds: float
    kept: int


def measure(
    lengths: Sequence[int],
    widths: Sequence[int],
    *,
    batch: int = 4,
    kernel: int = 3,
    device: str = "cpu",
    fewest: int = FEWEST,
) -> Iterator[Cost]:
    """Every layer at every length and width, the small ones first."""
    for d in widths:
        built = {layer: build(layer, d, kernel, device) for layer in LAYERS}
        for n in lengths:
            x = torch.randn(batch, n, d, device=device, requires_grad=True)
            kept = {layer: bytes_kept(run, own, x) for layer, (own, run) in built.items()}
            runs = {layer: _there_and_back(run, x) for layer, (_, run) in built.items()}
            taken = turns(runs, fewest, clock=own_time(device))
            for layer in LAYERS:
                yield Cost(layer, n, d, taken[layer], kept[layer])


Run = Callable[[Tensor], Tensor]


def own_time(device: str) -> Callable[[], float]:
    """The clock that is disturbed least."""
    alone = device == "cpu" and torch.get_num_threads() == 1
    return time.process_time if alone else time.perf_counter


def build(layer: Layer, d: int, kernel: int, device: str) -> tuple[nn.Module, Run]:
    """The module, and what makes [B, n, d] of [B, n, d] with it."""
    torch.manual_seed(0)
    match layer:
        case "self-attention" | "weights formed":
            attention = SelfAttention(d, max(1, d // HEAD)).to(device)
            if layer == "weights formed":
                attention.alpha.register_forward_hook(lambda *_: None)
            return attention, lambda x: attention(x, None)
        case "LSTM":
            lstm = LSTM(d, d, 1).to(device)

            def read(x: Tensor) -> Tensor:
                zeros = x.new_zeros(len(x), 1, d)
                h: Tensor = lstm(x, HiddenCell(zeros, zeros))[0]
                return h

            return lstm, read
        case "convolution":
            glu = GLU(d, kernel).to(device)
            before = (kernel - 1) // 2
            edges = (0, 0, before, kernel - 1 - before)
            return glu, lambda x: glu(nn.functional.pad(x, edges))


def bytes_kept(run: Run, module: nn.Module, x: Tensor) -> int:
    """The storage that a forward pass leaves for the way back."""
    known = {t.untyped_storage().data_ptr() for t in (x, *module.parameters())}
    held: dict[int, Tensor] = {}

    def pack(t: Tensor) -> Tensor:
        place = t.untyped_storage().data_ptr()
        if place not in known:
            held[place] = t
        return t

    with _keeping(pack):
        y = run(x)
    found = sum(t.untyped_storage().nbytes() for t in held.values())
    del y
    return found


def _keeping(pack: Callable[[Tensor], Tensor]) -> AbstractContextManager[Any]:
    return torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t)


def turns(
    runs: Mapping[Layer, Callable[[], object]],
    fewest: int = FEWEST,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[Layer, float]:
    """The fewest seconds of each, over turns taken one after another, after one to warm up."""
    for run in runs.values():
        run()
    seconds: dict[Layer, list[float]] = {layer: [] for layer in runs}
    begin = time.perf_counter()
    for turn in range(MOST):
        if turn >= fewest and time.perf_counter() - begin > ENOUGH:
            break
        for layer, run in runs.items():
            start = clock()
            run()
            seconds[layer].append(clock() - start)
    return {layer: min(some) for layer, some in seconds.items()}


def _there_and_back(run: Run, x: Tensor) -> Callable[[], None]:
    """Forward and backward, and the device done with both."""
    g = torch.ones_like(x)
    on_gpu = x.device.type == "cuda"

    def go() -> None:
        x.grad = None
        run(x).backward(g)  # type: ignore[no-untyped-call]
        if on_gpu:
            torch.cuda.synchronize(x.device)

    return go
