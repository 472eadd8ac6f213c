"""Translation: what is learnt, counted and kept, on a language made here."""

import dataclasses
import json
import math
import random

import numpy as np
import pytest
import sacrebleu
import torch

from malmoi.decode import greedy
from malmoi.errors import DataError, RecipeError, RunError
from malmoi.models import bahdanau, rnn, sutskever, transformer
from malmoi.recipe import Recipe
from malmoi.run import Run
from malmoi.sentences import Sentences
from malmoi.tasks import paired
from malmoi.tasks.evaluating import evaluating
from malmoi.tasks.language_modelling import LanguageModelling
from malmoi.tasks.paired import Paired, forced
from malmoi.tasks.translation import Translation
from malmoi.text import Bitext
from malmoi.trainer import Resumed, resumed, train, training
from malmoi.training.config import Training
from malmoi.training.events import Step
from malmoi.use import Translator, load
from malmoi.use.search import Search

WORDS = {"one": "일", "two": "이", "three": "삼", "four": "사", "five": "오", "six": "육"}
PLAN = {"steps": 40, "lr": 0.01, "evaluate_every": 20, "log_every": 1, "threads": 1}


def numbers(n, seed):
    """Numbers, and the same turned round in another language."""
    chance = random.Random(seed)
    some = [chance.choices(list(WORDS), k=chance.randint(1, 5)) for _ in range(n)]
    return [(" ".join(w), " ".join(WORDS[x] for x in reversed(w))) for w in some]


def written(path, pairs):
    path.write_text("".join(f"{s}\t{t}\n" for s, t in pairs), "utf-8")


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "numbers"
    place.mkdir()
    written(place / "train.tsv", numbers(150, 1))
    written(place / "valid.tsv", numbers(30, 2))
    written(place / "test.tsv", [*numbers(30, 3), ("one one one one one one", "다른")])
    return place


def recipe(folder, model=None, *, seed=1, plan=PLAN, **task):
    task = {"data": str(folder), "tokens": "words", "batch": 200, **task}
    model = model or bahdanau.Config(d=16, dropout=0.2)
    return Recipe(task=Translation(**task), model=model, training=Training(**plan), seed=seed)


