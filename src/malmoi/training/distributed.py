"""One training in several processes."""

from typing import Any, NamedTuple

from malmoi.objective import Batch


class World(NamedTuple):
    """The processes that train together, and which of them this is."""

    rank: int = 0
    size: int = 1

    def part(self, batch: Batch) -> Any:
        """The rows of a batch that are this process's: every size-th, beginning with rank."""
        return batch if self.size == 1 else batch.rows(slice(self.rank, None, self.size))


ALONE = World()
