"""Training over a large vocabulary: a sampled and an adaptive softmax in bfloat16, against the
plain PyTorch loop with its full softmax in fp32 (`benchmarks.lstm`).

The size is WikiText-2's: 33,279 types, and the LSTM of two layers of 200.  Both sides read the same
made-up text, its words drawn by Zipf's law, and follow the same rule; ours computes less.  What it
costs in perplexity is measured on WikiText-2 itself: docs/charcnn.md.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.harness import Row, interleave, row
from benchmarks.lstm import BATCH, CLIP, DROPOUT, LENGTH, LR, Plain, PlainLoop
from benchmarks.training import endless, steps, stream, task
from malmoi.config import Sizes
from malmoi.models.rnn import LSTMConfig

GOAL = 3.0


def rows(*, tiny: bool = False) -> Iterator[Row]:
    V, d, repeats = (60, 8, 2) if tiny else (33_279, 200, 15)
    samples, cutoffs = (20, (10, 30)) if tiny else (4096, (4000, 16_000))
    yield one(V, d, f"{samples:,} samples", {"samples": samples}, repeats=repeats)
    clusters = f"adaptive at {', '.join(f'{c:,}' for c in cutoffs)}"
    yield one(V, d, clusters, {"adaptive": cutoffs}, repeats=repeats)


def one(V: int, d: int, how: str, options: dict[str, Any], *, repeats: int) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        data = task(
            Path(folder),
            V=V,
            tokens=(repeats + 3) * BATCH * LENGTH,
            order="lanes",
            batch=BATCH,
            length=LENGTH,
        )
        torch.manual_seed(0)
        config = LSTMConfig(d=d, layers=2, dropout=DROPOUT, dropout_out=DROPOUT, **options)
        ours = steps(
            config.build(Sizes(V)), data, endless("sgd", lr=LR, clip=CLIP, precision="bf16")
        )
        peer = PlainLoop(Plain(V, d, 2, DROPOUT), stream(data), BATCH, LENGTH)
        seconds = interleave(ours, peer, repeats=repeats)
    return row(
        f"softmax: training 2×{d} over {V:,} types, {how}, bf16 against full, fp32",
        seconds,
        amount=BATCH * LENGTH,
        unit="tokens",
        goal=GOAL,
        setting=f"a step of malmoi's training in bf16, {how}, against a plain PyTorch loop, "
        f"full softmax in fp32; 2 layers of {d}, batch {BATCH}, {LENGTH} tokens back-propagated, "
        f"dropout {DROPOUT}, SGD, clipped at {CLIP:g}; median of {repeats}",
    )
