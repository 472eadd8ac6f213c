"""Training a GPT, against a plain PyTorch loop in the manner of nanoGPT; and writing with keys and
values kept, against reading everything again for each token.

Weights copied from one side to the other give the same losses and the same text
(tests/benchmarks/test_peers.py).  As in nanoGPT on a CPU, the peer's AdamW is not the fused one.
"""

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.harness import Row, interleave, row
from benchmarks.training import endless, steps, stream, task
from malmoi.config import Sizes
from malmoi.decode import greedy
from malmoi.models.gpt import GPT, Config

LR, CLIP = 1e-3, 1.0


class PlainBlock(nn.Module):
    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x: Tensor) -> Tensor:
        B, T, d = x.shape
        q, k, v = self.qkv(self.ln_1(x)).split(d, 2)
        q, k, v = (part.view(B, T, self.heads, -1).transpose(1, 2) for part in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).contiguous().view(B, T, d))
        return x + self.down(F.gelu(self.up(self.ln_2(x)), approximate="tanh"))


class Plain(nn.Module):
    def __init__(self, V: int, d: int, heads: int, layers: int, context: int) -> None:
        super().__init__()
        self.embed, self.positions = nn.Embedding(V, d), nn.Embedding(context, d)
        self.blocks = nn.ModuleList(PlainBlock(d, heads) for _ in range(layers))
        self.ln = nn.LayerNorm(d)
        self.out = nn.Linear(d, V, bias=False)
        self.out.weight = self.embed.weight
        nn.init.normal_(self.embed.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x) + self.positions(torch.arange(x.size(1)))
        for block in self.blocks:
            h = block(h)
        return self.out(self.ln(h))


@dataclass
class PlainLoop:
    """Each call is one step: windows from anywhere in the text, forward, backward, AdamW."""

    model: nn.Module
    tokens: Tensor
    batch: int
    length: int
    precision: Literal["fp32", "bf16"]

    def __post_init__(self) -> None:
        parameters = list(self.model.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.0},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=LR)

    def __call__(self) -> float:
        starts = torch.randint(len(self.tokens) - self.length, (self.batch,)).tolist()
        x = torch.stack([self.tokens[i : i + self.length] for i in starts])
        y = torch.stack([self.tokens[i + 1 : i + 1 + self.length] for i in starts])
        return self.step(x, y)

    def step(self, x: Tensor, y: Tensor) -> float:
        low: AbstractContextManager[object] = nullcontext()
        if self.precision == "bf16":
            low = torch.autocast("cpu", torch.bfloat16)
        self.model.train()
        with low:
            logits = self.model(x)
            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), y.view(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item()


class Forgetful:
    """A GPT that keeps no keys and values: its carry is what it read, and it reads it again.

    As nanoGPT does, it computes the logits of the last place alone.
    """

    def __init__(self, model: GPT) -> None:
        self.model = model

    def begin(self, batch: int) -> Tensor:
        return torch.zeros(batch, 0, dtype=torch.long)

    def __call__(self, x: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
        seen = torch.cat([carry, x], 1)
        h, _ = self.model._read(seen, self.model.begin(len(seen)))
        return self.model.out(h[:, -1:]), seen


def rows(*, tiny: bool = False) -> Iterator[Row]:
    V, d, layers, context = (50, 8, 2, 12) if tiny else (10_000, 256, 4, 256)
    config = Config(d=d, heads=4, layers=layers, context=context)
    yield training(config, V, "fp32", repeats=2 if tiny else 15)
    yield training(config, V, "bf16", repeats=2 if tiny else 15)
    yield generation(config, 65, "characters", repeats=1 if tiny else 3)  # tiny-shakespeare's
    yield generation(config, V, "words", repeats=1 if tiny else 3)


def shape(config: Config, V: int) -> str:
    return (
        f"{config.layers} layers of {config.d}, {config.heads} heads, context {config.context}, "
        f"vocabulary {V:,}"
    )


def training(config: Config, V: int, precision: Literal["fp32", "bf16"], *, repeats: int) -> Row:
    batch, length = 8, config.context
    with tempfile.TemporaryDirectory() as folder:
        data = task(
            Path(folder),
            V=V,
            tokens=(repeats + 3) * batch * length,  # no turn meets the small batch of the end
            order="windows",
            batch=batch,
            length=length,
        )
        torch.manual_seed(0)
        how = endless("adamw", lr=LR, clip=CLIP, precision=precision)
        ours = steps(config.build(Sizes(V)), data, how)
        model = Plain(V, config.d, config.heads, config.layers, length)
        peer = PlainLoop(model, stream(data), batch, length, precision)
        seconds = interleave(ours, peer, repeats=repeats)
    return row(
        f"gpt: training, {precision}",
        seconds,
        amount=batch * length,
        unit="tokens",
        goal=1.0,
        setting=f"a step of malmoi's training against a plain PyTorch loop in the manner of "
        f"nanoGPT, both in {precision}; {shape(config, V)}, batch {batch}, no dropout, AdamW, "
        f"clipped at {CLIP:g}; median of {repeats}",
    )


def generation(config: Config, V: int, unit: str, *, repeats: int) -> Row:
    torch.manual_seed(0)
    model = config.build(Sizes(V)).eval()
    n = config.context
    x = torch.zeros(1, 1, dtype=torch.long)
    forgetful = Forgetful(model)
    seconds = interleave(
        lambda: greedy(model, model.begin(1), x, limit=n, minimum=n - 1),
        lambda: greedy(forgetful, forgetful.begin(1), x, limit=n, minimum=n - 1),
        repeats=repeats,
    )
    return row(
        f"gpt: generation, {n} {unit}",
        seconds,
        amount=n,
        unit=unit,
        goal=5.0,
        setting=f"greedy search with keys and values kept against the same model and search "
        f"reading the whole text again for each token; one text; {shape(config, V)}, fp32; "
        f"median of {repeats}",
    )
