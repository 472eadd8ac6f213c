"""`python -m benchmarks.estimate FILE ORDER`: a text in, a model out, in a process of its own.

Prints JSON: words, seconds, the peak of memory in bytes (of all of the process, PyTorch included).
Everything that is compiled is compiled, or loaded, before the clock starts.
"""

import json
import resource
import sys
import time
from pathlib import Path

from malmoi.config import Sizes
from malmoi.data.lines import read_blocks, read_lines
from malmoi.models.ngram import Config, NGram
from malmoi.text import Text


def estimate(path: Path, order: int) -> tuple[NGram, Text]:
    """What a text of words separated by spaces teaches, modified Kneser–Ney."""
    text, stream = Text.learn_blocks(read_blocks(path))
    model = Config(order=order).build(Sizes(len(text.vocabulary)))
    model.estimate(stream)
    return model, text


def peak() -> int:
    """Bytes.  `ru_maxrss` would count who started this process, until it became this one."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    lines = status.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


def main(path: Path, order: int) -> None:
    warm = path.with_name(f"{path.name}.warm")
    warm.write_text("a b\nb a\n" * 2000)
    estimate(warm, order)
    start = time.perf_counter()
    model, _ = estimate(path, order)
    seconds = time.perf_counter() - start
    words = sum(len(line.split()) for line in read_lines(path))
    print(
        json.dumps({"words": words, "seconds": seconds, "peak": peak(), "ngrams": model.level[-1]})
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
