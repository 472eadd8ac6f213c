"""What the table and the page show of classifiers and taggers."""

import dataclasses
import re
import xml.etree.ElementTree as ET
from collections import Counter

import pytest
from pydantic import ValidationError

from malmoi.comparison.fair import best, judge, ranked
from malmoi.comparison.report import report
from malmoi.comparison.report.confusion import MOST
from malmoi.comparison.report.labels import hardest
from malmoi.comparison.result import Answer, from_json
from tests.comparison.made_up_readers import KINDS, LABELS, entities, labelled
from tests.comparison.test_report import HOSTILE, Page
from tests.comparison.test_table import printed, row


def change(comparison, name, **changes):
    """The comparison with the ground of one entry changed."""
    ground = dataclasses.replace(comparison.ground, **changes)
    entries = [
        dataclasses.replace(e, ground=ground) if e.name == name else e for e in comparison.entries
    ]
    return dataclasses.replace(comparison, entries=tuple(entries))


@pytest.mark.parametrize("made", [labelled, entities])
def test_what_is_read_is_what_was_written(made):
    assert from_json(made().to_json()) == made()


def test_higher_is_better_where_it_is():
    assert [entry.name for entry in ranked(labelled())] == ["rnn-max", "rnn-last", "bow"]
    assert best(entities()).name == "bilstm-crf"


def test_of_two_that_are_alike_none_is_the_best():
    made = labelled()
    twin = dataclasses.replace(best(made), name="twin")
    assert best(dataclasses.replace(made, entries=(*made.entries, twin))) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"held_out": "00" * 32}, "two texts both called banking77"),
        ({"labels": LABELS[1:]}, "decide between different labels"),
        ({"column": "xpos"}, "give tags of different columns (, xpos)"),
        ({"headline": "f1"}, "are judged by different figures (accuracy, entity F1)"),
        ({"unit": "words"}, "are measured by different units (texts, words)"),
    ],
)
def test_another_question_is_not_compared(changes, reason):
    verdict = judge(change(labelled(), "bow", **changes))
    assert verdict.figures == ()
    assert reason in verdict.reasons[0]
    assert best(change(labelled(), "bow", **changes)) is None


def test_accuracy_compares_whatever_the_tokens_are():
    other = change(labelled(), "bow", tokenisation="jamo", vocabulary=80)
    assert judge(other) == judge(labelled())
    assert judge(other).order == "accuracy"


def test_the_table_shows_means_deviations_and_the_commonest_label():
    text = printed(labelled(), 140)
    assert " ".join(row(text, "rnn-max").split()) == (
        "▸ rnn-max 400 k 32 s 9,300 93.00 ± 1.00 92.00 ± 0.50 90.00 5.00 1.60 MB"
    )
    assert " ".join(row(text, "commonest").split()) == "commonest label 1.30 0.03 –"
    said = " ".join(text.split())
    assert "banking77, words: 77 labels; 2,600 types; 9,000 train, 1,003 dev, 3,080 test" in said
    assert "Figures are means of 3 seeds; ± is their standard deviation." in said
    assert (
        "rnn-max is not better than rnn-last beyond chance: by 1.00 points of accuracy, 95 % of "
        "the draws between −0.20 and 2.20 (p = 0.21)." in said
    )
    assert "not better than bow" not in said
    assert f"commonest label: no model, but “{LABELS[0]}” every time" in said


@pytest.mark.parametrize("width", [30, 44, 60, 80])
def test_a_narrow_terminal_keeps_the_figure_that_counts(width):
    text = printed(labelled(), width)
    for figure in ("92.00 ± 0.50", "91.00 ± 0.50", "81.00 ± 0.50"):
        assert figure in text
    assert "left out for want of room" in " ".join(text.split())


def test_a_figure_that_no_model_has_is_no_column():
    entries = tuple(
        dataclasses.replace(e, test=dataclasses.replace(e.test, calibration_error=None))
        for e in labelled().entries
    )
    assert "calibration" in printed(labelled(), 140)
    assert "calibration" not in printed(dataclasses.replace(labelled(), entries=entries), 140)


def test_many_labels_are_shown_as_those_that_are_confused_most():
    page = Page(report(labelled()))
    assert len(page.all("table", "matrix")) == 1
    cells = [at["title"] for at, _ in page.all("td") if " called " in at.get("title", "")]
    shown = {title.split(" called ")[0] for title in cells}
    assert len(shown) <= MOST
    best_reading = labelled().entries[2].reading
    worst = max((c for c in best_reading.confusion if c.true != c.said), key=lambda c: c.times)
    assert {worst.true, worst.said} <= shown
    counted = Counter()
    for title in cells:
        true, said, times, total = re.fullmatch(r"(.*) called (.*): (\d+) of (\d+)", title).groups()
        known = sum(c.times for c in best_reading.confusion if (c.true, c.said) == (true, said))
        assert total == "40"
        assert said == "another label" or int(times) == known
        counted[true] += int(times)
    assert set(counted.values()) == {40}  # a row is all of what has the label
    assert "of the 77 labels" in page.all("p", "lead")[2][1]
    assert len(page.all("div", "label")) == 12


