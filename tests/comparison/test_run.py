from pathlib import Path

import pytest

import malmoi
from malmoi.comparison.pace import fitted
from malmoi.comparison.result import from_json
from malmoi.comparison.run import Began, Compared, comparing
from malmoi.data.catalogue import find
from malmoi.defaults import recipe_for
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
        lm = malmoi.load(folder / entry.name)
        written = lm.generate(comparison.prompt, n=3, temperature=0.8, max_tokens=40, seed=1)
        assert entry.samples == tuple(text.text for text in written)
        for row, sentence in zip(entry.surprisals, comparison.sentences, strict=True):
            assert sum(said.nats for said in row) == pytest.approx(-lm.score(sentence), rel=1e-6)
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


def test_another_training_or_another_text_is_not_mistaken_for_it(text, tmp_path):
    data, folder = tmp_path / "my.txt", tmp_path / "runs"
    data.write_bytes(text.read_bytes())
    call = {"to": folder, "models": ["ngram", "elman"]}
    first = list(comparing(str(data), **call, overrides=SHORT))[-1].comparison
    with pytest.raises(RunError, match=r"training\.lr: 0\.001 then, 0\.5 now"):
        list(comparing(str(data), **call, overrides=[*SHORT, "training.lr=0.5"]))
    with pytest.raises(RunError, match=r"task\.tokens: words then, given now"):
        list(comparing(str(data), **call, overrides=SHORT, tokens="given"))
    again = list(comparing(str(data), **call, overrides=[*SHORT[1:], "training.steps=7"]))
    assert again[-1].comparison.ground == first.ground  # how long it may last is not what it is
    data.write_text(data.read_text("utf-8").replace("고양이가", "고양이도", 1), encoding="utf-8")
    with pytest.raises(RunError, match=r"the text of .*my\.txt has changed since"):
        list(comparing(str(data), **call, overrides=SHORT))


def test_what_is_shown_is_what_was_held_out_whatever_was_overridden(text, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("".join(f"{i} {i * i} {i + 1} is a sum of {i} .\n" for i in range(90)))
    overrides = ["task.split_seed=5", f'task.data="{other}"']
    *_, last = comparing(str(text), to=tmp_path / "runs", models=["ngram"], overrides=overrides)
    held_out = set(find(other, seed=5).lines("test"))
    assert last.comparison.sentences
    assert held_out.issuperset(last.comparison.sentences)
    assert last.comparison.ground.data == str(other)
    assert not held_out.issubset(find(other, seed=0).lines("test"))


def test_a_curve_tells_what_was_read_and_how_long_it_took_at_each_evaluation(text, tmp_path):
    overrides = [*SHORT, "training.log_every=1000"]  # only the first step is logged
    *_, last = comparing(str(text), to=tmp_path / "r", models=["elman"], overrides=overrides)
    (entry,) = last.comparison.entries
    rows = [row for row in open_run(tmp_path / "r" / "elman").metrics if row["event"] != "step"]
    assert [(p.step, p.read, p.seconds) for p in entry.curve] == [
        (row["step"], row["read"], row["seconds"]) for row in rows if row["event"] == "evaluated"
    ]
    assert entry.curve[0].read < entry.curve[1].read


def test_a_budget_takes_no_more_steps_than_were_asked_for(text, tmp_path):
    asked = recipe_for("elman", find(text), data=str(text)).replace(
        ["training.steps=3", "training.warmup=0", "training.accumulate=2"]
    )
    assert fitted(asked, seconds=5.0).training.steps == 3
    epochs = asked.replace(["training.steps=0", "training.epochs=2"])
    whole = fitted(epochs, seconds=5.0)
    batches = len(asked.task.prepare(tmp_path, 1).batches("train", epoch=0))
    assert whole.training.steps == 2 * -(-batches // 2)


def test_a_report_that_is_not_of_a_comparison_is_not_replaced(text, tmp_path):
    (tmp_path / "report.html").write_text("my thesis")
    with pytest.raises(RunError, match=r"report\.html is not of a comparison"):
        list(comparing(str(text), to=tmp_path, models=["ngram"]))
    (tmp_path / "comparison.json").write_text("{}")
    with pytest.raises(RunError, match=r"comparison\.json"):
        list(comparing(str(text), to=tmp_path, models=["ngram"]))
    assert {p.name for p in tmp_path.iterdir()} == {"report.html", "comparison.json"}


def test_several_processes_do_not_compare_each_for_itself(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="done by one process"):
        list(comparing("toy-en", to=tmp_path / "runs", models=["ngram"]))
    assert not list(tmp_path.iterdir())
