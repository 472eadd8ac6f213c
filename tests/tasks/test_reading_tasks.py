"""Classification and tagging: what is learnt, counted and kept, on data made here."""

import dataclasses
import json
import random

import numpy as np
import pytest
import torch

from malmoi.errors import DataError, MalmoiError, RunError
from malmoi.models import bow, classifier, han, tagger
from malmoi.recipe import Recipe
from malmoi.run import Run
from malmoi.tasks import classification, tagging
from malmoi.tasks.classification import Classification
from malmoi.tasks.labels import Labels
from malmoi.tasks.tagging import Tagging
from malmoi.trainer import resumed, train, training
from malmoi.training.config import Training
from malmoi.training.events import Step

GOOD, BAD = ("좋다", "재미있다", "최고"), ("나쁘다", "지루하다", "최악")
FILLER = ("영화", "정말", "이", "그", "참", "배우")
PLAN = {"steps": 60, "lr": 0.02, "evaluate_every": 30, "log_every": 1, "threads": 1}


def reviews(n, seed, *, label=lambda good: str(int(good))):
    chance = random.Random(seed)
    rows = ["id\tdocument\tlabel"]
    for i in range(n):
        good = chance.random() < 0.5
        words = chance.choices(FILLER, k=chance.randint(0, 7))
        words.insert(chance.randint(0, len(words)), chance.choice(GOOD if good else BAD))
        rows.append(f"{i}\t{' '.join(words)}\t{label(good)}")
    return "\n".join(rows) + "\n"


def people(n, seed):
    chance = random.Random(seed)
    blocks = []
    for _ in range(n):
        rows = []
        for _ in range(chance.randint(1, 4)):
            if chance.random() < 0.4:
                given = chance.choice(("김", "이", "박"))
                rows += [f"{given}씨\tB-PER", f"{chance.choice(('철수', '영희'))}\tI-PER"]
            rows.append(f"{chance.choice(FILLER)}\tO")
        blocks.append("\n".join(rows))
    return "\n\n".join(blocks) + "\n"


@pytest.fixture
def labelled(tmp_path):
    folder = tmp_path / "reviews"
    folder.mkdir()
    for split, n, seed in (("train", 120, 1), ("valid", 40, 2), ("test", 50, 3)):
        (folder / f"{split}.tsv").write_text(reviews(n, seed), "utf-8")
    return folder


@pytest.fixture
def tagged(tmp_path):
    folder = tmp_path / "people"
    folder.mkdir()
    for split, n, seed in (("train", 60, 1), ("valid", 20, 2), ("test", 25, 3)):
        (folder / f"{split}.conll").write_text(people(n, seed), "utf-8")
    return folder


READERS = {
    "bow": bow.Config(order=2, buckets=500),
    "classifier": classifier.Config(d=8, d_word=8, dropout=0.2),
    "han": han.Config(d=4, d_word=8, dropout=0.2),
}


def classify(folder, name="classifier", **plan):
    return Recipe(
        task=Classification(data=str(folder), tokens="words", min_count=1, batch=16),
        model=READERS[name],
        training=Training(**{**PLAN, **plan}),
        seed=3,
    )


def tag(folder, head="crf", **plan):
    return Recipe(
        task=Tagging(data=str(folder), min_count=1, batch=8),
        model=tagger.Config(d=8, d_word=8, d_spelling=6, head=head, dropout=0.2),
        training=Training(**{**PLAN, **plan}),
        seed=3,
    )


@pytest.mark.parametrize("name", READERS)
def test_what_decides_is_learnt_and_a_stranger_can_read_how(name, labelled, tmp_path):
    recipe = classify(labelled, name, lr=0.2 if name == "bow" else 0.02)
    run = train(recipe, tmp_path / "run")
    assert Recipe.from_toml(run.recipe) == recipe
    report = run.report
    assert report["test"]["accuracy"] > 0.95
    assert report["labels"] == ["0", "1"]
    assert report["test"]["examples"] == report["test_events"] == 50
    assert json.loads((run.text / "labels.json").read_text("utf-8"))["types"] == ["0", "1"]
    assert "accuracy" in (run.folder / "README.md").read_text("utf-8")


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_entities_are_learnt(head, tagged, tmp_path):
    run = train(tag(tagged, head), tmp_path / "run")
    assert run.report["test"]["f1"] > 0.95
    assert run.report["labels"] == ["B-PER", "I-PER", "O"]
    assert json.loads((run.text / "labels.json").read_text("utf-8"))["scheme"] == "bio"


