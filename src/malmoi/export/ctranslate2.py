"""A Transformer as a folder of CTranslate2 (https://opennmt.net/CTranslate2): fast on processors,
in 8 bits if you like, for Python and C++.

    model.bin                        the weights
    config.json                      which tokens are special, and CTranslate2's other settings
    shared_vocabulary.json           the tokens; or source_vocabulary.json, target_vocabulary.json
    text/                            how a text becomes tokens, and tokens a text: malmoi's `Bitext`
    README.md, RUN.md                how it is used; the card of the run that it was made from

here                             theirs
embed, embed_source, start       embeddings; `start` is one more row of the decoder's, for `<s>`
out.bias                         projection.bias; `<s>` may not be written
attention.qkv, .o                self_attention.linear_0, _1
cross.q, .kv, .o                 attention.linear_0, _1, _2
mlp.0, mlp.2                     ffn.linear_0, _1
norm_1, norm_2, norm_3           the layer_norm of each of these
norm_encoder, norm_decoder       layer_norm, where norms stand before
sinusoids                        position_encodings, written out: theirs are in another order

Differs: their places are a table, and no text may be longer than it.  Their beam search gives the
slot of a hypothesis that has ended to another, and stops when as many have ended as it has slots;
ours leaves the slot closed, and stops when nothing open can win.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from malmoi import files
from malmoi.errors import UsageError, did_you_mean
from malmoi.layers.transformer import Activation, DecoderBlock, EncoderBlock
from malmoi.models.transformer import Transformer, sinusoids
from malmoi.text import Bitext, Text
from malmoi.version import __version__

if TYPE_CHECKING:
    from ctranslate2.specs import TransformerSpec

ACTIVATIONS: dict[Activation, str] = {
    "relu": "RELU", "gelu": "GELU", "gelu-tanh": "GELUTanh", "swish": "SWISH",
}  # fmt: skip
START, END, UNK = "<s>", "</s>", "<unk>"
PLACES = 2_048
"""The longest text, in tokens: rows of the table of places."""
OPTIONS = "beam_size=5, patience=2, disable_unk=True, min_decoding_length=0"
"""By which they search as we do."""
NEVER = -6e4
"""The logit of what may not be written: its probability is 0 in every precision."""


def write_ctranslate2(
    folder: Path,
    model: Transformer,
    bitext: Bitext,
    *,
    quantization: str = "float32",
    card: str = "",
) -> None:
    """Write the folder, which is new: whole, or not at all.

    quantization: int8, bfloat16 …, any of the package's own.  card: the run's README.md.
    Raises UsageError if the package is not installed or the folder is there, SaveError.
    """
    kinds = _package().model_spec.ACCEPTED_MODEL_TYPES
    if quantization not in kinds:
        raise UsageError(
            f"there is no quantization {quantization!r}", hint=did_you_mean(quantization, kinds)
        )
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} is there already", hint="choose a new folder with -o")
    spec = specification(model, bitext)
    spec.validate()
    spec.optimize(quantization=quantization)
    needed = sum(v.num_bytes() for v in spec.variables().values() if not isinstance(v, str))
    with files.saving("the folder", folder, needed=needed, safe="the run is as it was"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with files.whole_folder(folder) as partial:
            spec.save(str(partial))
            bitext.save(partial / "text")
            files.put(partial / "README.md", _readme(folder.name, quantization))
            if card:
                files.put(partial / "RUN.md", card)


def specification(model: Transformer, bitext: Bitext) -> "TransformerSpec":
    """What CTranslate2 calls a model: names and weights.  Raises UsageError without the package."""
    specs, c = _package(), model.config
    spec: TransformerSpec = specs.TransformerSpec.from_config(
        (len(model.encoder), len(model.decoder)),
        c.heads,
        pre_norm=c.norm == "pre",
        activation=specs.common_spec.Activation[ACTIVATIONS[c.activation]],
    )
    start, end, unknown = (special(name, bitext) for name in (START, END, UNK))
    table = _numbers(torch.cat([model.embed.weight, model.start[None]]))
    read = table if model.embed_source is None else _numbers(model.embed_source.weight)
    places = _numbers(sinusoids(0, PLACES, model.embed.weight))
    types = [[end, unknown, *side.vocabulary.types] for side in (bitext.source, bitext.target)]
    spec.register_source_vocabulary([*types[0], *[start] * (len(read) - len(types[0]))])
    spec.register_target_vocabulary([*types[1], start])
    spec.config.bos_token = spec.config.decoder_start_token = start
    spec.config.eos_token, spec.config.unk_token = end, unknown
    spec.config.add_source_eos = True
    spec.config.layer_norm_epsilon = _epsilon(model)

    (spec.encoder.embeddings[0].weight, spec.decoder.embeddings.weight) = read, table
    spec.decoder.projection.weight = table
    assert model.out.bias is not None
    spec.decoder.projection.bias = np.append(_numbers(model.out.bias), np.float32(NEVER))
    for theirs, ours in ((spec.encoder, model.encoder), (spec.decoder, model.decoder)):
        theirs.position_encodings.encodings = places
        for layer, block in zip(theirs.layer, ours, strict=True):
            assert isinstance(block, EncoderBlock | DecoderBlock)
            _block(layer, block)
    for theirs, norm in ((spec.encoder, model.norm_encoder), (spec.decoder, model.norm_decoder)):
        if isinstance(norm, nn.LayerNorm):
            _norm(theirs.layer_norm, norm)
    return spec


def _package() -> Any:
    try:
        from ctranslate2 import specs
    except ImportError:
        raise UsageError(
            "this format is written by CTranslate2, which is not installed",
            hint="pip install 'malmoi[ct2]'",
        ) from None
    return specs


def special(name: str, bitext: Bitext) -> str:
    """A token that is no text's: with a space behind it where a text may spell its name."""

    def spells(text: Text) -> bool:
        return name in text.vocabulary or text.split(name) == [name]

    return f"{name} " if spells(bitext.source) or spells(bitext.target) else name


