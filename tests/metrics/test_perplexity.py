"""Perplexity and bits, counted by hand."""

import dataclasses
import math
import subprocess
import sys

import pytest
from hypothesis import given, strategies as st

from malmoi.errors import EmptyText
from malmoi.metrics.perplexity import Report, bits_per, perplexity


def test_a_fair_coin_has_perplexity_two_and_one_bit_a_toss():
    assert perplexity(10 * math.log(2), 10) == pytest.approx(2, rel=1e-15)
    assert bits_per(10 * math.log(2), 10) == pytest.approx(1, rel=1e-15)


def test_what_is_impossible_or_beyond_numbers_is_infinite_and_not_an_error():
    assert perplexity(math.inf, 3) == math.inf
    assert perplexity(710.0, 1) == math.inf
    assert perplexity(709.0, 1) == math.exp(709)
    assert bits_per(math.inf, 3) == math.inf


@pytest.mark.parametrize("events", [0, -1])
def test_nothing_has_no_perplexity(events):
    with pytest.raises(EmptyText, match="nothing to measure"):
        perplexity(0.0, events)
    with pytest.raises(EmptyText):
        bits_per(0.0, events)
    with pytest.raises(EmptyText):
        Report().measures()


def test_a_report_counts_known_and_unknown_apart():
    # "the <unk> is" of 10 characters, 10 bytes: p = 1/2, 1/8, 1/4 and the end 1/2
    nats = [math.log(2), math.log(8), math.log(4), math.log(2)]
    report = Report.of(nats, [False, True, False, False], characters=11, bytes=11)
    assert (report.events, report.oov_events, report.impossible) == (4, 1, 0)
    assert report.nats == pytest.approx(7 * math.log(2))
    assert report.perplexity == pytest.approx(2 ** (7 / 4))
    assert report.perplexity_without_oov == pytest.approx(2 ** (4 / 3))
    assert report.bits_per_character == pytest.approx(7 / 11)
    assert report.bits_per_byte == pytest.approx(7 / 11)
    assert report.oov_rate == 0.25
    assert report.measures()["perplexity"] == report.perplexity


def test_an_impossible_unknown_does_not_spoil_the_known():
    report = Report.of([math.log(2), math.inf, math.log(2)], [False, True, False])
    assert report.perplexity == math.inf
    assert report.perplexity_without_oov == pytest.approx(2)
    assert report.impossible == 1
    only = Report.of([math.log(2)], [True], characters=1, bytes=1)
    assert math.isnan(only.perplexity_without_oov)
    assert only.measures()["oov_rate"] == 1


costs = st.lists(st.tuples(st.floats(0, 50), st.booleans()), max_size=30)


@given(a=costs, b=costs, c=st.integers(0, 100))
def test_reports_of_parts_add_up_to_the_report_of_the_whole(a, b, c):
    def report(pairs, size):
        nats, oov = [n for n, _ in pairs], [u for _, u in pairs]
        return Report.of(nats, oov, characters=size, bytes=3 * size)

    whole, parts = report(a + b, 2 * c), report(a, c) + report(b, c)
    for field in dataclasses.fields(Report):
        assert getattr(parts, field.name) == pytest.approx(getattr(whole, field.name), abs=1e-9)


def test_metrics_need_no_torch():
    code = "import sys, malmoi.metrics.perplexity; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
