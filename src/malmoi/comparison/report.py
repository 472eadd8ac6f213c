"""The report: one HTML file that shows a comparison, and asks nothing of the network.

    Path("report.html").write_text(report(comparison), encoding="utf-8")

Everything is inside: the style sheet, the pictures (SVG), a few lines of script without which
nothing is missing.  A content security policy names their hashes, so that a browser runs and loads
nothing else, whatever the text that was modelled contains.
"""

import base64
import hashlib
import re
from importlib import resources

from malmoi.comparison import figures
from malmoi.comparison.curves import curves
from malmoi.comparison.fair import best, judge, ranked
from malmoi.comparison.result import Comparison, Entry
from malmoi.comparison.strips import LEGEND, strips
from malmoi.comparison.table import TEST, Column, columns, notes, ranks
from malmoi.explain.draw import Markup, escape, join, tag

MEANINGS = (
    (
        "perplexity",
        "How many tokens the model hesitates between, on average, at each step: the exponential of "
        "the mean surprise. Every token and every end of a line is scored, <unk> among them; the "
        "beginning of a line is not. Lower is better. It is a figure per token: compare it only "
        "where the text was cut in the same way.",
    ),
    (
        "bits per character, per byte",
        "The same surprise spread over the characters (the end of a line is one) or the UTF-8 "
        "bytes of the test text, so that it does not matter how the text was cut.",
    ),
    (
        "dev, test",
        "Dev is the held-out text that training may look at to stop or to choose; test was not "
        "looked at before the end. The order is by test.",
    ),
    (
        "parameters",
        "The numbers a network has learnt; for an n-gram, the probabilities and back-off weights "
        "it keeps.",
    ),
    ("training time, tokens/s", "Wall clock on the machine below, and how fast text was read."),
    ("on disk", "What must be kept in order to use the model, in powers of ten."),
    (
        "surprisal",
        "The negative logarithm of the probability that the model gave to the token that came. "
        "One bit is a coin's worth; 10 bits one chance in 1,024.",
    ),
)


def report(comparison: Comparison) -> str:
    """The whole page."""
    style, script = _own("report.css"), _own("report.js")
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
            _table(comparison),
            curves(comparison),
            _surprises(comparison),
            _samples(comparison),
            _meanings(comparison),
            _again(comparison),
        ),
        tag("script", None, script),
    )
    return f"<!doctype html>\n{tag('html', {'lang': 'en'}, head, body)}\n"


def _opening(comparison: Comparison) -> Markup:
    """What was compared, and what came of it, before any table."""
    grounds = list(dict.fromkeys(comparison.ground_of(entry) for entry in comparison.entries))
    facts = [
        tag(
            "li",
            None,
            _user("strong", figures.unit(ground.tokenisation)),
            f" · {ground.vocabulary:,} types · {ground.train:,} train, {ground.dev:,} dev, "
            f"{ground.test:,} test tokens"
            + (f", {ground.unknown:,} of them unknown" if ground.unknown else ""),
        )
        for ground in grounds or [comparison.ground]
    ]
    names = list(dict.fromkeys(g.data for g in grounds)) or [comparison.ground.data]
    return tag(
        "header",
        None,
        tag("p", {"class": "mark"}, "malmoi", tag("span", {"lang": "ko"}, "말모이")),
        _user("h1", ", ".join(names)),
        tag("p", {"class": "finding"}, _finding(comparison)),
        tag("ul", {"class": "facts"}, *facts),
    )


def _finding(comparison: Comparison) -> Markup:
    first = best(comparison)
    if first is None or first.test is None:
        return join([f"{len(comparison.entries)} models, side by side."])
    name = _user("strong", first.name)
    if not judge(comparison).perplexity:
        value = tag("strong", None, figures.bits(first.test.bits_per_character))
        return join([name, " foresaw the test text best: ", value, " bits per character."])
    value = tag("strong", None, figures.perplexity(first.test.perplexity))
    limit = comparison.ground.limit
    end = f" The language itself reaches {figures.perplexity(limit)}." if limit is not None else ""
    return join([name, " foresaw the test text best, with perplexity ", value, f".{end}"])


