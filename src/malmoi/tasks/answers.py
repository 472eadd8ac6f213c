"""What a tagger answers, and what that is worth: the likeliest tags, beside those that are true.

An answer does not depend on what else was read with it; where tags write entities, it may be held
to the legal moves between tags, and it is entities that are counted.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from malmoi.data.ragged import Buckets
from malmoi.layers.crf import Moves
from malmoi.metrics import schemes
from malmoi.metrics.labels import Labels as Report
from malmoi.metrics.spans import Spans
from malmoi.tasks.labels import Labels
from malmoi.tasks.lexicon import Read

READ = 128  # sentences read at once when evaluating
AREA = 2**16  # words at once: bounds memory, changes no result


@torch.no_grad()
def tagged(
    model: Any,
    read: Read,
    labels: Labels,
    moves: Moves | None,
    *,
    done: Callable[[int], object] | None = None,
) -> list[list[str]]:
    """The likeliest tags of each sentence; with moves, the likeliest legal ones.

    done: told how many more sentences are.
    """
    device = next(model.parameters()).device
    found: list[list[str]] = [[]] * len(read.forms)
    lengths = read.forms.lengths
    for rows in Buckets(lengths, READ, area=AREA):
        said = model(read(rows).to(device))
        if moves is not None and labels.scheme != "none":
            said = said.constrained(Moves(*(m.to(device) for m in moves)))
        for i, tags in zip(rows.tolist(), said.best().tolist(), strict=True):
            found[i] = [labels.types[k] for k in tags[: lengths[i]]]
        if done:
            done(len(rows))
    return found


def reported(
    gold: Sequence[Sequence[str]], said: Sequence[Sequence[str]], labels: Labels
) -> Report | Spans:
    """What answers are worth, beside the tags that are true."""
    if labels.scheme != "none":
        return Spans.of(gold, said, labels.scheme)
    known = set(labels.types)
    names = (*labels.types, *sorted({tag for tags in gold for tag in tags} - known))
    number = {name: k for k, name in enumerate(names)}
    true, answered = (
        np.array([number[tag] for tags in some for tag in tags], dtype=np.int64)
        for some in (gold, said)
    )
    return Report.of(names, true, answered)


def rewritten(tags: Sequence[str], old: schemes.Scheme, new: schemes.Scheme) -> list[str]:
    """The same entities in another scheme; plain tags as they are."""
    return list(tags) if new in (old, "none") else schemes.convert(tags, old, new)
