"""Dropout: how much it drops, what it keeps, and where the masks of a row are one mask."""

import math

import pytest
import torch

from malmoi.layers.dropout import Dropout, bernoulli_


@pytest.mark.parametrize("p", [0.001, 0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_share_p_is_dropped_and_the_rest_is_scaled_by_what_is_kept(p, dtype):
    torch.manual_seed(0)
    x = torch.ones(50, 40, 101, dtype=dtype)
    y = Dropout(p).train()(x)
    assert set(y.unique().tolist()) == {0.0, (x.new_tensor(1.0) / (1.0 - p)).item()}
    dropped = float((y == 0).double().mean())
    assert abs(dropped - p) < 4 * math.sqrt(p * (1 - p) / x.numel()) + 2**-16


def test_masks_made_of_one_random_word_do_not_know_each_other():
    torch.manual_seed(0)
    mask = bernoulli_(torch.empty(200_000, 4, dtype=torch.float64), 0.5)
    seen = torch.corrcoef(mask.T) - torch.eye(4, dtype=torch.float64)
    assert seen.abs().max() < 4 / math.sqrt(200_000)


def test_a_locked_mask_is_one_for_all_steps_and_another_for_every_row():
    torch.manual_seed(0)
    y = Dropout(0.5, locked=True).train()(torch.ones(20, 9, 30))
    assert torch.equal(y, y[:, :1].expand_as(y))
    assert len({tuple(row.tolist()) for row in y[:, 0]}) == 20
    free = Dropout(0.5).train()(torch.ones(20, 9, 30))
    assert not torch.equal(free, free[:, :1].expand_as(free))


def test_the_gradient_passes_where_the_value_did():
    torch.manual_seed(0)
    x = torch.randn(3, 4, 5, dtype=torch.float64, requires_grad=True)
    y = Dropout(0.4).train()(x)
    y.sum().backward()
    assert torch.equal(x.grad, (y != 0).double() / (1 - 0.4))


def test_out_of_training_and_at_p_zero_nothing_changes():
    x = torch.randn(2, 3, 4)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0).train()(x) is x


def test_the_same_seed_drops_the_same():
    x = torch.ones(7, 3, 5)
    torch.manual_seed(4)
    first = Dropout(0.5).train()(x)
    torch.manual_seed(4)
    assert torch.equal(first, Dropout(0.5).train()(x))
    assert not torch.equal(first, Dropout(0.5).train()(x))
