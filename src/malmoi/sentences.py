"""What an encoder reads: sentences side by side, and where there are words.

Axis 0 is the batch; what is masked is as if it were not there.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor


@dataclass(frozen=True)
class Spelling:
    """The words of a batch, each different one once, letter by letter.

    ids: of characters.  index: which of the U words stands at a place; 0 where there is none.
    """

    ids: Int[Tensor, "U C"]
    mask: Bool[Tensor, "U C"]
    index: Int[Tensor, "B T"]

    def to(self, device: torch.device) -> "Spelling":
        return Spelling(self.ids.to(device), self.mask.to(device), self.index.to(device))


@dataclass(frozen=True)
class Sentences:
    """What an encoder reads.

    ids, mask: tokens, and where there are some; padding may be on either side.
    ends: the last tokens of the sentences of a document; None where a row is one sentence.
    """

    ids: Int[Tensor, "B T"]
    mask: Bool[Tensor, "B T"]
    spelling: Spelling | None = None
    ends: Bool[Tensor, "B T"] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def to(self, device: torch.device) -> "Sentences":
        return Sentences(
            self.ids.to(device),
            self.mask.to(device),
            self.spelling and self.spelling.to(device),
            self.ends.to(device) if self.ends is not None else None,
        )

    def rows(self, part: slice) -> "Sentences":
        return Sentences(
            self.ids[part],
            self.mask[part],
            self.spelling and replace(self.spelling, index=self.spelling.index[part]),
            self.ends[part] if self.ends is not None else None,
        )
