"""`python -m benchmarks.larger [MEMORY [ROOM [WORDS]]]`: counting what the memory cannot hold.

The same 5-gram model is estimated in memory and with DuckDB, which may take MEMORY (50MB), each in
a process of its own.  The system lets it have ROOM megabytes (250) beside what it has when all is
compiled, by RLIMIT_DATA: memory that is its own, not that of files it has mapped.  First of all in
memory without that limit, to see what it takes.  Linux only.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread
from typing import Any, cast

import numpy as np

from benchmarks import corpus
from malmoi.config import Sizes
from malmoi.data.lines import read_blocks
from malmoi.models.counting import Counting
from malmoi.models.ngram import Config
from malmoi.text import Text

MB = 1_000_000


def held(name: str) -> int:
    """Bytes of VmData (allowed for) or RssAnon (there) that this process has of its own."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024


@contextmanager
def watched() -> Iterator[list[int]]:
    """The most of RssAnon, looked up every few milliseconds."""
    most, over = [0], Event()

    def watch() -> None:
        while not over.wait(0.005):
            most[0] = max(most[0], held("RssAnon"))

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield most
    finally:
        over.set()
        watcher.join()


def estimate(file: Path, how: Counting, memory: str, room: int) -> dict[str, Any]:
    """In this process.  room: in megabytes; 0 is as much as there is."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])  # a thread more is a stack more
    stream = np.load(file, mmap_mode="r")
    model = Config(counting=how, memory=memory).build(Sizes(int(stream.max()) + 1))
    model.estimate(np.array([0, 2, 3, 2, 3, 0], stream.dtype))
    if room:
        resource.setrlimit(resource.RLIMIT_DATA, (held("VmData") + room * MB,) * 2)
    before, start = held("RssAnon"), time.perf_counter()
    try:
        with watched() as most:
            model.estimate(stream)
    except MemoryError:
        return {"died": "MemoryError"}
    found = {"seconds": time.perf_counter() - start, "took": max(most[0] - before, 0)}
    arrays = [tensor.numpy() for tensor in model.state_dict().values()]
    digest = sha256()
    for array in arrays:
        digest.update(array.data)
    return found | {"ngrams": model.level[-1], "digest": digest.hexdigest()}


def alone(file: Path, how: Counting, memory: str, room: int) -> dict[str, Any]:
    """`estimate` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.larger", os.fspath(file), how, memory, str(room)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def save_stream(file: Path, words: int) -> int:
    """The ids of a text of so many words; returns how many ids."""
    path = file.with_suffix(".txt")
    corpus.write(path, words)
    _, stream = Text.learn_blocks(read_blocks(path))
    np.save(file, stream)
    return len(stream)


def main(memory: str = "50MB", room: str = "250", words: str = "10_000_000") -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stream.npy"
        print(f"{save_stream(file, int(words)):,} ids, order 5")
        sides: list[tuple[Counting, str, int]] = [
            ("memory", "", 0),
            ("memory", "", int(room)),
            ("duckdb", memory, int(room)),
        ]
        for how, limit, allowed in sides:
            found = alone(file, how, limit, allowed)
            asked = f"{how} {limit}".strip() + (f", {allowed} MB allowed" if allowed else "")
            print(f"{asked}: {found.get('died') or said(found)}")


def said(found: dict[str, Any]) -> str:
    return (
        f"{found['ngrams']:,} n-grams in {found['seconds']:.1f} s, {found['took'] / MB:.0f} MB "
        f"of its own at most, SHA-256 {found['digest'][:16]}…"
    )


if __name__ == "__main__":
    if len(sys.argv) == 5:
        file, how, memory, room = sys.argv[1:]
        print(json.dumps(estimate(Path(file), cast(Counting, how), memory, int(room))))
    else:
        main(*sys.argv[1:])
