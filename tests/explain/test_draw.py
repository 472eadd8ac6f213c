import itertools
import math
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, strategies as st

from malmoi.explain.chart import BOTTOM, LEFT, LINE, TOP, WIDTH, Axis, Log, Series, chart
from malmoi.explain.draw import Markup, escape, shorten, spread, tag, text_width

X = Axis("training time", tuple(10.0**k for k in range(-3, 7)), lambda v: f"{v:g} s")
Y = Axis("perplexity", tuple(m * 10.0**k for k in range(8) for m in (1, 2, 5)), lambda v: f"{v:g}")
places = st.lists(st.floats(0, 100), max_size=12)


@given(wanted=places, gap=st.floats(0.1, 30))
def test_labels_are_spread_in_their_order_without_touching(wanted, gap):
    put = spread(wanted, gap, 0, 100)
    room = min(gap, 100 / max(len(wanted) - 1, 1))
    assert all(-1e-9 <= p <= 100 + 1e-9 for p in put)
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    for a, b in itertools.pairwise(order):
        assert put[b] - put[a] >= room - 1e-9


@given(wanted=places)
def test_labels_that_do_not_collide_stay_where_they_are(wanted):
    apart = sorted({round(w / 9) * 9.0 for w in wanted})
    assert spread(apart, 8.9, 0, 100) == pytest.approx(apart)


@given(wanted=st.lists(st.integers(0, 20), min_size=2, max_size=4), gap=st.integers(1, 5))
def test_no_other_placing_is_nearer_to_what_was_wanted(wanted, gap):
    put = spread([float(w) for w in wanted], float(gap), 0.0, 20.0)
    cost = sum((p - w) ** 2 for p, w in zip(put, wanted, strict=True))
    ordered = sorted(wanted)
    for grid in itertools.combinations_with_replacement(range(21), len(wanted)):
        if all(b - a >= gap for a, b in itertools.pairwise(grid)):
            assert cost <= sum((p - w) ** 2 for p, w in zip(grid, ordered, strict=True)) + 1e-9


def test_a_log_axis_puts_equal_ratios_equally_far_apart():
    scale = Log(1, 10_000, 0, 400)
    assert [scale(10.0**k) for k in range(5)] == pytest.approx([0, 100, 200, 300, 400])


@given(text=st.text(), key=st.text())
def test_no_text_becomes_markup(text, key):
    read = ET.fromstring(tag("p", {"title": key}, text))
    assert list(read) == []
    assert (read.text or "") == ET.fromstring(f"<p>{escape(text)}</p>").findtext(".", "")
    assert set(read.attrib) == {"title"}


def test_what_cannot_be_shown_becomes_visible():
    assert escape("a\x00b\x1b") == "a␀b␛"
    assert escape("\ud800") == "\ufffd"
    assert escape("\u202egnp.exe") == "\ufffdgnp.exe"  # does not turn the line round
    assert escape("한글 <b>&\"'") == "한글 &lt;b&gt;&amp;&quot;&#x27;"


def test_markup_is_not_escaped_twice():
    assert tag("b", None, tag("i", None, "<")) == "<b><i>&lt;</i></b>"
    assert isinstance(escape("x"), Markup)


def test_a_hangul_syllable_is_about_as_wide_as_two_letters():
    assert text_width("말모이") == 3
    assert text_width("malmoi") == pytest.approx(3, abs=1)
    assert text_width("e\u0301") == text_width("e")


@given(text=st.text(max_size=40), width=st.floats(2, 12))
def test_a_shortened_name_fits(text, width):
    assert text_width(shorten(text, width)) <= width + 1e-9 or shorten(text, width) == "…"


def positions(svg, kind):
    root = ET.fromstring(svg)
    return [(e, e.attrib) for e in root.iter() if kind in e.attrib.get("class", "").split()]


@given(
    ends=st.lists(st.floats(1.5, 5000), min_size=1, max_size=9),
    seconds=st.lists(st.floats(0.01, 1e5), min_size=9, max_size=9),
)
def test_names_at_the_ends_of_lines_never_overlap_and_all_is_on_the_picture(ends, seconds):
    series = [
        Series(f"모형 {k}", ((s / 7, 4 * end), (s, end)), k)
        for k, (end, s) in enumerate(zip(ends, seconds, strict=False))
    ]
    svg = chart(series, x=X, y=Y, label="x", highest=6 * min(ends))
    heights = sorted(float(at["y"]) for _, at in positions(svg, "name"))
    assert len(heights) == len(ends)
    assert all(b - a >= LINE - 0.02 for a, b in itertools.pairwise(heights))
    for _, at in positions(svg, "dot"):
        assert LEFT - 1 <= float(at["cx"]) <= WIDTH
        assert TOP - 1 <= float(at["cy"]) <= BOTTOM + 1


def ticks(svg, side, way):
    """Where the labels of an axis stand: text → place."""
    return {
        e.text: float(at[way]) for e, at in positions(svg, "tick") if side in at["class"].split()
    }


def path(svg):
    (_, at), *_ = positions(svg, "line")
    return [tuple(map(float, point.split())) for point in at["d"][1:].split("L")]


def test_the_line_passes_where_its_values_are():
    svg = chart([Series("a", ((1, 100), (100, 10)), 0)], x=X, y=Y, label="x")
    across, up = ticks(svg, "middle", "x"), ticks(svg, "end", "y")
    down = 4  # a label's foot below its line
    assert path(svg)[0] == pytest.approx((across["1 s"], up["100"] - down), abs=0.02)
    assert path(svg)[1] == pytest.approx((across["100 s"], up["10"] - down), abs=0.02)
    decade = up["10"] - up["100"]
    assert up["50"] - up["100"] == pytest.approx(decade * math.log10(2), abs=0.02)


def test_tick_labels_do_not_touch():
    svg = chart([Series("a", ((0.001, 9), (1e6, 8)), 0)], x=X, y=Y, label="x")
    labels = [(x, text_width(text) * 12) for text, x in ticks(svg, "middle", "x").items()]
    assert len(labels) >= 4
    for (a, wa), (b, wb) in itertools.pairwise(labels):
        assert b - a > (wa + wb) / 2


def test_a_line_that_starts_above_the_picture_enters_where_it_crosses_the_edge():
    svg = chart([Series("a", ((1, 1000), (100, 10)), 0)], x=X, y=Y, label="x", highest=100)
    # straight on logarithms: 1000 → 10 is two decades, 100 is reached half way, at 10 s
    assert path(svg)[0] == pytest.approx((ticks(svg, "middle", "x")["10 s"], TOP), abs=0.02)


def test_a_model_without_a_curve_is_a_dot_and_its_name():
    svg = chart([Series("ngram", ((0.4, 150),), 0, "150")], x=X, y=Y, label="x")
    assert positions(svg, "line") == []
    assert len(positions(svg, "dot")) == 1
    assert "".join(positions(svg, "name")[0][0].itertext()).endswith("ngram 150")