def _block(layer: Any, block: EncoderBlock | DecoderBlock) -> None:
    _linear(layer.self_attention.linear[0], block.attention.qkv)
    _linear(layer.self_attention.linear[1], block.attention.o)
    _norm(layer.self_attention.layer_norm, block.norm_1)
    last = block.norm_2
    if isinstance(block, DecoderBlock):
        for spec, linear in zip(
            layer.attention.linear, (block.cross.q, block.cross.kv, block.cross.o), strict=True
        ):
            _linear(spec, linear)
        _norm(layer.attention.layer_norm, block.norm_2)
        last = block.norm_3
    _linear(layer.ffn.linear_0, block.mlp[0])
    _linear(layer.ffn.linear_1, block.mlp[2])
    _norm(layer.ffn.layer_norm, last)


def _epsilon(model: Transformer) -> float:
    """The one that all norms have."""
    (epsilon,) = {norm.eps for norm in model.modules() if isinstance(norm, nn.LayerNorm)}
    return epsilon


def _linear(spec: Any, linear: nn.Module) -> None:
    assert isinstance(linear, nn.Linear)
    spec.weight, spec.bias = _numbers(linear.weight), _numbers(linear.bias)


def _norm(spec: Any, norm: nn.LayerNorm) -> None:
    spec.gamma, spec.beta = _numbers(norm.weight), _numbers(norm.bias)


def _numbers(weight: Float[Tensor, "*_"]) -> NDArray[np.float32]:
    """A copy: what is quantized is changed in place."""
    numbers: NDArray[np.float32] = weight.detach().cpu().float().numpy()
    return numbers.copy()


def _readme(name: str, quantization: str) -> str:
    return f"""\
# {name}

A translator for [CTranslate2](https://opennmt.net/CTranslate2), its weights in {quantization},
written by malmoi {__version__}.

```
pip install ctranslate2 malmoi
```
```python
import ctranslate2
from pathlib import Path
from malmoi.text import Bitext

translator, text = ctranslate2.Translator("."), Bitext.load(Path("text"))
found = translator.translate_batch([text.source.split("…")], {OPTIONS})
print(text.target.tokenizer.join(found[0].hypotheses[0]))
```

The lines are run in this folder.  With these options it searches as `malmoi translate` does: the
score is the mean log-probability of a token, the end counted.  It stops when a number of
translations have ended, malmoi when nothing open can win: with `patience=2` the number is twice
that of the slots.  Without, it is faster, and now and then it finds a worse one.
CTranslate2 reads 1,024 tokens of a text and writes 256 unless told otherwise; this model has places
for {PLACES:,}.

`text/` is how a text becomes tokens.  The text goes in as it is, normalised to Unicode NFC by
`split`; tokens of another tokenizer are not this model's.
"""
