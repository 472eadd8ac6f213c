"""Translators, against JoeyNMT's: training, and beam search with an RNN.

Both sides: the same made-up pairs, of lengths as in talks; the same vocabulary, widths and copied
weights, which must give each word the same logit before anything is measured; the same searches
must write the same.

    the same batches    ours, of like length; JoeyNMT is told which pairs, and pads them itself
    its own batches     as many pairs a batch, shuffled: what it does unless told otherwise

A turn is so many steps: of the training loop itself on our side, on the peer's of what its trainer
does between two batches, without logs.  Dropout is where each has it, at the same rate.
JoeyNMT needs an environment of its own: docs/benchmarks.md.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import joeynmt
import numpy as np
import torch
from torch import nn

from benchmarks import twins
from benchmarks.harness import Row, interleave, row
from benchmarks.training import endless, steps
from benchmarks.twins import Same, Twin
from malmoi.data.examples import Pair
from malmoi.decode import beam
from malmoi.errors import DataError
from malmoi.layers.recurrent import HiddenCell
from malmoi.models import luong, transformer
from malmoi.models.luong import Luong
from malmoi.models.transformer import Transformer
from malmoi.sentences import Sentences
from malmoi.tasks.translation import Translation, TranslationTask
from malmoi.text import Bitext

Precision = Literal["fp32", "bf16"]
MEDIAN, SPREAD, LONGEST = 18, 0.6, 62  # tokens of a source
LR, CLIP, DROPOUT, SMOOTHING, BEAM = 1e-4, 1.0, 0.1, 0.1, 5


@dataclass(frozen=True)
class Scale:
    """V: types.  batch: tokens of both sides.  d, d_rnn: widths.  sources: read by the search,
    and so many words written of each."""

    V: int = 8_000
    pairs: int = 3_000
    batch: int = 4_096
    steps: int = 3
    repeats: int = 5
    d: int = 256
    heads: int = 4
    layers: int = 3
    d_ff: int = 1_024
    d_rnn: int = 512
    sources: int = 32
    length: int = 30


TINY = Scale(60, 60, 256, 2, 2, 8, 2, 1, 16, 8, 2, 5)


def made(count: int, V: int) -> list[Pair]:
    """Pairs of V − 2 types by Zipf's law; every type is there, on both sides."""
    chance = np.random.default_rng(0)
    types = np.array([f"w{i}" for i in range(V - 2)])
    p = 1 / np.arange(1, V - 1)
    source = MEDIAN * np.exp(SPREAD * chance.standard_normal(count))
    target = source * np.exp(0.15 * chance.standard_normal(count))
    sides = []
    for lengths in (source, target):
        many = np.clip(lengths, 1, LONGEST).astype(int)
        words = chance.choice(types, many.sum(), p=p / p.sum())
        words[chance.choice(len(words), len(types), replace=False)] = types
        sides.append([" ".join(line) for line in np.split(words, many.cumsum()[:-1])])
    return [Pair(*both) for both in zip(*sides, strict=True)]


def task(pairs: Sequence[Pair], scale: Scale, *, joint: bool) -> TranslationTask:
    """Our side's data."""
    lines = [lambda: (p.source for p in pairs), lambda: (p.target for p in pairs)]
    bitext = Bitext.learn(*lines, kind="given", size=scale.V, joint=joint)
    how = Translation("made up", tokens="given", vocabulary=scale.V, joint=joint, batch=scale.batch)
    return TranslationTask(how, bitext, {"train": pairs, "valid": pairs[:1]}, seed=0)


