"""The model card: what a stranger must know about a run, in its README.md."""

import math
from collections.abc import Mapping
from typing import Any

from malmoi.ladder import LADDER
from malmoi.recipe import Recipe, kind_of
from malmoi.version import __version__


def card(recipe: Recipe, report: Mapping[str, Any]) -> str:
    """A page of Markdown: what it is, what it reached, how it was made, how it is used."""
    name = kind_of(recipe.model)
    paper = next(rung.paper for rung in LADDER if rung.name == name)
    rows = [
        f"| {split} | {_figure(m['perplexity'])} | {_figure(m['bits_per_character'])} "
        f"| {m['events']:,.0f} | {m['oov']:,.0f} |"
        for split in ("valid", "test")
        if (m := report.get(split))
    ]
    notes = [*report["data_announcements"], *report["announcements"]]
    table = [
        "| split | perplexity | bits per character | tokens | of them unknown |",
        "|---|---|---|---|---|",
        *rows,
    ]
    return "\n".join(
        [
            f"# {name}, a language model of {recipe.task.data}",
            "",
            f"A {name} ({paper}), trained by malmoi {__version__} on `{recipe.task.data}`, "
            f"token = {recipe.task.tokens}, {report['vocabulary']:,} types, "
            f"{report['parameters']:,} parameters.",
            "",
            *(table if rows else ["It has scores, but no perplexity: they do not sum to 1."]),
            "",
            "Every token and one end of each line are scored, `<unk>` as an ordinary token; the "
            "beginning of a line is not.",
            "",
            *(f"- {note}" for note in notes),
            *([""] if notes else []),
            f"Trained in {report['seconds']:,.0f} s at {report['tokens_per_second']:,.0f} "
            f"tokens a second ({report['machine']}).",
            "",
            "## Use",
            "",
            "```",
            'malmoi generate . --prompt "…"',
            "malmoi score . < sentences.txt",
            "malmoi evaluate . --data other.txt",
            "```",
            "",
            "## Limits",
            "",
            "It knows its training text and nothing else: what that text says wrongly, or about "
            "people, it may say again.",
            "",
            "## Recipe",
            "",
            "```toml",
            recipe.to_toml().rstrip(),
            "```",
            "",
        ]
    )


def _figure(value: float | str) -> str:
    number = float(value)
    return "∞" if math.isinf(number) else f"{number:,.4g}" if number < 10 else f"{number:,.2f}"
