"""Measures as JSON can say them."""

import math
from collections.abc import Mapping


def plain(measures: Mapping[str, float | str]) -> dict[str, float | str]:
    """JSON has no word for infinity or not-a-number: they are spelt out."""
    return {k: v if isinstance(v, str) or math.isfinite(v) else str(v) for k, v in measures.items()}
