"""The model card: what a stranger must know about a run, in its README.md."""

import math
from collections.abc import Mapping
from typing import Any

from malmoi.ladder import of_kind
from malmoi.recipe import Recipe, kind_of
from malmoi.tasks.tagging import Tagging
from malmoi.version import __version__

COLUMNS = {
    "language-modelling": {
        "perplexity": "perplexity",
        "bits_per_character": "bits per character",
        "events": "tokens",
        "oov": "of them unknown",
    },
    "classification": {
        "accuracy": "accuracy",
        "macro_f1": "macro F1",
        "micro_f1": "micro F1",
        "calibration_error": "calibration error",
        "examples": "texts",
    },
    "tagging": {"f1": "entity F1", "accuracy": "accuracy", "words": "words"},
    "translation": {
        "bleu": "BLEU",
        "chrf": "chrF2",
        "bleu_characters": "BLEU of characters",
        "exact": "to the letter",
        "perplexity": "perplexity",
        "events": "tokens",
    },
    "word-vectors": {
        "spearman": "rank correlation of similarity",
        "pairs": "pairs",
        "analogies": "analogies",
        "questions": "questions",
    },
}
SCORED = {
    "language-modelling": "Every token and one end of each line are scored, `<unk>` as an "
    "ordinary token; the beginning of a line is not.",
    "classification": "Every text of a split is scored once; a label that training has not seen "
    "counts as wrong.",
    "tagging": "Every word of a split is scored once; an entity counts if both its ends and its "
    "label are right.",
    "translation": "Every pair of a split is scored once; BLEU and chrF are of the model's own "
    "translations, beside all that people wrote of a source.",
    "word-vectors": "Pairs and questions with a word that has no vector are left out.",
}
UNMEASURED = {
    "language-modelling": "It has scores, but no perplexity: they do not sum to 1.",
    "word-vectors": "Nothing has measured them; `malmoi vectors . evaluate` does.",
}
NOUN = {
    "language-modelling": "a language model",
    "classification": "a classifier",
    "tagging": "a tagger",
    "translation": "a translator",
    "word-vectors": "word vectors",
}
USE = {
    "language-modelling": (
        'malmoi generate . --prompt "…"',
        "malmoi score . < sentences.txt",
        "malmoi evaluate . --data other.txt",
    ),
    "classification": ('malmoi classify . "…"', "malmoi evaluate . --data other.tsv"),
    "tagging": ("malmoi tag . < sentences.txt", "malmoi evaluate . --data other.conllu"),
    "translation": (
        "malmoi translate . < in.txt > out.txt",
        "malmoi evaluate . --data other.tsv",
        "malmoi score . --pairs other.tsv",
    ),
    "word-vectors": ('malmoi vectors . nearest "…"', "malmoi vectors . export -o vectors.txt"),
}


def card(recipe: Recipe, report: Mapping[str, Any]) -> str:
    """A page of Markdown: what it is, what it reached, how it was made, how it is used."""
    kind, task = kind_of(recipe.model), kind_of(recipe.task)
    found = {split: m for split in ("valid", "test") if (m := report.get(split))}
    shown = {k: title for k, title in COLUMNS[task].items() if any(k in m for m in found.values())}
    notes = [*report["data_announcements"], *report["announcements"]]
    table = [
        f"| split | {' | '.join(shown.values())} |",
        f"|{'---|' * (len(shown) + 1)}",
        *(
            f"| {split} | {' | '.join(_figure(k, m[k]) if k in m else '–' for k in shown)} |"
            for split, m in found.items()
        ),
    ]
    return "\n".join(
        [
            f"# {kind}, {NOUN[task]} of {recipe.task.data}",
            "",
            f"A {kind} ({of_kind(kind).paper}), trained by malmoi {__version__} on "
            f"`{recipe.task.data}`, {_cut(recipe)}, {report['vocabulary']:,} types, "
            f"{report['parameters']:,} parameters.",
            "",
            *(table if found else [UNMEASURED[task]]),
            "",
            SCORED[task],
            "",
            *(f"- {said}" for said in _signatures(found)),
            *([""] if _signatures(found) else []),
            *([f"Labels: {', '.join(report['labels'])}.", ""] if "labels" in report else []),
            *(f"- {note}" for note in notes),
            *([""] if notes else []),
            f"Trained in {report['seconds']:,.0f} s at {report['tokens_per_second']:,.0f} "
            f"{'texts' if task == 'classification' else 'tokens'} a second ({report['machine']}).",
            "",
            "## Use",
            "",
            "```",
            *USE[task],
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


def _cut(recipe: Recipe) -> str:
    """What a token of it is."""
    return "token = word" if isinstance(recipe.task, Tagging) else f"token = {recipe.task.tokens}"


def _signatures(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """By which rules translations were compared with references."""
    names = {"bleu": "BLEU", "chrf": "chrF2", "bleu_characters": "BLEU of characters"}
    said = {
        f"{title}: `{measures[f'{name}_signature']}`, beam {measures['beam']}": None
        for measures in found.values()
        for name, title in names.items()
        if f"{name}_signature" in measures
    }
    return list(said)


def _figure(name: str, value: float | int | str) -> str:
    number = float(value)
    if math.isinf(number):
        return "∞"
    if name in ("events", "examples", "oov", "words", "pairs", "questions"):
        return f"{number:,.0f}"
    if name in ("accuracy", "f1", "macro_f1", "micro_f1", "analogies", "exact"):
        return f"{100 * number:.2f} %"
    return f"{number:,.4g}" if number < 10 else f"{number:,.2f}"
