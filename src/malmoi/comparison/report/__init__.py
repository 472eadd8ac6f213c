"""The report: one HTML file that shows a comparison, and asks nothing of the network.

    Path("report.html").write_text(report(comparison), encoding="utf-8")

Everything is inside: the style sheet, the pictures (SVG), a few lines of script without which
nothing is missing.  A content security policy names their hashes, so that a browser runs and loads
nothing else, whatever the text that was modelled contains.
"""

import base64
import hashlib
from importlib import resources

from malmoi.comparison import figures
from malmoi.comparison.fair import best, judge, ranked, rivals
from malmoi.comparison.measures import FIGURES, Foreseen, value
from malmoi.comparison.report.answers import answers
from malmoi.comparison.report.calibration import calibration
from malmoi.comparison.report.chance import chance
from malmoi.comparison.report.confusion import confusion
from malmoi.comparison.report.curves import curves
from malmoi.comparison.report.labels import labels
from malmoi.comparison.report.meanings import meanings
from malmoi.comparison.report.parts import language, named, user
from malmoi.comparison.report.strips import LEGEND, strips
from malmoi.comparison.report.table import table
from malmoi.comparison.report.translations import alignments, translations
from malmoi.comparison.result import Comparison
from malmoi.comparison.table import facts, level_of
from malmoi.explain.draw import Markup, escape, join, tag
from malmoi.explain.page import own as drawing

FOUND = {
    "perplexity": (" foresaw the test text best, with perplexity ", "."),
    "bits_per_character": (" foresaw the test text best: ", " bits per character."),
    "accuracy": (" was right most often: in ", " % of the test {unit}."),
    "micro_f1": (" labelled the test texts best: micro F1 ", " %."),
    "bleu": (" translated the test text best: BLEU ", "."),
    "f1": (" found the entities of the test sentences best: F1 ", " %."),
}
"""What the best model did, before and after its figure."""


def report(comparison: Comparison) -> str:
    """The whole page."""
    style, script = _own("report.css"), _own("report.js")
    style = Markup(style + drawing("figure.css"))
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    title = f"{comparison.ground.data} – models compared"
    head = tag(
        "head",
        None,
        tag("meta", {"charset": "utf-8"}),
        tag("meta", {"http-equiv": "Content-Security-Policy", "content": policy}),
        tag("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        tag("meta", {"name": "color-scheme", "content": "light dark"}),
        tag("title", None, title),
        tag("style", None, style),
    )
    body = tag(
        "body",
        None,
        tag(
            "main",
            None,
            _opening(comparison),
            table(comparison),
            chance(comparison),
            curves(comparison),
            _surprises(comparison),
            _samples(comparison),
            labels(comparison),
            confusion(comparison),
            calibration(comparison),
            answers(comparison),
            translations(comparison),
            alignments(comparison),
            meanings(comparison),
            _again(comparison),
        ),
        tag("script", None, script),
    )
    return f"<!doctype html>\n{tag('html', {'lang': 'en'}, head, body)}\n"


def _opening(comparison: Comparison) -> Markup:
    """What was compared, and what came of it, before any table."""
    grounds = list(dict.fromkeys(comparison.ground_of(entry) for entry in comparison.entries))
    told = [
        tag(
            "li",
            None,
            user("strong", figures.unit(ground.tokenisation)),
            *(f" · {fact}" for fact in facts(ground, ", {} of them unknown")),
        )
        for ground in grounds or [comparison.ground]
    ]
    names = list(dict.fromkeys(g.data for g in grounds)) or [comparison.ground.data]
    return tag(
        "header",
        None,
        tag("p", {"class": "mark"}, "malmoi", tag("span", {"lang": "ko"}, "말모이")),
        user("h1", ", ".join(names)),
        tag("p", {"class": "finding"}, _finding(comparison)),
        tag("ul", {"class": "facts"}, *told),
    )


def _finding(comparison: Comparison) -> Markup:
    first, order = best(comparison), judge(comparison).order
    reached = value(first.test, order) if first else None
    if first is None or reached is None:
        return join([f"{len(comparison.entries)} models, side by side."])
    before, after = FOUND[order]
    shown = tag("strong", None, FIGURES[order].form(reached))
    after = after.format(unit=comparison.ground.unit)
    said = [user("strong", first.name), before, shown, after, _beside(comparison)]
    if others := rivals(comparison):
        worse = f" Its lead over {' and '.join(d.other for d in others)} may be chance."
        said.append(user("span", worse))
    return join(said)


def _beside(comparison: Comparison) -> str:
    """What is reached without a model."""
    level = level_of(comparison)
    if level is None:
        return ""
    figure = FIGURES[comparison.ground.headline]
    reached = value(level.test, figure.name)
    if isinstance(level.test, Foreseen) and reached is not None:
        return f" The language itself reaches {figure.form(reached)}."
    return "" if not reached else f" The commonest label alone gives {figure.form(reached)} %."


def _surprises(comparison: Comparison) -> Markup:
    drawn = strips(comparison, lambda entry: named(comparison, entry))
    if not drawn:
        return Markup()
    return tag(
        "section",
        None,
        tag("h2", None, "Where they were surprised"),
        tag(
            "p",
            {"class": "lead"},
            "Held-out sentences, one row a model. The stronger its colour, the less the model had "
            "expected a token. Point at one for its figures.",
        ),
        LEGEND,
        *drawn,
    )


def _samples(comparison: Comparison) -> Markup:
    if not any(entry.samples for entry in comparison.entries):
        return Markup()
    cards = []
    for entry in ranked(comparison):
        texts = [
            tag(
                "p",
                {"class": "sample", "dir": "auto", **language(s)},
                *_after(comparison.prompt, s),
            )
            for s in entry.samples
        ]
        if texts:
            cards.append(
                tag("div", {"class": "card"}, tag("h3", None, named(comparison, entry)), *texts)
            )
    lead = [user("q", comparison.prompt), " and what each model writes after it."]
    return tag(
        "section",
        None,
        tag("h2", None, "What they write"),
        tag("p", {"class": "lead"}, *(lead if comparison.prompt else ["From the beginning."])),
        tag("div", {"class": "cards"}, *cards),
    )


def _after(prompt: str, sample: str) -> list[Markup]:
    if prompt and sample.startswith(prompt):
        return [tag("span", {"class": "prompt"}, prompt), escape(sample[len(prompt) :])]
    return [escape(sample)]


def _again(comparison: Comparison) -> Markup:
    made = [
        f"malmoi {comparison.version}" if comparison.version else "malmoi",
        comparison.machine,
        comparison.date,
    ]
    digest = comparison.ground.held_out
    return tag(
        "section",
        {"class": "again"},
        tag("h2", None, "Make it again"),
        tag("pre", None, tag("code", None, "\n".join(comparison.commands)))
        if comparison.commands
        else "",
        user("p", " · ".join(part for part in made if part), "made"),
        tag("p", {"class": "made"}, "held-out text, SHA-256 ", tag("code", None, digest))
        if digest
        else "",
    )


def _own(name: str) -> Markup:
    """A part of the page that is ours and stands beside this file."""
    return Markup(
        resources.files("malmoi.comparison.report").joinpath(name).read_text(encoding="utf-8")
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
