"""What a layer costs: what is measured, and what is said of it."""

import json
import math
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest
import torch

from malmoi import cli
from malmoi.explain import as_json
from malmoi.explain.complexity import Complexity, between, clock, crossing, size, slope
from malmoi.explain.cost import LAYERS, Cost, build, bytes_kept, measure, turns
from malmoi.explain.page import standalone
from malmoi.explain.table import Table
from malmoi.explain.why import from_json

N, D = (16, 32, 64, 128), (64, 128)


def counted_costs(kernel=3):
    """Costs as they would be if a second were 10⁹ multiply-adds."""
    empty = Complexity((), 1, kernel, "")
    return Complexity(
        tuple(
            Cost(layer, n, d, empty.counted(layer, n, d) / 1e9, n * d * 4)
            for d in D for n in (*N, 256, 512) for layer in LAYERS
        ), 1, kernel, "a machine that counts",
    )  # fmt: skip


@pytest.fixture(scope="module")
def measured():
    torch.set_num_threads(1)
    return list(measure((3, 5), (4, 8), batch=2, fewest=1))


def test_every_layer_is_measured_at_every_length_and_width(measured):
    places = [(c.layer, c.n, c.d) for c in measured]
    assert places == [(layer, n, d) for d in (4, 8) for n in (3, 5) for layer in LAYERS]
    assert all(c.seconds > 0 and c.kept > 0 for c in measured)


def test_the_layers_take_turns():
    heard = []
    runs = {layer: lambda layer=layer: heard.append(layer) for layer in LAYERS}
    turns(runs, 3)
    assert heard[: 4 * len(LAYERS)] == [*LAYERS] * 4  # one to warm up


def test_the_quickest_turn_counts():
    ticks = iter([0.0, 3.0, 10.0, 11.0, 20.0, 22.0])
    taken = turns({"LSTM": lambda: torch.ones(2_000_000).sum()}, 1, clock=lambda: next(ticks, 99.0))
    assert taken["LSTM"] <= 3.0
    slow = iter(7.0 * k for k in range(1000))
    assert turns({"LSTM": lambda: None}, 4, clock=lambda: next(slow))["LSTM"] == 7


def test_memory_is_what_the_graph_holds_and_neither_input_nor_weights():
    linear, x = torch.nn.Linear(5, 7), torch.randn(2, 3, 5, requires_grad=True)
    assert bytes_kept(linear, linear, x) == 0
    assert bytes_kept(lambda x: linear(x).tanh(), linear, x) == 2 * 3 * 7 * 4
    twice = bytes_kept(lambda x: linear(x).tanh() * linear(x).tanh(), linear, x)
    assert twice == 2 * (2 * 3 * 7 * 4)
    assert bytes_kept(lambda x: (y := linear(x).tanh()) * y, linear, x) == 2 * 3 * 7 * 4


@pytest.mark.parametrize("layer", LAYERS)
def test_only_formed_weights_make_memory_grow_with_the_square(layer):
    B, d, heads = 2, 128, 2

    def kept(n):
        module, run = build(layer, d, 3, "cpu")
        return bytes_kept(run, module, torch.randn(B, n, d, requires_grad=True))

    a, b, c = kept(32), kept(64), kept(96)
    bend = (c - b) - (b - a)  # twice the square's share, times 32²
    square = 2 * 32 * 32 * B * heads * 4
    if layer == "weights formed":
        assert bend >= square
        assert bend % square == 0
    else:
        assert abs(bend) < 0.02 * square


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_makes_as_many_vectors_as_it_reads(layer):
    _, run = build(layer, 8, 3, "cpu")
    assert run(torch.randn(2, 5, 8)).shape == (2, 5, 8)


def test_forming_the_weights_changes_no_answer():
    x = torch.randn(2, 5, 8)
    fused, formed = (build(layer, 8, 3, "cpu")[1](x) for layer in LAYERS[:2])
    assert torch.allclose(fused, formed, atol=1e-6)


def test_lines_cross_where_counting_says():
    costs = counted_costs()
    for d in D:
        assert costs.crossing("LSTM", d) == pytest.approx(2 * d, rel=1e-9)
        assert costs.crossing("convolution", d) == pytest.approx(d, rel=1e-9)
    wider = counted_costs(kernel=5)
    assert wider.crossing("convolution", 64) == pytest.approx(3 * 64, rel=0.03)


