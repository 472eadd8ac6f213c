"""Beam search with a Transformer, against `transformers`' MarianMT with the same weights.

Both sides read the same sources and write the same number of tokens, the end of the sentence
forbidden: what differs between machines and searches, when to stop, is not measured.  The weights
are random, but sharp enough that hypotheses are told apart; both sides must write the same.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor
from transformers import GenerationConfig, MarianConfig, MarianMTModel

from benchmarks.harness import Row, interleave, row
from malmoi.decode import beam
from malmoi.errors import DataError
from malmoi.export.marian import read_marian
from malmoi.models.transformer import Transformer
from malmoi.sentences import Sentences

EOS, BEAM = 0, 5


def rows(*, tiny: bool = False) -> Iterator[Row]:
    d, layers, V, batch, length = (16, 1, 50, 2, 5) if tiny else (512, 6, 32_000, 32, 30)
    theirs = marian(d, layers, V)
    chance = torch.Generator().manual_seed(1)
    source = torch.randint(2, V - 1, (batch, length), generator=chance)
    source[:, -1] = EOS
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        ours = read_marian(Path(folder)).model
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        ours, theirs = ours.to(dtype), theirs.to(dtype)
        said, other = writer(ours, source, length), peer(theirs, source, length)
        if precision == "fp32" and (a := said()) != (b := other()):
            same = sum(x == y for x, y in zip(a, b, strict=True))
            raise DataError(f"the two sides write the same for {same} of {batch} sources only")
        seconds = interleave(said, other, repeats=2 if tiny else 5)
        yield row(
            f"translate: beam {BEAM}, {precision}",
            seconds,
            amount=batch * length,
            unit="tokens",
            goal=1.5 if precision == "fp32" else None,
            setting=f"{batch} sources of {length} tokens, {length} tokens written of each with a "
            f"beam of {BEAM}, against MarianMT.generate of transformers with the same weights; "
            f"{layers}+{layers} layers of {d}, vocabulary {V:,}, {precision}"
            + (", the same output" if precision == "fp32" else ""),
        )


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


def writer(model: Transformer, source: Tensor, length: int) -> Callable[[], list[list[int]]]:
    sentences = Sentences(source, torch.ones_like(source, dtype=torch.bool))
    x = torch.zeros(len(source), 1, dtype=torch.long)

    def write() -> list[list[int]]:
        with torch.inference_mode():
            carry = model.begin(sentences)
            found = beam(model, carry, x, width=BEAM, n=1, limit=length, forbid=(EOS,))
        return [list(best.tokens) for (best,) in found]

    return write


def peer(model: MarianMTModel, source: Tensor, length: int) -> Callable[[], list[list[int]]]:
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


os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is asked of the network