class Rival:
    """A translator of ours with its twin."""

    def __init__(self, kind: type[Transformer] | type[Luong], scale: Scale, folder: Path) -> None:
        self.scale, self.kind = scale, kind
        pairs = made(scale.pairs, scale.V)
        self.data = task(pairs, scale, joint=kind is Transformer)
        torch.manual_seed(0)
        make = a_transformer if kind is Transformer else an_rnn
        config, settings = make(scale)
        self.ours = config.build(self.data.sizes)
        if isinstance(self.ours, Luong):
            sharpen(self.ours)
        self.twin = Twin(
            self.ours, settings, self.data, pairs, folder,
            optimizer="adam", learning_rate=LR, clip_grad_norm=CLIP, normalization="tokens",
            label_smoothing=SMOOTHING if kind is Transformer else 0.0,
        )  # fmt: skip
        self.compare()

    @torch.no_grad()
    def compare(self) -> None:
        """Raises DataError unless both say the same of a batch."""
        batch = self.data.batches("train", epoch=0)[0]
        mine, _ = self.ours.eval()(batch.x, self.begin(batch.source))
        its = self.twin.logits(next(iter(Same(self.data))))
        there = batch.mask[:, : its.size(1)]  # it pads less
        apart = float((mine[:, : its.size(1)] - its)[there].abs().max())
        if there.sum() != batch.events or apart > 1e-3 * float(mine.abs().max()):
            raise DataError(f"the two sides' logits are {apart:.1e} apart")

    def begin(self, source: Sentences) -> Any:
        """Our first carry; JoeyNMT begins the cell with h, too."""
        carry = self.ours.begin(source)
        if isinstance(carry, luong.Carry):
            return carry._replace(state=HiddenCell(carry.state.h, carry.state.h))
        return carry

    def training(
        self, ours: Precision, peer: Precision, *, own: bool
    ) -> tuple[Callable[[], None], Callable[[], None]]:
        """A turn of each."""
        how = endless("adam", lr=LR, clip=CLIP, precision=ours)
        step = steps(self.ours, self.data, how)
        each = round(self.scale.pairs / len(self.data.batches("train", epoch=0)))
        batches = self.twin.own_batches(each) if own else self.twin.same_batches()

        def turn() -> None:
            for _ in range(self.scale.steps):
                step()

        return turn, twins.Steps(self.twin, batches, bf16=peer == "bf16", count=self.scale.steps)

    def searches(
        self,
    ) -> tuple[Callable[[], list[list[int]]], Callable[[], list[list[int]]]]:
        """The same texts of each."""
        scale, chance = self.scale, torch.Generator().manual_seed(1)
        some = torch.randint(
            2, self.data.sizes.source, (scale.sources, scale.length), generator=chance
        )
        some[:, -1] = 0
        sentences = Sentences(some, torch.ones_like(some, dtype=torch.bool))
        x = torch.zeros_like(some[:, :1])
        self.ours.eval()

        def write() -> list[list[int]]:
            with torch.inference_mode():
                carry = self.begin(sentences)
                found = beam(self.ours, carry, x, width=BEAM, n=1, limit=scale.length, forbid=(0,))
            return [list(best.tokens) for (best,) in found]

        return write, lambda: self.twin.beam(some, BEAM, scale.length)


def a_transformer(scale: Scale) -> tuple[transformer.Config, dict[str, Any]]:
    ours = transformer.Config(
        d=scale.d, heads=scale.heads, layers=scale.layers, d_ff=scale.d_ff, dropout=DROPOUT,
        smoothing=SMOOTHING,
    )  # fmt: skip
    side = {
        "type": "transformer", "num_layers": scale.layers, "num_heads": scale.heads,
        "embeddings": {"embedding_dim": scale.d, "scale": True, "dropout": DROPOUT},
        "hidden_size": scale.d, "ff_size": scale.d_ff, "dropout": DROPOUT, "layer_norm": "post",
    }  # fmt: skip
    return ours, {"tied_embeddings": True, "tied_softmax": True, "encoder": side, "decoder": side}


