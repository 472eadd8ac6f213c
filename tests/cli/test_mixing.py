import json
from pathlib import Path

import pytest

import malmoi
from malmoi.cli import run
from malmoi.use import mix


def evaluated(capsys, *arguments: str) -> dict[str, float]:
    assert run(["evaluate", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_two_runs_are_evaluated_as_one_and_the_weights_are_told(capsys, runs, words):
    lstm, ngram = str(runs["lstm"]), str(runs["ngram"])
    alone = [evaluated(capsys, name, "--split", "valid")["perplexity"] for name in (lstm, ngram)]
    both = evaluated(capsys, lstm, "--mix", ngram, "--split", "valid")
    assert [row["run"] for row in both["weights"]] == [lstm, ngram]
    weights = [row["weight"] for row in both["weights"]]
    assert sum(weights) == pytest.approx(1.0)
    assert both["perplexity"] <= min(alone) + 1e-6
    # on other text the weights are the same, those of the valid split
    other = evaluated(capsys, lstm, "--mix", ngram, "--data", str(words))
    assert other["weights"] == both["weights"]
    by_hand = mix([malmoi.load(lstm), malmoi.load(ngram)], weights=weights)
    assert other["perplexity"] == pytest.approx(by_hand.perplexity(words).perplexity)
    assert run(["evaluate", lstm, "--mix", ngram]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown[:3]] == ["weight", "weight", "perplexity"]
    assert shown[0].endswith(lstm)


def test_runs_of_other_tokens_are_not_mixed(capsys, runs, tmp_path: Path, words):
    other = tmp_path / "characters"
    call = ["train", "ngram", "--data", str(words), "--to", str(other), "--tokens", "characters"]
    assert run([*call, "-q"]) == 0
    capsys.readouterr()
    assert run(["evaluate", str(runs["lstm"]), "--mix", str(other)]) == 2
    assert "do not read a text as the same tokens" in capsys.readouterr().err
