"""Which word of the source stands behind each word that was written.

A beam re-orders its rows at every step, so the attention that was heard while it searched belongs
to other texts later on.  Each `BeamStep` tells who said what, and the way back is found:

    with listen(model, "alpha") as heard:
        steps, found = kept(beam_steps(model, model.begin(source), x, width=5, limit=60))
    attention = aligned(found[b][0], steps, looks, b)                       [T, S]

looks[t] are the weights [R, S] of the t-th time that the model was read, of its last place.

An `<unk>` is replaced by the word of the source that the model looked at most while it wrote it
(Jean et al. 2015, arXiv:1412.2007, §3.3; Luong et al. 2015b, arXiv:1410.8206).
"""

from collections.abc import Generator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from malmoi.decode.beam import BeamStep
from malmoi.decode.hypothesis import Hypothesis

UNK = 1

Search = Generator[BeamStep, None, list[list[Hypothesis]]]


def kept(search: Search) -> tuple[list[BeamStep], list[list[Hypothesis]]]:
    """All the steps of a search, and what it found."""
    steps: list[BeamStep] = []
    while True:
        try:
            steps.append(next(search))
        except StopIteration as end:
            found: list[list[Hypothesis]] = end.value
            return steps, found


def path(hypothesis: Hypothesis, steps: Sequence[BeamStep], row: int, *, eos: int = 0) -> list[int]:
    """The rows of the model's batches that said its tokens, one after another, `</s>` included.

    row: the source.  No two hypotheses of a row say the same, so there is one way only.
    """
    said = [*hypothesis.tokens, *([eos] if hypothesis.finished else [])]
    slot = 0
    rows: list[int] = []
    for token, step in zip(said, steps, strict=False):
        here = step.kept[row] & (step.token[row] == token)
        if rows:
            here &= step.parent[row] == slot
        (slot,) = here.nonzero()[:, 0].tolist()
        rows.append(int(step.row[row, slot]))
    return rows


def aligned(
    hypothesis: Hypothesis,
    steps: Sequence[BeamStep],
    looks: Sequence[Float[Tensor, "_ S"]],
    row: int,
    *,
    eos: int = 0,
) -> Float[Tensor, "T S"]:
    """The attention with which each of its tokens was said, `</s>` included."""
    rows = path(hypothesis, steps, row, eos=eos)
    found = [look[r] for look, r in zip(looks, rows, strict=False)]
    return torch.stack(found) if found else looks[0].new_zeros(0, looks[0].size(1))


def replace_unknown(
    hypothesis: Hypothesis,
    attention: Float[Tensor, "T S"],
    source: Sequence[str],
    *,
    unk: int = UNK,
) -> dict[int, str]:
    """For each place of an `<unk>`, the word of the source that it was written for.

    attention: of each token; its columns beyond the words of the source, such as `</s>`, are no
    word.  Of words that were looked at as much, the first.  Nothing replaces anything if the source
    is empty.
    """
    if not source:
        return {}
    chosen = attention[:, : len(source)].argmax(1).tolist()
    return {t: source[chosen[t]] for t, word in enumerate(hypothesis.tokens) if word == unk}
