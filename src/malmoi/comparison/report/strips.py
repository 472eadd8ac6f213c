"""Surprisal strips: held-out sentences, token by token, one row a model."""

import math
import unicodedata
from collections.abc import Callable, Sequence

from malmoi.comparison import figures
from malmoi.comparison.fair import judge, ranked
from malmoi.comparison.result import Comparison, Entry, Said
from malmoi.explain.draw import Markup, join, tag
from malmoi.explain.strips import END, SHADES, shade


def strips(comparison: Comparison, named: Callable[[Entry], Markup]) -> list[Markup]:
    """One block a sentence; a row in it for each model that has surprisals."""
    blocks, alike = [], judge(comparison).order == "perplexity"
    for k, sentence in enumerate(comparison.sentences):
        rows = [
            _row(named(entry), sentence, entry.surprisals[k], alike)
            for entry in ranked(comparison)
            if entry.surprisals
        ]
        if rows:
            blocks.append(tag("div", {"class": "sentence"}, *rows))
    return blocks


def _row(name: Markup, sentence: str, said: Sequence[Said], alike: bool) -> Markup:
    """alike: all rows have the same tokens, so that a mean says something."""
    total = sum(token.bits for token in said)
    value = f"{total / max(len(said), 1):.2f}" if alike else f"{total:.1f}"
    usual = f"{value.replace('inf', '∞')} bits {'a token' if alike else 'in all'}"
    figure = tag("span", {"class": "figure"}, usual)
    spaced = gaps(sentence, said)
    tokens = [
        _token(token, gap, last=place == len(said) - 1)
        for place, (token, gap) in enumerate(zip(said, spaced, strict=True))
    ]
    close = " close" if sum(spaced) < len(spaced) / 2 else ""
    language = {"lang": "ko"} if any("\uac00" <= c <= "\ud7a3" for c in sentence) else {}
    who = tag("div", {"class": "who"}, name, figure)
    strip = tag("p", {"class": f"strip{close}", "dir": "auto", **language}, *tokens)
    return tag("div", {"class": "row"}, who, strip)


def _token(said: Said, gap: bool, *, last: bool) -> Markup:
    """One shaded token; its figures are its title, so that no script is needed to read them."""
    text = END if last and said.token == "</s>" else said.token
    space = text.isspace()
    text = "␣" * len(text) if space else text
    told = f"{figures.bits(said.bits)} bits · {said.nats:.3f} nats"
    chance = figures.probability(said.probability)
    title = f"{text}: {told} · probability {chance}"
    brief = f"{said.bits:.1f} bits, p {chance}" if math.isfinite(said.bits) else "∞ bits, p 0"
    kind = f"w s{shade(said.bits)}{' space' if space else ''}"
    token = tag("span", {"class": kind, "title": title, "data-told": brief}, text)
    return join([" " if gap else "", token, tag("wbr") if space else ""])


def gaps(sentence: str, said: Sequence[Said]) -> list[bool]:
    """Before which tokens the sentence has a space, so that syllables and pieces stay together.

    Where the tokens do not spell the sentence (`<unk>`, a changed spelling), a space before each.
    """
    tokens = [token.token for token in said]
    for text in (sentence, unicodedata.normalize("NFD", sentence)):
        if (found := _align(text, tokens[:-1] if tokens[-1:] == ["</s>"] else tokens)) is not None:
            return [*found, True][: len(tokens)]
    return [True] * len(tokens)


def _align(text: str, tokens: Sequence[str]) -> list[bool] | None:
    at, found = 0, []
    for token in tokens:
        gap = False
        while not text.startswith(token, at) and text[at : at + 1].isspace():
            at, gap = at + 1, True
        if not token or not text.startswith(token, at):
            return None
        at += len(token)
        found.append(gap)
    return found


def _legend() -> Markup:
    edges = ("0", *(f"{bits:g}" for bits in SHADES))
    steps = [
        tag("span", {"class": f"step s{k}"}, f"{edge}+" if k == len(SHADES) else edge)
        for k, edge in enumerate(edges)
    ]
    end = tag("span", {"class": "note"}, f"{END} the end of the line")
    return tag("p", {"class": "legend"}, tag("span", None, "bits"), *steps, end)


LEGEND = _legend()
