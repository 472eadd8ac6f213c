"""DuckDB and Ray count exactly what the counter in memory counts."""

import mmap
import os
import sys
import tempfile
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError

from malmoi.config import Sizes
from malmoi.errors import UsageError
from malmoi.kernels import prefixes
from malmoi.kernels.counting import Trie, count_ngrams, frozen
from malmoi.kernels.windows import together, windows
from malmoi.models import counting
from malmoi.models.counting import Places, built, count
from malmoi.models.ngram import Config

V = 60


def text(size: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    words = np.minimum(rng.zipf(1.4, size), V - 1).astype(np.uint16)
    words[rng.random(size) < 0.15] = 0
    words[0] = words[-1] = 0
    return words


def same(stream: np.ndarray, order: int, how: counting.Counting, memory: str = "") -> None:
    found = count(stream, order=order, vocabulary=V, how=how, memory=memory)
    alike(found, count_ngrams(stream, order=order, vocabulary=V))


def alike(found: Trie, due: Trie) -> None:
    assert found.level == due.level
    for name, a, b in zip(due._fields[1:], found[1:], due[1:], strict=True):
        assert a.dtype == b.dtype, name
        assert np.array_equal(a, b), name


def mapped(array: np.ndarray) -> bool:
    """Whether it lies in a file."""
    owner = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    return isinstance(owner, memoryview) and isinstance(owner.obj, mmap.mmap)


@given(st.lists(st.integers(0, 5), min_size=2, max_size=60), st.integers(2, 6))
@settings(max_examples=200, deadline=None)
def test_the_sorted_places_of_any_text_make_its_trie(ids, order):
    stream = np.array(ids, np.uint16)
    due = count_ngrams(stream, order=order, vocabulary=8)
    rows = windows(stream, 0, len(stream) - 1, order).T
    each = rows[np.lexsort(rows.T[::-1])]
    for places in (
        Places(*together(rows, np.ones(len(rows), np.int64))),
        Places(each, np.empty(0, np.int64)),
    ):
        alike(built(stream, 8, places, empty=np.empty), due)


def test_places_that_are_not_sorted_or_lack_an_ending_are_refused():
    stream, nothing = np.array([0, 2, 3, 0], np.uint16), np.empty(0, np.int64)
    rows = windows(stream, 0, 3, 3).T.copy()
    with pytest.raises(RuntimeError, match="sorted"):
        built(stream, 4, Places(rows[::-1], nothing), empty=np.empty)
    assert prefixes.sizes(frozen(rows)).tolist() == [3, 3, 2]
    with pytest.raises(RuntimeError, match="ending"):
        built(stream, 4, Places(rows[[0, 2]], nothing), empty=np.empty)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_duckdb_counts_the_same(order, monkeypatch):
    pytest.importorskip("duckdb", reason="not run: the extra `big` (DuckDB) is not installed")
    from malmoi.models.counting import duckdb

    monkeypatch.setattr(duckdb, "PART", 700)
    same(text(3000), order, "duckdb", memory="200MB")
    same(np.array([0, 2, 0], np.uint16), order, "duckdb")


def test_duckdb_says_when_its_memory_is_not_enough():
    pytest.importorskip("duckdb", reason="not run: the extra `big` (DuckDB) is not installed")
    with pytest.raises(UsageError, match="memory"):
        count(text(50_000), order=5, vocabulary=V, how="duckdb", memory="1KB")


def test_what_duckdb_counted_lies_on_disk_in_files_without_a_name(tmp_path, monkeypatch):
    pytest.importorskip("duckdb", reason="not run: the extra `big` (DuckDB) is not installed")
    tmp_path = tmp_path / "what's temporary"
    tmp_path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    trie = count(text(3000), order=3, vocabulary=V, how="duckdb", memory="200MB")
    assert all(mapped(array) for array in trie[1:])
    assert all(array.flags.writeable for array in trie[1:])  # torch warns of others
    if os.name == "posix":
        assert not os.listdir(tmp_path)
    del trie
    assert not os.listdir(tmp_path)


def test_what_duckdb_counts_takes_no_more_memory_if_the_text_is_longer(monkeypatch):
    pytest.importorskip("duckdb", reason="not run: the extra `big` (DuckDB) is not installed")
    from malmoi.models.counting import duckdb

    for module in (counting, duckdb):
        monkeypatch.setattr(module, "PART", 5000)

    def peak(size: int, how: counting.Counting) -> int:
        stream, memory = text(size), "200MB" if how == "duckdb" else ""
        tracemalloc.start()
        try:
            count(stream, order=4, vocabulary=V, how=how, memory=memory)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    count(text(100), order=4, vocabulary=V, how="duckdb", memory="200MB")  # what is compiled
    assert peak(200_000, "duckdb") < 1.2 * peak(100_000, "duckdb")
    assert peak(200_000, "memory") > 1.8 * peak(100_000, "memory")


def test_a_disk_without_room_is_named(monkeypatch, tmp_path):
    pytest.importorskip("duckdb", reason="not run: the extra `big` (DuckDB) is not installed")
    resource = pytest.importorskip("resource", reason="not run: no limits on this system")
    from malmoi.models.counting.disk import on_disk

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(UsageError, match="room") as ours:
            on_disk(30_000, np.int32)
        with pytest.raises(UsageError, match="room") as theirs:
            count(text(50_000), order=5, vocabulary=V, how="duckdb", memory="")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    for error in (ours.value, theirs.value):
        assert str(tmp_path) in error.where[0]
        assert "TMPDIR" in error.hint
    assert not os.listdir(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="not run: only Linux limits private memory")
def test_duckdb_keeps_to_a_limit_of_the_system_that_the_counter_in_memory_exceeds(tmp_path):
    pytest.importorskip("duckdb", reason="not run: the extra `big` (DuckDB) is not installed")
    from benchmarks import larger

    rng = np.random.default_rng(3)
    stream = np.minimum(rng.zipf(1.15, 5_000_000), 49_999).astype(np.uint16)
    stream[rng.random(len(stream)) < 0.05] = stream[0] = 0
    np.save(tmp_path / "stream.npy", stream)
    whole, died, kept = (
        larger.alone(tmp_path / "stream.npy", how, memory, room)
        for how, memory, room in (("memory", "", 0), ("memory", "", 190), ("duckdb", "30MB", 190))
    )
    assert died == {"died": "MemoryError"}
    assert (kept["digest"], kept["ngrams"]) == (whole["digest"], whole["ngrams"])
    assert kept["took"] < 190e6 < whole["took"]


@pytest.mark.filterwarnings("ignore")
def test_two_workers_of_ray_count_the_same():
    pytest.importorskip("ray.data", reason="not run: the extra `cluster` (Ray) is not installed")
    same(text(3000), 4, "ray")


def test_a_model_is_the_same_whoever_counts():
    pytest.importorskip("duckdb", reason="not run: the extra `big` (DuckDB) is not installed")
    here, there = (Config(order=3, counting=how).build(Sizes(V)) for how in ("memory", "duckdb"))
    assert here.estimate(text(3000)) == there.estimate(text(3000))
    assert np.array_equal(here.logp, there.logp)
    assert np.array_equal(here.beta, there.beta)
    for array in (there.word, there.logp, there.beta):  # on disk still
        assert mapped(array)


def test_a_limit_that_nobody_would_keep_to_is_refused():
    with pytest.raises(ValidationError, match="duckdb"):
        Config(memory="500MB")
    for size in ("a lot", "500", "500XB", "MB", "-1GB", "5GB\n", "٥GB"):
        with pytest.raises(ValidationError, match="is no size; 500MB or 2GB is one"):
            Config(counting="duckdb", memory=size)
    for size in ("", "500MB", "1.5 GiB", "2TB"):
        assert Config(counting="duckdb", memory=size).memory == size
