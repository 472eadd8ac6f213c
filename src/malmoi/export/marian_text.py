"""The two texts of a Marian folder: SentencePiece models, and the ids of their pieces.

    source.spm, target.spm    how a text becomes pieces
    vocab.json                piece → id, of both; or of the source, and target_vocab.json

Differs: their tokenizer may also make quotation marks and dashes plain beforehand, by the package
sacremoses; here the text is read as it is.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from malmoi.errors import DataError
from malmoi.text import Bitext, Text, Vocabulary
from malmoi.text.sentencepiece import SentencePiece


def read_bitext(folder: Path, source: Sequence[int], target: Sequence[int]) -> Bitext:
    """source, target: of `read_marian`, their id of each of ours.  Raises DataError."""
    two = (folder / "target_vocab.json").exists()
    return Bitext(
        _text(folder / "source.spm", folder / "vocab.json", source),
        _text(folder / "target.spm", folder / f"{'target_' if two else ''}vocab.json", target),
    )


def _text(model: Path, vocabulary: Path, ids: Sequence[int]) -> Text:
    pieces = {i: piece for piece, i in _pieces(vocabulary).items()}
    missing = [i for i in ids[Vocabulary.RESERVED :] if i not in pieces]
    if missing:
        raise DataError(
            "a vocabulary does not say what an id is",
            where=f"{vocabulary}: {missing[0]}, and {len(missing) - 1:,} more",
        )
    types = [pieces[i] for i in ids[Vocabulary.RESERVED :]]
    try:
        tokenizer = SentencePiece(model.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{model.name} is missing", where=str(model.parent)) from None
    except ValueError as error:
        raise DataError(f"{model.name} cannot be read", where=f"{model}: {error}") from None
    return Text(tokenizer, Vocabulary(types, [0] * len(ids)))


def _pieces(path: Path) -> dict[str, int]:
    try:
        pieces = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path.name} is missing", where=str(path.parent)) from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path.name} is not JSON", where=f"{path}: {error}") from None
    if not isinstance(pieces, dict) or any(type(i) is not int for i in pieces.values()):
        raise DataError(f"{path.name} is no table of pieces and their ids", where=str(path))
    return pieces
