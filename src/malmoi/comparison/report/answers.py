"""A few of the test examples, and what each model said of them; a sign tells right from wrong."""

from collections.abc import Sequence

from malmoi.comparison import figures
from malmoi.comparison.report.labels import read_by
from malmoi.comparison.report.parts import label, language, named, section, user
from malmoi.comparison.result import Answer, Comparison, Entry, Example
from malmoi.explain.draw import Markup, escape, join, shorten, tag

RIGHT, WRONG = "✓", "✗"
LONGEST = 260  # em of a text that are shown
Said = tuple[Entry, Answer]


def answers(comparison: Comparison) -> Markup:
    """The section of the page, or nothing where no example was kept."""
    models = [(e, reading) for e, reading in read_by(comparison) if reading.answers]
    if not models or not comparison.examples:
        return Markup()
    blocks = []
    for k, example in enumerate(comparison.examples):
        said = [(entry, reading.answers[k]) for entry, reading in models]
        blocks.append(
            _words(comparison, example, said) if example.words else _text(comparison, example, said)
        )
    lead = (
        "Test examples on which the models disagree, and some that all of them get wrong. "
        f"{RIGHT} is right, {WRONG} wrong."
    )
    if comparison.examples[0].words:
        lead += " Under a word its tag; where a model says another, what each of them says."
    return section("What they say", lead, *blocks)


def _text(comparison: Comparison, example: Example, said: Sequence[Said]) -> Markup:
    """A text, its label, and a line for each model."""
    shown = shorten(" ".join(example.text.split()), LONGEST)
    rows = [
        tag(
            "li",
            None,
            _sign(set(answer.labels) == set(example.labels)),
            named(comparison, entry),
            label(_labels(answer.labels), "span", "said"),
            tag("span", {"class": "value"}, _sure(answer)),
        )
        for entry, answer in said
    ]
    return tag(
        "div",
        {"class": "example"},
        tag("blockquote", {"dir": "auto", **language(shown)}, shown),
        tag("p", {"class": "truth"}, "true: ", label(_labels(example.labels), "strong")),
        tag("ul", {"class": "given"}, *rows),
    )


def _labels(labels: Sequence[str]) -> str:
    return ", ".join(labels) or "no label"


def _sure(answer: Answer) -> str:
    return "" if answer.probability is None else figures.probability(answer.probability)


def _words(comparison: Comparison, example: Example, said: Sequence[Said]) -> Markup:
    """A sentence word by word; under each its tag, and what was said instead."""
    stacks = []
    for t, (word, gold) in enumerate(zip(example.words, example.labels, strict=True)):
        given = [(entry, answer.labels[t]) for entry, answer in said]
        wrong = [
            tag("span", {"class": "tagged"}, _sign(found == gold), named(comparison, entry), found)
            for entry, found in given
        ]
        disputed = any(found != gold for _, found in given)
        quiet = gold == "O" and not disputed
        stacks.append(
            tag(
                "span",
                {"class": "word disputed" if disputed else "word"},
                user("span", "␣" if word.isspace() else word, "form"),
                tag("span", {"class": "gold"}, escape("\u00a0") if quiet else gold),
                *(wrong if disputed else []),
            )
        )
    counts = [
        tag(
            "li",
            None,
            _sign(answer.labels == example.labels),
            named(comparison, entry),
            tag("span", {"class": "said"}, _right(answer.labels, example.labels)),
        )
        for entry, answer in said
    ]
    return tag(
        "div",
        {"class": "example"},
        tag("p", {"class": "tagging", **language(example.text)}, join(stacks)),
        tag("ul", {"class": "given"}, *counts),
    )


def _right(said: Sequence[str], gold: Sequence[str]) -> str:
    right = sum(a == b for a, b in zip(said, gold, strict=True))
    return f"{right} of {len(gold)} tags right"


def _sign(right: bool) -> Markup:
    kind, word = ("yes", "right") if right else ("no", "wrong")
    sign = RIGHT if right else WRONG
    return tag("span", {"class": f"sign {kind}", "role": "img", "aria-label": word}, sign)
