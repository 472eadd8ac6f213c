"""Beam search with a Transformer, against `transformers`' MarianMT and CTranslate2, each with the
same weights.

All read the same sources and write the same number of tokens, the end of the sentence forbidden:
what differs between machines and searches, when to stop, is not measured.  The weights are random,
but sharp enough that hypotheses are told apart; in float32 all sides must write the same.  Weights
are laid out before the clock runs, ours (`layers.packed`) as theirs.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import ctranslate2
import torch
from ctranslate2.converters import TransformersConverter
from torch import Tensor
from transformers import GenerationConfig, MarianConfig, MarianMTModel

from benchmarks.harness import Row, interleave, row
from malmoi.decode import beam
from malmoi.errors import DataError
from malmoi.export.marian import read_marian
from malmoi.layers.packed import packed
from malmoi.models.transformer import Transformer
from malmoi.sentences import Sentences

EOS, BEAM = 0, 5

Write = Callable[[], list[list[int]]]


def rows(*, tiny: bool = False) -> Iterator[Row]:
    d, layers, V, batch, length = (16, 1, 50, 2, 5) if tiny else (512, 6, 32_000, 32, 30)
    repeats = 2 if tiny else 5
    theirs = marian(d, layers, V)
    chance = torch.Generator().manual_seed(1)
    source = torch.randint(2, V - 1, (batch, length), generator=chance)
    source[:, -1] = EOS

    def measured(name: str, ours: Write, other: Write, goal: float | None, who: str) -> Row:
        return row(
            f"translate: beam {BEAM}, {name}",
            interleave(ours, other, repeats=repeats),
            amount=batch * length,
            unit="tokens",
            goal=goal,
            setting=f"{batch} sources of {length} tokens, {length} tokens written of each with a "
            f"beam of {BEAM}, {who}, the same weights; {layers}+{layers} layers of {d}, "
            f"vocabulary {V:,}; median of {repeats}",
        )

    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        ours = read_marian(Path(folder)).model
        fast = ctranslate(Path(folder), source, length)
    with packed(ours):
        said, slow = writer(ours, source, length), peer(theirs, source, length)
        same(said(), slow(), "MarianMT")
        same(said(), fast(), "CTranslate2")
        who = "against MarianMT.generate of transformers, both in float32, the same output"
        yield measured("fp32", said, slow, 1.5, who)
        who = "against CTranslate2, both in float32, the same output"
        yield measured("fp32, CTranslate2", said, fast, None, who)
    ours, theirs = ours.bfloat16(), theirs.bfloat16()
    with packed(ours):
        said, slow = writer(ours, source, length), peer(theirs, source, length)
        who = "ours in bfloat16 against CTranslate2 in float32"
        yield measured("bf16, CTranslate2 in fp32", said, fast, 2.0, who)
        who = "against MarianMT.generate of transformers, both in bfloat16"
        yield measured("bf16", said, slow, None, who)


def same(ours: list[list[int]], theirs: list[list[int]], whose: str) -> None:
    if ours != theirs:
        equal = sum(a == b for a, b in zip(ours, theirs, strict=True))
        raise DataError(f"we write the same as {whose} for {equal} of {len(ours)} sources only")


def marian(d: int, layers: int, V: int) -> MarianMTModel:
    """Theirs.  `<pad>`, which may not be written, has no mass: ours does not know it."""
    torch.manual_seed(0)
    config = MarianConfig(
        vocab_size=V, d_model=d, encoder_layers=layers, decoder_layers=layers,
        encoder_attention_heads=max(1, d // 64), decoder_attention_heads=max(1, d // 64),
        encoder_ffn_dim=4 * d, decoder_ffn_dim=4 * d, max_position_embeddings=512,
        scale_embedding=True, pad_token_id=V - 1, decoder_start_token_id=V - 1, eos_token_id=EOS,
        forced_eos_token_id=None, init_std=0.1, activation_function="relu",
    )  # fmt: skip
    model = MarianMTModel(config).eval()
    model.final_logits_bias[0, V - 1] = -1e9
    return model


def writer(model: Transformer, source: Tensor, length: int) -> Write:
    sentences = Sentences(source, torch.ones_like(source, dtype=torch.bool))
    x = torch.zeros(len(source), 1, dtype=torch.long)

    def write() -> list[list[int]]:
        with torch.inference_mode():
            carry = model.begin(sentences)
            found = beam(model, carry, x, width=BEAM, n=1, limit=length, forbid=(EOS,))
        return [list(best.tokens) for (best,) in found]

    return write


def peer(model: MarianMTModel, source: Tensor, length: int) -> Write:
    pad = model.config.pad_token_id
    how = GenerationConfig(
        num_beams=BEAM, max_new_tokens=length, min_new_tokens=length, do_sample=False,
        early_stopping=False, length_penalty=1.0, use_cache=True, pad_token_id=pad,
        eos_token_id=EOS, decoder_start_token_id=pad, forced_eos_token_id=None,
    )  # fmt: skip
    mask = torch.ones_like(source)

    def write() -> list[list[int]]:
        with torch.inference_mode():
            written = model.generate(source, attention_mask=mask, generation_config=how)
        rows: list[list[int]] = written[:, 1:].tolist()
        return rows

    return write


class Names:
    """A vocabulary for CTranslate2: Marian's has a tokenizer, these numbers have none."""

    eos_token, unk_token = "</s>", "<unk>"

    def __init__(self, V: int) -> None:
        self.names = [self.eos_token, self.unk_token, *map(str, range(2, V - 1)), "<pad>"]

    def get_vocab(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}


class Converter(TransformersConverter):
    def load_tokenizer(self, _kind: object, folder: str) -> Names:
        return Names(MarianConfig.from_pretrained(folder).vocab_size)


def ctranslate(folder: Path, source: Tensor, length: int) -> Write:
    """CTranslate2 in float32 with the weights of a folder of Marian's, in a process of its own:
    once it has run, what torch multiplies in the same process takes a third longer."""
    made = Converter(str(folder)).convert(str(folder / "ctranslate2"))
    names = Names(MarianConfig.from_pretrained(folder).vocab_size).names
    number = {name: i for i, name in enumerate(names)}
    texts = [[names[i] for i in text] for text in source.tolist()]
    context = get_context("spawn")
    here, there = context.Pipe()
    context.Process(
        target=serve, args=(there, made, texts, length, torch.get_num_threads()), daemon=True
    ).start()
    here.recv()  # it is ready

    def write() -> list[list[int]]:
        here.send("write")
        return [[number[name] for name in text] for text in here.recv()]

    return write


def serve(pipe: Connection, folder: str, texts: list[list[str]], length: int, threads: int) -> None:
    """Translate the texts whenever something comes through the pipe, and send what they say."""
    translator = ctranslate2.Translator(
        folder, device="cpu", compute_type="float32", inter_threads=1, intra_threads=threads
    )
    pipe.send("ready")
    while True:
        try:
            pipe.recv()
        except EOFError:
            return
        found = translator.translate_batch(
            texts, beam_size=BEAM, min_decoding_length=length, max_decoding_length=length
        )
        pipe.send([best.hypotheses[0] for best in found])


os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is asked of the network