@pytest.mark.parametrize(
    ("above", "where"),
    [
        ([-1.0, -1.0, 1.0], math.sqrt(2 * 4)),
        ([1.0, 2.0, 3.0], 0.0),
        ([1.0, -1.0, -2.0], math.inf),
        ([-1.0, 1.0, -1.0], math.inf),
        ([1.0, -1.0, 3.0], 2 * 2**0.25),
        ([-1.0, 0.0, 1.0], 2.0),
    ],
)
def test_a_crossing_is_where_a_line_rises_over_another_for_good(above, where):
    assert crossing([1, 2, 4], above) == pytest.approx(where)


def test_exponents_are_those_of_a_regression():
    x, y = [3, 8, 20, 50], [0.1, 0.5, 2.0, 30.0]
    assert slope(x, y) == pytest.approx(np.polyfit(np.log(x), np.log(y), 1)[0])
    assert between([(10, 1.0), (1000, 100.0)], 100.0) == pytest.approx(10)
    costs = counted_costs()
    rows = {row[0]: row for row in costs.theory().rows}
    assert rows["LSTM"][2:4] == ["1.0 (1.0)", "2.0 (2.0)"]
    measured, counted = rows["self-attention"][2].rstrip(")").split(" (")
    assert measured == counted
    assert 1.3 < float(measured) < 2


@pytest.mark.parametrize(
    ("value", "told"),
    [(3e-6, "3 µs"), (1e-3, "1 ms"), (0.3, "300 ms"), (1, "1 s"), (30.0, "30 s")],
)
def test_times_are_told_in_the_unit_that_fits(value, told):
    assert clock(value) == told


def test_sizes_are_told_in_the_unit_that_fits():
    assert [size(2.0**k) for k in (12, 20, 24, 32)] == ["4 KiB", "1 MiB", "16 MiB", "4 GiB"]


@pytest.mark.parametrize("width", [350, 760])
def test_the_page_draws_every_line_and_crossing_inside_itself(width):
    costs = counted_costs()
    root = ET.fromstring(costs.page().svg(width))
    assert float(root.get("width")) <= width + 1
    kinds = [e.get("class", "").split() for e in root.iter()]
    panels = len(D) + 2 + 2
    assert sum("line" in k for k in kinds) == panels * len(LAYERS)
    assert sum("around" in k for k in kinds) == 2 * len(D)
    assert "128 wide, self-attention takes longer than an LSTM from 256 tokens on" in costs.finding


def test_the_picture_is_the_same_after_json():
    costs = counted_costs()
    assert from_json(as_json(costs)) == costs


@pytest.mark.parametrize("width", [300, 350, 700])
def test_a_table_fits_and_keeps_its_texts_apart(width, boxes):
    rows = [["d = 64", "208 (128) and more", "말모이 사전 하나"], ["d = 512", "beyond 1,024", "x"]]
    table = Table(["width", "than an LSTM: measured (counted)", "than a convolution"], rows)
    drawn = table.svg(width)
    assert drawn.width <= width + 1
    found = sorted(boxes(standalone(drawn, "")), key=lambda b: (b[2], b[0]))
    for a, b in pairwise(found):
        assert b[2] - a[2] > 9 or b[0] >= a[1] - 1
    shown = " ".join(text for *_, text in found)
    for word in ["beyond", "1,024", "말모이", "convolution", "512"]:
        assert word in shown
    assert '<th scope="row">d = 64</th>' in table.html()


def test_the_command_measures_and_tells(tmp_path, capsys):
    small = [
        "layers",
        "--lengths",
        "4,8",
        "--widths",
        "8,16",
        "--batch",
        "1",
        "--threads",
        "1",
        "-q",
    ]
    assert cli.run([*small, "-o", str(tmp_path / "cost.json")]) == 0
    found = json.loads((tmp_path / "cost.json").read_bytes())
    assert len(found["costs"]) == 2 * 2 * len(LAYERS)
    assert "1 thread" in found["machine"]
    capsys.readouterr()
    assert cli.run(small) == 0
    assert "knd²" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--lengths", "4,x"], "two or more numbers"),
        (["--widths", "64"], "two or more numbers"),
        (["--lengths", "0,4"], "two or more numbers"),
        (["--widths", "64,100"], "heads of 64"),
        (["-o", "cost.gif"], "cannot be written"),
    ],
)
def test_a_wrong_measurement_says_what_is_wrong(arguments, said, capsys):
    assert cli.run(["layers", *arguments]) == 2
    assert said in capsys.readouterr().err
