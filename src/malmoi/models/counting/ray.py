"""N-grams counted by the workers of Ray Data: each a part of the text, then all of them together.

Ray is used as it is found: a cluster that this process is connected to, or else this machine.
"""

import os
from collections.abc import Iterator

import numpy as np
from jaxtyping import Integer

from malmoi.errors import UsageError
from malmoi.kernels.windows import SAID, count_parts
from malmoi.models.counting import Counted

PARTS, WORKERS = 4, 2


def levels(stream: Integer[np.ndarray, " N"], order: int, memory: str) -> Iterator[Counted]:
    """Orders 2 … n.  memory is not Ray's: its own settings say what a worker may take."""
    try:
        import ray
        import ray.data
    except ImportError:
        raise UsageError(
            "counting with Ray needs Ray Data, which is not installed",
            where='model.counting = "ray"',
            hint="pip install 'malmoi[cluster]'",
        ) from None
    columns, said = [f"w{k}" for k in range(1, order + 1)], f"sum({SAID})"
    mine = not ray.is_initialized()
    if mine:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
        ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)
    try:
        how = {"text": ray.put(np.asarray(stream)), "fetch": ray.get, "n": order}
        parts = ray.data.range(PARTS, override_num_blocks=PARTS)
        counted = (
            parts.map_batches(
                count_parts, batch_size=1, fn_kwargs={**how, "step": -(-len(stream) // PARTS)}
            )
            .groupby(columns)
            .sum(SAID)
        )
        batches = list(counted.iter_batches(batch_format="numpy", batch_size=None))
        whole = {c: np.concatenate([b[c] for b in batches]) for c in (*columns, said)}
    finally:
        if mine:
            ray.shutdown()
    grams = np.stack([whole[c] for c in columns], 1)
    length = (grams >= 0).sum(1)
    for k in range(2, order + 1):
        rows = np.flatnonzero(length == k)
        rows = rows[np.lexsort(grams[rows, :k].T[::-1])]
        yield Counted(grams[rows, :k], whole[said][rows])
