"""Small finished runs, trained once for all the tests of the command line."""

from pathlib import Path

import pytest

from malmoi.cli import run

LINES = [
    f"{who} {does} the {what} {where} ."
    for who in ("the cat", "a dog", "our teacher")
    for does in ("sees", "draws", "wants")
    for what in ("moon", "red ball", "말모이 사전")
    for where in ("today", "at home", "again and again")
]
MODELS = ("ngram", "lstm", "gpt")


@pytest.fixture(scope="session")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text of 81 lines."""
    path = tmp_path_factory.mktemp("text") / "words.txt"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return path


def train(name: str, data: Path, to: Path, *more: str) -> Path:
    small = ["--set", "model.d=16", "--set", "model.layers=1"] if name != "ngram" else []
    if name == "gpt":
        small += ["--set", "model.context=16", "--set", "task.length=16"]
    short = ["--set", "training.steps=8", "--set", "training.warmup=0"]
    code = run(["train", name, "--data", str(data), "--to", str(to), "-q", *small, *short, *more])
    assert code == 0
    return to


@pytest.fixture(scope="session")
def runs(words: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished run of each kind of model."""
    place = tmp_path_factory.mktemp("runs")
    return {name: train(name, words, place / name) for name in MODELS}


@pytest.fixture(scope="session", params=MODELS)
def trained(request: pytest.FixtureRequest, runs: dict[str, Path]) -> Path:
    return runs[request.param]


@pytest.fixture(scope="session")
def ngram(runs: dict[str, Path]) -> Path:
    return runs["ngram"]
