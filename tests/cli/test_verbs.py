import json
import math
import shlex
import subprocess
import sys

import pytest
import torch

from malmoi.cli import VERBS, run
from malmoi.ladder import LADDER, NAMES
from malmoi.models import MODELS
from malmoi.recipe import Recipe


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a verb prints on stdout; it must end well."""
    code = run(list(arguments))
    out, err = capsys.readouterr()
    assert code == 0, err
    return out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a verb says on stderr when it refuses: exit 2, nothing on stdout."""
    code = run(list(arguments))
    out, err = capsys.readouterr()
    assert code == 2, (out, err)
    assert not out
    assert err.startswith("error: ")
    assert "Traceback" not in err
    return err


def test_help_imports_no_torch():
    code = (
        "import sys; from malmoi.cli import run; run(['--help']); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(capsys, verb):
    assert said(capsys, verb, "--help").startswith("Usage: malmoi " + verb)


def test_the_ladder_names_the_models_that_there_are(capsys):
    assert list(dict.fromkeys(rung.kind for rung in LADDER)) == list(MODELS)
    assert [row["name"] for row in json.loads(said(capsys, "models", "--json"))] == list(NAMES)


def test_a_run_is_evaluated_on_its_own_test_split(capsys, trained):
    measures = json.loads(said(capsys, "evaluate", str(trained), "--json"))
    report = json.loads((trained / "report.json").read_text())
    assert measures["events"] == report["test"]["events"]
    assert measures["perplexity"] == pytest.approx(report["test"]["perplexity"], rel=1e-5)


def test_a_file_is_evaluated_whole_and_stdin_likewise(capsys, trained, words, monkeypatch):
    whole = json.loads(said(capsys, "evaluate", str(trained), "--data", str(words), "--json"))
    text = words.read_text("utf-8")
    assert whole["events"] == len(text.split()) + text.count("\n")
    assert whole["characters"] == len(text)
    assert whole["bytes"] == len(text.encode())
    with words.open("rb") as stream:
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": stream}))
        piped = json.loads(said(capsys, "evaluate", str(trained), "--data", "-", "--json"))
    assert piped == whole


def test_scores_are_a_line_for_a_line_and_tokens_add_up_to_them(capsys, trained, tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("the cat sees the moon today .\n\n말모이 사전 🙂\n", encoding="utf-8")
    scores = [float(s) for s in said(capsys, "score", str(trained), str(path)).splitlines()]
    tokens = json.loads(said(capsys, "score", str(trained), str(path), "--tokens", "--json"))
    assert len(scores) == len(tokens) == 3
    for score, line in zip(scores, tokens, strict=True):
        assert math.fsum(t["surprisal"] for t in line["tokens"]) == pytest.approx(-score, abs=1e-4)
        for t in line["tokens"][:-1]:
            assert line["line"][t["start"] : t["end"]] == t["text"]


def test_next_tells_probabilities_that_fall(capsys, trained):
    rows = json.loads(said(capsys, "next", str(trained), "the cat", "-k", "5", "--json"))
    p = [row["probability"] for row in rows]
    assert len(p) == 5
    assert p == sorted(p, reverse=True)
    assert 0 < sum(p) <= 1


def test_the_same_seed_writes_the_same_text(capsys, trained):
    call = ["generate", str(trained), "--prompt", "a dog", "--max-tokens", "8", "--seed", "3"]
    assert said(capsys, *call, "--n", "2") == said(capsys, *call, "--n", "2")
    assert said(capsys, *call).startswith("a dog")
    greedy = said(capsys, *call, "--temperature", "0")
    assert greedy == said(capsys, *call, "--beam", "1")


def test_another_seed_writes_another_text(capsys, runs):
    call = ["generate", str(runs["lstm"]), "--max-tokens", "30", "--seed"]
    assert len({said(capsys, *call, str(seed)) for seed in range(4)}) == 4


def test_a_run_of_single_lines_is_evaluated_line_by_line(capsys, words, tmp_path):
    call = ["train", "lstm", "--data", str(words), "--to", str(tmp_path / "run"), "-q"]
    small = ["model.d=16", "training.steps=4", "training.warmup=0", "task.order=lines"]
    said(capsys, *call, *(part for line in small for part in ("--set", line)))
    measures = json.loads(said(capsys, "evaluate", str(tmp_path / "run"), "--json"))
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert measures["perplexity"] == pytest.approx(report["test"]["perplexity"], rel=1e-6)
    scores = said(capsys, "score", str(tmp_path / "run"), str(words)).split()
    alone = json.loads(
        said(capsys, "evaluate", str(tmp_path / "run"), "--data", str(words), "--json")
    )
    nats = -math.fsum(map(float, scores))
    assert alone["perplexity"] == pytest.approx(math.exp(nats / alone["events"]), rel=1e-6)


def test_options_of_train_are_lines_of_its_recipe(capsys, words, tmp_path):
    call = ["train", "ngram", "--data", str(words), "--to", str(tmp_path / "run"), "--seed", "7"]
    said(capsys, *call, "--budget", "90s", "--threads", "1", "--device", "cpu", "--tokens", "given")
    recipe = Recipe.load(tmp_path / "run" / "recipe.toml")
    assert (recipe.seed, recipe.task.data, recipe.task.tokens) == (7, str(words), "given")
    assert (recipe.training.minutes, recipe.training.threads, recipe.training.device) == (
        1.5,
        1,
        "cpu",
    )


def test_threads_are_torchs(capsys, ngram):
    before = torch.get_num_threads()
    try:
        said(capsys, "next", str(ngram), "the", "--threads", str(before + 1))
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


def test_a_comparison_says_all_that_was_typed(capsys, words, tmp_path):
    call = ["compare", "--data", str(words), "--models", "ngram", "--to", str(tmp_path / "a b")]
    more = ["--prompt", "the cat", "--seed", "3", "--threads", "1", "--set", "model.order=2"]
    comparison = json.loads(said(capsys, *call, *more, "--tokens", "given", "--json"))
    (command,) = comparison["commands"]
    typed = shlex.split(command)
    assert typed[:2] == ["malmoi", "compare"]
    for option in (call[1:5], call[3:5], *(more[i : i + 2] for i in range(0, 8, 2))):
        assert any(typed[i : i + len(option)] == option for i in range(len(typed))), option
    assert comparison["prompt"] == "the cat"
    assert "2-gram" in comparison["entries"][0]["description"]


def test_a_trained_model_obeys_the_laws(capsys, trained):
    out = said(capsys, "check", str(trained))
    assert "ok" in out
    assert "BROKEN" not in out


def test_an_ngram_model_is_exported(capsys, ngram, tmp_path):
    path = tmp_path / "model.arpa"
    said(capsys, "export", str(ngram), "--to", "arpa", "-o", str(path))
    assert path.read_text("utf-8").startswith("\\data\\")


def test_a_run_is_not_trained_over(capsys, ngram, words):
    told = refused(capsys, "train", "ngram", "--data", str(words), "--to", str(ngram))
    assert "there is a finished run" in told


def test_a_finished_run_is_not_resumed(capsys, ngram):
    assert "is finished" in refused(capsys, "train", "--resume", str(ngram))


def test_a_named_data_set_is_listed_and_a_file_inspected(capsys, words):
    names = [row["name"] for row in json.loads(said(capsys, "data", "list", "--json"))]
    assert {"python-docs", "toy-ko", "wikitext-2"} <= set(names)
    found = json.loads(said(capsys, "data", "inspect", str(words), "--json"))
    assert found["lines"] == 81


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "did you mean 'train'?"),
        (["train"], "train what?"),
        (["train", "lstn", "--data", "python-docs"], "did you mean 'lstm'?"),
        (["train", "lstm"], "train lstm on what?"),
        (["train", "none.toml"], "there is no recipe none.toml"),
        (["train", "lstm", "--data", "no-such-file.txt"], "no-such-file.txt"),
        (["train", "lstm", "--data", "python-dosc"], "did you mean 'python-docs'?"),
        (["train", "lstm", "--data", "python-docs", "--set", "model.dd=3"], "model.dd: unknown"),
        (["train", "lstm", "--data", "python-docs", "--tokens", "wrods"], "wrods"),
        (["train", "lstm", "--data", "python-docs", "--budget", "soon"], "'soon' is not a time"),
        (["train", "--resume", "no-such-run"], "there is no run in no-such-run"),
        (["train", "lstm", "--resume", "x"], "a resumed run keeps its recipe"),
        (["evaluate", "no-such-run"], "no-such-run does not exist"),
        (["generate", "no-such-run"], "no-such-run does not exist"),
        (["generate"], "Missing argument 'RUN'"),
        (["compare", "--models", "ngram,ngram"], "a model is named twice"),
        (["compare", "--models", "ngrm"], "did you mean 'ngram'?"),
        (["compare", "--models", ""], "compare which models?"),
        (["compare", "--budget", "0"], "is not a time"),
        (["data", "inspect", "no-such-file"], "no-such-file"),
        (["data", "get", "nscm"], "did you mean 'nsmc'?"),
    ],
)
def test_a_mistake_is_told_with_the_way_out(capsys, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, *arguments)
    assert not list(tmp_path.iterdir()), "a refused call leaves nothing behind"
