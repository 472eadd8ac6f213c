"""Times as people write them."""

import re

from malmoi.errors import UsageError

UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """`90`, `90s`, `5m`, `1.5h` as seconds; UsageError for anything else."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text.lower())
    if match is None or match[2] not in UNITS or float(match[1]) == 0:
        raise UsageError(f"{text!r} is not a time", hint="--budget 90s, 5m or 1h")
    return float(match[1]) * UNITS[match[2]]


def clock(s: float) -> str:
    """Seconds as a person reads them: 4.2 s, 3 min 05 s, 1 h 02 min."""
    if s < 60:
        return f"{s:.1f} s"
    if s < 3600:
        return f"{int(s // 60)} min {int(s % 60):02d} s"
    return f"{int(s // 3600)} h {int(s % 3600 // 60):02d} min"
