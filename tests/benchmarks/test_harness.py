"""The harness of the benchmarks: nothing here depends on how fast anything is."""

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from benchmarks import __main__ as front, harness
from benchmarks.harness import BEGIN, END, Row, cells, interleave, merge, read, row, table, write
from malmoi.errors import DataError


def a_row(name: str, ratio: float = 2.0, goal: float | None = 1.5) -> Row:
    return Row(name, "tokens/s", 1000 * ratio, 1000.0, ratio, goal, "a setting", "a machine")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A front door that writes into a folder of the test, with one part, `fake`."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    monkeypatch.setattr(front, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(front, "PAGE", page)
    monkeypatch.setattr(front, "PARTS", ("fake", "lstm"))

    def rows(*, tiny: bool) -> Iterator[Row]:
        yield a_row("fake: new")

    monkeypatch.setitem(sys.modules, "benchmarks.fake", SimpleNamespace(rows=rows))
    return page


def test_the_two_sides_take_turns_after_one_turn_to_warm_up():
    said: list[str] = []
    interleave(lambda: said.append("ours"), lambda: said.append("peer"), repeats=3)
    assert said == ["ours", "peer"] * 4


def test_each_side_is_given_the_median_of_its_own_turns(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(harness.time, "perf_counter", lambda: now[0])
    ours, peer = iter([50.0, 1.0, 100.0, 2.0]), iter([70.0, 6.0, 5.0, 900.0])

    def takes(seconds: Iterator[float]) -> None:
        now[0] += next(seconds)

    assert interleave(lambda: takes(ours), lambda: takes(peer), repeats=3) == (2.0, 6.0)


def test_a_ratio_above_one_says_that_ours_does_more_in_a_second():
    one = row("x: y", (0.5, 2.0), amount=100, unit="words", goal=3.0, setting="how")
    assert (one.ours, one.peer, one.ratio, one.unit) == (200.0, 50.0, 4.0, "words/s")
    assert one.part == "x"
    assert "cores" in one.machine
    assert "threads" in one.machine


def test_a_part_measured_anew_replaces_its_own_rows_and_no_others():
    old = [a_row("gpt: a"), a_row("lstm: a"), a_row("lstm: gone")]
    new = [a_row("lstm: b"), a_row("lstm: a", 9.0)]
    merged = merge(old, new)
    assert [(r.name, r.ratio) for r in merged] == [
        ("gpt: a", 2.0),
        ("lstm: a", 9.0),
        ("lstm: b", 2.0),
    ]


def test_rows_come_back_from_json_as_they_were(tmp_path):
    rows = [a_row("lstm: ×"), a_row("gpt: b", goal=None)]
    write(tmp_path / "results.json", rows)
    assert read(tmp_path / "results.json") == rows
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]
    assert set(json.loads((tmp_path / "results.json").read_text("utf-8"))[0]) == {
        *("name", "unit", "ours", "peer", "ratio", "goal", "setting", "machine"),
    }


@pytest.mark.parametrize("text", ["{", "[1]", '[{"name": "x"}]', '{"rows": []}', "3"])
def test_a_results_file_of_another_kind_is_refused_and_left_alone(tmp_path, text):
    path = tmp_path / "results.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="not results"):
        read(path)
    assert path.read_text(encoding="utf-8") == text


def test_an_unknown_field_of_a_row_is_refused(tmp_path):
    path = tmp_path / "results.json"
    write(path, [a_row("a: b")])
    row = json.loads(path.read_text("utf-8"))[0]
    path.write_text(json.dumps([{**row, "speed": 3}]), encoding="utf-8")
    with pytest.raises(DataError, match="not results"):
        read(path)


@pytest.mark.parametrize(
    ("ratio", "goal", "said"),
    [(1.5, 1.5, "met"), (1.49, 1.5, "missed"), (0.1, None, "no promise")],
)
def test_the_table_lists_ratio_goal_and_verdict(ratio, goal, said):
    one = a_row("lstm: training", ratio, goal)
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(table([one]))
    line = next(line for line in console.export_text().splitlines() if "lstm: training" in line)
    for cell in (f"{ratio:.2f}×", "–" if goal is None else f"{goal:g}×", said):
        assert cell in line
    assert cells(one)[-1] == said


def test_an_unknown_part_is_refused_with_the_nearest_name(page, capsys):
    before = page.read_text("utf-8")
    assert front.main(["fake", "lstn"]) == 2
    told = capsys.readouterr()
    assert told.err == "error: there is no benchmark 'lstn'\nhint: did you mean 'lstm'?\n"
    assert told.out == ""
    assert page.read_text("utf-8") == before


def test_a_peer_that_is_not_installed_is_named_before_anything_is_measured(
    page, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "benchmarks.lstm", None)
    assert front.main(["fake", "lstm"]) == 2
    assert "the benchmark lstm needs benchmarks.lstm" in capsys.readouterr().err
    assert not front.RESULTS.exists()


def test_an_optional_peer_that_is_not_there_is_named_and_the_others_are_measured(
    page, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "benchmarks.lstm", None)
    monkeypatch.setattr(front, "OPTIONAL", {"lstm": "a peer of its own"})
    write(front.RESULTS, [a_row("lstm: kept")])
    before = page.read_bytes()
    assert front.main(["lstm"]) == 0
    told = capsys.readouterr()
    assert "lstm: not measured: it needs a peer of its own" in told.err
    assert (told.out, page.read_bytes()) == ("", before)
    assert front.main(["lstm", "fake"]) == 0
    assert [r.name for r in read(front.RESULTS)] == ["fake: new", "lstm: kept"]


def test_a_run_keeps_its_rows_writes_the_page_and_leaves_the_other_parts(page, capsys):
    write(front.RESULTS, [a_row("fake: old"), a_row("lstm: kept")])
    assert front.main(["fake"]) == 0
    assert [r.name for r in read(front.RESULTS)] == ["fake: new", "lstm: kept"]
    text = page.read_text("utf-8")
    assert text.startswith(f"before\n{BEGIN}\n| what | ours")
    assert text.endswith(f"{END}\nafter\n")
    assert "| fake: new | 2,000 | 1,000 | tokens/s | 2.00× | 1.5× | met |" in text
    assert "old" not in text
    told = capsys.readouterr()
    assert "fake: new" in told.out
    assert "lstm: kept" not in told.out
    assert "fake: measuring" in told.err


def test_writing_the_page_twice_is_writing_it_once(page):
    harness.publish(page, [a_row("a: b")])
    once = page.read_bytes()
    harness.publish(page, [a_row("a: b")])
    assert page.read_bytes() == once


def test_a_page_without_the_markers_is_refused_and_left_alone(page):
    page.write_text(f"{END} {BEGIN}", encoding="utf-8")
    with pytest.raises(DataError, match="no place"):
        harness.publish(page, [a_row("a: b")])
    assert page.read_text("utf-8") == f"{END} {BEGIN}"


def test_a_tiny_run_keeps_nothing(page):
    before = page.read_bytes()
    assert front.main(["fake", "--tiny"]) == 0
    assert page.read_bytes() == before
    assert not front.RESULTS.exists()


def test_the_real_page_has_a_place_for_results(tmp_path):
    page = tmp_path / "benchmarks.md"
    page.write_bytes((Path(__file__).parents[2] / "docs" / "benchmarks.md").read_bytes())
    harness.publish(page, [replace(a_row("a: b"), setting="so it was done")])
    assert "- **a: b**: so it was done" in page.read_text("utf-8")
