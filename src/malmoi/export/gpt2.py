"""Folders of GPT-2 in the form of Hugging Face, read from disk and written.

    config.json               sizes
    model.safetensors         weights; pytorch_model.bin is a pickle, which malmoi never reads
    vocab.json, merges.txt    the byte-level pieces, of a model that was imported
    text/                     how a text becomes tokens, of a model that was trained here

theirs                     here                       theirs            here, blocks[l]
wte                        embed                      h.l.ln_1, ln_2    norm_1, norm_2
wpe                        positions                  attn.c_attn       attention.qkv
ln_f                       norm                       attn.c_proj       attention.o
lm_head, if it is not wte  out                        mlp.c_fc, c_proj  mlp.0, mlp.2

Their c_… hold a weight by rows of what is read, ours by rows of what is written: transposed.

Their ids are ours in another order: `<|endoftext|>`, which stands between texts, is 0; 1 is the
piece of the byte 0xC0, which no text has, and is called `<unk>` here, where nothing is unknown.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from malmoi import files, tensors
from malmoi.config import Sizes
from malmoi.errors import DataError, UsageError
from malmoi.export.found import WEIGHTS, Found, json_of, weights_of
from malmoi.export.gpt2_config import EPSILON, Theirs, config_of
from malmoi.models.gpt import GPT, Config
from malmoi.text import Text, Vocabulary
from malmoi.text.byte_level import ByteLevel
from malmoi.version import __version__

LINEAR = {
    "attn.c_attn": "attention.qkv",
    "attn.c_proj": "attention.o",
    "mlp.c_fc": "mlp.0",
    "mlp.c_proj": "mlp.2",
}
NORM = {"ln_1": "norm_1", "ln_2": "norm_2"}
TABLES = {"wte.weight": "embed.weight", "wpe.weight": "positions.weight"}
LAST = {"ln_f.weight": "norm.weight", "ln_f.bias": "norm.bias"}
PREFIX, HEAD = "transformer.", "lm_head.weight"


@dataclass(frozen=True)
class GPT2:
    """config, sizes: of which `model` was built."""

    model: GPT
    config: Config
    sizes: Sizes
    text: Text


# ---------------------------------------------------------------------------- reading


def read_gpt2(folder: Path) -> GPT2:
    """The model of a folder.  Raises DataError, or RunError for a file that is not what it says."""
    theirs = config_of(folder / "config.json")
    text, order = _text(folder, theirs)
    config = Config(
        d=theirs.n_embd,
        heads=theirs.n_head,
        layers=theirs.n_layer,
        context=theirs.n_positions,
        dropout=min(theirs.resid_pdrop, 0.99),
        dropout_alpha=min(theirs.attn_pdrop, 0.99),
        tied=theirs.tie_word_embeddings,
    )
    sizes = Sizes(vocabulary=theirs.vocab_size)
    model = config.build(sizes)
    read = weights_of(folder, "GPT2LMHeadModel")
    weights = {name.removeprefix(PREFIX): weight for name, weight in read.items()}
    masks = frozenset(
        f"h.{l}.attn.{name}" for l in range(theirs.n_layer) for name in ("bias", "masked_bias")
    )
    found = Found(weights, folder / WEIGHTS, masks)
    state = dict(_taken(found, model, torch.tensor(order)))
    found.expect_nothing_else("GPT-2")
    model.load_state_dict(state)
    return GPT2(model.eval(), config, sizes, text)


def _taken(found: Found, model: GPT, order: Tensor) -> Iterator[tuple[str, Tensor]]:
    wanted = model.state_dict()
    for theirs, ours in _names(model):
        tied = (HEAD,) if model.config.tied and ours == "embed.weight" else ()
        transposed = _is_transposed(theirs)
        shape = wanted[ours].shape
        weight = found.take(theirs, *tied, shape=shape[::-1] if transposed else shape)
        if ours in ("embed.weight", "out.weight"):
            weight = weight[order]
        yield ours, weight.T if transposed else weight


def _names(model: GPT) -> Iterator[tuple[str, str]]:
    """Their name and ours, of every weight that is stored."""
    yield from (TABLES | LAST).items()
    for l in range(model.config.layers):
        for theirs, ours in (NORM | LINEAR).items():
            for kind in ("weight", "bias"):
                yield f"h.{l}.{theirs}.{kind}", f"blocks.{l}.{ours}.{kind}"
    if not model.config.tied:
        yield HEAD, "out.weight"


def _is_transposed(theirs: str) -> bool:
    return theirs.endswith(".weight") and theirs.split(".", 2)[-1].removesuffix(".weight") in LINEAR


def _text(folder: Path, theirs: Theirs) -> tuple[Text, list[int]]:
    """How a text becomes tokens, and their id of each of ours."""
    if (folder / "text").is_dir():  # written by `write_gpt2`: the ids are ours
        text = Text.load(folder / "text")
        return text, _expect_all(list(range(len(text.vocabulary))), theirs, folder / "text")
    path = folder / "vocab.json"
    vocabulary = json_of(path)
    if not isinstance(vocabulary, dict) or any(type(i) is not int for i in vocabulary.values()):
        raise DataError(f"{path.name} is no table of pieces and their ids", where=str(path))
    boundary = next((p for p, i in vocabulary.items() if i == theirs.eos_token_id), "")
    try:
        tokenizer = ByteLevel(vocabulary, _merges(folder / "merges.txt"), boundary)
    except ValueError as error:
        raise DataError(
            "these are not the byte-level pieces of GPT-2", where=f"{path}: {error}"
        ) from None
    order = _expect_all(tokenizer.order(), theirs, path)
    piece = {i: p for p, i in vocabulary.items()}
    types = [piece[i] for i in order[Vocabulary.RESERVED :]]
    return Text(tokenizer, Vocabulary(types, [0] * len(order))), order


def _expect_all(order: list[int], theirs: Theirs, path: Path) -> list[int]:
    if sorted(order) != list(range(theirs.vocab_size)):
        raise DataError(
            "the pieces are not those that config.json says",
            where=f"{path}: {len(order):,} pieces; vocab_size = {theirs.vocab_size:,}",
            hint="each of the ids has one piece",
        )
    return order


def _merges(path: Path) -> list[list[str]]:
    try:
        lines = path.read_text("utf-8").split("\n")
    except FileNotFoundError:
        raise DataError(f"{path.name} is missing", where=str(path.parent)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} cannot be read", where=f"{path}: {error}") from None
    pairs = [line.split(" ") for line in lines if line and not line.startswith("#version")]
    if wrong := [pair for pair in pairs if len(pair) != 2]:
        raise DataError(
            "a line of merges.txt is two pieces", where=f"{path}: {' '.join(wrong[0])!r}"
        )
    return pairs


# ---------------------------------------------------------------------------- writing


def write_gpt2(folder: Path, model: GPT, text: Text, *, card: str = "") -> None:
    """Write the folder, which is new: whole, or not at all.  card: the run's README.md.

    Raises UsageError for a GPT that GPT-2 cannot be, or if the folder is there; SaveError.
    """
    if model.config.norm == "post":
        raise UsageError(
            "this GPT has its norms after each layer, as GPT; GPT-2 has them before",
            where='norm = "post"',
        )
    if model.config.adaptive:
        raise UsageError(
            "this GPT has an adaptive softmax, and GPT-2 a full one",
            where=f"adaptive = {list(model.config.adaptive)}",
        )
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} is there already", hint="choose a new folder with -o")
    tokenizer = text.tokenizer if isinstance(text.tokenizer, ByteLevel) else None
    order = tokenizer.order() if tokenizer else list(range(len(text.vocabulary)))
    weights = _theirs(model, torch.tensor(order).argsort())
    needed = tensors.size(weights)
    with files.saving("the folder", folder, needed=needed, safe="the run is as it was"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with files.whole_folder(folder) as partial:
            files.put(partial / "config.json", files.dumps(_config_of(model, order[0])))
            files.put(partial / WEIGHTS, safetensors.torch.save(weights, {"format": "pt"}))
            for name, content in (tokenizer.files() if tokenizer else {}).items():
                files.put(partial / name, content)
            if tokenizer is None:
                text.save(partial / "text")
            files.put(partial / "README.md", _readme(folder.name, byte_level=bool(tokenizer)))
            if card:
                files.put(partial / "RUN.md", card)


def _theirs(model: GPT, ours: Tensor) -> dict[str, Tensor]:
    """ours: our id of each of theirs."""
    state: Mapping[str, Tensor] = model.state_dict()
    weights = {}
    for name, here in _names(model):
        weight = state[here].float()
        if here in ("embed.weight", "out.weight"):
            weight = weight[ours]
        whole = name if name == HEAD else PREFIX + name
        weights[whole] = (weight.T if _is_transposed(name) else weight).contiguous()
    return weights


def _config_of(model: GPT, boundary: int) -> dict[str, Any]:
    c = model.config
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": model.embed.num_embeddings,
        "n_embd": c.d,
        "n_head": c.heads,
        "n_layer": c.layers,
        "n_positions": c.context,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": EPSILON,
        "embd_pdrop": c.dropout,
        "resid_pdrop": c.dropout,
        "attn_pdrop": c.dropout_alpha,
        "tie_word_embeddings": c.tied,
        "bos_token_id": boundary,
        "eos_token_id": boundary,
        "torch_dtype": "float32",
    }


def _readme(name: str, *, byte_level: bool) -> str:
    if byte_level:
        use = """\
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer, model = AutoTokenizer.from_pretrained("."), AutoModelForCausalLM.from_pretrained(".")
ids = tokenizer("<|endoftext|>" + "…", return_tensors="pt").input_ids
print(tokenizer.decode(model.generate(ids, do_sample=True, max_new_tokens=40)[0]))"""
    else:
        use = """\
import torch
from malmoi.text import Text
from transformers import GPT2LMHeadModel

text, model = Text.load("text"), GPT2LMHeadModel.from_pretrained(".")
ids = torch.tensor([[0, *text.encode("…")]])  # 0 stands before and after each text
print(text.decode(model.generate(ids, do_sample=True, max_new_tokens=40)[0]))"""
    return f"""\
# {name}

A language model in the form of GPT-2, for `transformers`, written by malmoi {__version__}.

```
pip install transformers{"" if byte_level else " malmoi"}
```
```python
{use}
```

The lines are run in this folder.
"""