def test_pairs_are_kept_whole_and_the_commonest_first():
    pairs = [("a", "b", 9), ("c", "d", 8), ("e", "b", 7), ("a", "a", 99), ("f", "", 6)]
    assert hardest(pairs, "fedcba", 4) == ["d", "c", "b", "a"]
    assert hardest(pairs, "fedcba", 3) == ["f", "e", "b", "a"][1:]
    assert hardest(pairs, "fedcba", 9) == list("fedcba")


def test_right_and_wrong_have_a_sign_and_a_word():
    page = Page(report(labelled()))
    signs = [(at["aria-label"], text) for at, text in page.all("span", "sign")]
    # best first: rnn-max, rnn-last, bow; the first text, then the second
    yes, no = ("right", "✓"), ("wrong", "✗")
    assert signs == [yes, yes, no, no, yes, yes]
    assert [text for _, text in page.all("span", "value")][-6:] == [
        "97 %", "52 %", "41 %", "81 %", "66 %", "35 %",
    ]  # fmt: skip
    assert page.all("blockquote")[1][0]["lang"] == "ko"


def test_words_that_are_disputed_say_what_each_model_said():
    page = Page(report(entities()))
    disputed = [text for _, text in page.all("span", "disputed")]
    assert disputed == [
        "AdaB-person✓bilstm-crfB-person✗rnnB-group",
        "김민수B-person✓bilstm-crfB-person✗rnnO",
    ]
    assert len(page.all("span", "word")) == 4
    assert "2 of 4 tags right" in page.all("ul", "given")[0][1]


def test_entities_are_missed_and_made_up():
    page = Page(report(entities()))
    worst = [text for _, text in page.all("ul", "pairs")]
    assert worst == ["11 ×group missed7 ×person made up5 ×group called person"]
    titles = {at["title"] for at, _ in page.all("td") if "title" in at}
    assert {"group called no entity: 11 of 50", "group called person: 5 of 50"} <= titles
    assert "bilstm-crf found the entities" in page.all("header")[0][1]
    assert len(page.all("div", "label")) == len(KINDS)


def test_the_page_says_what_chance_would_make_of_it():
    page = Page(report(labelled()))
    ((_, table),) = page.all("table", "chance")
    assert "rnn-last1.00−0.20 … 2.20may be: p = 0.21" in table
    assert "bow11.009.00 … 13.00hardly: p < 0.001" in table
    assert "Its lead over rnn-last may be chance." in page.all("header")[0][1]


def test_curves_and_diagrams_are_well_formed_and_every_seed_is_drawn():
    pictures = re.findall(r"<svg.*?</svg>", report(labelled()), re.DOTALL)
    drawn = [ET.fromstring(picture) for picture in pictures]
    charts = [p for p in drawn if p.get("class") == "chart"]
    assert len(charts) == 2
    for chart in charts:
        lines = [e.get("class") for e in chart.iter() if "line" in e.get("class", "").split()]
        assert len(lines) == 9
        assert sum("other" in line.split() for line in lines) == 6
        assert "91.00" in " ".join(chart.itertext()) or "84.75" in " ".join(chart.itertext())
    squares = [p for p in drawn if "square" in p.get("class", "")]
    assert [len([e for e in p.iter() if e.tag == "circle"]) for p in squares] == [11] * 3


@pytest.mark.parametrize("made", [labelled, entities])
def test_the_page_asks_nothing_of_the_network_and_no_label_becomes_markup(made):
    text = made().to_json().replace("label_3", "HOSTILE").replace("person", "HOSTILE")
    attacked = report(
        from_json(text.replace("HOSTILE", HOSTILE.replace('"', '\\"').replace("\x00", "")))
    )
    plain = Page(report(made()))
    page = Page(attacked)
    assert {name for name, _, _ in page.found} <= {name for name, _, _ in plain.found}
    assert len(page.all("script")) == 1
    assert not any(key.startswith("on") or key == "style" for _, at, _ in page.found for key in at)
    assert not any({"src", "href"} & set(at) for _, at, _ in page.found)


def test_answers_must_fit_their_examples():
    made = entities()
    entry = made.entries[0]
    for answers, said in (
        ((), None),
        ((Answer(("O",) * 3),), "3 tags for 4 words"),
        ((Answer(("O",) * 4),) * 2, "2 answers to 1 examples"),
    ):
        reading = dataclasses.replace(entry.reading, answers=answers)
        changed = (dataclasses.replace(entry, reading=reading), made.entries[1])
        if said is None:
            dataclasses.replace(made, entries=changed)
            continue
        with pytest.raises(ValidationError, match=said):
            dataclasses.replace(made, entries=changed)