@pytest.mark.parametrize("make", [classify, tag])
@pytest.mark.parametrize("stop", [1, 7])
def test_a_resumed_run_is_the_run_that_never_stopped(make, stop, labelled, tagged, tmp_path):
    recipe = make(
        labelled if make is classify else tagged, save_every=0.0, steps=9, evaluate_every=4
    )
    whole = train(recipe, tmp_path / "whole")
    events = training(recipe, tmp_path / "run")
    for event in events:
        if isinstance(event, Step) and event.step == stop:
            next(events)  # the checkpoint of that step is written before the next event
            break
    events.close()
    *_, _ = resumed(tmp_path / "run")
    again = Run(tmp_path / "run")
    for name, weight in whole.weights().items():
        assert torch.equal(weight, again.weights()[name]), name
    assert again.report["test"] == whole.report["test"]


@pytest.mark.parametrize("changed", ["text", "label", "tag"])
def test_a_run_is_not_resumed_on_another_text_or_other_labels(changed, labelled, tagged, tmp_path):
    asked = (tag if changed == "tag" else classify)(tagged if changed == "tag" else labelled)
    recipe = dataclasses.replace(
        asked, training=dataclasses.replace(asked.training, save_every=0.0)
    )
    events = training(recipe, tmp_path / "run")
    for event in events:
        if isinstance(event, Step) and event.step == 3:
            break
    events.close()
    if changed == "text":
        (labelled / "train.tsv").write_text(reviews(120, 9), "utf-8")
    elif changed == "label":
        other = reviews(120, 1, label=lambda good: str(int(not good)))
        (labelled / "train.tsv").write_text(other, "utf-8")
    else:
        path = tagged / "train.conll"
        path.write_text(path.read_text("utf-8").replace("\tO", "\tB-PER", 1), "utf-8")
    with pytest.raises(RunError, match="not the one this run began with"):
        list(resumed(tmp_path / "run"))


def test_a_cost_that_nobody_computed_is_not_told(labelled, tagged, tmp_path):
    """Tags are answered without their probabilities: there are no nats to tell, not even 0."""
    for split in ("train", "valid", "test"):
        path = tagged / f"{split}.conll"
        path.write_text(
            path.read_text("utf-8").replace("B-PER", "N").replace("I-PER", "M"), "utf-8"
        )
    for i, recipe in enumerate((classify(labelled), tag(tagged))):
        (tmp_path / str(i)).mkdir()
        task = recipe.task.prepare(tmp_path / str(i), 1)
        measures = task.measure(recipe.model.build(task.sizes).eval(), "test")
        assert ("nats" in measures) == (i == 0)
        assert "accuracy" in measures


@pytest.mark.parametrize(("read", "area"), [(1, 10**6), (7, 10**6), (64, 40)])
def test_measures_do_not_depend_on_how_they_are_batched(
    read, area, labelled, tagged, tmp_path, monkeypatch
):
    for i, (recipe, module) in enumerate(
        ((classify(labelled), classification), (tag(tagged), tagging))
    ):
        torch.manual_seed(0)
        (tmp_path / str(i)).mkdir()
        task = recipe.task.prepare(tmp_path / str(i), 1)
        model = recipe.model.build(task.sizes).double().eval()
        expected = task.measure(model, "test")
        monkeypatch.setattr(module, "READ", read)
        monkeypatch.setattr(module, "AREA", area)
        found = task.measure(model, "test")
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=1e-12), name


def test_every_text_and_word_is_counted_once(labelled, tagged, tmp_path):
    for i, recipe in enumerate((classify(labelled), tag(tagged))):
        (tmp_path / str(i)).mkdir()
        task = recipe.task.prepare(tmp_path / str(i), 1)
        for epoch in (0, 1):
            batches = task.batches("train", epoch=epoch)
            assert sum(batch.events for batch in batches) == task.events["train"]
    lines = (labelled / "train.tsv").read_text("utf-8").splitlines()
    assert recipe.task.data == str(tagged)
    assert len(lines) - 1 == 120
    words = [w for w in (tagged / "train.conll").read_text("utf-8").splitlines() if w]
    assert task.events["train"] == len(words)


