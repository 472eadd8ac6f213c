"""A translator that is shipped: exported as people type it, and used by its README alone."""

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from malmoi.cli import run
from tests.conftest import oracle

PAIRS = [
    (f"{who} {what} {where}", f"{wo} {was} {wen}")
    for who, wen in (("we", "우리"), ("they", "그들"), ("you", "너"), ("cats", "고양이"))
    for what, was in (("see", "본다"), ("draw", "그린다"), ("want", "원한다"), ("eat", "먹는다"))
    for where, wo in (("today", "오늘"), ("now", "지금"), ("again", "다시"), ("here", "여기"))
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It has learnt to turn three words around, in subwords."""
    folder = tmp_path_factory.mktemp("ship")
    lines = [f"{s}\t{t}\n" for s, t in PAIRS]
    random.Random(1).shuffle(lines)
    (folder / "pairs.tsv").write_text("".join(lines), encoding="utf-8")
    settings = ["model.d=32", "model.d_ff=64", "model.layers=1", "model.dropout=0.0",
                "training.steps=120", "training.warmup=10", "training.lr=0.01", "task.batch=256",
                "training.evaluate_every=1000",
                "task.vocabulary=400"]  # fmt: skip
    code = run(["train", "transformer", "--data", str(folder / "pairs.tsv"), "-q",
                "--to", str(folder / "run"), "--tokens", "bpe", "--threads", "1",
                *(word for each in settings for word in ("--set", each))])  # fmt: skip
    assert code == 0
    return folder / "run"


@pytest.mark.parametrize("beam", [1, 4])
def test_the_lines_of_its_readme_translate_as_malmoi_translate(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], beam: int
) -> None:
    oracle("ctranslate2")
    folder = tmp_path / "en-ko"
    assert run(["export", str(trained), "--to", "ctranslate2", "-o", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"wrote {folder}\n")
    asked = [source for source, _ in PAIRS[::3]] + ["we", "today we see cats 🙂", ""]
    (tmp_path / "in.txt").write_text("\n".join(asked) + "\n", "utf-8")
    assert (
        run(["translate", str(trained), str(tmp_path / "in.txt"), "--beam", str(beam), "-q"]) == 0
    )
    ours = capsys.readouterr().out.split("\n")[:-1]
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text("utf-8"), re.S)
    assert code.count('"…"') == code.count("beam_size=5") == 1
    loop, body = f"for line in {asked!r}:\n", []
    for line in (
        code.replace('"…"', "line").replace("beam_size=5", f"beam_size={beam}").splitlines()
    ):
        body.append(f"    {line}" if line.startswith(("found", "print", "    ", ")")) else line)
    at = next(i for i, line in enumerate(body) if line.startswith("    "))
    script = "\n".join([*body[:at], loop, *body[at:]])
    said = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONUTF8": "1"},
    ).stdout.split("\n")[:-1]  # fmt: skip
    assert said == ours
    assert ours[-1] == ""
    right = dict(PAIRS)
    assert sum(right.get(a) == o for a, o in zip(asked, ours, strict=True)) > len(asked) / 2
    assert (folder / "RUN.md").read_text("utf-8") == (trained / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "ctranslate2", "--quantization", "int4"], "no quantization 'int4'"),
        (["--to", "ctranslate2", "-o", "."], "is there already"),
        (["--to", "arpa", "--quantization", "int8"], "is for ctranslate2"),
        (["--to", "arpa"], "not an n-gram model"),
    ],
)
def test_what_cannot_be_exported_is_said(
    trained: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    oracle("ctranslate2")
    assert run(["export", str(trained), *arguments]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert said in err


def test_a_model_that_is_no_transformer_is_refused(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, folder in runs.items():
        asked = ["export", str(folder), "--to", "ctranslate2", "-o", str(tmp_path / "ct")]
        assert run(asked) == 2
        err = capsys.readouterr().err
        assert "not a Transformer that translates" in err
        assert f"it is a {name}" in err
    assert list(tmp_path.iterdir()) == []
