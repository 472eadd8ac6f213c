import dataclasses
import json
import signal
from pathlib import Path

import pytest

import malmoi
from malmoi.errors import EmptyText, Interrupted, RunError
from malmoi.ladder import names_of
from malmoi.models import charcnn, gpt, ngram, nplm, rnn
from malmoi.recipe import Recipe
from malmoi.run import open_run
from malmoi.tasks.language_modelling import LanguageModelling, LanguageModellingTask
from malmoi.trainer import Resumed, Trained, resumed, train, training
from malmoi.training.config import Training
from malmoi.training.events import Finished, Step

SMALL = {
    "ngram": ngram.Config(order=3),
    "nplm": nplm.Config(order=4, d_word=8, d=16, dropout=0.2),
    "elman": rnn.ElmanConfig(d=16, layers=1, tied=True),
    "gru": rnn.GRUConfig(d=16, layers=2, dropout=0.3),
    "lstm": rnn.LSTMConfig(d=16, layers=2, dropout=0.3, tied=True),
    "charcnn": charcnn.Config(filters=4, d=16, layers=1, dropout_in=0.2),
    "gpt": gpt.Config(d=16, heads=2, layers=2, context=16, dropout=0.2),
}


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "my.txt"
    lines = [f"{a} {b} {a} {c} ." for a in "가나다라마" for b in "바사아자차" for c in "카타파하"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def recipe(name: str, text: Path, **plan: object) -> Recipe:
    settings = {"steps": 12, "evaluate_every": 5, "log_every": 1, "schedule": "cosine", **plan}
    return Recipe(
        task=LanguageModelling(
            data=str(text),
            tokens="given",
            spelling="jamo" if name == "charcnn" else "none",
            order="windows" if name == "gpt" else "lanes",
            batch=4,
            length=8,
        ),
        model=SMALL[name],
        training=Training(**settings),
        seed=3,
    )


def test_these_are_all_the_language_models():
    assert tuple(SMALL) == names_of("language-modelling")


@pytest.mark.parametrize("name", SMALL)
def test_the_recipe_inside_a_finished_run_is_the_recipe(name, text, tmp_path):
    asked = recipe(name, text)
    run = train(asked, tmp_path / "run")
    assert Recipe.from_toml(run.recipe) == asked
    assert {p.name for p in run.folder.iterdir()} == {
        *("recipe.toml", "model.json", "model.safetensors", "text", "metrics.jsonl"),
        *("report.json", "README.md", "MANIFEST.json"),
    }


@pytest.mark.parametrize("name", SMALL)
def test_the_same_recipe_makes_the_same_bytes(name, text, tmp_path):
    a, b = (train(recipe(name, text), tmp_path / run) for run in "ab")
    weights = [(run.folder / "model.safetensors").read_bytes() for run in (a, b)]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("name", [name for name in SMALL if name != "ngram"])
@pytest.mark.parametrize("stop", [2, 6, 11])
def test_a_resumed_run_is_the_run_that_never_stopped(name, stop, text, tmp_path):
    asked = recipe(name, text, save_every=0)
    whole = train(asked, tmp_path / "whole")
    for event in training(asked, tmp_path / "cut"):
        if isinstance(event, Step) and event.step == stop:
            break  # as if killed: nothing is saved on the way out
    else:
        pytest.fail("the training was over before it could be cut")
    *_, last = events = list(resumed(tmp_path / "cut"))
    assert any(isinstance(event, Resumed) for event in events)
    assert isinstance(last, Trained)
    for file in ("model.safetensors", "recipe.toml", "model.json", "text/text.json"):
        assert (last.run.folder / file).read_bytes() == (whole.folder / file).read_bytes(), file
    told = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in run.metrics]
        for run in (whole, last.run)
    ]
    assert told[0] == told[1]


