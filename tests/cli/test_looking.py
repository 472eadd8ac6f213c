"""`malmoi explain` of language models and word vectors: what is drawn, what is refused."""

import io
import json
import sys

import pytest

from malmoi import cli
from malmoi.explain.why import from_json

LINE = "the cat sees the moon today ."


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    path = tmp_path_factory.mktemp("vectors") / "v.txt"
    words = ["king", "queen", "man", "woman", "왕", "여왕"]
    rows = [f"{w} {k} {k * k % 5} {3 - k}" for k, w in enumerate(words)]
    path.write_text("\n".join(["6 3", *rows]) + "\n", "utf-8")
    return path


def explained(capsys, *arguments):
    assert cli.run(["explain", *map(str, arguments), "-q"]) == 0
    return from_json(capsys.readouterr().out)


def test_the_surprisal_of_several_runs_stands_together(runs, capsys):
    picture = explained(capsys, runs["lstm"], LINE, "--beside", runs["ngram"], "--top", 2)
    assert picture.models == ("lstm", "ngram")
    (sentence,) = picture.sentences
    assert {len(cost.likeliest) for strip in sentence.strips for cost in strip.costs} == {2}
    assert [cost.token for cost in sentence.strips[0].costs] == [*LINE.split(), "</s>"]


def test_lines_come_from_a_file_or_from_stdin_one_by_one(runs, words, capsys, monkeypatch):
    of_file = explained(capsys, runs["ngram"], words)
    assert len(of_file.sentences) == 81
    text = words.read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text), "utf-8"))
    assert explained(capsys, runs["ngram"], "-") == of_file
    assert cli.run(["score", str(runs["ngram"]), str(words), "--json", "-q"]) == 0
    scores = [row["log_prob"] for row in json.loads(capsys.readouterr().out)]
    for sentence, score in zip(of_file.sentences, scores, strict=True):
        nats = sum(cost.nats for cost in sentence.strips[0].costs)
        assert nats == pytest.approx(-score, rel=1e-12)


def test_every_picture_of_every_model_can_be_asked_for(runs, vectors, capsys):
    for name, show in [
        ("ngram", "orders"), ("lstm", "gates"), ("lstm", "units"), ("gpt", "heads"),
        ("lstm", "beam"), ("gpt", "next"), ("ngram", "surprisal"),
    ]:  # fmt: skip
        picture = explained(capsys, runs[name], LINE, "--show", show)
        expected = {"gates": "inside", "units": "inside"}.get(show, show)
        assert picture.kind == expected
    assert explained(capsys, vectors, "king 왕").kind == "neighbours"
    assert explained(capsys, vectors, "king queen man", "--show", "analogies").kind == "analogies"
    assert explained(capsys, vectors, "--map", "words").sheets[0].places[4].text == "왕"


def test_orders_are_counted_in_the_text_of_the_run(runs, words, capsys):
    picture = explained(capsys, runs["ngram"], LINE, "--show", "orders", "--data", words)
    text = words.read_text("utf-8").split("\n")[:-1]
    said = sum(f" {line} ".count(" the ") for line in text)
    assert picture.counted == str(words)
    assert picture.words[0].rungs[0].said == said
    own = explained(capsys, runs["ngram"], LINE, "--show", "orders")
    assert own.counted.endswith("train")
    assert 0 < own.words[0].rungs[0].said < said


def test_the_gradient_is_of_the_runs_own_text_and_has_its_trainings_clip(runs, capsys):
    wanted = ["--show", "gradient", "--distance", 6]
    picture = explained(capsys, runs["lstm"], *wanted, "--scale", 1, "--scale", 2)
    assert [flow.name for flow in picture.flows] == ["lstm", "lstm ×2"]
    assert [flow.clip for flow in picture.flows] == [1.0, 1.0]
    assert all(len(flow.state) == 6 for flow in picture.flows)
    own = explained(capsys, runs["lstm"], f"{LINE} {LINE}", *wanted, "--clip", "0.5")
    assert own.flows[0].clip == 0.5


def test_a_file_is_written_by_its_ending(runs, tmp_path):
    for ending in ("html", "svg", "json"):
        out = tmp_path / f"why.{ending}"
        assert cli.run(["explain", str(runs["lstm"]), LINE, "-o", str(out), "-q"]) == 0
        assert "moon" in out.read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("lstm", [LINE, "--show", "orders"], "only an n-gram model"),
        ("ngram", [LINE, "--show", "gates"], "no gates to draw"),
        ("ngram", ["--show", "gradient"], "it counts"),
        ("lstm", [LINE, "--show", "alignment"], "no alignment to show of a language model"),
        ("lstm", [LINE, "--units", "3"], "--units goes with --show gates or units"),
        ("lstm", [LINE, "--show", "beam", "--top", "3"], "--top goes with"),
        ("lstm", [LINE, "--label", "x"], "for classifiers and taggers"),
        ("lstm", ["--show", "gates"], "explain one thing"),
        ("lstm", [LINE, "--show", "gradient", "--data", "nsmc"], "not both"),
        ("lstm", [LINE, "--beside", "nowhere"], "nowhere"),
        ("lstm", ["--map", "words"], "no map of a language model"),
        ("lstm", [LINE, "--show", "colours"], "colours"),
        ("lstm", [LINE, "--top", "-1"], "-1"),
        ("vectors", ["king", "--beside", "x"], "--beside is for language models"),
        ("vectors", ["king", "--show", "gates"], "no gates to show of word vectors"),
        ("vectors", ["없다"], "no vector for"),
        ("vectors", ["--map", "phrases"], "a map of words"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(name, arguments, said, runs, vectors, capsys):
    run = vectors if name == "vectors" else runs[name]
    assert cli.run(["explain", str(run), *arguments]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.startswith("error: ")
    assert len(told.splitlines()) <= 5


def test_only_one_line_is_looked_into(runs, words, capsys):
    assert cli.run(["explain", str(runs["lstm"]), str(words), "--show", "gates"]) == 2
    assert "of one line, not of 81" in capsys.readouterr().err
