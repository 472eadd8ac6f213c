import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from malmoi.training.config import Training

STEPS = st.integers(1, 5000)


def rates(training, steps, *, horizon=100, epoch=0, decays=0):
    return [
        training.rate(t, horizon=horizon, epoch=epoch, decays=decays) for t in range(1, steps + 1)
    ]


def test_a_constant_rate_is_constant():
    assert rates(Training(lr=0.25), 50) == [0.25] * 50


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine", "plateau"])
def test_the_warm_up_is_a_straight_line_to_the_full_rate(schedule):
    training = Training(lr=0.5, schedule=schedule, warmup=10)
    assert rates(training, 10) == pytest.approx(np.linspace(0.05, 0.5, 10))


def test_cosine_is_half_a_wave_of_numpy():
    training = Training(lr=2.0, schedule="cosine", warmup=20, floor=0.1)
    p = np.arange(1, 81) / 80
    wave = 0.2 + (2.0 - 0.2) * np.cos(np.pi * p / 2) ** 2  # cos² (x/2) = (1 + cos x)/2
    assert rates(training, 100)[20:] == pytest.approx(wave, rel=1e-12)


def test_linear_is_interpolation():
    training = Training(lr=2.0, schedule="linear", warmup=20, floor=0.1)
    expected = np.interp(np.arange(1, 131), [20, 100], [2.0, 0.2])
    assert rates(training, 130)[20:] == pytest.approx(expected[20:], rel=1e-12)


@given(t=STEPS, warmup=STEPS, d=st.integers(1, 1024))
def test_noam_is_equation_3_of_the_paper(t, warmup, d):
    training = Training(lr=(d * warmup) ** -0.5, schedule="noam", warmup=warmup)
    paper = d**-0.5 * min(t**-0.5, t * warmup**-1.5)
    assert training.rate(t, horizon=1, epoch=0, decays=0) == pytest.approx(paper, rel=1e-12)


def test_noam_of_the_base_model_at_its_first_step_at_its_warm_up_and_after():
    """d = 512, 4,000 steps: the paper's numbers, written down."""
    training = Training(lr=(512 * 4000) ** -0.5, schedule="noam", warmup=4000)
    first, half, peak, after = (
        training.rate(t, horizon=1, epoch=0, decays=0) for t in (1, 2000, 4000, 16000)
    )
    assert first == pytest.approx(1.746928107421711e-07, rel=1e-12)
    assert peak == pytest.approx(6.987712429686843e-04, rel=1e-12)
    assert (half, after) == pytest.approx((peak / 2, peak / 2), rel=1e-12)


def test_plateau_by_epochs_is_zaremba_2014():
    """§4.1, medium: lr 1 for 6 epochs, then divided by 1.2 after each."""
    training = Training(lr=1.0, schedule="plateau", decay=1 / 1.2, decay_after=6, optimizer="sgd")
    by_epoch = [training.rate(1, horizon=1, epoch=e, decays=0) for e in range(39)]
    assert by_epoch == pytest.approx([1.0] * 6 + [1.2**-k for k in range(1, 34)], rel=1e-12)


def test_plateau_by_measure_counts_the_decays():
    training = Training(lr=8.0, schedule="plateau", decay=0.25)
    assert [training.rate(9, horizon=1, epoch=70, decays=k) for k in range(3)] == [8.0, 2.0, 0.5]


@given(t=STEPS, horizon=STEPS, warmup=st.integers(0, 5000), floor=st.floats(0, 1))
@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_no_rate_is_above_the_highest_or_below_the_floor(schedule, t, horizon, warmup, floor):
    training = Training(lr=1.0, schedule=schedule, warmup=warmup, floor=floor)
    rate = training.rate(t, horizon=horizon, epoch=0, decays=0)
    assert 0 <= rate <= 1
    assert math.isclose(rate, floor, abs_tol=1e-12) or rate > floor or t < warmup


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"betas": (0.9, 1.0)}, "betas must be at least 0 and below 1"),
        ({"momentum": 0.9}, "momentum belongs to sgd, not to adamw"),
        ({"optimizer": "sgd", "nesterov": True}, "momentum is 0"),
        ({"schedule": "noam"}, "warmup must be > 0"),
        ({"schedule": "cosine", "steps": 10, "warmup": 10}, "leaves nothing of the 10 steps"),
        ({"floor": 0.1}, "constant does not end"),
        ({"decay_after": 3}, "decay_after belongs to the plateau schedule"),
        ({"margin": 1.0}, "margin belongs to a plateau"),
        ({"lr": 0.0}, "greater than 0"),
        ({"lr": math.inf}, "finite"),
        ({"epochs": 0}, "greater than or equal to 1"),
        ({"device": "tpu"}, "match pattern"),
        ({"precision": "fp16"}, "fp32"),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(wrong, sentence):
    with pytest.raises(ValidationError, match=sentence):
        Training(**wrong)


def test_all_faults_between_fields_are_told_at_once():
    with pytest.raises(ValidationError, match=r"momentum .*; noam "):
        Training(momentum=0.5, schedule="noam")
