"""Readers that begin with word vectors: of a file, or of a run."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import malmoi
from malmoi.errors import DataError, RecipeError, UsageError
from malmoi.models import (
    bow,
    charcnn,
    classifier,
    gpt,
    han,
    nplm,
    rnn,
    selfattentive,
    tagger,
    word2vec,
)
from malmoi.recipe import Recipe
from malmoi.run import Run
from malmoi.tasks.classification import Classification
from malmoi.tasks.language_modelling import LanguageModelling
from malmoi.tasks.pretrained import Pretrained
from malmoi.tasks.tagging import Tagging
from malmoi.tasks.word_vectors import WordVectors as Task
from malmoi.text import Text, Vocabulary
from malmoi.trainer import resumed, train, training
from malmoi.training.config import Training
from malmoi.training.events import Step
from malmoi.vectors import Subwords, WordVectors, read_vectors, write_vectors

WORDS = ("고양이", "개", "본다", "the", "달나라")  # the last stands in no training text
D = 6
MATRIX = np.random.default_rng(0).normal(3.0, 2.0, (len(WORDS), D)).astype(np.float32)
PLAN = Training(steps=4, evaluate_every=2, log_every=1, save_every=0.0, weight_decay=0.0, lr=0.01)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Labelled texts, tagged sentences, and vectors."""
    nouns, verbs = ("고양이", "개", "The", "새"), ("본다", "잔다")
    pairs = [(noun, verb) for noun in nouns for verb in verbs] * 4
    rows = ["text\tlabel", *(f"{n} {v}\t{'본' if v == '본다' else '잠'}" for n, v in pairs)]
    (tmp_path / "data.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    tagged = "\n".join(f"{n}\tN\n{v}\tV\n" for n, v in pairs)
    (tmp_path / "data.conll").write_text(tagged + "\n", encoding="utf-8")
    write_vectors(WordVectors(WORDS, MATRIX), tmp_path / "v.txt")
    return tmp_path


MODELS = {
    "classifier": classifier.Config(d=4, d_word=D, frozen=True),
    "selfattentive": selfattentive.Config(d=4, d_word=D, d_alpha=3, d_mlp=4, frozen=True),
    "han": han.Config(d=4, d_word=D, frozen=True),
    "tagger": tagger.Config(d=4, d_word=D, speller="none", frozen=True),
}


def recipe(name: str, place: Path, **task: object) -> Recipe:
    kind, data = (Tagging, "data.conll") if name == "tagger" else (Classification, "data.tsv")
    options = {"vectors": str(place / "v.txt"), "min_count": 1, **task}
    return Recipe(kind(data=str(place / data), **options), MODELS[name], PLAN)


def rows(run: Run) -> dict[str, np.ndarray]:
    """What each word is read as, from the run alone."""
    vocabulary = Text.load(run.text).vocabulary
    weight = run.weights()["words.embed.weight"].numpy()
    assert len(weight) == len(vocabulary)
    return dict(zip(vocabulary.types, weight[2:], strict=True)) | {"<unk>": weight[1]}


@pytest.mark.parametrize("name", MODELS)
def test_frozen_vectors_are_those_of_the_file_and_the_run_needs_no_file(name, place):
    run = train(recipe(name, place), place / "run")
    (place / "v.txt").unlink()
    found = rows(run)
    for word, vector in zip(WORDS, MATRIX, strict=True):
        np.testing.assert_array_equal(found[word], vector)
    np.testing.assert_array_equal(found["The"], MATRIX[3])  # in small letters
    np.testing.assert_allclose(found["<unk>"], MATRIX.mean(0), rtol=1e-5)
    note = next(n for n in run.report["data_announcements"] if "v.txt" in n)
    assert "5 of 6 words" not in note
    assert "4 of 6 words of the text have a vector" in note
    used = malmoi.load(run.folder)
    assert used.tag("달나라") if name == "tagger" else used.classify("달나라")


@pytest.mark.parametrize("name", MODELS)
def test_vectors_that_are_not_frozen_learn_and_a_word_of_no_text_keeps_its_own(name, place):
    asked = recipe(name, place)
    asked = dataclasses.replace(asked, model=dataclasses.replace(asked.model, frozen=False))
    found = rows(train(asked, place / "run"))
    assert 0 < np.abs(found["본다"] - MATRIX[2]).max() < 0.1
    np.testing.assert_array_equal(found["달나라"], MATRIX[4])


def test_a_resumed_run_needs_no_file_and_is_the_run_that_never_stopped(place):
    asked = recipe("tagger", place)
    whole = train(asked, place / "whole")
    for event in training(asked, place / "cut"):
        if isinstance(event, Step) and event.step == 2:
            break
    (place / "v.txt").unlink()
    *_, last = resumed(place / "cut")
    for file in ("model.safetensors", "text/text.json", "model.json"):
        assert (last.run.folder / file).read_bytes() == (whole.folder / file).read_bytes(), file


def test_a_run_of_word2vec_is_what_a_tagger_begins_with(place):
    text = place / "text.txt"
    text.write_text("고양이 본다\n개 본다\n달나라 개 잔다\n" * 30, encoding="utf-8")
    run = train(
        Recipe(
            Task(str(text), min_count=1),
            word2vec.Config(d=D, longest=3, buckets=50),
            Training(epochs=1),
        ),
        place / "vectors",
    )
    vectors = read_vectors(run.folder)
    asked = recipe("tagger", place, vectors=str(run.folder), oov="subword")
    found = rows(train(asked, place / "run"))
    np.testing.assert_array_equal(found["고양이"], vectors["고양이"])
    np.testing.assert_array_equal(found["The"], vectors["The"])  # of its letters
    assert "The" not in vectors


def pretrained(place: Path, **options: object) -> Pretrained:
    return Pretrained(str(place / "v.txt"), **options)


def test_each_policy_does_with_an_unknown_word_what_its_name_says(place):
    known = Vocabulary(["새", "개", "본다"], [10, 1, 7, 5, 2])
    random, unk = pretrained(place), pretrained(place, policy="unk")
    assert random.extended(known).types == ("새", "개", "본다", "고양이", "the", "달나라")
    assert random.extended(known).counts == (10, 1, 7, 5, 2, 0, 0, 0)
    assert unk.extended(known).types == ("개", "본다", "고양이", "the", "달나라")
    assert unk.extended(known).counts == (10, 8, 5, 2, 0, 0, 0)
    many = Vocabulary([f"w{i}" for i in range(4000)], [1, 0, *[1] * 4000])
    drawn = random.matrix(many, seed=1)[2:]
    assert drawn.std() == pytest.approx(MATRIX.std(), rel=0.05)
    assert (random.matrix(many, seed=1)[2:] == drawn).all()
    assert "2 of 3 words of the text have a vector (50.0 % of its tokens)" in random.coverage(known)
    with pytest.raises(UsageError, match="none for letters"):
        pretrained(place, policy="subword")
    with pytest.raises(DataError, match="know no word"):
        random.coverage(Vocabulary(["x"], [1, 0, 1]))
    assert len(pretrained(place, limit=2).vectors) == 2


def test_decomposed_hangul_in_the_file_is_the_word_of_the_text(place):
    write_vectors(WordVectors(["\u1100\u1162"], MATRIX[:1]), place / "v.txt")  # 개, as jamo
    np.testing.assert_array_equal(pretrained(place).find("개"), MATRIX[0])


def test_a_wrong_width_is_told_with_the_way_out_and_nothing_is_left(place):
    asked = dataclasses.replace(
        recipe("tagger", place), model=tagger.Config(d=4, d_word=7, speller="none")
    )
    with pytest.raises(UsageError, match="6 wide, and the model's 7") as caught:
        train(asked, place / "run")
    assert "--set model.d_word=6" in str(caught.value)
    assert not (place / "run").exists()


def test_what_cannot_begin_with_vectors_is_refused(place):
    plain = recipe("classifier", place)
    for model, task, what in (
        (bow.Config(), plain.task, "no word vectors to begin with"),
        (
            plain.model,
            dataclasses.replace(plain.task, vectors=""),
            "only word vectors that are given",
        ),
    ):
        with pytest.raises(RecipeError, match=what):
            Recipe.from_toml(Recipe(task, model, PLAN).to_toml())
    with pytest.raises(UsageError, match="no word vectors"):
        train(Recipe(plain.task, bow.Config(), PLAN), place / "run")
    with pytest.raises(UsageError, match="pieces of words"):
        train(recipe("classifier", place, tokens="bpe", vocabulary=300), place / "run")


def test_subwords_alone_give_a_vector():
    letters = Subwords(1, 2, np.ones((3, 2), np.float32))
    np.testing.assert_array_equal(letters.vector("새"), [1, 1])


WRITERS = {
    "lstm": rnn.LSTMConfig(d=4, d_word=D, layers=1, tied=True),
    "gru": rnn.GRUConfig(d=4, d_word=D, layers=1),
    "elman": rnn.ElmanConfig(d=4, d_word=D, layers=1),
    "nplm": nplm.Config(order=3, d=4, d_word=D),
    "gpt": gpt.Config(d=D, heads=2, layers=1, context=8),
}
STILL = dataclasses.replace(PLAN, lr=1e-9, optimizer="sgd")


@pytest.mark.parametrize("name", WRITERS)
def test_a_language_model_begins_with_vectors_and_keeps_the_vocabulary_of_its_text(name, place):
    lines = ["고양이 본다", "the 개 본다", "The 새 본다"] * 12
    (place / "text.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    task = LanguageModelling(
        data=str(place / "text.txt"), vectors=str(place / "v.txt"), batch=2, length=4
    )
    asked = Recipe(task, WRITERS[name], STILL)
    assert Recipe.from_toml(asked.to_toml()) == asked
    run = train(asked, place / "run")
    vocabulary = Text.load(run.text).vocabulary
    assert set(vocabulary.types) == {"고양이", "본다", "the", "개", "The", "새"}
    weight = run.weights()["embed.weight"].numpy()
    found = dict(zip(vocabulary.types, weight[2:], strict=True))
    for word, row in zip(WORDS[:4], MATRIX, strict=False):
        np.testing.assert_allclose(found[word], row, atol=1e-5)
    np.testing.assert_allclose(found["The"], MATRIX[3], atol=1e-5)  # in small letters
    assert np.abs(found["새"]).max() > 0.1
    assert any("5 of 6 words of the text" in note for note in run.report["data_announcements"])


def test_a_language_model_without_such_vectors_or_of_another_width_says_so(place):
    (place / "text.txt").write_text("고양이 본다\n" * 40, encoding="utf-8")
    task = LanguageModelling(
        data=str(place / "text.txt"), vectors=str(place / "v.txt"), batch=2, length=4
    )
    with pytest.raises(UsageError, match="6 wide") as caught:
        train(Recipe(task, gpt.Config(d=8, heads=2, layers=1, context=8), PLAN), place / "run")
    assert "--set model.d=6" in str(caught.value)
    letters = dataclasses.replace(task, spelling="characters")
    with pytest.raises(RecipeError, match="no word vectors to begin with"):
        Recipe.from_toml(Recipe(letters, charcnn.Config(d=4), PLAN).to_toml())
