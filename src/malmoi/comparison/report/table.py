"""The table of the page: what the terminal shows, with room for a few words on each model."""

from malmoi.comparison.fair import best, ranked
from malmoi.comparison.report.parts import lines, named, user
from malmoi.comparison.result import Comparison
from malmoi.comparison.table import Column, columns, level_of, notes, ordering
from malmoi.explain.draw import Markup, tag


def table(comparison: Comparison) -> Markup:
    """The section of the page."""
    shown, first = columns(comparison), best(comparison)
    sides = [_side(comparison, column) for column in shown]
    head = [
        tag("th", {"scope": "col", "class": side}, *lines(column.title))
        for column, side in zip(shown, sides, strict=True)
    ]
    rows = []
    for entry in ranked(comparison):
        aside = [
            user("span", column.aside.format(cell))
            for column in shown
            if column.aside and column.keep and (cell := column.cell(entry)) != "–"
        ]
        name = tag(
            "th",
            {"scope": "row"},
            named(comparison, entry, "best" if entry is first else ""),
            user("span", entry.description, "about"),
            tag("span", {"class": "aside"}, *aside),
        )
        cells = [
            user("td", column.cell(entry), side)
            for column, side in zip(shown[1:], sides[1:], strict=True)
        ]
        rows.append(tag("tr", {"class": "first"} if entry is first else None, name, *cells))
    if level := level_of(comparison):
        cells = [
            tag("td", {"class": side}, column.of(level.test))
            for column, side in zip(shown[1:], sides[1:], strict=True)
        ]
        name = user("th", level.name)
        rows.append(tag("tr", {"class": "limit"}, name, *cells))
    said = [user("li", note) for note in notes(comparison)]
    return tag(
        "section",
        None,
        tag("h2", None, "The models"),
        tag(
            "table",
            {"class": "models"},
            tag("thead", None, tag("tr", None, *head)),
            tag("tbody", None, *rows),
        ),
        tag("ul", {"class": "notes"}, *said) if said else "",
    )


def _side(comparison: Comparison, column: Column) -> str:
    side = "text" if column.title in ("model", "read") else "number"
    order = " order" if ordering(comparison, column) else ""
    return f"{side} keep{column.keep}{order}"
