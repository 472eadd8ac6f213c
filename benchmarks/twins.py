"""JoeyNMT's twin of a translator: the same pairs, vocabulary, widths and weights, its own trainer.

Its first four words are `<unk> <pad> <s> </s>`; ours k ≥ 2 is its k + 2.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from joeynmt.batch import Batch
from joeynmt.config import parse_global_args
from joeynmt.datasets import BaseDataset
from joeynmt.model import build_model
from joeynmt.search import search
from joeynmt.tokenizers import BasicTokenizer
from joeynmt.training import TrainManager
from joeynmt.vocabulary import Vocabulary
from torch import Tensor
from torch.utils.data import DataLoader

from malmoi.data.bucketed import PairBuckets
from malmoi.data.examples import Pair
from malmoi.layers.recurrent import PARAMETERS
from malmoi.models.luong import Luong
from malmoi.models.transformer import Transformer
from malmoi.tasks.translation import TranslationTask

UNK, PAD, BOS, EOS = range(4)
SIDES = ("source", "target")


def places(V: int) -> Tensor:
    """Where the peer has our ids."""
    return torch.tensor([EOS, UNK, *range(4, V + 2)])


def widened(table: Tensor, begin: Tensor | float = 0.0) -> Tensor:
    """A row a word of ours, as the peer has them; `begin` is that of `<s>`."""
    V, d = table.shape
    wide = torch.zeros(V + 2, d)
    wide[places(V)] = table
    wide[BOS] = begin
    return wide


class Lines(BaseDataset):
    """The pairs in memory."""

    def __init__(self, pairs: Sequence[Pair], known: Sequence[Vocabulary]) -> None:
        words = BasicTokenizer(level="word")
        super().__init__(
            "", *SIDES, has_trg=True,
            has_prompt=dict.fromkeys(SIDES, False),
            tokenizer=dict.fromkeys(SIDES, words),
            sequence_encoder={s: v.sentences_to_ids for s, v in zip(SIDES, known, strict=True)},
        )  # fmt: skip
        self.pairs = pairs
        self.reset_indices()

    def lookup_item(self, idx: int, lang: str) -> tuple[str, None]:
        return getattr(self.pairs[idx], lang), None

    def __len__(self) -> int:
        return len(self.pairs)

    def collate(self, some: list[Any]) -> Any:
        return self.collate_fn(some, pad_index=PAD, eos_index=EOS)


class Same:
    """Which pairs are in each of our batches, epoch after epoch."""

    def __init__(self, data: TranslationTask) -> None:
        self.data = data

    def __iter__(self) -> Iterator[list[int]]:
        some, seed, epoch = self.data.paired["train"], self.data.seed, 0
        lengths = (some.source.lengths, some.target.lengths)
        while True:
            order = PairBuckets(*lengths, self.data.config.batch, seed, epoch)
            yield from (rows.tolist() for rows in order)
            epoch += 1


class Twin:
    """settings: the `model` of its configuration.  training: what differs from its defaults."""

    def __init__(
        self, ours: Transformer | Luong, settings: dict[str, Any], data: TranslationTask,
        pairs: Sequence[Pair], folder: Path, **training: float | str,
    ) -> None:  # fmt: skip
        quiet()
        self.config = parse_global_args(
            {
                "name": "twin", "model_dir": str(folder), "use_cuda": False, "model": settings,
                "data": {}, "testing": {},
                # by epoch, that is never: it has no constant rate
                "training": {"batch_size": 1, "scheduling": "exponential", **training},
            },
            mode="train",
        )  # fmt: skip
        symbols = self.config.data["special_symbols"]
        texts = (data.bitext.source, data.bitext.target)
        known = [Vocabulary(list(text.vocabulary.types), symbols) for text in texts]
        self.model = build_model(settings, *known)
        self.data, self.lines = data, Lines(pairs, known)
        self.copy(transformer(ours) if isinstance(ours, Transformer) else recurrent(ours))

    @torch.no_grad()
    def copy(self, weights: dict[str, Tensor]) -> None:
        known = self.model.state_dict()
        fixed = {name for name in known if name.endswith(".pe")}
        assert known.keys() - fixed == weights.keys(), known.keys() ^ weights.keys()
        for name, weight in weights.items():
            assert known[name].shape == weight.shape, name
            known[name].copy_(weight)

    @torch.no_grad()
    def logits(self, rows: list[int]) -> Tensor:
        """Of these pairs, for our words."""
        (batch,) = DataLoader(self.lines, batch_sampler=[rows], collate_fn=self.lines.collate)
        back = batch.sort_by_src_length()
        said, *_ = self.model.eval()._encode_decode(**vars(batch))
        return said[back][..., places(said.size(-1) - 2)]

    def same_batches(self) -> DataLoader[Any]:
        return DataLoader(self.lines, batch_sampler=Same(self.data), collate_fn=self.lines.collate)

    def own_batches(self, size: int) -> DataLoader[Any]:
        """So many sentences, shuffled: what it does unless told otherwise."""
        kind = self.config.train.batch_type
        assert kind == "sentence"
        return self.lines.make_iter(size, kind, shuffle=True, pad_index=PAD, eos_index=EOS)

    def beam(self, source: Tensor, width: int, length: int) -> list[list[int]]:
        """Texts of so many words each, as our ids."""
        there = places(self.model.decoder.output_size - 2)
        batch = Batch(
            there[source], torch.full((len(source),), source.size(1)), None, None, None,
            torch.arange(len(source)), torch.device("cpu"), PAD, EOS, is_train=False,
        )  # fmt: skip
        found, *_ = search(
            self.model.eval(), batch, max_output_length=length, beam_size=width, beam_alpha=-1,
            min_output_length=length,
        )  # fmt: skip
        ours = torch.full((len(there) + 2,), -1)
        ours[there] = torch.arange(len(there))
        rows: list[list[int]] = ours[torch.from_numpy(found)].tolist()
        return rows


class Steps:
    """Each call is so many turns of the inner loop of JoeyNMT's TrainManager."""

    def __init__(self, twin: Twin, batches: DataLoader[Any], *, bf16: bool, count: int) -> None:
        config = twin.config
        twin.model.loss_function = (config.train.loss, config.train.label_smoothing)
        # its configuration has no autocast on a CPU; its trainer does
        autocast = {"device_type": "cpu", "enabled": bf16, "dtype": torch.bfloat16}
        self.manager = TrainManager(
            0, twin.model, config.model_dir, config.device, autocast=autocast,
            train_args=config.train, dev_args=config.test,
        )  # fmt: skip
        self.manager.tb_writer.close()  # nothing is logged
        self.batches, self.ready, self.count = batches, iter(batches), count

    def __call__(self) -> None:
        manager = self.manager
        for _ in range(self.count):
            manager._train_step(self.batch())
            manager.clip_grad_fun(parameters=manager.model.parameters())
            manager.optimizer.step()
            manager.model.zero_grad()

    def batch(self) -> Any:
        try:
            return next(self.ready)
        except StopIteration:  # an epoch is over
            self.ready = iter(self.batches)
            return next(self.ready)