def an_rnn(scale: Scale) -> tuple[luong.Config, dict[str, Any]]:
    d = scale.d_rnn
    ours = luong.Config(d=d, layers=1, bidirectional=True, dropout=DROPOUT)
    side = {
        "type": "recurrent", "rnn_type": "lstm", "num_layers": 1, "dropout": DROPOUT,
        "embeddings": {"embedding_dim": d, "dropout": DROPOUT},
    }  # fmt: skip
    encoder = {"hidden_size": d // 2, "bidirectional": True}
    decoder = {
        "hidden_size": d, "attention": "luong", "input_feeding": True, "init_hidden": "last",
        "hidden_dropout": DROPOUT,
    }  # fmt: skip
    return ours, {"encoder": side | encoder, "decoder": side | decoder}


@torch.no_grad()
def sharpen(model: Luong) -> None:
    """Weights that tell words apart; the first of h̃ is 1 and says nothing of a word of ours."""
    for name, weight in model.named_parameters():
        if weight.dim() > 1:
            nn.init.normal_(weight, std=1.0 if "words" in name else 2 * weight.size(1) ** -0.5)
    model.W_c.weight[0], model.W_c.bias[0] = 0.0, 20.0
    model.out.softmax.W[:, 0] = 0.0


ROWS: tuple[
    tuple[str, type[Transformer] | type[Luong], Precision, Precision, bool, float | None], ...
]
ROWS = (
    ("Transformer, the same batches, fp32", Transformer, "fp32", "fp32", False, 1.2),
    ("Transformer, the same batches, bf16", Transformer, "bf16", "bf16", False, 1.2),
    ("Transformer, its own batches, fp32", Transformer, "fp32", "fp32", True, None),
    ("Transformer, its own batches, bf16 against fp32", Transformer, "bf16", "fp32", True, 3.0),
    ("LSTM with attention, fp32", Luong, "fp32", "fp32", False, 1.5),
    ("LSTM with attention, bf16", Luong, "bf16", "bf16", False, 1.5),
)


def rows(*, tiny: bool = False) -> Iterator[Row]:
    scale = TINY if tiny else Scale()
    for name, kind, ours, peer, own, goal in ROWS:
        with tempfile.TemporaryDirectory() as folder:
            rival = Rival(kind, scale, Path(folder))
            turns = rival.training(ours, peer, own=own)
            seconds = interleave(*turns, repeats=scale.repeats)
            batches = len(rival.data.batches("train", epoch=0))
            yield row(
                f"joey: training {name}",
                seconds,
                amount=scale.steps * rival.data.events["train"] / batches,
                unit="tokens",
                goal=goal,
                setting=f"{scale.steps} steps of malmoi's training in {ours} against those of "
                f"JoeyNMT {joeynmt.__version__}'s TrainManager in {peer}; {about(rival)}; "
                f"{scale.pairs:,} made-up pairs of {MEDIAN} tokens in the middle, "
                f"{scale.pairs / batches:.0f} in a batch, "
                + ("its batches are shuffled pairs" if own else "both sides' of like length")
                + f", dropout {DROPOUT}, Adam, clipped at {CLIP:g}; tokens of the target; median "
                f"of {scale.repeats} turns",
            )
    with tempfile.TemporaryDirectory() as folder:
        rival = Rival(Luong, scale, Path(folder))
        write, its = rival.searches()
        if (a := write()) != (b := its()):
            same = sum(x == y for x, y in zip(a, b, strict=True))
            raise DataError(f"the two sides write the same of {same} of {len(a)} sources only")
        seconds = interleave(write, its, repeats=scale.repeats)
    yield row(
        f"joey: beam {BEAM}, LSTM with attention, fp32",
        seconds,
        amount=scale.sources * scale.length,
        unit="tokens",
        goal=1.5,
        setting=f"{scale.sources} sources of {scale.length} tokens, {scale.length} tokens written "
        f"of each, against JoeyNMT {joeynmt.__version__}; {about(rival)}; the same output; median "
        f"of {scale.repeats}",
    )


def about(rival: Rival) -> str:
    scale, V = rival.scale, rival.data.sizes.vocabulary
    if rival.kind is Transformer:
        return (
            f"{scale.layers}+{scale.layers} layers of {scale.d}, {scale.heads} heads, d_ff "
            f"{scale.d_ff:,}, a joint vocabulary of {V:,}, label smoothing {SMOOTHING}"
        )
    return (
        f"an LSTM each way of {scale.d_rnn // 2}, one of {scale.d_rnn} with input feeding and "
        f"general attention, vocabularies of {V:,}"
    )
