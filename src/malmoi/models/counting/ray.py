"""N-grams counted by the workers of Ray Data, each a part of the text; added up here.

Ray is used as it is found: a cluster that this process is connected to, or else this machine.
"""

import logging
import os
from collections.abc import Iterator

import numpy as np
from jaxtyping import Int, Integer

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
    columns = [f"w{k}" for k in range(1, order + 1)]
    mine = not ray.is_initialized()
    if mine:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
        ray.init(
            num_cpus=WORKERS,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    try:
        how = {"text": ray.put(np.asarray(stream)), "fetch": ray.get, "n": order}
        parts = ray.data.range(PARTS, override_num_blocks=PARTS)
        counted = parts.map_batches(
            count_parts, batch_size=1, fn_kwargs={**how, "step": -(-len(stream) // PARTS)}
        )
        batches = list(counted.iter_batches(batch_format="numpy", batch_size=None))
    finally:
        if mine:
            ray.shutdown()
    grams = np.concatenate([np.stack([b[c] for c in columns], 1) for b in batches])
    said = np.concatenate([b[SAID] for b in batches])
    length = (grams >= 0).sum(1)
    for k in range(2, order + 1):
        rows = np.flatnonzero(length == k)
        yield together(grams[rows, :k], said[rows])


def together(grams: Int[np.ndarray, "m k"], said: Int[np.ndarray, " m"]) -> Counted:
    """The n-grams of several parts, those that are the same added up."""
    order = np.lexsort(grams.T[::-1])
    grams = grams[order]
    begin = np.flatnonzero(np.append(True, (grams[1:] != grams[:-1]).any(1))[: len(grams)])
    return Counted(grams[begin], np.add.reduceat(said[order], begin) if len(begin) else said)
