"""Batches of pairs: every pair once an epoch, within the budget, the same for the same numbers."""

import numpy as np
import pytest
import torch

from malmoi.data.bucketed import MULTIPLE, ROWS, PairBuckets, pairs
from malmoi.data.ragged import Ragged

rng = np.random.default_rng(0)
SOURCE, TARGET = rng.integers(1, 40, 500), rng.integers(1, 40, 500)
TARGET[7] = 900  # longer than any budget below


def up(n: int) -> int:
    return -(-n // MULTIPLE) * MULTIPLE


def cost(rows: np.ndarray) -> int:
    return len(rows) * (max(map(up, SOURCE[rows])) + max(map(up, TARGET[rows])))


@pytest.mark.parametrize("budget", [64, 300, 2_000])
@pytest.mark.parametrize("epoch", [None, 0, 3])
def test_every_pair_is_in_one_batch_and_batches_keep_to_the_budget(budget, epoch) -> None:
    batches = list(PairBuckets(SOURCE, TARGET, budget, seed=1, epoch=epoch))
    assert sorted(i for rows in batches for i in rows) == list(range(500))
    for rows in batches:
        assert len(rows) == 1 or cost(rows) <= budget


def test_budgets_are_used_and_rows_come_in_eights() -> None:
    batches = list(PairBuckets(SOURCE, TARGET, 2_000, seed=1, epoch=0))
    odd = [len(rows) for rows in batches if len(rows) > ROWS and len(rows) % ROWS]
    assert len(odd) <= 1  # the last of them
    tokens = sum(SOURCE) + sum(TARGET) - 900
    padded = sum(cost(rows) for rows in batches if 7 not in rows)
    assert tokens / padded > 0.7  # in no order it is 0.5


def test_an_epoch_is_a_function_of_seed_and_epoch_and_has_the_shapes_of_every_other() -> None:
    def order(seed: int, epoch: int) -> list[list[int]]:
        return [rows.tolist() for rows in PairBuckets(SOURCE, TARGET, 300, seed, epoch)]

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)

    def shapes(epoch: int) -> list[tuple[int, int, int]]:
        return sorted(
            (len(r), max(map(up, SOURCE[r])), max(map(up, TARGET[r])))
            for r in map(np.array, order(1, epoch))
        )

    assert shapes(0) == shapes(1) == shapes(5)


def test_a_batch_says_what_is_read_what_is_written_and_where() -> None:
    source, target = Ragged.of([[5, 6, 0], [7, 0]]), Ragged.of([[2, 0], [3, 4, 5, 6, 0]])
    batch = pairs(source, target, np.array([1, 0]))
    assert batch.source.ids.tolist() == [[7, 0, 0, 0], [5, 6, 0, 0]]
    assert batch.source.mask.tolist() == [[True, True, False, False], [True, True, True, False]]
    assert batch.x.tolist() == [[0, 3, 4, 5, 6, 0, 0, 0], [0, 2, 0, 0, 0, 0, 0, 0]]
    assert batch.y.tolist() == [[3, 4, 5, 6, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0, 0, 0]]
    assert batch.mask.sum(1).tolist() == [5, 2]
    assert batch.events == 7
    assert batch.x.dtype == torch.int64
