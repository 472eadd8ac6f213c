"""A classifier in the hand: texts in, labels and probabilities out.

    reader = malmoi.load("runs/nsmc")
    reader.classify("다시 보고 싶은 영화")            one Classified
    reader.classify(texts)                             a list of them
    for answer in reader.stream(lines): ...            of a text of any length, some at a time
    reader.read(texts)                                 what the model sees, token by token

No answer depends on what else was read in the same call.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, overload

import numpy as np
import torch
from jaxtyping import Float64

from malmoi.data.examples import Example
from malmoi.errors import DataError, EmptyText, UsageError
from malmoi.metrics.labels import Labels as Report
from malmoi.sentences import Sentences
from malmoi.tasks.classification import Classification, Encoded, Texts, probabilities, reported
from malmoi.tasks.labels import Labels
from malmoi.text import Text
from malmoi.text.door import Token
from malmoi.text.sentences import sentences

CHUNK = 8192
"""Texts that are held and sorted by length together."""
THRESHOLD = 0.5


class Classified(NamedTuple):
    """text: as it was given.  labels: what is said of it: one, or where a text may have several,
    all that reach the threshold, the likeliest first.

    probability: that it has exactly these labels.  probabilities: of each label, falling; they
    sum to 1 unless there may be several.
    """

    text: str
    labels: tuple[str, ...]
    probability: float
    probabilities: dict[str, float]

    @property
    def label(self) -> str:
        """The label; of several the likeliest, of none the empty string."""
        return self.labels[0] if self.labels else ""


class Classifier:
    """A model, and the text and the labels it was trained on."""

    def __init__(self, model: Any, text: Text, labels: Labels, config: Classification) -> None:
        self.model = model.eval()
        self.text = text
        self.labels = labels
        self.config = config

    @property
    def device(self) -> torch.device:
        weight: torch.Tensor = next(self.model.parameters())
        return weight.device

    # ------------------------------------------------------------------ answering

    @overload
    def classify(self, texts: str, *, threshold: float | int | None = ...) -> Classified: ...  # type: ignore[overload-overlap]  # a str is itself an Iterable[str]
    @overload
    def classify(
        self, texts: Iterable[str], *, threshold: float | int | None = ...
    ) -> list[Classified]: ...
    def classify(
        self, texts: str | Iterable[str], *, threshold: float | int | None = None
    ) -> Classified | list[Classified]:
        """The label of a text, or of each of several.

        threshold: the probability from which on a label is said, of 0.5 if nothing else is asked
        for.  Raises UsageError for a threshold where a text has one label.
        """
        if isinstance(texts, str):
            return self.classify([texts], threshold=threshold)[0]
        return list(self.stream(texts, threshold=threshold))

    def stream(
        self, texts: Iterable[str], *, threshold: float | int | None = None
    ) -> Iterator[Classified]:
        """`classify` for each text, as they come."""
        limit = self._limit(threshold)
        return self._stream(iter(texts), limit)

    def _stream(self, source: Iterator[str], limit: float) -> Iterator[Classified]:
        while chunk := list(islice(source, CHUNK)):
            encoded = Encoded(self.config, self.text, chunk)
            p = probabilities(self.model, encoded, len(self.labels))
            yield from self._answers(chunk, p, limit)

    def _answers(
        self, texts: Sequence[str], p: Float64[np.ndarray, "N K"], limit: float
    ) -> Iterator[Classified]:
        types, several = self.labels.types, self.labels.several
        order = np.argsort(-p, axis=1, kind="stable")
        falling = np.take_along_axis(p, order, 1)
        for text, ranks, row in zip(texts, order.tolist(), falling.tolist(), strict=True):
            found = {types[k]: value for k, value in zip(ranks, row, strict=True)}
            if several:
                said = tuple(label for label, value in found.items() if value >= limit)
                sure = float(np.prod([v if v >= limit else 1 - v for v in row]))
            else:
                said, sure = (types[ranks[0]],), row[0]
            yield Classified(text, said, sure, found)

    def _limit(self, threshold: float | int | None) -> float:
        if threshold is None:
            return THRESHOLD
        if not self.labels.several:
            raise UsageError(
                "a threshold is for texts that may have several labels; here each has one",
                where=f"threshold = {threshold}",
                hint="leave it out, and compare the probability yourself",
            )
        if not 0 <= threshold <= 1:
            raise UsageError(f"a threshold is between 0 and 1, not {threshold}")
        return float(threshold)

    # ------------------------------------------------------------------ reading

    def read(self, texts: Sequence[str]) -> tuple[Sentences, list[list[Token]]]:
        """The texts side by side as the model sees them, and the tokens of each: token t of text i
        is `ids[i, t]`, and stands at `text[token.start:token.end]`."""
        encoded = Encoded(self.config, self.text, texts)
        tokens = [self.tokens(text) for text in texts]
        return encoded.sentences(np.arange(len(texts))).to(self.device), tokens

    def tokens(self, text: str) -> list[Token]:
        """What the model reads of a text, and where each token stands in it as it was given."""
        spans = sentences(text) if self.config.sentences else [(0, len(text))]
        found = [
            Token(token.text, start + token.start, start + token.end)
            for start, end in spans
            for token in self.text.tokens(text[start:end])
        ]
        return found[: self.config.longest] if self.config.longest else found

    # ------------------------------------------------------------------ measuring

    def evaluate(
        self, examples: Sequence[Example], *, read: Callable[[int], object] | None = None
    ) -> tuple[Report, list[Classified]]:
        """How good it is on labelled texts, and what it said of each.

        read: told how many more texts are done.  Labels that training has not seen are wrong.
        Raises DataError if a text has not one label where each must have one.
        """
        _check(examples, self.labels)
        texts = Texts(self.config, self.text, self.labels, examples)
        p = probabilities(self.model, texts, len(self.labels), read=read)
        said = list(self._answers([e.text for e in examples], p, THRESHOLD))
        return reported(p, texts, self.labels), said


def _check(examples: Sequence[Example], labels: Labels) -> None:
    if not examples:
        raise EmptyText("there is nothing to measure", hint="give it at least one labelled text")
    odd = next((i for i, e in enumerate(examples) if len(e.labels) != 1), None)
    if odd is not None and not labels.several:
        raise DataError(
            "this classifier gives every text one label, and a text here has another number",
            where=f"text {odd + 1:,}: {', '.join(examples[odd].labels) or 'no label'}",
        )
