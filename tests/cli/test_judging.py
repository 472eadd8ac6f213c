"""`malmoi rank` and `malmoi copied`."""

import io
import json
import sys

import pytest

from malmoi import cli
from malmoi.explain.why import from_json
from tests.use.test_copied import BACKGROUND, SOURCE, spoken

GROUPS = "the cat sees the moon today .\nmoon the sees .\n\n\na dog wants\nthe teacher\n"


def said(capsys, *arguments):
    code = cli.run([*map(str, arguments)])
    out, err = capsys.readouterr()
    assert code == 0, err
    return out


def test_alternatives_are_ranked_group_by_group(runs, tmp_path, capsys, monkeypatch):
    path = tmp_path / "choices.txt"
    path.write_text(GROUPS, "utf-8")
    for by in ("sentence", "token", "character"):
        groups = json.loads(said(capsys, "rank", runs["ngram"], path, "--by", by, "--json"))
        assert [len(group) for group in groups] == [2, 2]
        for group in groups:
            scores = [choice["score"] for choice in group]
            assert scores == sorted(scores, reverse=True)
    shown = said(capsys, "rank", runs["ngram"], path, "-q")
    assert len(shown.splitlines()) == 5
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GROUPS.encode()), "utf-8"))
    assert said(capsys, "rank", runs["ngram"], "-q") == shown
    best = shown.splitlines()[0].split("\t")
    assert cli.run(["score", str(runs["ngram"]), str(path), "-q"]) == 0
    scores = capsys.readouterr().out.split()
    assert float(best[0]) == max(map(float, scores[:2]))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A run of the source and one of other text."""
    folder = tmp_path_factory.mktemp("copied")
    for name, lines in (("source", SOURCE), ("background", BACKGROUND)):
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n", "utf-8")
        made = ["train", "ngram", "--data", str(folder / f"{name}.txt"), "--to", str(folder / name)]
        assert cli.run([*made, "--set", "model.order=4", "-q"]) == 0
    return folder


def test_a_copied_sentence_is_marked(two, tmp_path, capsys):
    from malmoi.data.catalogue import find

    copied = list(find(str(two / "source.txt")).lines("train"))[7]
    lines = [*spoken(5, 9), f"{spoken(1, 8)[0]} {copied} 말5", ""]
    path = tmp_path / "text.txt"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    runs = [str(two / "source"), str(two / "background")]
    (row,) = said(capsys, "copied", *runs, path, "-q").splitlines()
    line, start, end, bits, text = row.split("\t")
    assert int(line) == 6
    assert lines[5][int(start) : int(end)] == text
    assert copied[12:] in text
    assert float(bits) > 20
    picture = from_json(said(capsys, "copied", *runs, path, "--json", "-q"))
    assert [p.text for p in picture.passages] == [text]
    assert "1 passage of source: " in picture.page().finding
    out = tmp_path / "copied.html"
    said(capsys, "copied", *runs, path, "-q", "-o", out)
    page = out.read_text("utf-8")
    assert page.count("unknown") - page.count(".unknown") == len(text.split())
    assert said(capsys, "copied", *runs, path, "-q", "--evidence", "5000") == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--words", "0"], "0"),
        (["--evidence", "-1"], "-1"),
        (["-o", "x.pdf"], "cannot be written"),
    ],
)
def test_a_wrong_wish_is_refused(two, arguments, told, capsys):
    code = cli.run(["copied", str(two / "source"), str(two / "background"), *arguments])
    err = capsys.readouterr().err
    assert code == 2
    assert told in err


def test_nothing_to_rank_is_refused(runs, tmp_path, capsys):
    (tmp_path / "empty.txt").write_text("\n\n", "utf-8")
    assert cli.run(["rank", str(runs["ngram"]), str(tmp_path / "empty.txt")]) == 2
    assert "nothing to choose from" in capsys.readouterr().err
