"""The word vectors of a run folder: every byte verified, the tensors memory-mapped, no torch."""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from malmoi import files
from malmoi.errors import RunError, UsageError
from malmoi.text import Text
from malmoi.vectors.words import Subwords, WordVectors, composed


def is_run(path: Path) -> bool:
    """Whether a path is a finished run folder."""
    return (path / files.MANIFEST).is_file()


def from_run(folder: Path) -> WordVectors:
    """The vectors that a training of word2vec left.  Raises RunError, or UsageError for a run of
    another model."""
    files.verify(folder, what=str(folder))
    path = folder / "model.safetensors"
    try:
        with safe_open(path, framework="np") as file:
            names = set(file.keys())
            if not {"C", "shape"} <= names:
                raise UsageError(
                    f"{folder} is a run of another model: it has no word vectors",
                    hint="malmoi train word2vec --data my.txt --to runs/vectors",
                )
            C, shape = file.get_tensor("C"), file.get_tensor("shape")
        V, shortest, longest, unk = (int(n) for n in shape)
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError("the vectors cannot be read", where=f"{path}: {error}") from None
    types = Text.load(folder / "text").vocabulary.types
    if len(types) + 2 != V or len(C) < V:
        raise RunError(
            "the text model is not the one that this run was trained with",
            where=f"{folder / 'text'}: {len(types) + 2:,} types; the model has {V:,}",
            hint="copy the run again, or train it again",
        )
    own, rest = C[:V], C[V:]
    words, subwords = own[2:], None
    if longest:
        subwords = Subwords(shortest, longest, rest)
        words = composed(words, types, subwords)
    return WordVectors(types, words, subwords=subwords, unk=own[1] if unk else None)
