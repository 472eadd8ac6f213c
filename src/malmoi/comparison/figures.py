"""Numbers as people read them, the same in the terminal and in the report."""

import math
from typing import TypeAlias

Real: TypeAlias = float | int

UNITS = {"given": "words as given", "bpe": "BPE pieces", "unigram": "Unigram pieces"}


def unit(tokenisation: str) -> str:
    """What the tokens of a text are, in words."""
    return UNITS.get(tokenisation, tokenisation)


def perplexity(value: Real) -> str:
    """Two digits after the point while they mean something; ∞ for infinity."""
    if math.isinf(value):
        return "∞"
    if value < 10_000:
        return f"{value:,.2f}"
    return f"{value:,.0f}" if value < 1e9 else f"{value:.2g}"


def bits(value: Real) -> str:
    """Three digits after the point: a hundredth of a bit a character is a lot."""
    return "∞" if math.isinf(value) else f"{value:.3f}"


def percent(value: Real) -> str:
    """A share, two digits after the point, without its sign: 86.03."""
    return f"{100 * value:.2f}"


def score(value: Real) -> str:
    """BLEU or chrF, from 0 to 100: as papers print it and a digit more."""
    return f"{value:.2f}"


def chance(p: Real) -> str:
    """The p-value of a test: p = 0.21, p < 0.001."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}" if p < 0.1 else f"p = {p:.2f}"


def count(value: Real) -> str:
    """A large number, shortened: 1.20 M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size * 0.9995:
            return f"{_three(value / size)} {unit}"
    return f"{value:.0f}"


def size(value: Real) -> str:
    """Bytes on disk, in powers of ten as disks count them."""
    text = count(value)
    return f"{text}B" if " " in text else f"{text} B"


def rate(value: Real) -> str:
    """Tokens a second: three digits are more than a stopwatch deserves."""
    if value <= 0 or math.isinf(value):
        return "–"
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 100 else f"{value:.3g}"


def duration(seconds: Real) -> str:
    """0.4 s, 12 s, 4 min 50 s, 1 h 05 min."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min"


def probability(value: Real) -> str:
    """A probability in percent while that is readable: 12 %, 0.034 %, 2.1e-09."""
    percent = 100 * value
    if percent >= 10:
        return f"{percent:.0f} %"
    return f"{percent:.2g} %" if percent >= 0.001 else f"{value:.1e}"


def _three(value: Real) -> str:
    """Three significant digits."""
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}"
