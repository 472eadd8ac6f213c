"""The one figure of several that a person asks for first."""

from collections.abc import Mapping

PERCENT = {"f1": "entity F1", "accuracy": "accuracy"}


def headline(measures: Mapping[str, float | int | str]) -> str:
    """`BLEU 40.21, chrF 58.30, perplexity 4.12`, `perplexity 113.11`, `accuracy 86.03 %`, …"""
    if "bleu" in measures:
        found = f"BLEU {float(measures['bleu']):.2f}, chrF {float(measures['chrf']):.2f}"
        return found + f", perplexity {float(measures['perplexity']):,.2f}"
    if "perplexity" in measures:
        return f"perplexity {float(measures['perplexity']):,.2f}"
    for name, title in PERCENT.items():
        if name in measures:
            return f"{title} {100 * float(measures[name]):.2f} %"
    return ", ".join(f"{name} {float(value):.4g}" for name, value in measures.items())
