"""What `malmoi data` shows of labels and tags."""

import json
from pathlib import Path

import pytest

from malmoi.cli import run


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(list(arguments)) == 0
    return capsys.readouterr().out


def test_a_table_is_inspected_with_its_labels(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("text\tlabel\n" + "".join(f"말 {i}\t{'ab'[i % 2]}\n" for i in range(30)))
    shown = said(capsys, "data", "inspect", str(path))
    assert "form                labelled" in shown
    assert "train               24 texts" in shown
    assert "2 labels: " in shown
    assert "the label is column 'label', by its name" in shown
    found = json.loads(said(capsys, "data", "inspect", str(path), "--json"))
    assert found["encoding"] == "UTF-8"
    counts = [part["labels"] for part in found["splits"].values()]
    assert sum(sum(of.values()) for of in counts) == 30


def test_a_folder_of_tagged_sentences_is_inspected_by_its_splits(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for split, words in (("train", "ab"), ("dev", "c"), ("test", "d")):
        rows = "".join(f"{word}\tB-x\n{word}\tO\n\n" for word in words)
        (tmp_path / f"{split}.conll").write_text(rows)
    found = json.loads(said(capsys, "data", "inspect", str(tmp_path), "--json"))
    assert (found["form"], found["column"], found["columns"]) == ("tagged", "-1", ["1", "-1"])
    due = {"sentences": 2, "words": 4, "labels": {"B-x": 2, "O": 2}}
    assert found["splits"]["train"] == due
    shown = said(capsys, "data", "inspect", str(tmp_path))
    assert "train               2 sentences, 4 words" in shown
    assert "2 labels: B-x 1, O 1" in shown


def test_a_named_set_is_listed_with_its_form_and_inspected(
    capsys: pytest.CaptureFixture[str],
) -> None:
    forms = {row["name"]: row["form"] for row in json.loads(said(capsys, "data", "list", "--json"))}
    assert (forms["nsmc"], forms["ud-ko-gsd"], forms["toy-ko"]) == ("labelled", "tagged", "lines")
    assert "lines" in said(capsys, "data", "inspect", "python-docs")
