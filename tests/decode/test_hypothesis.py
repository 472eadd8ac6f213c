"""Length penalties: their formulas, and the bound by which a search stops."""

import math

import pytest
from hypothesis import given, strategies as st

from malmoi.decode import LengthPenalty
from malmoi.errors import UsageError

penalties = st.builds(
    LengthPenalty,
    st.sampled_from(["none", "power", "gnmt"]),
    st.floats(0, 2),
)


def test_the_penalties_are_their_formulas():
    assert LengthPenalty("none", 2.0).score(-6.0, 3) == -6.0
    assert LengthPenalty("power", 1.0).score(-6.0, 3) == -2.0  # the mean
    assert LengthPenalty("power", 2.0).score(-6.0, 3) == pytest.approx(-6 / 9)
    assert LengthPenalty("power", 0.0).score(-6.0, 3) == -6.0
    assert LengthPenalty("gnmt", 1.0).score(-6.0, 1) == -6.0  # (5 + 1) / 6 = 1
    assert LengthPenalty("gnmt", 1.0).score(-6.0, 7) == -3.0
    assert LengthPenalty("gnmt", 0.6).score(-6.0, 7) == pytest.approx(-6 / 2**0.6)


def test_the_end_is_one_of_the_tokens_that_are_counted():
    mean = LengthPenalty("power", 1.0)
    assert mean.close([4, 5], -6.0, finished=True).score == -2.0
    assert mean.close([4, 5], -6.0, finished=False).score == -3.0


@given(
    penalty=penalties,
    log_prob=st.floats(-500, 0),
    lost=st.floats(0, 500),
    limit=st.integers(1, 200),
    data=st.data(),
)
def test_nothing_that_grows_out_of_a_hypothesis_beats_its_bound(
    penalty, log_prob, lost, limit, data
):
    length = data.draw(st.integers(1, limit))
    assert penalty.score(log_prob - lost, length) <= penalty.bound(log_prob, limit)


@given(penalty=penalties, log_prob=st.floats(-500, 0), limit=st.integers(1, 200))
def test_the_bound_is_reached_by_going_on_with_certainty(penalty, log_prob, limit):
    assert penalty.score(log_prob, limit) == penalty.bound(log_prob, limit)


@pytest.mark.parametrize("alpha", [-0.1, math.nan, math.inf, 11.0])
def test_a_penalty_for_which_the_bound_does_not_hold_is_refused(alpha):
    with pytest.raises(UsageError, match="alpha"):
        LengthPenalty("power", alpha)
