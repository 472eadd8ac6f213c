"""Classifiers and taggers compared: figures by independent means, and what is refused."""

import itertools
import json
import math
import statistics
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import malmoi
from malmoi.cli import run
from malmoi.comparison.result import from_json
from malmoi.comparison.run import Began, Compared, comparing, suited
from malmoi.comparison.table import notes
from malmoi.data.catalogue import find
from malmoi.errors import DataError, RunError, UsageError
from malmoi.metrics.significance import paired_bootstrap, right_or_wrong
from malmoi.recipe import Recipe
from malmoi.run import open_run
from malmoi.trainer import Announced
from malmoi.training.events import Step
from tests.conftest import oracle

SHORT = ["training.steps=12", "training.warmup=0", "training.evaluate_every=6", "training.lr=0.01"]
WHO = ("고양이가", "개가", "the cat", "우리 선생님이", "my friend")
WHAT = ("달을", "a moon", "말모이를", "bread", "지도를")
MOODS = {"재미있게 본다": "good", "지루하게 본다": "bad", "그냥 본다": "<b>so so</b>"}
PEOPLE = {"민수": "B-person", "Ada": "B-person", "서울": "B-place", "Berlin": "B-place"}


@pytest.fixture(scope="module")
def reviews(tmp_path_factory) -> Path:
    """135 texts whose label is in their last words, every third "good" said of it twice."""
    path = tmp_path_factory.mktemp("data") / "reviews.tsv"
    rows = [
        f"{who} {what} {number}번 {mood}\t{label}"
        for who, what in itertools.product(WHO, WHAT)
        for mood, label in MOODS.items()
        for number in range(1, 3 + (label == "good"))
    ]
    path.write_text("text\tlabel\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def names(tmp_path_factory) -> Path:
    """Sentences with people and places, some of two words, in BIO."""
    path = tmp_path_factory.mktemp("data") / "names.conll"
    blocks = []
    for (a, b), verb, end in itertools.product(
        itertools.permutations(PEOPLE, 2), ("met", "보았다", "left"), ("", "Kim", "시")
    ):
        rows = [(a, PEOPLE[a]), *([(end, PEOPLE[a].replace("B-", "I-"))] if end else [])]
        rows += [(verb, "O"), (b, PEOPLE[b]), (".", "O")]
        blocks.append("\n".join(f"{word}\t{tag}" for word, tag in rows))
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def classified(reviews, tmp_path_factory) -> tuple[Path, list]:
    folder = tmp_path_factory.mktemp("runs") / "reviews"
    call = {"models": ["bow", "rnn-max"], "seeds": 2, "overrides": SHORT}
    return folder, list(comparing(str(reviews), to=folder, **call))


@pytest.fixture(scope="module")
def tagged(names, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "names"
    list(
        comparing(
            str(names), to=folder, models=["rnn", "bilstm-crf"], overrides=[*SHORT, "model.d=16"]
        )
    )
    return folder


def read(folder: Path):
    return from_json((folder / "comparison.json").read_text("utf-8"))


def said_by(folder: Path, data: Path) -> list[str]:
    """The labels that a run gives to the test texts, asked as a user asks it."""
    texts = [example.text for example in find(data).examples("test")]
    return [answer.label for answer in malmoi.load(folder).classify(texts)]


def test_each_seed_is_a_run_of_its_own(classified):
    folder, events = classified
    begun = [(e.name, e.number, e.trainings) for e in events if isinstance(e, Began)]
    due = ["bow", "bow-seed2", "rnn-max", "rnn-max-seed2"]
    assert begun == [(name, k, 4) for k, name in enumerate(due, start=1)]
    seeds = [Recipe.load(folder / name / "recipe.toml").seed for name in due]
    assert seeds == [1, 2, 1, 2]
    assert isinstance(events[-1], Compared)
    assert read(folder) == events[-1].comparison


def test_figures_are_means_of_the_runs_and_each_is_kept(classified):
    folder, _ = classified
    for entry in read(folder).entries:
        runs = [open_run(folder / f"{entry.name}{end}").report for end in ("", "-seed2")]
        assert [trial.seed for trial in entry.trials] == [1, 2]
        for figure in ("accuracy", "macro_f1", "calibration_error"):
            of_runs = [run["test"][figure] for run in runs]
            assert [getattr(t.test, figure) for t in entry.trials] == of_runs
            assert getattr(entry.test, figure) == statistics.fmean(of_runs)
        assert entry.dev.accuracy == statistics.fmean(run["valid"]["accuracy"] for run in runs)
        assert [p.step for p in entry.curve] == [6, 12]
        rows = (folder / entry.name / "metrics.jsonl").read_text().splitlines()
        evaluated = [r for r in map(json.loads, rows) if r["event"] == "evaluated"]
        assert [p.dev for p in entry.curve] == [row["accuracy"] for row in evaluated]


def test_what_is_confused_is_what_the_models_answer_a_user(classified, reviews):
    folder, _ = classified
    comparison = read(folder)
    gold = [example.labels[0] for example in find(reviews).examples("test")]
    assert comparison.ground.test == len(gold)
    assert comparison.ground.labels == tuple(sorted(MOODS.values()))
    oracle("sklearn")
    from sklearn.metrics import precision_recall_fscore_support

    for entry in comparison.entries:
        said = [said_by(folder / f"{entry.name}{end}", reviews) for end in ("", "-seed2")]
        both = Counter(pair for one in said for pair in zip(gold, one, strict=True))
        assert {(c.true, c.said): c.times for c in entry.reading.confusion} == both
        theirs = precision_recall_fscore_support(
            gold * 2, said[0] + said[1], labels=list(comparison.ground.labels), zero_division=0
        )
        for k, scored in enumerate(entry.reading.by_label):
            assert scored.label == comparison.ground.labels[k]
            assert tuple(scored[1:4]) == pytest.approx([table[k] for table in theirs[:3]])
            assert scored.support == theirs[3][k]
        assert sum(b.decisions for b in entry.reading.reliability) == 2 * len(gold)


def test_the_best_is_beside_the_others_by_paired_draws_of_the_means(classified, reviews):
    folder, _ = classified
    comparison = read(folder)
    gold = [example.labels[0] for example in find(reviews).examples("test")]
    right = {
        e.name: sum(
            right_or_wrong(
                [
                    a == b
                    for a, b in zip(gold, said_by(folder / f"{e.name}{end}", reviews), strict=True)
                ]
            )
            for end in ("", "-seed2")
        )
        for e in comparison.entries
    }
    from malmoi.metrics.significance import accuracy

    first, second = sorted(comparison.entries, key=lambda e: -e.test.accuracy)
    (found,) = comparison.differences
    due = paired_bootstrap(right[second.name], right[first.name], accuracy)
    assert (found.better, found.other) == (first.name, second.name)
    assert found.difference == pytest.approx(first.test.accuracy - second.test.accuracy)
    assert (found.interval, found.p) == (due.interval, due.p)
    told = f"{first.name} is not better than {second.name} beyond chance"
    assert any(note.startswith(told) for note in notes(comparison)) == (found.p >= 0.05)


def test_the_commonest_label_is_a_line_of_its_own(classified, reviews):
    comparison = read(classified[0])
    count = Counter(e.labels[0] for e in find(reviews).examples("train"))
    label, _ = count.most_common(1)[0]
    gold = [e.labels[0] for e in find(reviews).examples("test")]
    level = comparison.ground.level
    assert (level.name, level.label) == ("commonest label", label) == ("commonest label", "good")
    share = gold.count(label) / len(gold)
    assert level.test.accuracy == share
    said = len(set(gold) | {label})
    assert level.test.macro_f1 == pytest.approx(2 * share / (1 + share) / said)


def test_examples_show_what_is_disputed_with_the_answers_to_them(classified, reviews):
    folder, _ = classified
    comparison = read(folder)
    texts = [example.text for example in find(reviews).examples("test")]
    places = [texts.index(example.text) for example in comparison.examples]
    assert places == sorted(places)
    for entry in comparison.entries:
        said = said_by(folder / entry.name, reviews)
        assert [a.labels for a in entry.reading.answers] == [(said[i],) for i in places]
        shown = malmoi.load(folder / entry.name).classify([texts[i] for i in places])
        sure = [answer.probability for answer in entry.reading.answers]
        assert sure == pytest.approx([one.probability for one in shown])


def test_entities_are_counted_as_seqeval_counts_them(tagged, names):
    comparison = read(tagged)
    assert (comparison.ground.headline, comparison.ground.unit) == ("f1", "words")
    assert comparison.ground.labels == ("person", "place")
    sentences = list(find(names).sentences("test"))
    gold = [list(s.columns["-1"]) for s in sentences]
    assert comparison.ground.test == sum(map(len, gold))
    level = comparison.ground.level
    assert (level.name, level.label, level.test.f1) == ("commonest tag", "O", 0)
    assert level.test.tags == sum(t == "O" for s in gold for t in s) / sum(map(len, gold))
    oracle("seqeval")
    from seqeval.metrics import f1_score
    from seqeval.scheme import IOB2

    for entry in comparison.entries:
        answers = malmoi.load(tagged / entry.name).tag_words([s.words for s in sentences])
        said = [list(answer.tags) for answer in answers]
        theirs = f1_score(gold, said, mode="strict", scheme=IOB2, zero_division=0)
        assert entry.test.f1 == pytest.approx(theirs)
        confused = {(c.true, c.said): c.times for c in entry.reading.confusion}
        true = Counter(t[2:] for s in gold for t in s if t[0] == "B")
        for label in ("person", "place"):
            row = sum(times for (t, _), times in confused.items() if t == label)
            assert row == true[label]
            scored = next(s for s in entry.reading.by_label if s.label == label)
            right = confused.get((label, label), 0)
            assert scored.recall == pytest.approx(right / true[label])
        assert ("", "") not in confused
        for example, answer in zip(comparison.examples, entry.reading.answers, strict=True):
            place = next(i for i, s in enumerate(sentences) if s.words == example.words)
            assert (list(example.labels), list(answer.labels)) == (gold[place], said[place])


def test_made_again_it_trains_nothing_and_finds_the_same(classified, reviews):
    folder, events = classified
    call = {"models": ["bow", "rnn-max"], "seeds": 2, "overrides": SHORT}
    again = list(comparing(str(reviews), to=folder, **call))
    assert not any(isinstance(e, Step) for e in again)
    assert sum(isinstance(e, Announced) and "used as it is" in e.text for e in again) == 4
    assert again[-1].comparison.entries == events[-1].comparison.entries
    assert again[-1].comparison.differences == events[-1].comparison.differences


def test_the_command_prints_the_table_and_keeps_what_was_typed(classified, reviews, capsys):
    folder, _ = classified
    typed = ["compare", "--data", str(reviews), "--models", "bow,rnn-max", "--budget", "none"]
    typed += ["--seeds", "2"]
    for override in SHORT:
        typed += ["--set", override]
    assert run([*typed, "--to", str(folder)]) == 0
    shown = capsys.readouterr()
    assert "accuracy" in shown.out
    assert " ± " in shown.out
    assert "commonest label" in shown.out
    assert "report.html" in shown.err
    assert read(folder).commands == (" ".join(["malmoi", *typed]),)
    assert run([*typed[:4], "bow,gpt", "--to", str(folder)]) == 2
    assert "these models learn different things" in capsys.readouterr().err


def test_texts_that_have_changed_are_not_mistaken_for_those_it_was_trained_on(reviews, tmp_path):
    data = tmp_path / "reviews.tsv"
    data.write_bytes(reviews.read_bytes())
    call = {"to": tmp_path / "runs", "models": ["bow"], "overrides": SHORT}
    list(comparing(str(data), **call))
    data.write_text(data.read_text("utf-8").replace("고양이가", "the cat"), encoding="utf-8")
    with pytest.raises(RunError, match="there is another run"):
        list(comparing(str(data), **call))


def test_a_budget_is_shared_by_all_trainings_and_seeds_take_the_same_steps(reviews, tmp_path):
    comparison = malmoi.compare(
        str(reviews), to=tmp_path / "runs", models=["rnn-last"], budget=4.0, seeds=2
    )
    reports = [open_run(tmp_path / "runs" / f"rnn-last{end}").report for end in ("", "-seed2")]
    assert all(0 < report["seconds"] < 30 for report in reports)
    recipes = [(tmp_path / "runs" / f"rnn-last{end}" / "recipe.toml") for end in ("", "-seed2")]
    first, second = (path.read_text().splitlines() for path in recipes)
    assert [a for a, b in zip(first, second, strict=True) if a != b] == ["seed = 1"]
    assert len(comparison.entries[0].trials) == 2


def test_language_models_have_seeds_too_and_counting_needs_one(tmp_path):
    data = tmp_path / "my.txt"
    data.write_text("".join(f"{a} {b} .\n" for a in WHO for b in WHAT for _ in range(2)))
    short = ["training.steps=4", "training.warmup=0"]
    folder = tmp_path / "runs"
    comparison = malmoi.compare(str(data), to=folder, models=["ngram"], seeds=2)
    assert comparison.entries[0].trials == ()
    *_, last = comparing(str(data), to=folder, models=["ngram", "elman"], seeds=3, overrides=short)
    counted, elman = last.comparison.entries
    assert counted.trials == ()
    reached = [trial.test.perplexity for trial in elman.trials]
    assert len(set(reached)) == 3
    assert elman.test.perplexity == statistics.fmean(reached)
    assert math.isfinite(elman.test.bits_per_character)


def test_models_of_different_tasks_are_refused_by_name(reviews, tmp_path):
    with pytest.raises(UsageError) as refused:
        list(comparing(str(reviews), to=tmp_path, models=["bow", "lstm", "rnn-max", "bilstm"]))
    assert refused.value.where == (
        "language-modelling: lstm",
        "classification: bow, rnn-max",
        "tagging: bilstm",
    )


def test_models_that_do_not_learn_from_the_data_are_refused(reviews, tmp_path):
    with pytest.raises(DataError, match="bilstm learns from sentences with a tag at each word"):
        list(comparing(str(reviews), to=tmp_path, models=["bilstm"]))
    with pytest.raises(UsageError, match="there is no model 'rnn-mix'"):
        list(comparing(str(reviews), to=tmp_path, models=["rnn-mix", "rnn-max"]))
    with pytest.raises(UsageError, match="1 to 100 seeds, not 0"):
        list(comparing(str(reviews), to=tmp_path, models=["bow"], seeds=0))


def test_without_a_choice_the_models_are_those_for_the_data(reviews, names, tmp_path):
    classifiers = ("bow", "rnn-last", "rnn-mean", "rnn-max", "rnn-attention", "selfattentive")
    assert suited(find(reviews)) == classifiers
    assert suited(find(names)) == ("rnn", "bilstm", "bilstm-crf")
    assert suited(find("toy-ko")) == ("ngram", "nplm", "elman", "gru", "lstm", "charcnn", "gpt")
    documents = tmp_path / "documents.tsv"
    rows = [
        f"{who} came. {what} was there! Was it good? It was.\t{k % 2}"
        for k, (who, what) in enumerate(itertools.product(WHO, WHAT))
    ]
    documents.write_text("text\tlabel\n" + "\n".join(rows) + "\n", encoding="utf-8")
    assert suited(find(documents)) == (*classifiers, "han")


def test_texts_with_several_labels_are_ordered_by_micro_f1(tmp_path):
    data = tmp_path / "several.jsonl"
    rows = [
        {"text": f"{who} {mood} {n}", "label": ["cat", *extra] if "cat" in who else extra}
        for who in WHO
        for n in range(12)
        for mood, extra in (("재미", ["fun"]), ("지루", []), ("둘 다", ["fun", "long"]))
    ]
    data.write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in rows), encoding="utf-8")
    comparison = malmoi.compare(str(data), to=tmp_path / "runs", models=["bow"])
    assert comparison.ground.headline == "micro_f1"
    (entry,) = comparison.entries
    reader = malmoi.load(tmp_path / "runs" / "bow")
    examples = list(find(data).examples("test"))
    said = [set(a.labels) for a in reader.classify([e.text for e in examples])]
    pairs = list(zip([set(e.labels) for e in examples], said, strict=True))
    tp, fp, fn = (
        sum(len(f(a, b)) for a, b in pairs)
        for f in (lambda a, b: a & b, lambda a, b: b - a, lambda a, b: a - b)
    )
    assert entry.test.micro_f1 == pytest.approx(2 * tp / (2 * tp + fp + fn))
    assert entry.test.exact == pytest.approx(np.mean([a == b for a, b in pairs]))
    assert entry.reading.confusion == ()
