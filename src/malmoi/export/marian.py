"""Folders of Marian models in the form of Hugging Face (OPUS-MT and its kin), read from disk.

    config.json            sizes, and which ids are special
    model.safetensors      weights; pytorch_model.bin is a pickle, which malmoi never reads
    vocab.json             the id of each piece; target_vocab.json, too, where there are two

Their network is the Transformer with norms after (Junczys-Dowmunt et al. 2018, arXiv:1804.00344).

theirs                                   here
self_attn.{q,k,v}_proj, .out_proj        attention.qkv, .o
encoder_attn.q_proj, .{k,v}_proj         cross.q, .kv
fc1, fc2                                 mlp.0, mlp.2
*_layer_norm                             norm_1, norm_2 …, in the order of their sub-layers
shared, or {encoder,decoder}.embed_tokens    embed, embed_source
row `decoder_start_token_id` of it       start
final_logits_bias                        out.bias

Their sines stand in the first half of a vector and their cosines in the second, ours in pairs.  So
every vector of the residual stream is written here in another order, j ↦ `_pairs(d)[j]`, and so is
each weight that reads or writes one; what is computed is the same.

Their `<pad>` is a piece; it begins what is written and may not be written itself.  Here it is
`start` and no word at all: the probabilities of the others sum to one.  Our ids are
theirs with `</s>` first, `<unk>` second and `<pad>` gone: `source[i]`, `target[i]` are theirs of i.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from malmoi.config import Sizes
from malmoi.errors import DataError
from malmoi.export.found import WEIGHTS, Found, json_of, weights_of
from malmoi.export.marian_config import ACTIVATIONS, Theirs, config_of
from malmoi.models.transformer import Config, Transformer

CONFIG, VOCABULARY = "config.json", "vocab.json"
_BOTH = {
    "attention.qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "attention.o": ("self_attn.out_proj",),
    "norm_1": ("self_attn_layer_norm",),
    "mlp.0": ("fc1",),
    "mlp.2": ("fc2",),
}
ENCODER = _BOTH | {"norm_2": ("final_layer_norm",)}
DECODER = _BOTH | {
    "cross.q": ("encoder_attn.q_proj",),
    "cross.kv": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
    "cross.o": ("encoder_attn.out_proj",),
    "norm_2": ("encoder_attn_layer_norm",),
    "norm_3": ("final_layer_norm",),
}
READ = ("attention.qkv", "cross.q", "cross.kv", "mlp.0")
"""What reads a vector of the residual stream; everything else writes one."""
POSITIONS = frozenset(f"model.{side}.embed_positions.weight" for side in ("encoder", "decoder"))


@dataclass(frozen=True)
class Marian:
    """config, sizes: of which `model` was built.  source, target: their id of each of ours."""

    model: Transformer
    config: Config
    sizes: Sizes
    source: tuple[int, ...]
    target: tuple[int, ...]


def read_marian(folder: Path) -> Marian:
    """The model of a folder.  Raises DataError, or RunError for a file that is not what it says."""
    theirs = config_of(folder / CONFIG)
    target = _ids(theirs, theirs.target_size, _unknown(folder, theirs, target=True))
    source = _ids(theirs, theirs.vocab_size, _unknown(folder, theirs, target=False))
    sizes = Sizes(vocabulary=len(target), source=len(source), joint=theirs.joint)
    config = Config(
        d=theirs.d_model,
        heads=theirs.encoder_attention_heads,
        layers=theirs.encoder_layers,
        layers_decoder=theirs.decoder_layers,
        d_ff=theirs.encoder_ffn_dim,
        dropout=theirs.dropout,
        dropout_alpha=theirs.attention_dropout,
        norm="post",
        activation=ACTIVATIONS[theirs.activation_function],
    )
    model = config.build(sizes)
    found = Found(weights_of(folder, "MarianMTModel"), folder / WEIGHTS, POSITIONS)
    state = _tables(found, theirs, torch.tensor(source), torch.tensor(target))
    state |= dict(_blocks(found, theirs, model.state_dict()))
    found.expect_nothing_else("Marian")
    model.load_state_dict(state)
    return Marian(model.eval(), config, sizes, source, target)


def _unknown(folder: Path, theirs: Theirs, *, target: bool) -> int:
    """The id of `<unk>`: as the vocabulary says, 1 where there is none."""
    path = folder / VOCABULARY
    if target and not theirs.joint:
        path = folder / f"target_{VOCABULARY}"
    pieces = json_of(path) if path.exists() else {"<unk>": 1}
    unknown = pieces.get("<unk>") if isinstance(pieces, dict) else None
    size = theirs.target_size if target else theirs.vocab_size
    special = (theirs.pad_token_id, theirs.eos_token_id)
    if type(unknown) is not int or not 0 <= unknown < size or unknown in special:
        raise DataError("a vocabulary has no id for <unk>", where=f"{path}: {unknown!r}")
    return unknown


def _ids(theirs: Theirs, size: int, unknown: int) -> tuple[int, ...]:
    """Their ids in our order: `</s>`, `<unk>`, the rest; `<pad>` left out."""
    first = (theirs.eos_token_id, unknown)
    left_out = {*first, theirs.pad_token_id}
    return (*first, *(i for i in range(size) if i not in left_out))


def _pairs(d: int) -> Int[Tensor, " d"]:
    """Which of their places our places are: sine, cosine, sine, cosine …"""
    return torch.arange(d).view(2, d // 2).T.flatten()


def _tables(
    found: Found, theirs: Theirs, source: Int[Tensor, "_"], target: Int[Tensor, "_"]
) -> dict[str, Tensor]:
    """The words, what is read first, and the output's bias."""
    order, V, d = _pairs(theirs.d_model), theirs.target_size, theirs.d_model
    written = ("lm_head.weight", "model.decoder.embed_tokens.weight")
    read = ("model.encoder.embed_tokens.weight", "model.shared.weight")
    state: dict[str, Tensor] = {}
    if not theirs.joint:
        state["embed_source.weight"] = found.take(*read, shape=(theirs.vocab_size, d))[source]
    table = found.take(*written, *(read if theirs.joint else ()), shape=(V, d))
    state["embed.weight"] = table[target]
    state["start"] = table[theirs.decoder_start_token_id]
    state = {name: weight[..., order] for name, weight in state.items()}
    bias = found.take("final_logits_bias", shape=(1, V))[0, target]
    return state | {"out.bias": bias}


def _blocks(
    found: Found, theirs: Theirs, wanted: Mapping[str, Tensor]
) -> Iterator[tuple[str, Tensor]]:
    order = _pairs(theirs.d_model)
    for side, layers, names in (
        ("encoder", theirs.encoder_layers, ENCODER),
        ("decoder", theirs.decoder_layers, DECODER),
    ):
        for layer, (name, parts), kind in product(range(layers), names.items(), ("weight", "bias")):
            here = f"{side}.{layer}.{name}.{kind}"
            there = [f"model.{side}.layers.{layer}.{part}.{kind}" for part in parts]
            weight = torch.cat([found.take(each) for each in there])
            found.expect(weight, wanted[here].shape, " + ".join(there))
            if name not in READ:
                weight = weight[order]
            elif kind == "weight":
                weight = weight[:, order]
            yield here, weight
