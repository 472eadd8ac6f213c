"""Reading in pieces, normalising, and picking the largest."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from malmoi.decode import reading
from malmoi.errors import Diverged


@pytest.mark.parametrize("positions", [1, 2, 3, 64, 1000])
@pytest.mark.parametrize("T", [1, 2, 63, 64, 65, 200])
def test_reading_in_pieces_is_reading_in_one(positions, T, table, monkeypatch):
    monkeypatch.setattr(reading, "CELLS", 90)
    model = table(1, V=5)
    x = torch.from_numpy(np.random.default_rng(T).integers(0, 5, (3, T)))
    whole, end = model(x, model.begin(3))
    logits, carry = reading.read(model, x, model.begin(3), positions=positions)
    assert torch.equal(logits, whole[:, -1])
    assert all(torch.equal(a, b) for a, b in zip(carry, end, strict=True))


@pytest.mark.parametrize("positions", [1, 4, 7, 1000])
def test_scoring_in_pieces_is_scoring_in_one(positions, table):
    model = table(1, V=5)
    x = torch.from_numpy(np.random.default_rng(0).integers(0, 5, (3, 41)))
    y = x.roll(-1, 1)
    whole, end = model.log_prob(x, y, model.begin(3))
    logp, carry = reading.log_prob(model, x, y, model.begin(3), positions=positions)
    assert torch.equal(logp, whole)
    assert all(torch.equal(a, b) for a, b in zip(carry, end, strict=True))


def test_a_log_probability_that_is_no_number_is_said_to_be(table):
    model = table(1, V=3)
    model.logits[:] = math.nan
    x = torch.zeros(1, 2, dtype=torch.long)
    with pytest.raises(Diverged, match="not numbers"):
        reading.log_prob(model, x, x, model.begin(1))


@settings(max_examples=200, deadline=None)
@given(
    values=arrays(
        np.float64,
        st.tuples(st.integers(1, 4), st.integers(1, 30)),
        elements=st.sampled_from([-math.inf, -2.0, -1.0, -0.5, 0.0]),
    ),
    k=st.integers(1, 35),
)
def test_the_largest_come_first_and_of_equals_the_smaller_index(values, k):
    best, index = reading.top(torch.from_numpy(values), k)
    expected = np.stack([np.lexsort((np.arange(len(row)), -row))[:k] for row in values])
    assert np.array_equal(index.numpy(), expected)
    assert np.array_equal(best.numpy(), np.take_along_axis(values, expected, 1))


def test_log_softmax_sums_to_one_except_where_nothing_is_possible():
    z = torch.tensor([[1.0, 2.0, -math.inf], [-math.inf] * 3, [-800.0, -900.0, -800.0]])
    logp = reading.log_softmax(z)
    assert logp.dtype == torch.float64
    assert logp.exp().sum(1).tolist() == pytest.approx([1, 0, 1], abs=1e-15)
    assert logp[0].tolist() == pytest.approx(
        [-math.log1p(math.e), -math.log1p(1 / math.e), -math.inf]
    )
    assert bool((logp <= 0).all())  # the bound of the beam search needs it


@settings(max_examples=60, deadline=None)
@given(
    N=st.sampled_from([511, 512, 513, 640, 1100, 2047]),
    k=st.integers(1, 4),
    seed=st.integers(0, 10**6),
    values=st.sampled_from([2, 3, 50, 10**6]),
)
def test_the_largest_of_many_are_those_of_all_with_the_same_rule_for_equals(N, k, seed, values):
    rng = np.random.default_rng(seed)
    some = torch.from_numpy(rng.integers(0, values, (3, N)).astype(np.float32))
    some[rng.random((3, N)) < 0.3] = -math.inf
    some[0, :] = -math.inf
    for found, expected in zip(reading.top_of_many(some, k), reading.top(some, k), strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("V", [3, 40, 3000])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_likeliest_words_are_the_top_of_the_whole_distribution(V, dtype, monkeypatch):
    monkeypatch.setattr(reading, "NEAR", 3 * V)  # three rows at a time
    rng = np.random.default_rng(V)
    logits = torch.from_numpy(10 * rng.standard_normal((8, V))).to(dtype)
    logits[1, ::2] = -math.inf
    logits[2] = -math.inf
    logits[3] = 1.0
    logits[4, -1] = 80.0
    whole = reading.log_softmax(logits)
    forced = torch.tensor([-1, V - 1, 1, 2, 0, -1, V - 1, -1])
    for forbid in ((), (0, V - 1)):
        allowed = whole.clone()
        allowed[:, list(forbid)] = -math.inf
        for only in (None, forced):
            logp, word = reading.likeliest(logits, 4, forbid=forbid, forced=only)
            assert logp.dtype == torch.float64
            assert logp.shape == (8, 4 if V > reading.FEW else V)
            for r in range(8):
                w = -1 if only is None else int(only[r])
                one = torch.full((1, V), -math.inf, dtype=torch.float64)
                one[0, w] = whole[r, w]
                best, index = reading.top(allowed[r : r + 1] if w < 0 else one, 4)
                there = best[0].isfinite()
                found, at = reading.top(logp[r : r + 1], 4)
                assert word[r][at[0]][there].tolist() == index[0][there].tolist()
                limit = 1e-12 if dtype == torch.float64 else 1e-5
                assert found[0].tolist() == pytest.approx(best[0].tolist(), abs=limit)
    logits[5, 1] = math.nan
    with pytest.raises(Diverged, match="not numbers"):
        reading.likeliest(logits, 2)
