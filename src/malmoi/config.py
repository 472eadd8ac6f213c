"""What every Config shares: how strictly it is read, and what the data must tell a network."""

from dataclasses import dataclass

from pydantic import ConfigDict

CONFIG = ConfigDict(extra="forbid", strict=True)
"""Unknown keys and wrong types are errors: a recipe that is misread is worse than none."""


@dataclass(frozen=True)
class Sizes:
    """What only the data can say.  vocabulary: V, counting `</s>` and `<unk>`."""

    vocabulary: int
