"""What every Config shares: how strictly it is read, and what the data must tell a network."""

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from pydantic import ConfigDict, Field

CONFIG = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
"""Unknown keys and wrong types are errors: a recipe that is misread is worse than none."""

Size: TypeAlias = Annotated[int, Field(gt=0, le=2**20)]
"""A width, a length, a batch: what no machine could hold is a slip of the pen."""
Depth: TypeAlias = Annotated[int, Field(gt=0, le=2**10)]
"""A number of layers."""
Share: TypeAlias = Annotated[float, Field(ge=0.0, lt=1.0)]
"""How much of something is dropped."""


@dataclass(frozen=True)
class Sizes:
    """What only the data can say.

    vocabulary: V, counting `</s>` and `<unk>`.  labels: of classification and tagging, K.
    several: a text may have any number of the labels.  characters: types of which the words are
    spelt, 0 where the task does not spell them.  source: types of a text that is read before
    another is written, counting its `</s>` and `<unk>`; 0 where there is none.  joint: the text
    that is read and the one that is written have one vocabulary.  longest: letters of the longest
    word, where a model keeps a table of how words are spelt.
    """

    vocabulary: int
    labels: int = 0
    several: bool = False
    characters: int = 0
    source: int = 0
    joint: bool = False
    longest: int = 0
