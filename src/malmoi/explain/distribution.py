"""How much attention one word gets, label by label, over many texts.

Yang et al. (NAACL 2016), figures 3 and 4: the weights of "good" and of "bad" in reviews of one to
five stars.  A word that means what the label is about is looked at where it stands for it, and
overlooked elsewhere; a network that could only look a word up would draw the same picture for each
label.  Several hops count by their mean; in a hierarchy a weight is that in the word's sentence.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal

from pydantic.dataclasses import dataclass

from malmoi.data.examples import Example
from malmoi.errors import UsageError
from malmoi.explain.attention import attended
from malmoi.explain.blocks import Graphic, Heading
from malmoi.explain.draw import Attributes, Markup, Real, join, shorten, tag, text_width
from malmoi.explain.page import Block, Drawn, Page, language
from malmoi.explain.picture import STRICT
from malmoi.models.han import grid_of
from malmoi.text.normalise import nfc
from malmoi.use.classifier import Classifier

BINS = 20
READ = 64  # texts read at once
PANELS = 12
W, H, GAP = 150.0, 92.0, 26.0


@dataclass(frozen=True, config=STRICT)
class Weights:
    """label: of the texts.  weights: one for each time the word occurs.  even: what each of them
    would be if all words of the text (in a hierarchy: of the sentence) were looked at alike."""

    label: str
    weights: tuple[float, ...]
    even: tuple[float, ...]

    @property
    def mean(self) -> float:
        return sum(self.weights) / max(1, len(self.weights))

    @property
    def lift(self) -> float:
        """How many times the even weight it gets, on average."""
        pairs = zip(self.weights, self.even, strict=True)
        return sum(w / e for w, e in pairs) / max(1, len(self.weights))


@dataclass(frozen=True, config=STRICT)
class Distribution:
    """by_label: in the order of the labels, those without the word left out.  texts: how many
    have it."""

    word: str
    data: str
    texts: int
    by_label: tuple[Weights, ...]
    kind: Literal["distribution"] = "distribution"

    @property
    def all(self) -> Weights:
        """Of all labels together."""
        weights = tuple(w for one in self.by_label for w in one.weights)
        return Weights("all labels", weights, tuple(e for one in self.by_label for e in one.even))

    def page(self) -> Page:
        shown = sorted(self.by_label, key=lambda one: -len(one.weights))[:PANELS]
        panels = [self.all, *(one for one in self.by_label if one in shown)]
        left = len(self.by_label) - len(shown)
        lead = (
            "The share of its occurrences (up) by the attention weight they got (to the right). "
            "The line is the mean; × even: how many times what it would get if all words were "
            f"looked at alike.{f' The {left} rarest labels are not drawn.' if left else ''}"
        )
        most = max(self.by_label, key=lambda one: one.lift)
        least = min(self.by_label, key=lambda one: one.lift)
        finding = f"{len(self.all.weights):,} times in {self.texts:,} texts of {self.data}."
        if len(self.by_label) > 1:
            finding += (
                f" Most attention where the label is {most.label} ({most.lift:.2f} × even), least "
                f"at {least.label} ({least.lift:.2f} × even)."
            )
        label = f"attention weights of {self.word}, by label"
        graphic = Graphic(lambda width: _panels(panels, width), label)
        blocks: tuple[Block, ...] = (Heading("Attention weight, by label", lead), graphic)
        return Page(f"{self.word}: where it is looked at", finding, blocks)


def distribution(
    reader: Classifier, word: str, examples: Iterable[Example], *, data: str
) -> Distribution:
    """The weights of a word over labelled texts.  Raises UsageError if there are none."""
    wanted = reader.text.split(word)
    found: dict[str, tuple[list[float], list[float]]] = {}
    texts = 0
    source = (e for e in examples if nfc(word) in nfc(e.text))
    while wanted and (some := list(islice(source, READ))):
        for example, pairs in zip(some, _weights(reader, wanted, some), strict=True):
            texts += bool(pairs)
            for label in example.labels if pairs else ():
                weights, even = found.setdefault(label, ([], []))
                weights += [w for w, _ in pairs]
                even += [e for _, e in pairs]
    if not found:
        raise UsageError(
            f"{data} has no text with {word!r} as the model's tokens",
            where=f"tokens: {' '.join(wanted) or 'none'}",
            hint="give a word as it stands in the texts",
        )
    order = [*reader.labels.types, *sorted(set(found) - set(reader.labels.types))]
    by_label = [Weights(k, tuple(found[k][0]), tuple(found[k][1])) for k in order if k in found]
    return Distribution(word, data, texts, tuple(by_label))


def _weights(
    reader: Classifier, wanted: Sequence[str], examples: Sequence[Example]
) -> Iterator[list[tuple[float, float]]]:
    """The weight and the even weight of each occurrence in each text."""
    x, tokens = reader.read([e.text for e in examples])
    looked = attended(reader.model, x)
    if looked is None:
        raise UsageError(
            "this model has no attention whose weights could be drawn",
            hint="rnn-attention, selfattentive and han have",
        )
    show, n = [reader.text.tokenizer.show(w) for w in wanted], len(wanted)
    lengths = grid_of(x)[1].sum(2).tolist() if looked.sentences is not None else None
    mean = looked.words.double().mean(1).tolist()
    for i, row in enumerate(tokens):
        spelt = [token.text for token in row]
        sizes = lengths[i] if lengths is not None else [len(row)]
        even = [1 / size for size in sizes if size for _ in range(size)]
        yield [
            (sum(mean[i][t : t + n]), sum(even[t : t + n]))
            for t in range(len(spelt) - n + 1)
            if spelt[t : t + n] == show
        ]


def _panels(panels: Sequence[Weights], width: Real) -> Drawn:
    """Histograms side by side, with the same axes."""
    top = max((w for one in panels for w in one.weights), default=1.0)
    reach = next(r for r in (0.05, 0.1, 0.2, 0.5, 1.0, 1e9) if top <= r * (1 + 1e-6))
    reach = 1.0 if reach > 1 else reach
    shares = [_shares(one.weights, reach) for one in panels]
    high = max(max(row) for row in shares)
    across = max(1, int((width + GAP) / (W + GAP)))
    parts = []
    for k, (one, row) in enumerate(zip(panels, shares, strict=True)):
        x, y = (k % across) * (W + GAP), (k // across) * (H + 62)
        panel = _panel(one, row, high, reach)
        parts.append(tag("g", {"transform": f"translate({x:g} {y:g})"}, panel))
    rows = -(-len(panels) // across)
    return Drawn(join(parts), min(len(panels), across) * (W + GAP) - GAP, rows * (H + 62))


def _shares(weights: Sequence[Real], reach: Real) -> list[float]:
    counts = [0] * BINS
    for w in weights:
        counts[min(BINS - 1, int(w / reach * BINS))] += 1
    return [count / max(1, len(weights)) for count in counts]


def _panel(one: Weights, shares: Sequence[Real], high: Real, reach: float) -> Markup:
    at: Attributes = {"font-size": 13.0, "x": 0.0, "y": 13.0, **language(one.label)}
    note = f"{len(one.weights):,}"
    room = W - text_width(note) * 11 - 8
    name = shorten(one.label, room / 13)
    parts = [tag("text", {**at, "class": "ink strong"}, tag("title", None, one.label), name)]
    at = {"font-size": 11.0, "class": "soft end", "x": W, "y": 13.0}
    parts.append(tag("text", at, note))
    top, base = 22.0, H + 8
    step = W / BINS
    for k, share in enumerate(shares):
        if share:
            h = max(1.0, share / high * (base - top))
            told = tag("title", None, f"{k * reach / BINS:g}: {100 * share:.1f} %")
            box: Attributes = {"x": k * step + 0.5, "y": base - h, "width": step - 1, "height": h}
            parts.append(tag("rect", {**box, "class": "for"}, told))
    parts.append(tag("line", {"class": "mark", "x1": 0.0, "x2": W, "y1": base, "y2": base}))
    mean = min(one.mean / reach, 1.0) * W
    line: Attributes = {"class": "path", "x1": mean, "x2": mean, "y1": top - 2, "y2": base}
    parts.append(tag("line", {**line, "stroke-dasharray": "3 2"}))
    at = {"font-size": 11.0, "class": "soft", "x": 0.0, "y": base + 14}
    parts.append(tag("text", at, "0"))
    parts.append(tag("text", {**at, "x": W, "class": "soft end"}, f"{reach:g}"))
    told_mean = f"mean {one.mean:.3f} · {one.lift:.1f} × even"
    parts.append(tag("text", {**at, "y": base + 29}, told_mean))
    return join(parts)
