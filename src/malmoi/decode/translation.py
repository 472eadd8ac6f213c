"""Writing one text from another: search over any model that begins with a source.

Sources of like length are searched side by side.  How long a text may become depends on the length
of its own source, rounded up to eight tokens, and only sources that round to the same are in one
batch: no translation depends on what it is translated with.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from malmoi.decode.beam import beam
from malmoi.decode.coverage import Coverage
from malmoi.decode.hypothesis import Hypothesis, LengthPenalty
from malmoi.decode.sampling import EOS, PLAIN
from malmoi.sentences import Sentences

ROUND = 8
AREA = 2**14
"""Tokens of sources × slots of the search, at once: bounds memory, changes no result."""


def sentences(sources: Sequence[Sequence[int]], *, multiple: int = ROUND) -> Sentences:
    """Sources side by side, padded on the right."""
    S = max(map(len, sources))
    S += -S % multiple
    ids = torch.tensor([[*source, *[EOS] * (S - len(source))] for source in sources])
    length = torch.tensor([len(source) for source in sources])
    return Sentences(ids, torch.arange(S) < length[:, None])


def alike(sources: Sequence[Sequence[int]], width: int) -> Iterator[tuple[int, list[int]]]:
    """Which sources are searched together, and the length that theirs is rounded up to."""
    by_length: dict[int, list[int]] = {}
    for i, source in enumerate(sources):
        by_length.setdefault(-(-len(source) // ROUND) * ROUND, []).append(i)
    for S in sorted(by_length):
        rows, size = by_length[S], max(1, AREA // (S * width))
        yield from ((S, rows[i : i + size]) for i in range(0, len(rows), size))


def translations(
    model: Any,
    sources: Sequence[Sequence[int]],
    *,
    limit: Callable[[int], int],
    width: int = 1,
    n: int = 1,
    penalty: LengthPenalty = PLAIN,
    coverage: float | int = 0.0,
    attention: Callable[[], Float[Tensor, "R S"]] | None = None,
    minimum: int = 0,
    forbid: Sequence[int] = (),
    prefix: Sequence[int] = (),
    rounded: bool = True,
    done: Callable[[int], object] | None = None,
) -> list[list[Hypothesis]]:
    """The n best texts of each source, best first, in the order of the sources.

    sources: ids, each with its `</s>`.  limit: the most tokens that may be written of a source of
    so many, `</s>` counted; of those that the model can write.  rounded: it is asked of the length
    that the source is rounded up to, not of its own.  coverage: β; attention: the weights with
    which each row that the model read last looked at its source.  prefix: what every text begins
    with.  done: told how many more are.
    """
    device = next(model.parameters()).device
    context: int | None = getattr(model, "context", None)
    found: list[list[Hypothesis]] = [[] for _ in sources]
    for S, rows in alike(sources, width):
        source = sentences([sources[i] for i in rows])
        with torch.no_grad():
            carry = model.begin(source.to(device))
        x = torch.full((len(rows), 1), EOS, dtype=torch.long, device=device)
        most = [limit(S if rounded else len(sources[i])) for i in rows]
        if context is not None:
            most = [min(size, context) for size in most]
        covered = None
        if coverage and attention is not None:  # every word, and not `</s>`
            covered = Coverage(coverage, attention, F.pad(source.mask[:, 1:], (0, 1)))
        best = beam(
            model, carry, x, width=width, n=n, limit=most, penalty=penalty, coverage=covered,
            minimum=min(minimum, min(most) - 1), forbid=forbid, prefix=[prefix] * len(rows),
        )  # fmt: skip
        for i, some in zip(rows, best, strict=True):
            found[i] = some
        if done:
            done(len(rows))
    return found
