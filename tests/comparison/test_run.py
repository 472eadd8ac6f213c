from pathlib import Path

import pytest

import malmoi
from malmoi.comparison.result import from_json
from malmoi.comparison.run import Began, Compared, comparing
from malmoi.errors import RunError, UsageError
from malmoi.run import open_run
from malmoi.trainer import Announced, Counted
from malmoi.training.events import Step

SHORT = ["training.steps=6", "training.warmup=0", "training.evaluate_every=3"]


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("text") / "my.txt"
    lines = [
        f"{who} {does} {what} <b>{where}</b> ."
        for who in ("고양이가", "개가", "the cat")
        for does in ("본다", "그린다", "sees")
        for what in ("달을", "a moon", "말모이를")
        for where in ("오늘", "집에서", "& again")
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def compared(text, tmp_path_factory) -> tuple[Path, list]:
    folder = tmp_path_factory.mktemp("runs") / "mine"
    events = comparing(
        str(text), to=folder, models=["ngram", "elman", "gpt"], overrides=SHORT, commands=("x",)
    )
    return folder, list(events)


def test_every_model_is_trained_into_a_run_of_its_own(compared):
    folder, events = compared
    assert [e.name for e in events if isinstance(e, Began)] == ["ngram", "elman", "gpt"]
    assert sum(isinstance(e, Counted) for e in events) == 1
    assert sum(isinstance(e, Step) for e in events) == 12
    for name in ("ngram", "elman", "gpt"):
        assert open_run(folder / name).report["test"]["events"] > 0


def test_the_comparison_is_what_the_runs_report(compared):
    folder, events = compared
    assert isinstance(events[-1], Compared)
    comparison = events[-1].comparison
    assert from_json((folder / "comparison.json").read_text("utf-8")) == comparison
    for entry in comparison.entries:
        report = open_run(folder / entry.name).report
        assert entry.test is not None
        assert entry.test.perplexity == report["test"]["perplexity"]
        assert entry.parameters == report["parameters"]
        assert len(entry.samples) == 3
        assert [row[-1].token for row in entry.surprisals] == ["</s>"] * len(comparison.sentences)
    assert [len(entry.curve) for entry in comparison.entries] == [0, 2, 2]


def test_all_models_are_measured_on_the_same_tokens(compared):
    folder, _ = compared
    said = [open_run(folder / name).model["data"] for name in ("ngram", "elman", "gpt")]
    assert said[0] == said[1] == said[2]


def test_the_report_escapes_the_text_and_renders_hangul(compared):
    html = (compared[0] / "report.html").read_text("utf-8")
    assert "<b>오늘</b>" not in html
    assert "고양이가" in html


def test_a_comparison_made_again_uses_what_is_trained(compared, text):
    folder, _ = compared
    again = list(comparing(str(text), to=folder, models=["ngram", "elman", "gpt"], overrides=SHORT))
    assert not [e for e in again if isinstance(e, Step | Counted)]
    assert sum(isinstance(e, Announced) and "used as it is" in e.text for e in again) == 3


def test_a_run_of_another_seed_is_not_mistaken_for_it(compared, text):
    with pytest.raises(RunError, match="there is another run"):
        list(comparing(str(text), to=compared[0], models=["ngram"], seed=2))


def test_a_budget_decides_how_many_steps_there_are(text, tmp_path):
    comparison = malmoi.compare(
        str(text), to=tmp_path / "runs", models=["elman"], budget=3.0, tokens="characters"
    )
    report = open_run(tmp_path / "runs" / "elman").report
    assert report["reason"] in ("steps", "minutes")
    assert 0 < report["seconds"] < 30
    assert comparison.ground.tokenisation == "characters"


def test_nothing_to_compare_is_refused(tmp_path):
    with pytest.raises(UsageError, match="compare which models"):
        list(comparing("toy-en", to=tmp_path, models=[]))
