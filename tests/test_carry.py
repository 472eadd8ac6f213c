"""What a model carries, re-ordered and shared."""

import torch

from malmoi.carry import Memory, select, widen


def _carry() -> tuple[Memory, torch.Tensor]:
    return Memory(torch.arange(3.0)[:, None]), torch.arange(6.0)[:, None]


def test_a_memory_is_re_ordered_with_the_rows_that_share_it() -> None:
    memory, state = select(_carry(), torch.tensor([5, 4, 0, 0]), each=2)
    assert memory.of[:, 0].tolist() == [2.0, 0.0]
    assert state[:, 0].tolist() == [5.0, 4.0, 0.0, 0.0]


def test_a_memory_of_its_own_follows_its_row() -> None:
    carry = (Memory((torch.arange(3),)), torch.arange(3))
    memory, state = select(carry, torch.tensor([2, 2, 0]))
    assert isinstance(memory, Memory)
    assert memory.of[0].tolist() == state.tolist() == [2, 2, 0]


def test_widening_repeats_the_state_and_shares_the_memory() -> None:
    memory, state = widen((Memory(torch.arange(2)), torch.arange(2)), 3)
    assert memory.of.tolist() == [0, 1]
    assert state.tolist() == [0, 0, 0, 1, 1, 1]
