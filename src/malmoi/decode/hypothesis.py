"""What a search returns, and how the lengths of two texts are made comparable.

    none    score = log p(y)
    power   score = log p(y) / |y|^α               α = 1: the mean per token
    gnmt    score = log p(y) / ((5 + |y|) / 6)^α   (Wu et al. 2016, arXiv:1609.08144, eq. 14)

|y| counts every token that was said, the end `</s>` included when it was said: the same tokens
that log p(y) sums over.  What was only read (a prompt, a source) is in neither.

**The bound.**  Let an open hypothesis have log-probability s and let `limit` be the most tokens it
may have.  Every conditional is at most 1, so s ≤ 0 and whatever grows out of it has a
log-probability s' ≤ s.  With α ≥ 0 each penalty is positive and does not fall with the length, so
for every length ℓ ≤ limit

    s' / lp(ℓ)  ≤  s / lp(ℓ)  ≤  s / lp(limit)          (the last because s ≤ 0)

and the right-hand side is what `bound` returns: with `none` (or α = 0) it is s itself.  It cannot
be lowered: a hypothesis that goes on with probability 1 up to the limit reaches it.

The coverage penalty of GNMT, for what attends to a source, is in `decode.coverage`.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from malmoi.errors import UsageError


class Hypothesis(NamedTuple):
    """One text that was written.

    tokens: what was written after the prompt; never the boundary.  log_prob: log p of those tokens
    under the model as it is (no temperature, no filter), and of `</s>` if it was said.
    score: log_prob made comparable across lengths.  finished: `</s>` was said; otherwise the
    text was cut at the limit or ran into a place where the model gives everything probability 0.
    """

    tokens: tuple[int, ...]
    log_prob: float
    score: float
    finished: bool


@dataclass(frozen=True)
class LengthPenalty:
    """lp(|y|), by which a log-probability is divided; the formulas are in the module's head."""

    kind: Literal["none", "power", "gnmt"] = "none"
    alpha: float | int = 1.0

    def __post_init__(self) -> None:
        if self.kind not in ("none", "power", "gnmt"):
            raise UsageError(
                f"there is no length penalty {self.kind!r}", hint="none, power or gnmt"
            )
        if not 0 <= self.alpha <= 10:  # also refuses NaN
            raise UsageError(
                f"a length penalty needs 0 ≤ alpha ≤ 10, not {self.alpha}",
                hint="0 prefers short texts, 1 takes the mean per token, 2 prefers long ones",
            )

    def __call__(self, length: int) -> float:
        """lp of a text of so many tokens; a text of none is treated as one of one."""
        if self.kind == "none":
            return 1.0
        length = max(1, length)
        base = float(length) if self.kind == "power" else (5 + length) / 6
        return float(base**self.alpha)

    def score(self, log_prob: float, length: int) -> float:
        return log_prob / self(length)

    def bound(self, log_prob: float, limit: int) -> float:
        """The best score that anything growing out of an open hypothesis can still reach."""
        return log_prob / self(limit)

    def close(self, tokens: list[int], log_prob: float, *, finished: bool) -> Hypothesis:
        """A hypothesis from its tokens (without `</s>`) and its log-probability (with it)."""
        score = self.score(log_prob, len(tokens) + finished)
        return Hypothesis(tuple(tokens), log_prob, score, finished)
