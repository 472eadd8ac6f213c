"""Coverage: has the translation looked at every word of its source?

    cp(X; Y) = β Σ_i log min(Σ_j p_ij, 1)       Wu et al. 2016 (GNMT), arXiv:1609.08144, eq. 14

p_ij is how much of the j-th word's attention went to the i-th word of the source.  What was not
looked at enough costs; to look twice gains nothing, so cp ≤ 0.  It is added to a score when a
hypothesis is closed.

    with listen(model, "alpha") as heard: ...      attention = lambda: last(heard)
    beam(model, model.begin(source), x, width=5, limit=60, coverage=Coverage(0.2, attention, mask))

Differs: a word that was never looked at counts as one that got 2⁻¹⁰²² of an attention, lest all
hypotheses be equally impossible.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from malmoi.errors import UsageError


@dataclass(frozen=True)
class Coverage:
    """beta: how much it weighs, β.  attention: the weights [R, S] with which each row that the
    model read last looked at its source; asked once after every step.  mask: what of each source
    must be covered; leave out `</s>`, or its weight counts, too."""

    beta: float | int
    attention: Callable[[], Float[Tensor, "R S"]]
    mask: Bool[Tensor, "B S"]

    def __post_init__(self) -> None:
        if not 0 <= self.beta <= 100:  # also refuses NaN
            raise UsageError(
                f"a coverage penalty needs 0 ≤ beta ≤ 100, not {self.beta}",
                hint="0 is none; 0.2 is usual",
            )

    def look(self) -> Float[Tensor, "R S"]:
        """What the last step looked at, in float64 on the CPU."""
        return self.attention().to("cpu", torch.float64)

    def __call__(self, seen: Float[Tensor, "R S"], owner: Int[Tensor, " R"]) -> Float[Tensor, " R"]:
        """cp of each row; seen: the sum of its looks.  owner: whose source it reads."""
        share = seen.clamp(torch.finfo(torch.float64).tiny, 1.0).log()
        return self.beta * share.masked_fill(~self.mask.cpu()[owner], 0.0).sum(1)
