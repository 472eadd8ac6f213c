"""The verbs of a translator, as people type them."""

import io
import json
import sys
from pathlib import Path

import pytest

from malmoi.cli import run
from malmoi.decode.hypothesis import LengthPenalty
from malmoi.use.search import Search
from malmoi.use.translator import Translator

PAIRS = [
    (f"{who} {what} {where}", f"{wo} {was} {wen}")
    for who, wen in (("we", "우리"), ("they", "그들"), ("you", "너"))
    for what, was in (("see", "본다"), ("draw", "그린다"), ("want", "원한다"))
    for where, wo in (("today", "오늘"), ("now", "지금"), ("again", "다시"), ("here", "여기"))
]
SMALL = [
    *("--set", "model.d=8", "--set", "training.steps=6", "--set", "training.warmup=0"),
    *("--tokens", "words", "-q", "--threads", "1"),
]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    path.write_text("".join(f"{s}\t{t}\n" for s, t in PAIRS), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(pairs: Path) -> Path:
    to = pairs.parent / "run"
    assert run(["train", "luong", "--data", str(pairs), "--to", str(to), *SMALL]) == 0
    return to


def asked(monkeypatch: pytest.MonkeyPatch, content: bytes, arguments: list[str]) -> int:
    class Stdin:
        buffer = io.BytesIO(content)

    monkeypatch.setattr(sys, "stdin", Stdin())
    return run(arguments)


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"we see today\n\n \nthey draw now", 4),
        (b"\xef\xbb\xbfwe see\r\n\r\nyou\xe2\x80\xa8see\r\n", 3),
        (b"\n", 1),
        (b"", 0),
        (b"we " * 3000 + b"\nyou\n", 2),
    ],
)
@pytest.mark.parametrize(
    "more",
    [
        [],
        ["--beam", "1"],
        ["--length-penalty", "none", "--coverage", "0.2"],
        ["--replace-unknown", "--max-ratio", "1.5", "--prefix", "우리"],
    ],
)
def test_a_line_out_for_a_line_in(monkeypatch, capsys, trained, content, lines, more) -> None:
    assert asked(monkeypatch, content, ["translate", str(trained), *more]) == 0
    out, err = capsys.readouterr()
    assert out.count("\n") == lines
    blank = [not line.strip() for line in content.decode("utf-8-sig").split("\n")][:lines]
    assert all(not o for o, b in zip(out.split("\n"), blank, strict=False) if b)
    assert ("too long" in err) == (len(content) > 3000)


