"""Which types a model knows, and their numbers.

    id 0       the boundary: read, it is `<s>`; written, it is `</s>`
    id 1       `<unk>`: every type that is not here
    id 2 …     types by falling count, ties by code points

V = len(vocabulary) counts `</s>` and `<unk>`.  The two have no spelling: a literal `</s>` or
`<unk>` in a text is a type like any other, with an id of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import numpy as np
from jaxtyping import Integer


class Vocabulary:
    """types: what ids 2, 3, … spell.  counts: how often each id was seen in training.

    counts[0] is the number of lines, counts[1] of the tokens that were left out.
    """

    BOUNDARY: ClassVar[int] = 0
    UNK: ClassVar[int] = 1
    RESERVED: ClassVar[int] = 2

    def __init__(self, types: Sequence[str], counts: Sequence[int]) -> None:
        self.types = tuple(types)
        self.counts = tuple(counts)
        self._ids = {t: i for i, t in enumerate(self.types, start=self.RESERVED)}
        if len(self._ids) != len(self.types):
            twice = next(t for i, t in enumerate(self.types, self.RESERVED) if self._ids[t] != i)
            raise ValueError(f"the type {twice!r} is there twice")
        if len(self.counts) != len(self):
            raise ValueError(f"{len(self.counts)} counts for {len(self)} ids")

    @classmethod
    def learn(
        cls,
        counts: Mapping[str, int],
        *,
        lines: int = 0,
        size: int | None = None,
        min_count: int = 1,
    ) -> "Vocabulary":
        """The types seen at least min_count times, the most frequent first, V at most size."""
        if size is not None and size < cls.RESERVED:
            raise ValueError(f"a vocabulary of {size} has no room for </s> and <unk>")
        ranked = sorted(t for t, count in counts.items() if count >= min_count)
        ranked.sort(key=counts.__getitem__, reverse=True)  # keeps the order of equals
        kept = ranked if size is None else ranked[: size - cls.RESERVED]
        known = [counts[t] for t in kept]
        return cls(kept, [lines, sum(counts.values()) - sum(known), *known])

    @classmethod
    def ranked(
        cls,
        words: Sequence[str],
        counts: Integer[np.ndarray, "W"],
        order: Integer[np.ndarray, "W"],
        *,
        lines: int = 0,
        size: int | None = None,
        min_count: int = 1,
    ) -> tuple["Vocabulary", Integer[np.ndarray, "W"]]:
        """`learn`, of words whose order somebody found already, and the id of each word.

        A word that was counted 0 times is none.
        """
        said = counts[order]
        kept = int((said >= max(min_count, 1)).sum())
        if size is not None:
            kept = min(kept, size - cls.RESERVED)
        ids = np.full(len(words), cls.UNK, np.int64)
        ids[order[:kept]] = np.arange(cls.RESERVED, cls.RESERVED + kept)
        known = said[:kept].tolist()
        types = [words[j] for j in order[:kept].tolist()]
        return cls(types, [lines, int(said[kept:].sum()), *known]), ids

    def __len__(self) -> int:
        return len(self.types) + self.RESERVED

    def __contains__(self, token: object) -> bool:
        return token in self._ids

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return self.types == other.types and self.counts == other.counts

    def __hash__(self) -> int:
        return hash((self.types, self.counts))

    def __repr__(self) -> str:
        return f"Vocabulary({len(self):,} types)"

    def id(self, token: str) -> int:
        """The id of a token: UNK if it is not known."""
        return self._ids.get(token, self.UNK)

    def ids(self, tokens: Iterable[str]) -> list[int]:
        """The ids of tokens."""
        get, unk = self._ids.get, self.UNK
        return [get(t, unk) for t in tokens]

    def type(self, id: int) -> str | None:
        """What an id spells, None for the two that nothing spells.  Raises IndexError beyond V."""
        if not 0 <= id < len(self):
            raise IndexError(f"id {id} is not in a vocabulary of {len(self)}")
        return self.types[id - self.RESERVED] if id >= self.RESERVED else None
