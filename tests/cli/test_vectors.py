"""Word vectors from the command line: trained, asked, measured, written."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import malmoi
from malmoi.cli import run
from malmoi.recipe import Recipe
from malmoi.run import Run
from malmoi.trainer import train as train_recipe
from malmoi.vectors import WordVectors, read_vectors
from tests.cli.test_verbs import refused, said

RUNGS = ("word2vec", "cbow", "fasttext")


@pytest.fixture(scope="session")
def vectors(words: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run of each rung."""
    place = tmp_path_factory.mktemp("vectors")
    for name in RUNGS:
        small = ["--set", "model.d=8", "--set", "training.epochs=3", "--set", "task.min_count=1"]
        small += ["--set", "model.buckets=100"]
        assert (
            run(["train", name, "--data", str(words), "--to", str(place / name), "-q", *small]) == 0
        )
    return {name: place / name for name in RUNGS}


@pytest.mark.parametrize("name", RUNGS)
def test_a_run_leaves_what_every_run_leaves_and_the_same_bytes_again(vectors, name, tmp_path):
    made = Run(vectors[name])
    assert {p.name for p in made.folder.iterdir()} == {
        *("recipe.toml", "model.json", "model.safetensors", "text", "metrics.jsonl"),
        *("report.json", "README.md", "MANIFEST.json"),
    }
    assert made.report["tokens_per_second"] > 0
    assert made.metrics[0]["loss"] > 0
    assert made.metrics[-1] == {"event": "finished", "step": 3, "reason": "epochs"}
    again = train_recipe(Recipe.from_toml(made.recipe), tmp_path / "again")
    for file in ("model.safetensors", "recipe.toml", "model.json"):
        assert (again.folder / file).read_bytes() == (made.folder / file).read_bytes()


@pytest.mark.parametrize("name", RUNGS)
def test_a_run_is_asked_as_a_file_is(capsys, vectors, name, tmp_path):
    folder, path = str(vectors[name]), str(tmp_path / "v.txt")
    found = malmoi.load(folder)
    assert isinstance(found, WordVectors)
    said(capsys, "vectors", folder, "export", "-o", path)
    np.testing.assert_array_equal(read_vectors(path).matrix, found.matrix)
    for source in (folder, path):
        near = json.loads(said(capsys, "vectors", source, "nearest", "cat", "-k", "3", "--json"))
        assert [(n["word"], n["similarity"]) for n in near["cat"]] == found.nearest("cat", 3)
        plain = said(capsys, "vectors", source, "nearest", "cat", "-k", "3")
        assert [line.split("\t")[1] for line in plain.splitlines()] == [
            n["word"] for n in near["cat"]
        ]
        cosine = json.loads(said(capsys, "vectors", source, "similarity", "cat", "dog", "--json"))
        assert cosine["similarity"] == pytest.approx(found.similarity("cat", "dog"), abs=1e-6)
        best = said(capsys, "vectors", source, "analogy", "cat", "the", "dog", "-k", "1")
        assert best.split("\t")[1].strip() == found.analogy("cat", "the", "dog", 1)[0].word


def test_only_letters_give_a_word_never_seen_a_vector(capsys, vectors):
    assert "no vector for 'unseen'" in refused(
        capsys, "vectors", str(vectors["word2vec"]), "nearest", "unseen"
    )
    assert said(capsys, "vectors", str(vectors["fasttext"]), "nearest", "unseen")


def test_evaluate_prints_the_measures_and_a_recipe_can_ask_for_them(
    capsys, vectors, words, tmp_path
):
    pairs, questions = tmp_path / "p.tsv", tmp_path / "q.txt"
    pairs.write_text("cat\tdog\t9\nmoon\tball\t5\nsees\tteacher\t1\nx\ty\t3\n")
    questions.write_text(": them\ncat the dog a\nx y z w\n")
    files = ["--similarity", str(pairs), "--analogies", str(questions)]
    folder = str(vectors["word2vec"])
    found = json.loads(said(capsys, "vectors", folder, "evaluate", *files, "--json"))
    assert found["pairs"] == 3
    assert found["pairs_unknown"] == found["questions_unknown"] == 1
    assert found["questions"] == 1
    assert "spearman" in said(capsys, "vectors", folder, "evaluate", *files)
    asked = Recipe.from_toml(
        Run(vectors["word2vec"]).recipe,
        [f"task.similarity='{pairs}'", f"task.analogies='{questions}'"],
    )
    made = train_recipe(asked, tmp_path / "run")
    assert made.report["test"]["spearman"] == pytest.approx(found["spearman"])
    assert "rank correlation" in (made.folder / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    "settings",
    [
        ["model.shared=true"],
        ["model.loss=hierarchical"],
        ["model.loss=full", "model.architecture=cbow"],
        ["model.architecture=cbow", "model.spread=true"],
        ["model.unknown=learn", "task.min_count=2"],
    ],
)
def test_every_setting_of_the_page_can_be_trained_with(capsys, words, settings, tmp_path):
    changes = [part for s in ["model.d=4", "training.epochs=1", *settings] for part in ("--set", s)]
    said(capsys, "train", "word2vec", "--data", str(words), "--to", str(tmp_path / "r"), *changes)
    assert malmoi.load(tmp_path / "r").d == 4


def test_a_text_with_too_few_words_is_refused_and_leaves_nothing(capsys, words, tmp_path):
    arguments = ["train", "word2vec", "--data", str(words), "--to", str(tmp_path / "r")]
    text = refused(capsys, *arguments, "-q", "--set", "task.min_count=100000")
    assert "no two words" in text
    assert not list(tmp_path.iterdir())


def test_what_word_vectors_are_not_is_said(capsys, vectors, words, ngram, tmp_path):
    folder = str(vectors["word2vec"])
    assert "malmoi vectors" in refused(capsys, "evaluate", folder)
    assert "no law" in refused(capsys, "check", folder)
    assert "word vectors" in refused(capsys, "generate", folder)
    assert "another model" in refused(capsys, "vectors", str(ngram), "nearest", "cat")
    assert "no held-out text" in refused(
        capsys, "compare", "--data", str(words), "--models", "word2vec", "--to", str(tmp_path / "c")
    )
    for change, what in (
        ("training.steps=5", "whole epochs"),
        ("training.schedule=cosine", "falls linearly"),
    ):
        arguments = ["train", "word2vec", "--data", str(words), "--to", str(tmp_path / "r")]
        assert what in refused(capsys, *arguments, "--set", change)
    text = refused(capsys, "train", "lstm", "--data", str(words), "--set", "task.kind=word-vectors")
    assert "recipe cannot be read" in text


def test_asking_vectors_imports_no_torch(tmp_path):
    (tmp_path / "v").write_text("a 1 2\nb 2 1\n")
    code = (
        f"import sys; from malmoi.cli import run; run(['vectors', {str(tmp_path / 'v')!r}, "
        "'nearest', 'a']); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