def test_n_best_and_json(monkeypatch, capsys, trained) -> None:
    lines = b"we see today\n\nyou draw\n"
    assert asked(monkeypatch, lines, ["translate", str(trained), "--n-best", "3"]) == 0
    rows = [row.split("\t") for row in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == ["1", "1", "1", "2", "3", "3", "3"]
    assert asked(monkeypatch, lines, ["translate", str(trained), "--n-best", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [len(answer["best"]) for answer in found] == [3, 1, 3]
    assert [f"{w['score']:.6f}" for a in found for w in a["best"]] == [row[1] for row in rows]


def test_evaluating_the_runs_own_data_a_file_and_two_files(capsys, trained, pairs) -> None:
    assert run(["evaluate", str(trained), "--json", "--beam", "1"]) == 0
    own = json.loads(capsys.readouterr().out)
    report = json.loads((trained / "report.json").read_text())["test"]
    assert own["bleu"] == pytest.approx(report["bleu"])
    assert own["perplexity"] == pytest.approx(report["perplexity"])
    predictions = pairs.parent / "said.tsv"
    asked_for = ["evaluate", str(trained), "--data", str(pairs)]
    assert run([*asked_for, "--json", "--predictions", str(predictions)]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert whole["pairs"] == len(PAIRS) == len(predictions.read_text("utf-8").splitlines())
    for side, end in ((0, "en"), (1, "ko")):
        text = "".join(f"{pair[side]}\n" for pair in PAIRS)
        (pairs.parent / f"test.{end}").write_text(text, "utf-8")
    both = f"{pairs.parent}/test.en:{pairs.parent}/test.ko"
    assert run(["evaluate", str(trained), "--data", both, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == whole
    assert run(asked_for) == 0
    out = capsys.readouterr().out
    assert out.startswith("BLEU ")
    assert "tok:13a" in out


def test_scoring_pairs_one_line_a_pair(capsys, trained, pairs) -> None:
    assert run(["score", str(trained), "--pairs", str(pairs)]) == 0
    scores = [float(line) for line in capsys.readouterr().out.splitlines()]
    assert len(scores) == len(PAIRS)
    assert all(score < 0 for score in scores)


def test_as_many_scores_come_out_as_pairs_go_in_even_where_a_side_is_blank(
    capsys, trained, tmp_path
) -> None:
    sides = ("we see", "", "you", "", "you"), ("본다", "너", "", "", "너")
    for texts, end in zip(sides, ("en", "ko"), strict=True):
        (tmp_path / f"two.{end}").write_text("".join(f"{text}\n" for text in texts), "utf-8")
    rows = [f"{s}\t{t}\n" for s, t in zip(*sides, strict=True)]
    (tmp_path / "holed.tsv").write_text("".join(rows), "utf-8")
    (tmp_path / "full.tsv").write_text(rows[0] + rows[4], "utf-8")
    scores = []
    for place in (f"{tmp_path}/two.en:{tmp_path}/two.ko", "holed.tsv", "full.tsv"):
        assert run(["score", str(trained), "--pairs", str(tmp_path / place)]) == 0
        scores.append([float(line) for line in capsys.readouterr().out.split("\n")[:-1]])
    both, holed, full = scores
    assert len(both) == 5
    assert holed == pytest.approx([*both[:3], both[4]], abs=1e-5)  # a blank row is none
    assert full == pytest.approx([both[0], both[4]], abs=1e-5)
    assert all(score < 0 for score in both)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "RUN", "--data", "-"], "from a file"),
        (["evaluate", "RUN", "--column", "x"], "taggers"),
        (["score", "RUN", "x.txt", "--pairs", "PAIRS"], "scored alone"),
        (["generate", "RUN"], "is a translator"),
        (["translate", "RUN", "--beam", "0"], "--beam"),
        (["train", "luong", "--data", "python-docs", "--to", "NEW"], "no pairs of texts"),
        (["train", "PAIRS"], "which model shall learn"),
        (["train", "lstm", "--data", "a.en:b.fr", "--to", "NEW"], "no data set, file or folder"),
    ],
)
def test_what_cannot_be_is_refused(capsys, trained, pairs, tmp_path, arguments, said) -> None:
    places = {"RUN": str(trained), "PAIRS": str(pairs), "NEW": str(tmp_path / "new")}
    assert run([places.get(word, word) for word in arguments]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_evaluating_searches_as_it_is_asked_to(capsys, monkeypatch, trained, pairs) -> None:
    asked_for = []
    evaluate = Translator.evaluate

    def heard(self, *args, **options):
        asked_for.append(options["search"])
        return evaluate(self, *args, **options)

    monkeypatch.setattr(Translator, "evaluate", heard)
    words = ["evaluate", str(trained), "--data", str(pairs), "--json"]
    more = ["--beam", "3", "--length-penalty", "gnmt", "--alpha", "0.5", "--max-ratio", "0.6"]
    assert (
        run([*words, *more, "--coverage", "0.2", "--replace-unknown", "--precision", "bf16"]) == 0
    )
    penalty = LengthPenalty("gnmt", 0.5)
    (search,) = asked_for
    assert search == Search(
        beam=3,
        length_penalty=penalty,
        max_ratio=0.6,
        coverage=0.2,
        replace_unknown=True,
        precision="bf16",
    )


def test_a_search_is_for_translators(capsys, tmp_path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("we see today\n" * 40, "utf-8")
    to = tmp_path / "run"
    assert run(["train", "ngram", "--data", str(path), "--to", str(to), "-q"]) == 0
    assert run(["evaluate", str(to), "--alpha", "1"]) == 2
    assert "--alpha is for translators" in capsys.readouterr().err


def test_what_a_file_of_pairs_holds_is_shown(capsys, pairs) -> None:
    named = pairs.with_name("named.tsv")
    named.write_text("source\ttarget\n" + pairs.read_text("utf-8"), "utf-8")
    assert run(["data", "inspect", str(named), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["form"] == "pairs"
    assert sum(part["pairs"] for part in found["splits"].values()) == len(PAIRS)


def test_a_translator_shows_its_alignment_or_the_tree_of_its_search(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = {}
    for show in ("alignment", "beam"):
        out = tmp_path / f"{show}.json"
        assert run(["explain", str(trained), "we see now", "--show", show, "-o", str(out)]) == 0
        kinds[show] = json.loads(out.read_text("utf-8"))["kind"]
    assert kinds["alignment"] != kinds["beam"]
    assert run(["explain", str(trained), "we see now", "--show", "heads"]) == 2  # not a Transformer
    assert run(["explain", str(trained), "--confusion", "--show", "beam"]) == 2
    assert "--show go with a text" in capsys.readouterr().err
