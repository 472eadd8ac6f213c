"""What a tagger believes of one sentence."""

from typing import Annotated, NamedTuple

from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from malmoi.explain.picture import STRICT, Piece

LEAST = 1e-3  # pairs of tags that are less likely are left out

Score = Annotated[float, BeforeValidator(lambda v: float(v) if isinstance(v, str) else v)]


class Edge(NamedTuple):
    """From tag i of word t to tag j of the next one, with its probability."""

    t: int
    i: int
    j: int
    p: float


@dataclass(frozen=True, config=STRICT)
class Chain:
    """One sentence.  marginals, emissions: [word][tag].  edges: those of a thousandth at least.

    best, gold: paths, tag by tag, and log p of each.
    """

    pieces: tuple[Piece, ...]
    marginals: tuple[tuple[float, ...], ...]
    edges: tuple[Edge, ...]
    emissions: tuple[tuple[Score, ...], ...]
    best: tuple[int, ...]
    log_prob: float
    gold: tuple[int, ...] | None = None
    gold_log_prob: Score | None = None
