"""Named tensors in a safetensors file: numbers and nothing else, so reading one runs no code.

Tied weights are one tensor under several names.  It is stored once; the names it also has are
in the file's metadata, and it is one tensor again when loaded.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from malmoi.errors import RunError

ALIASES = "aliases"


def to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """The file's content; the same tensors give the same bytes."""
    stored: dict[str, Tensor] = {}
    aliases: dict[str, str] = {}
    seen: dict[tuple[object, ...], str] = {}
    storages: set[int] = set()
    for name, t in tensors.items():
        key = (t.data_ptr(), t.shape, t.stride(), t.dtype, t.device)
        if t.numel() and key in seen:
            aliases[name] = seen[key]
            continue
        seen[key] = name
        whole = t.detach().to("cpu").contiguous()
        storage = whole.untyped_storage().data_ptr()
        stored[name] = whole.clone() if storage in storages else whole  # another part of one tensor
        storages.add(storage)
    # One key of metadata: the order of several is not the same from one run to the next.
    return bytes(safetensors.torch.save(stored, {ALIASES: json.dumps(aliases, sort_keys=True)}))


def size(tensors: Mapping[str, Tensor]) -> int:
    """About how many bytes the file will have; never fewer than the tensors need."""
    stored = {(t.data_ptr(), t.nbytes) for t in tensors.values()}
    return sum(size for _, size in stored) + 128 * (len(tensors) + 1)


def load(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, memory-mapped.  Raises RunError if it is no safetensors file."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            aliases = json.loads((file.metadata() or {}).get(ALIASES, "{}"))
            return tensors | {name: tensors[of] for name, of in aliases.items()}
    except FileNotFoundError:
        raise RunError(f"{path.name} is missing", where=str(path.parent)) from None
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{path.name} is not a safetensors file", where=(str(path), _what_it_is(path, error))
        ) from None


def _what_it_is(path: Path, error: Exception) -> str:
    """What lies there instead, if that is easy to see."""
    with path.open("rb") as file:
        head = file.read(8)
    if head[:2] == b"\x80\x02" or head[:2] in (b"\x80\x03", b"\x80\x04", b"\x80\x05"):
        return "it is a pickle; a pickle can run code when it is read, so malmoi reads none"
    if head[:4] == b"PK\x03\x04":
        return (
            "it is a zip archive, as torch.save writes: a pickle inside, which malmoi never reads"
        )
    return str(error)