def test_a_few_examples_of_train_are_learnt_from_and_nothing_else_is_cut(
    labelled, tagged, tmp_path
):
    for i, recipe in enumerate((classify(labelled), tag(tagged))):
        (tmp_path / f"{i}").mkdir()
        (tmp_path / f"{i} few").mkdir()
        whole = recipe.task.prepare(tmp_path / f"{i}", 1)
        few = dataclasses.replace(recipe.task, train_limit=10).prepare(tmp_path / f"{i} few", 1)
        rows = [len(rows) for rows in few.batches("train", epoch=0)]
        assert sum(rows) == 10
        assert few.events["train"] < whole.events["train"]
        assert {**few.events, "train": 0} == {**whole.events, "train": 0}


def test_the_order_is_another_in_each_epoch_and_the_same_each_time(labelled, tmp_path):
    task = classify(labelled).task.prepare(tmp_path, 1)

    def order(epoch):
        return [batch.x.ids.tolist() for batch in task.batches("train", epoch=epoch)]

    assert order(0) == order(0)
    assert order(0) != order(1)


def test_a_label_that_training_has_not_seen_is_told_and_counts_as_wrong(labelled, tmp_path):
    rows = (labelled / "test.tsv").read_text("utf-8").splitlines()
    rows[1:6] = [row[:-1] + "9" for row in rows[1:6]]
    (labelled / "test.tsv").write_text("\n".join(rows) + "\n", "utf-8")
    run = train(classify(labelled), tmp_path / "run")
    assert any("has not seen 9" in note for note in run.report["data_announcements"])
    assert run.report["test"]["accuracy"] <= 0.9
    assert run.report["labels"] == ["0", "1"]


def test_one_label_alone_is_nothing_to_learn(labelled, tmp_path):
    (labelled / "train.tsv").write_text(reviews(30, 1, label=lambda good: "1"), "utf-8")
    with pytest.raises(MalmoiError, match="label"):
        train(classify(labelled), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_labels_are_in_the_order_that_people_count_in():
    assert Labels.learn(["10", "9", "b", "a", "9"], where="here").types == ("9", "10", "a", "b")
    with pytest.raises(DataError, match="nothing to choose between"):
        Labels.learn(["a", "a"], where="here")


def test_tags_of_iob1_are_learnt_in_bio_and_may_be_asked_for_in_bioes(tagged, tmp_path):
    recipe = tag(tagged)
    for scheme, labels in (
        ("auto", {"B-PER", "I-PER", "O"}),
        ("bioes", {"B-PER", "E-PER", "O"}),
    ):
        (tmp_path / scheme).mkdir()
        task = dataclasses.replace(recipe.task, scheme=scheme).prepare(tmp_path / scheme, 1)
        assert set(task.labels.types) == labels
        assert task.gold["train"][0]


def test_only_legal_moves_are_answered_where_that_is_asked_for(tagged, tmp_path):
    recipe = tag(tagged)
    free = dataclasses.replace(recipe.task, constrained=False)
    illegal = []
    for i, task_config in enumerate((recipe.task, free)):
        (tmp_path / str(i)).mkdir()
        task = task_config.prepare(tmp_path / str(i), 1)
        torch.manual_seed(1)
        model = recipe.model.build(task.sizes)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=2.0)
        said = task.answers(model.eval(), "test")
        illegal.append(
            sum(
                b == "I-PER" and a == "O"
                for tags in said
                for a, b in zip(["O", *tags], tags, strict=False)
            )
        )
    assert illegal[0] == 0 < illegal[1]


def test_probabilities_are_in_the_order_of_the_texts(labelled, tmp_path):
    task = classify(labelled).task.prepare(tmp_path, 1)
    torch.manual_seed(0)
    model = READERS["classifier"].build(task.sizes).double().eval()
    together = task.probabilities(model, "test")
    for i in (0, 13, 49):
        with torch.no_grad():
            alone = model(task.texts["test"].read(np.array([i])).x).marginals()[0]
        np.testing.assert_allclose(together[i], alone.numpy(), atol=1e-12)
