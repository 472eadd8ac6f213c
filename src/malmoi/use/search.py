"""How translations are looked for: every choice with its bounds."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from malmoi.decode.hypothesis import LengthPenalty
from malmoi.errors import UsageError
from malmoi.tasks.paired import PENALTY
from malmoi.text import Bitext

Precision: TypeAlias = Literal["fp32", "bf16"]
LONGEST = 1_024
"""Tokens that are read of a source, if nothing else is asked for."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """beam: slots of the search; 1 is greedy.  n: translations of a line.

    length_penalty: a number is the exponent α of |y|^α.  coverage: β of the penalty for words of
    the source that were not looked at (`decode.coverage`).
    minimum, maximum: tokens of a translation, `</s>` counted in the latter; None: as the length of
    its source allows.  max_ratio: at most so many for one of the source, `</s>` counted in both.
    longest: tokens of a source that are read.
    unknown: `<unk>` may be written.  replace_unknown: and the word of the source that was looked at
    most stands for it.  prefix: what every translation begins with.
    precision: "bf16" writes with weights rounded to bfloat16, on processors that multiply such
    about twice as fast; a score then has two or three digits.
    """

    beam: int = 5
    n: int = 1
    length_penalty: float | int | LengthPenalty = PENALTY
    coverage: float | int = 0.0
    minimum: int = 0
    maximum: int | None = None
    max_ratio: float | int | None = None
    longest: int = LONGEST
    unknown: bool = False
    replace_unknown: bool = False
    prefix: str = ""
    precision: Precision = "fp32"

    def __post_init__(self) -> None:
        if self.beam < 1:
            raise UsageError(f"a beam has at least 1 slot, not {self.beam}", hint="1 is greedy")
        if not 1 <= self.n <= self.beam:
            raise UsageError(
                f"a beam of {self.beam} has no {self.n} best translations", hint=f"beam = {self.n}"
            )
        if self.precision not in get_args(Precision):
            raise UsageError(f"there is no precision {self.precision!r}", hint="fp32 or bf16")
        if self.longest < 1:
            raise UsageError(f"at least 1 token of a source must be read, not {self.longest}")
        if self.minimum < 0 or (self.maximum is not None and self.maximum <= self.minimum):
            raise UsageError(
                f"at least {self.minimum} words and at most {self.maximum} tokens cannot both hold",
                hint="the end of the sentence counts as one of the tokens",
            )
        if self.max_ratio is not None and not 0 < self.max_ratio <= 1_000:  # also refuses NaN
            raise UsageError(
                f"a translation cannot have at most {self.max_ratio} tokens for one of the source",
                hint="0 < max_ratio ≤ 1000; 1.5 is usual",
            )
        self.penalty  # noqa: B018  # its bounds

    @property
    def penalty(self) -> LengthPenalty:
        given = self.length_penalty
        return given if isinstance(given, LengthPenalty) else LengthPenalty("power", given)

    @property
    def writes_unknown(self) -> bool:
        return self.unknown or self.replace_unknown

    def limit(self, bitext: Bitext, prefix: int) -> Callable[[int], int]:
        """The most tokens for a source of so many.  prefix: tokens that are written in any case.

        Raises UsageError where those leave no room.
        """
        maximum, ratio = self.maximum, self.max_ratio
        if maximum is not None and prefix >= maximum:
            raise UsageError(
                f"a prefix of {prefix} tokens leaves no room in a translation of {maximum}",
                hint="the end of the sentence counts as one of the tokens",
            )
        if ratio is not None:
            least, most = max(self.minimum, prefix) + 1, maximum or math.inf
            return lambda size: max(least, int(min(most, math.ceil(ratio * size))))
        if maximum is not None:
            return lambda size: maximum
        return lambda size: max(prefix + 1, bitext.limit(size))