MODELS = {
    "sutskever": sutskever.Config(d=8, layers=1),
    "bahdanau": bahdanau.Config(d=8, smoothing=0.1),
    "transformer": transformer.Config(d=8, heads=2, layers=1, d_ff=16),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_run_is_trained_measured_and_loaded(folder, tmp_path, name) -> None:
    run = train(recipe(folder, MODELS[name]), tmp_path / "run")
    for split, pairs in (("valid", 30), ("test", 31)):
        found = run.report[split]
        assert run.report[f"{split}_pairs"] <= pairs
        assert found["perplexity"] < 40
        assert "version:" in found["bleu_signature"]
        assert found["beam"] == 1
    translator = load(run.folder)
    assert isinstance(translator, Translator)
    assert "nrefs:" in (run.folder / "README.md").read_text("utf-8")
    again = translator.evaluate(find_pairs(folder), search=Search(beam=1))
    assert again[0].measures()["perplexity"] == pytest.approx(run.report["test"]["perplexity"])
    assert again[1].bleu == pytest.approx(run.report["test"]["bleu"])


def find_pairs(folder):
    from malmoi.data.catalogue import find

    return list(find(folder, pairs=True).paired("test"))


def test_it_learns_to_turn_numbers_round(folder, tmp_path) -> None:
    plan = {**PLAN, "steps": 250, "evaluate_every": 125}
    run = train(recipe(folder, bahdanau.Config(d=24, dropout=0.0), plan=plan), tmp_path / "run")
    assert run.report["test"]["bleu"] > 60
    translator = load(run.folder)
    assert translator.translate("two one").text == "일 이"


def test_a_resumed_training_is_the_one_that_never_stopped(folder, tmp_path) -> None:
    plan = {**PLAN, "save_every": 0.0}
    whole = train(recipe(folder, plan=plan), tmp_path / "whole")
    events = training(recipe(folder, plan=plan), tmp_path / "stopped")
    for event in events:
        if isinstance(event, Step) and event.step == 13:
            break
    events.close()
    told = list(resumed(tmp_path / "stopped"))
    assert [event.step for event in told if isinstance(event, Resumed)] == [12]
    last = told[-1]
    assert {k: v.tolist() for k, v in whole.weights().items()} == {
        k: v.tolist() for k, v in last.run.weights().items()
    }


# -- the numbers ---------------------------------------------------------------------------------


@pytest.fixture
def task(folder, tmp_path):
    return recipe(folder, tokens="words").task.prepare(tmp_path, 1)


def build(task, name="bahdanau", seed=0):
    torch.manual_seed(seed)
    model = dataclasses.replace(MODELS[name], dropout=0.0).build(task.sizes)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    return model.double().eval()


def alone(model, source, target):
    """log p of each token of one pair, read by itself."""
    ids = torch.tensor([[*source, 0]])
    x, y = torch.tensor([[0, *target]]), torch.tensor([[*target, 0]])
    carry = model.begin(Sentences(ids, torch.ones_like(ids, dtype=torch.bool)))
    logits, _ = model(x, carry)
    return logits.log_softmax(-1)[0], y[0]


@torch.no_grad()
@pytest.mark.parametrize("name", MODELS)
def test_perplexity_and_accuracy_are_those_of_pairs_read_one_by_one(task, folder, name) -> None:
    model = build(task, name)
    nats, right, events = 0.0, 0, 0
    for pair in find_pairs(folder):
        logp, y = alone(
            model, task.bitext.source.encode(pair.source), task.bitext.target.encode(pair.target)
        )
        nats -= logp.gather(1, y[:, None]).sum().item()
        right += int((logp.argmax(1) == y).sum())
        events += len(y)
    measured = task.measure(model, "test")
    assert measured["events"] == events == task.events["test"]
    assert measured["perplexity"] == pytest.approx(math.exp(nats / events), rel=1e-5)
    assert measured["token_accuracy"] == pytest.approx(right / events)


@torch.no_grad()
def test_measuring_does_not_depend_on_batches(task, monkeypatch) -> None:
    model = build(task)
    whole = forced(model, task.paired["test"]).measures()
    monkeypatch.setattr(paired, "READ", 1)
    one_by_one = forced(model, task.paired["test"]).measures()
    assert one_by_one == pytest.approx(whole, rel=1e-6)


def test_the_loss_of_an_epoch_is_the_cost_of_every_token(task) -> None:
    model = build(task)
    with torch.no_grad():
        losses = [task.loss(model, b, None)[0] for b in task.batches("train", epoch=0)]
    cost = forced(model, task.paired["train"])
    assert sum(x.count for x in losses) == cost.report.events == task.events["train"]
    assert sum(x.sum.item() for x in losses) == pytest.approx(cost.report.nats, rel=1e-5)


def test_smoothing_is_in_the_loss_and_never_in_the_measures(task) -> None:
    model = build(task)
    assert model.config.smoothing
    plain = task.measure(model, "test")["perplexity"]
    batch = task.batches("test", epoch=0)[0]
    with torch.no_grad():
        model.eval()
        unsmoothed = task.loss(model, batch, None)[0].sum
        model.train()
        assert task.loss(model, batch, None)[0].sum != unsmoothed
    assert task.measure(model, "test")["perplexity"] == plain
    assert model.training


@torch.no_grad()
def test_bleu_is_of_the_greedy_translations_beside_all_references(task, folder) -> None:
    model = build(task)
    said, references = [], []
    for pair in find_pairs(folder):
        ids = torch.tensor([[*task.bitext.source.encode(pair.source), 0]])
        carry = model.begin(Sentences(ids, torch.ones_like(ids, dtype=torch.bool)))
        limit = 2 * (-(-ids.size(1) // 8) * 8) + 20
        best = greedy(model, carry, torch.zeros(1, 1, dtype=torch.long), limit=limit, forbid=(1,))
        said.append(task.bitext.target.decode(best[0].tokens))
        references.append([pair.target, *pair.others])
    found = task.final(model, "test")
    assert any(len(some) > 1 for some in references) or len(references) < 31
    streams = [
        [r[k] if k < len(r) else None for r in references] for k in range(max(map(len, references)))
    ]
    assert found["bleu"] == sacrebleu.corpus_bleu(said, streams, force=True).score
    assert found["chrf"] == sacrebleu.corpus_chrf(said, streams).score


# -- the data ------------------------------------------------------------------------------------


def test_too_long_pairs_are_left_out_of_training_alone_and_told(folder, tmp_path) -> None:
    long = " ".join(["one"] * 30)
    with (folder / "train.tsv").open("a") as file:
        file.write(f"{long}\t일\n")
    with (folder / "test.tsv").open("a") as file:
        file.write(f"{long}\t일\n")
    task = recipe(folder, longest=20).task.prepare(tmp_path / "a", 1)
    assert task.paired["train"].longest == 6
    assert task.paired["test"].longest == 31
    assert any("1 of 151 training pairs left out" in said for said in task.announcements)
    every = recipe(folder, longest=0).task.prepare(tmp_path / "b", 1)
    assert every.paired["train"].longest == 31
    written(folder / "train.tsv", [(long, long)] * 5)
    with pytest.raises(DataError, match="every training pair has more than 20 tokens"):
        recipe(folder, longest=20).task.prepare(tmp_path / "c", 1)


def test_a_line_of_a_million_tokens_is_left_out_or_refused(folder, tmp_path) -> None:
    endless = "one " * 1_000_000
    with (folder / "train.tsv").open("a") as file:
        file.write(f"{endless}\t일\n")
    task = recipe(folder).task.prepare(tmp_path / "a", 1)
    assert len(task.paired["train"]) == 150
    with (folder / "test.tsv").open("a") as file:
        file.write(f"{endless}\t일\n")
    with pytest.raises(DataError, match="too long to be measured"):
        recipe(folder).task.prepare(tmp_path / "b", 1)


def test_swapped_is_the_other_way_round(folder, tmp_path) -> None:
    there = recipe(folder).task.prepare(tmp_path / "a", 1)
    back = recipe(folder, swapped=True).task.prepare(tmp_path / "b", 1)
    assert back.bitext.source.vocabulary.types == there.bitext.target.vocabulary.types
    assert np.array_equal(back.paired["train"].source.flat, there.paired["train"].target.flat)
    assert np.array_equal(back.paired["train"].target.flat, there.paired["train"].source.flat)


def test_a_joint_vocabulary_is_one(folder, tmp_path) -> None:
    task = recipe(folder, joint=True).task.prepare(tmp_path, 1)
    assert task.sizes.joint
    assert task.sizes.source == task.sizes.vocabulary == 2 + 2 * len(WORDS)
    assert (tmp_path / "text" / "text.json").is_file()
    assert Bitext.load(tmp_path / "text").joint


def test_the_source_may_have_a_vocabulary_of_another_size(folder, tmp_path) -> None:
    task = recipe(folder, vocabulary=5, source_vocabulary=4).task.prepare(tmp_path, 1)
    assert (task.sizes.source, task.sizes.vocabulary) == (4, 5)
    with pytest.raises(ValueError, match="a joint vocabulary has one size"):
        recipe(folder, joint=True, source_vocabulary=4)


def test_sources_that_are_also_learnt_from_are_counted_aloud(folder, tmp_path) -> None:
    shared = numbers(150, 1)[0]
    with (folder / "test.tsv").open("a") as file:
        file.write("\t".join(shared) + "\n")
    sources = {s for s, _ in numbers(150, 1)}
    task = recipe(folder).task.prepare(tmp_path, 1)
    expected = sum(p.source in sources for p in find_pairs(folder))
    assert any(f"test: {expected} of" in said for said in task.announcements)


def test_other_pairs_are_noticed_when_a_training_is_resumed(folder, tmp_path) -> None:
    first = recipe(folder).task.prepare(tmp_path, 1).fingerprint
    assert recipe(folder).task.prepare(tmp_path, 1).fingerprint == first
    written(folder / "test.tsv", numbers(30, 4))
    second = recipe(folder).task.prepare(tmp_path, 1).fingerprint
    assert second["test"] != first["test"]
    assert second["train"] == first["train"]


def test_data_without_pairs_or_only_to_measure_with_is_refused(tmp_path) -> None:
    with pytest.raises(DataError, match="no pairs"):
        recipe("python-docs").task.prepare(tmp_path, 1)


# -- recipes -------------------------------------------------------------------------------------


def table(task, model):
    return {"task": task, "model": model}


@pytest.mark.parametrize(
    ("task", "model", "said"),
    [
        ({"kind": "translation"}, {"kind": "lstm"}, "lstm learns language-modelling"),
        ({"kind": "language-modelling"}, {"kind": "luong"}, "luong learns translation"),
        ({"kind": "classification"}, {"kind": "cho"}, "cho learns translation"),
        ({"kind": "translation"}, {"kind": "cho", "shared": True}, "task.joint = true"),
        (
            {"kind": "translation", "joint": True, "source_tokens": "jamo"},
            {"kind": "cho"},
            "a joint vocabulary has one kind of token",
        ),
    ],
)
def test_a_translator_learns_translation_and_nothing_else_does(task, model, said) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.from_table(table({"data": "x", **task}, model))
    assert said in str(caught.value)


def test_a_recipe_of_a_translator_is_the_same_in_toml(folder) -> None:
    some = recipe(folder, joint=True, swapped=True, tokens="bpe")
    assert Recipe.from_toml(some.to_toml()) == some
    assert isinstance(
        Recipe.from_table(
            table({"kind": "language-modelling", "data": "x"}, {"kind": "lstm"})
        ).task,
        LanguageModelling,
    )
    assert rnn.LSTMConfig() is not None


def test_a_run_whose_texts_were_changed_is_not_used(folder, tmp_path) -> None:
    run = train(recipe(folder, plan={**PLAN, "steps": 2}), tmp_path / "run")
    said = json.loads((run.folder / "model.json").read_text())
    assert said["source"] == said["vocabulary"] == 2 + len(WORDS)
    (run.folder / "text" / "source" / "text.json").write_text("{}")
    with pytest.raises(RunError):
        load(Run(run.folder).folder)


def test_pairs_as_numbers_end_with_the_boundary() -> None:
    from malmoi.data.examples import Pair

    bitext = Bitext.learn(lambda: ["a b"], lambda: ["가 나"], kind="words")
    some = Paired.of(bitext, [Pair("b", "나 나"), Pair("x", "가", ("나",))])
    assert some.sources == [[3, 0], [1, 0]]
    assert some.target[0].tolist() == [3, 3, 0]
    assert some.references == [("나 나",), ("가", "나")]
    assert (some.characters, some.bytes) == (4 + 2, 8 + 4)


@pytest.mark.parametrize("training", [True, False])
def test_a_measurement_that_fails_leaves_a_model_as_it_was(training):
    model = torch.nn.Dropout()
    model.train(training)
    with pytest.raises(ZeroDivisionError), evaluating(model):
        1 / model.training  # which is 0 here
    assert model.training == training