def test_what_is_kept_and_reported_is_the_best_and_not_the_last(text, tmp_path, monkeypatch):
    """The measures are made up: best at step 6 of 12, where a training of 6 steps ends."""
    measured = LanguageModellingTask.measure

    def kept(steps, perplexities):
        said = iter(perplexities)

        def measure(task, model, split):
            found = measured(task, model, split)
            return {**found, "perplexity": next(said)} if split == "valid" else found

        monkeypatch.setattr(LanguageModellingTask, "measure", measure)
        asked = recipe("lstm", text, steps=steps, evaluate_every=3, schedule="constant")
        run = train(asked, tmp_path / str(steps))
        return run, (run.folder / "model.safetensors").read_bytes()

    half, end = kept(6, [9.0, 5.0])
    whole, best = kept(12, [9.0, 5.0, 8.0, 7.0])
    assert best == end
    assert (whole.report["best_step"], whole.report["steps"]) == (6, 12)
    for split in ("valid", "test"):
        assert whole.report[split] == half.report[split]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_last_save_is_heeded_and_the_resumed_run_is_the_same(
    number, text, tmp_path
):
    whole = train(recipe("lstm", text), tmp_path / "whole")
    events = []

    def watch():
        for event in training(recipe("lstm", text), tmp_path / "cut"):
            events.append(event)
            if isinstance(event, Finished):
                signal.raise_signal(number)  # what follows is the save of the last step

    with pytest.raises(Interrupted) as caught:
        watch()
    assert caught.value.exit_code == 128 + number
    assert isinstance(events[-1], Finished), "nothing is measured any more"
    assert "at step 12" in str(caught.value)
    *_, last = resumed(tmp_path / "cut")
    name = "model.safetensors"
    assert (last.run.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_a_training_that_cannot_begin_leaves_nothing_behind(text, tmp_path, monkeypatch):
    data = tmp_path / "data"
    data.mkdir()
    (data / "train.txt").write_bytes(text.read_bytes())
    (data / "test.txt").write_text("\n")
    with pytest.raises(EmptyText, match="no line to read in the test part"):
        train(recipe("lstm", data), tmp_path / "a" / "run")
    assert not (tmp_path / "a").exists()

    def interrupted(*_):
        raise KeyboardInterrupt

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    monkeypatch.setattr(rnn.LSTMConfig, "build", interrupted)
    for folder in (tmp_path / "b" / "run", tmp_path / "mine" / "run"):
        with pytest.raises(KeyboardInterrupt):
            train(recipe("lstm", text), folder)
    assert not (tmp_path / "b").exists()
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_a_text_that_changed_is_noticed_when_resuming(text, tmp_path):
    for event in training(recipe("lstm", text, save_every=0), tmp_path / "run"):
        if isinstance(event, Step) and event.step == 3:
            break
    text.write_text(text.read_text("utf-8").replace("가", "나", 1), encoding="utf-8")
    with pytest.raises(RunError, match="the text is not the one this run began with"):
        list(resumed(tmp_path / "run"))


def test_what_is_loaded_measures_what_was_reported(text, tmp_path):
    for name in SMALL:
        run = train(recipe(name, text), tmp_path / name)
        lm = malmoi.load(run.folder)
        found = lm.perplexity(text)  # the whole file: finite, and every line counted
        assert found.events == 100 * 6
        report = json.loads((run.folder / "report.json").read_text())
        assert report["parameters"] > 0
        assert report["test"]["events"] + report["valid"]["events"] + report["train_events"] == 600


def test_stupid_backoff_has_no_perplexity_and_says_so(text, tmp_path):
    asked = dataclasses.replace(
        recipe("ngram", text), model=ngram.Config(order=3, estimator="stupid-backoff")
    )
    run = train(asked, tmp_path / "run")
    assert run.report["test"] is None
    assert "no perplexity" in (run.folder / "README.md").read_text("utf-8")
    assert open_run(run.folder).report == run.report


def test_an_infinite_perplexity_is_told_not_hidden(text, tmp_path):
    text.write_text(text.read_text("utf-8") + "보지 못한 낱말\n" * 3, encoding="utf-8")
    asked = dataclasses.replace(recipe("ngram", text), model=ngram.Config(order=4, estimator="mle"))
    run = train(asked, tmp_path / "run")
    assert run.report["test"]["perplexity"] == "inf"
    assert "∞" in (run.folder / "README.md").read_text("utf-8")
