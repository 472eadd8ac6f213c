"""The confusion matrix of the best model: what is true in rows, what was said in columns.

Columns are called by letters, so that labels of any length and number stay readable on a telephone;
of many labels those are shown that are confused most, and below, pair by pair, what for what.
"""

from collections.abc import Sequence

from malmoi.comparison.report.labels import hardest, read_by
from malmoi.comparison.report.parts import label, named, section
from malmoi.comparison.result import Comparison, Confused, Entry
from malmoi.explain.draw import Markup, escape, join, tag

WHOLE, MOST, PAIRS = 12, 10, 8
LETTERS = "abcdefghijklm"
SHADES = (0.005, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8)  # shares at which the shade changes
NOTHING = "no entity"


def confusion(comparison: Comparison) -> Markup:
    """The section of the page, or nothing where labels are not one of several."""
    models = read_by(comparison)
    if not models or not models[0][1].confusion:
        return Markup()
    entry, reading = models[0]
    known = comparison.ground.labels
    pairs = reading.confusion
    many = len(known) > WHOLE
    shown = hardest(pairs, known, MOST) if many else list(known)
    if any("" in (pair.true, pair.said) for pair in pairs):
        shown.append("")
    lead = "What it calls what: of each true label, the share that was given each, in %."
    if many:
        lead += (
            f" Shown are the {len([k for k in shown if k])} of {len(known):,} labels that are "
            "confused most; the last column is everything else."
        )
    return section(
        "What the best model confuses",
        join([named(comparison, entry), ". ", lead]),
        _matrix(shown, pairs, others=many),
        _worst(pairs, entry),
    )


def _matrix(shown: Sequence[str], pairs: Sequence[Confused], *, others: bool) -> Markup:
    counts = {(pair.true, pair.said): pair.times for pair in pairs}
    totals: dict[str, int] = {}
    for pair in pairs:
        totals[pair.true] = totals.get(pair.true, 0) + pair.times
    letters = dict(zip(shown, LETTERS, strict=False))
    head = [tag("td", {"class": "corner"}, "true ↓ said →")]
    head += [
        tag("th", {"scope": "col"}, tag("abbr", {"title": said or NOTHING}, letters[said]))
        for said in shown
    ]
    head += [tag("th", {"scope": "col"}, "else")] if others else []
    rows = []
    for true in shown:
        total = totals.get(true, 0)
        cells = [_cell(true, said, counts.get((true, said), 0), total) for said in shown]
        if others:
            rest = total - sum(counts.get((true, said), 0) for said in shown)
            cells.append(_cell(true, None, rest, total))
        name = tag(
            "th",
            {"scope": "row"},
            tag("span", {"class": "letter"}, letters[true]),
            label(true or NOTHING),
        )
        rows.append(tag("tr", None, name, *cells))
    return tag(
        "table",
        {"class": "matrix"},
        tag("thead", None, tag("tr", None, *head)),
        tag("tbody", None, *rows),
    )


def _cell(true: str, said: str | None, times: int, total: int) -> Markup:
    """One cell: a share of the row; the count is its title."""
    if true == said == "":
        return tag("td", {"class": "void"}, "·")  # nothing called nothing is not counted
    share = times / total if total else 0.0
    shade = sum(share >= edge for edge in SHADES)
    right = " right" if true == said else ""
    text = f"{100 * share:.0f}" if share >= 0.005 else "<1" if times else "0" if right else ""
    kind = f"s{shade}{right}" if said is not None else f"else s{shade}"
    said_of = "another label" if said is None else said or NOTHING
    title = f"{true or NOTHING} called {said_of}: {times:,} of {total:,}"
    return tag("td", {"class": kind, "title": title}, text)


def _spelt(pair: Confused) -> list[Markup]:
    if not pair.said:
        return [label(pair.true, "strong"), escape(" missed")]
    if not pair.true:
        return [label(pair.said, "strong"), escape(" made up")]
    return [label(pair.true, "strong"), escape(" called "), label(pair.said, "strong")]


def _worst(pairs: Sequence[Confused], entry: Entry) -> Markup:
    """The commonest confusions, spelt out."""
    wrong = sorted((p for p in pairs if p.true != p.said), key=lambda p: -p.times)[:PAIRS]
    if not wrong:
        return Markup()
    seeds = f" ({len(entry.trials)} seeds together)" if len(entry.trials) > 1 else ""
    items = [
        tag(
            "li",
            None,
            tag("span", {"class": "times"}, f"{pair.times:,} ×"),
            tag("span", None, *_spelt(pair)),
        )
        for pair in wrong
    ]
    return join(
        [
            tag("h3", {"class": "below"}, f"The commonest mistakes{seeds}"),
            tag("ul", {"class": "pairs"}, *items),
        ]
    )
