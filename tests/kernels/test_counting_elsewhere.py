"""DuckDB and Ray count exactly what the counter in memory counts."""

import numpy as np
import pytest
from pydantic import ValidationError

from malmoi.config import Sizes
from malmoi.errors import UsageError
from malmoi.kernels.counting import count_ngrams
from malmoi.models import counting
from malmoi.models.counting import count
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
    due = count_ngrams(stream, order=order, vocabulary=V)
    assert found.level == due.level
    for name, a, b in zip(due._fields[1:], found[1:], due[1:], strict=True):
        assert a.dtype == b.dtype, name
        assert np.array_equal(a, b), name


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


def test_a_limit_that_nobody_would_keep_to_is_refused():
    with pytest.raises(ValidationError, match="duckdb"):
        Config(memory="500MB")
    with pytest.raises(ValidationError, match="memory"):
        Config(counting="duckdb", memory="a lot")
