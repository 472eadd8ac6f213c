"""N-grams counted by the workers of Ray Data, each a part of the text; added up here.

Ray is used as it is found: a cluster that this process is connected to, or else this machine.
"""

import logging
import os

import numpy as np
from jaxtyping import Integer

from malmoi.errors import UsageError
from malmoi.kernels.windows import SAID, count_parts, together
from malmoi.models.counting import Places

PARTS, WORKERS = 4, 2


def places(stream: Integer[np.ndarray, " N"], order: int) -> Places:
    """Those that are the same are one row.  What a worker may take of memory, Ray is told."""
    try:
        import ray
        import ray.data
    except ImportError:
        raise UsageError(
            "counting with Ray needs Ray Data, which is not installed",
            where='model.counting = "ray"',
            hint="pip install 'malmoi[cluster]'",
        ) from None
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
    rows = [np.stack([b[f"w{k}"] for k in range(1, order + 1)], 1) for b in batches]
    said = [b[SAID] for b in batches]
    return Places(*together(np.concatenate(rows), np.concatenate(said)))
