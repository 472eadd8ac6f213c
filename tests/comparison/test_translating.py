"""Translators compared: one table and one page, by figures counted independently."""

import dataclasses
import itertools
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import sacrebleu

import malmoi
from malmoi.cli import run
from malmoi.comparison.fair import best, judge, ranked
from malmoi.comparison.report import report
from malmoi.comparison.result import from_json
from malmoi.comparison.run import Began, comparing, suited
from malmoi.comparison.translating import chosen
from malmoi.data.catalogue import find
from malmoi.errors import UsageError
from malmoi.recipe import Recipe
from malmoi.run import open_run
from malmoi.text import Bitext
from malmoi.training.events import Step
from tests.comparison.test_report import HOSTILE, Page
from tests.comparison.test_table import printed, row

SHORT = [
    "model.d=16", "training.steps=60", "training.warmup=0", "training.evaluate_every=30",
    "training.lr=0.03", "task.vocabulary=400", "model.dropout=0.0",
]  # fmt: skip
NAMES = ["sutskever", "bahdanau"]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "pairs.tsv"
    rows = [
        f"{who} {what} {where} <b>\t{wen} {was} {wo}"
        for (who, wen), (what, was), (where, wo) in itertools.product(
            (("우리는", "we"), ("그들은", "they"), ("너는", "you"), ("고양이가", "the cat")),
            (("본다", "see"), ("그린다", "draw"), ("원한다", "want"), ("찾는다", "look for")),
            (("오늘", "today"), ("지금", "now"), ("다시", "again"), ("여기", "here & there")),
        )
    ]
    path.write_text("source\ttarget\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def compared(pairs, tmp_path_factory) -> tuple[Path, list]:
    folder = tmp_path_factory.mktemp("runs") / "pairs"
    call = {"models": NAMES, "tokens": "words", "overrides": SHORT, "seeds": 2}
    return folder, list(comparing(str(pairs), to=folder, **call))


def test_every_model_learns_the_same_tokens_of_the_same_pairs(compared, pairs) -> None:
    folder, events = compared
    names = [e.name for e in events if isinstance(e, Began)]
    assert names == ["sutskever", "sutskever-seed2", "bahdanau", "bahdanau-seed2"]
    runs = [open_run(folder / name) for name in names]
    assert len({json.dumps(one.model["data"], sort_keys=True) for one in runs}) == 1
    assert len({str(Recipe.from_toml(one.recipe).task) for one in runs}) == 1
    vocabularies = [Bitext.load(one.text) for one in runs]
    assert len({tuple(b.source.vocabulary.types) for b in vocabularies}) == 1
    assert suited(find(pairs)) == (
        "sutskever", "cho", "bahdanau", "luong", "convs2s", "transformer",
    )  # fmt: skip


def test_the_figures_are_those_that_the_runs_report_and_sacrebleu_counts(compared, pairs) -> None:
    folder, events = compared
    comparison = events[-1].comparison
    assert from_json((folder / "comparison.json").read_text("utf-8")) == comparison
    assert judge(comparison).order == comparison.ground.headline == "bleu"
    test = list(find(pairs).paired("test"))
    for entry in comparison.entries:
        reports = [open_run(folder / f"{entry.name}{end}").report for end in ("", "-seed2")]
        assert entry.parameters == reports[0]["parameters"]
        for trial, told in zip(entry.trials, reports, strict=True):
            assert trial.test.bleu == told["test"]["bleu"]
            assert trial.test.perplexity == told["test"]["perplexity"]
            assert trial.test.whole == told["test"]["exact"]
        assert entry.test.chrf == pytest.approx(sum(t["test"]["chrf"] for t in reports) / 2)
        assert [point.step for point in entry.curve] == [30, 60]
        assert entry.curve[-1].dev < entry.curve[0].dev
        answers = malmoi.load(folder / entry.name).translate([p.source for p in test], beam=1)
        theirs = sacrebleu.corpus_bleu([a.text for a in answers], [[p.target for p in test]])
        assert entry.trials[0].test.bleu == pytest.approx(theirs.score)
    (difference,) = comparison.differences
    assert difference.better == best(comparison).name == ranked(comparison)[0].name
    low, high = difference.interval
    assert low <= difference.difference <= high


def test_what_is_shown_is_what_the_model_writes_and_where_it_looked(compared, pairs) -> None:
    folder, events = compared
    comparison = events[-1].comparison
    test = {p.source: p for p in find(pairs).paired("test")}
    assert comparison.originals
    for entry in comparison.entries:
        translator = malmoi.load(folder / entry.name)
        pictures = 0
        for original, rendering in zip(comparison.originals, entry.renderings, strict=True):
            assert original.references == (test[original.source].target,)
            assert rendering.text == translator.translate(original.source, beam=1).text
            if rendering.aligned:
                pictures += 1
                assert rendering.aligned.source == (
                    *original.source.split()[:3],
                    "<",
                    "b",
                    ">",
                    "</s>",
                )
                assert len(rendering.aligned.weights) == len(rendering.aligned.target)
                for weights in rendering.aligned.weights:
                    assert sum(weights) == pytest.approx(1, abs=1e-3)
        assert pictures == (2 if entry.name == "bahdanau" else 0)


def test_the_table_is_ordered_by_bleu_and_says_how_it_is_counted(compared) -> None:
    comparison = compared[1][-1].comparison
    text = printed(comparison, 160)
    lines = [line.split()[0:2] for line in text.splitlines() if line.split()[:2]]
    order = [n for words in lines for n in words if n in NAMES]
    assert order[:2] == [entry.name for entry in ranked(comparison)]
    for entry in comparison.entries:
        assert f"{entry.test.bleu:.2f}" in row(text, entry.name)
        assert f"{entry.test.perplexity:,.2f}" in row(text, entry.name)
    said = " ".join(text.split())
    assert "Translations are greedy." in said
    assert "BLEU nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp" in said
    assert "chrF nrefs:1" in said
    assert f"{comparison.ground.pairs} pairs to learn from" in said
    for width in (30, 60):  # the figure that counts stays
        narrow = printed(comparison, width)
        assert all(f"{entry.test.bleu:.2f}" in narrow for entry in comparison.entries)


def test_the_page_has_texts_side_by_side_pictures_and_curves(compared) -> None:
    comparison = compared[1][-1].comparison
    written = report(comparison)
    page = Page(written)
    headings = [text for _, text in page.all("h2")]
    for heading in ("How they learnt", "What they write", "Where they looked"):
        assert heading in headings
    assert headings.count("What they write") == 1
    quotes = [text for _, text in page.all("blockquote")]
    for original in comparison.originals:
        assert original.source in quotes
    assert len(page.all("svg", "fig")) == 2
    assert "translated the test text best: BLEU" in page.all("header")[0][1] or not best(comparison)
    assert not page.all("b")
    pictures = written.split("<svg")[1:]
    for picture in pictures:
        ET.fromstring("<svg" + picture.split("</svg>")[0] + "</svg>")


def test_no_text_of_a_user_becomes_markup(compared) -> None:
    comparison = compared[1][-1].comparison
    plain = Page(report(comparison))
    entries = tuple(
        dataclasses.replace(
            entry,
            renderings=tuple(
                r._replace(
                    text=HOSTILE,
                    aligned=r.aligned
                    and r.aligned._replace(
                        source=tuple(HOSTILE for _ in r.aligned.source),
                        target=tuple(HOSTILE for _ in r.aligned.target),
                    ),
                )
                for r in entry.renderings
            ),
        )
        for entry in comparison.entries
    )
    originals = tuple(
        o._replace(source=HOSTILE, references=(HOSTILE,)) for o in comparison.originals
    )
    ground = dataclasses.replace(comparison.ground, signatures=(HOSTILE,))
    changes = {"entries": entries, "originals": originals, "ground": ground}
    attacked = Page(report(dataclasses.replace(comparison, **changes)))
    assert {name for name, _, _ in attacked.found} <= {name for name, _, _ in plain.found}
    assert len(attacked.all("script")) == 1


def test_perplexities_of_other_tokens_are_left_out_and_bleu_is_not(compared) -> None:
    comparison = compared[1][-1].comparison
    first, *rest = comparison.entries
    other = dataclasses.replace(comparison.ground, tokenisation="jamo")
    entries = (dataclasses.replace(first, ground=other), *rest)
    mixed = dataclasses.replace(comparison, entries=entries)
    assert judge(mixed).order == "bleu"
    text = " ".join(printed(mixed, 160).split())
    assert "a perplexity is per token, so it is left out" in text
    assert f"{first.test.perplexity:,.2f}" not in text
    assert f"{first.test.bleu:.2f}" in text


def test_made_again_it_trains_nothing_and_finds_the_same(compared, pairs, capsys) -> None:
    folder, events = compared
    before = events[-1].comparison
    typed = ["compare", "--data", str(pairs), "--models", ",".join(NAMES), "--tokens", "words"]
    typed += ["--budget", "none", "--seeds", "2", "--to", str(folder), "--json", "-q"]
    for override in SHORT:
        typed += ["--set", override]
    assert run(typed) == 0
    again = from_json(capsys.readouterr().out)
    assert again.entries == before.entries
    assert again.differences == before.differences
    assert sum(isinstance(e, Step) for e in events) == 240


def test_translators_and_language_models_do_not_stand_in_one_table(pairs, tmp_path) -> None:
    with pytest.raises(UsageError, match="learn different things"):
        list(comparing(str(pairs), to=tmp_path, models=["luong", "gpt"]))


def test_sources_are_shown_on_which_the_models_disagree(compared) -> None:
    original = compared[1][-1].comparison.originals[0]
    many = [original._replace(source=f"a sentence {k}") for k in range(40)]
    one = [f"text {k}" for k in range(40)]
    other = [text if k % 4 else "another" for k, text in enumerate(one)]
    assert all(k % 4 == 0 for k in chosen(many, [one, other]))
    assert len(chosen(many, [one, other])) == 6
    assert chosen(many[:1], [["a"], ["a"]]) == [0]