def _table(comparison: Comparison) -> Markup:
    shown, order, first = columns(comparison), ranks(comparison), best(comparison)
    head = [tag("th", {"scope": "col", "class": _side(c, order)}, *_lines(c.title)) for c in shown]
    rows = []
    for entry in ranked(comparison):
        aside = [
            _user("span", c.aside.format(cell))
            for c in shown
            if c.aside and (cell := c.cell(entry)) != "–"
        ]
        name = tag(
            "th",
            {"scope": "row"},
            _named(comparison, entry, "best" if entry is first else ""),
            _user("span", entry.description, "about"),
            tag("span", {"class": "aside"}, *aside),
        )
        cells = [_user("td", c.cell(entry), _side(c, order)) for c in shown[1:]]
        rows.append(tag("tr", {"class": "first"} if entry is first else None, name, *cells))
    limit = comparison.ground.limit
    if limit is not None and judge(comparison).perplexity:
        cells = [
            tag(
                "td",
                {"class": _side(c, order)},
                figures.perplexity(limit) if c.title == TEST else "",
            )
            for c in shown[1:]
        ]
        name = tag("th", {"scope": "row"}, "the limit")
        rows.append(tag("tr", {"class": "limit"}, name, *cells))
    said = [_user("li", note) for note in notes(comparison)]
    return tag(
        "section",
        None,
        tag("h2", None, "The models"),
        tag(
            "table",
            {"class": "models" if judge(comparison).perplexity else "models bits"},
            tag("thead", None, tag("tr", None, *head)),
            tag("tbody", None, *rows),
        ),
        tag("ul", {"class": "notes"}, *said) if said else "",
    )


def _surprises(comparison: Comparison) -> Markup:
    drawn = strips(comparison, lambda entry: _named(comparison, entry))
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
                {"class": "sample", "dir": "auto", **_language(s)},
                *_after(comparison.prompt, s),
            )
            for s in entry.samples
        ]
        if texts:
            cards.append(
                tag("div", {"class": "card"}, tag("h3", None, _named(comparison, entry)), *texts)
            )
    lead = [_user("q", comparison.prompt), " and what each model writes after it."]
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


def _meanings(comparison: Comparison) -> Markup:
    said = [
        tag("div", None, tag("dt", None, word), tag("dd", None, text)) for word, text in MEANINGS
    ]
    return tag("section", None, tag("h2", None, "What the figures mean"), tag("dl", None, *said))


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
        _user("p", " · ".join(part for part in made if part), "made"),
        tag("p", {"class": "made"}, "held-out text, SHA-256 ", tag("code", None, digest))
        if digest
        else "",
    )


def _named(comparison: Comparison, entry: Entry, mark: str = "") -> Markup:
    """A model's name with its colour, the same everywhere on the page."""
    colour = comparison.entries.index(entry) % 8
    dot = tag("i", {"class": f"key c{colour}"})
    after = [" ", tag("span", {"class": "best"}, mark)] if mark else []
    return tag("span", {"class": "name", **_language(entry.name)}, dot, entry.name, *after)


def _user(name: str, text: str, kind: str = "") -> Markup:
    """An element around text that is not ours."""
    return tag(name, {**({"class": kind} if kind else {}), **_language(text)}, text)


def _language(text: str) -> dict[str, str]:
    """Hangul is Korean: the browser then chooses the right font and breaks lines at spaces."""
    return {"lang": "ko"} if re.search(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]", text) else {}


def _side(column: Column, order: str) -> str:
    side = "text" if column.title in ("model", "read") else "number"
    return f"{side} keep{column.keep}{' order' if column.title == order else ''}"


def _lines(title: str) -> list[Markup]:
    first, *rest = title.split("\n")
    return [escape(first), *(join([tag("br"), line]) for line in rest)]


def _own(name: str) -> Markup:
    """A part of the page that is ours and stands beside this file."""
    return Markup(resources.files("malmoi.comparison").joinpath(name).read_text(encoding="utf-8"))


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