def transformer(ours: Transformer) -> dict[str, Tensor]:
    """Our weights by its names."""
    w = ours.state_dict()
    table = widened(w["embed.weight"], w["start"])
    found = {
        f"{name}.weight": table
        for name in ("src_embed.lut", "trg_embed.lut", "decoder.output_layer")
    }

    def attention(here: str, there: str) -> None:
        for kind in ("weight", "bias"):
            parts = [w[n] for p in ("qkv", "q", "kv") if (n := f"{here}.{p}.{kind}") in w]
            for letter, part in zip("qkv", torch.cat(parts).chunk(3), strict=True):
                found[f"{there}.{letter}_layer.{kind}"] = part
        same(f"{here}.o", f"{there}.output_layer")

    def same(here: str, there: str) -> None:
        for kind in ("weight", "bias"):
            found[f"{there}.{kind}"] = w[f"{here}.{kind}"]

    for side, blocks, norms, looks in (
        ("encoder", ours.encoder, ("",), ("src_src_att",)),
        ("decoder", ours.decoder, ("x_", "dec_"), ("trg_trg_att", "src_trg_att")),
    ):
        for i in range(len(blocks)):
            here, there = f"{side}.{i}", f"{side}.layers.{i}"
            for name, its in zip(("attention", "cross"), looks, strict=False):
                attention(f"{here}.{name}", f"{there}.{its}")
            for k, its in enumerate(
                (*(f"{n}layer_norm" for n in norms), "feed_forward.layer_norm")
            ):
                same(f"{here}.norm_{k + 1}", f"{there}.{its}")
            for name, its in ((0, 0), (2, 3)):
                same(f"{here}.mlp.{name}", f"{there}.feed_forward.pwff_layer.{its}")
    return found


def recurrent(ours: Luong) -> dict[str, Tensor]:
    """The same.  What only the peer could write has no mass, if h̃ begins with 1 (`sharp`)."""
    w = ours.state_dict()
    out = widened(w["out.softmax.weight"])
    out[[PAD, BOS], 0] = -1e4
    c, h = w["W_c.weight"].chunk(2, 1)
    found = {
        "src_embed.lut.weight": widened(w["words.source.weight"]),
        "trg_embed.lut.weight": widened(w["words.target.weight"], w["words.target.weight"][0]),
        "decoder.output_layer.weight": out,
        "decoder.attention.key_layer.weight": w["attention.score.W.weight"],
        "decoder.att_vector_layer.weight": torch.cat([h, c], 1),
        "decoder.att_vector_layer.bias": w["W_c.bias"],
    }
    for here, there, suffix in (
        ("encoder.forwards.0", "encoder", ""),
        ("encoder.backwards.0", "encoder", "_reverse"),
        ("decoder.layers.0", "decoder", ""),
    ):
        for name in PARAMETERS:
            found[f"{there}.rnn.{name}_l0{suffix}"] = w[f"{here}.{name}_l0"]
    return found


def quiet() -> None:
    """Its loggers write to stderr, each by itself."""
    for name in logging.root.manager.loggerDict:
        if name.startswith("joeynmt"):
            logging.getLogger(name).setLevel(logging.ERROR)
