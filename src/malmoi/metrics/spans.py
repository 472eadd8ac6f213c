"""How many entities were found: right only if the words and the label are (CoNLL, strict).

    precision = found ∩ true / found      recall = found ∩ true / true      F1 = their harmonic mean

Micro: over all entities together.  What is an entity is `schemes.spans`, which equals seqeval in
strict mode.  Reports of parts add up to the report of the whole.  (Tjong Kim Sang & De Meulder
2003, cs/0306050)
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from malmoi.errors import EmptyText
from malmoi.metrics.labels import Scores, scores
from malmoi.metrics.schemes import Scheme, spans


@dataclass(frozen=True)
class Spans:
    """Entities by their label: found and true (tp), made up (fp), and missed (fn).

    words, right: tags of all words, and those that are right.
    """

    tp: Counter[str] = field(default_factory=Counter)
    fp: Counter[str] = field(default_factory=Counter)
    fn: Counter[str] = field(default_factory=Counter)
    sentences: int = 0
    words: int = 0
    right: int = 0

    @classmethod
    def of(
        cls, true: Iterable[Sequence[str]], said: Iterable[Sequence[str]], scheme: Scheme
    ) -> "Spans":
        """A report of some sentences: their tags, and the tags they were given."""
        found = cls()
        for tags, given in zip(true, said, strict=True):
            found += cls.of_sentence(tags, given, scheme)
        return found

    @classmethod
    def of_sentence(cls, true: Sequence[str], said: Sequence[str], scheme: Scheme) -> "Spans":
        if len(true) != len(said):
            raise ValueError(f"{len(true)} words were given {len(said)} tags")
        there, found = set(spans(true, scheme)), set(spans(said, scheme))
        return cls(
            Counter(span.label for span in there & found),
            Counter(span.label for span in found - there),
            Counter(span.label for span in there - found),
            1,
            len(true),
            sum(a == b for a, b in zip(true, said, strict=True)),
        )

    def __add__(self, other: "Spans") -> "Spans":
        return Spans(
            self.tp + other.tp,
            self.fp + other.fp,
            self.fn + other.fn,
            self.sentences + other.sentences,
            self.words + other.words,
            self.right + other.right,
        )

    @property
    def counts(self) -> tuple[int, int, int]:
        """tp, fp and fn over all labels: of one sentence, what `significance` draws from."""
        return self.tp.total(), self.fp.total(), self.fn.total()

    @property
    def micro(self) -> Scores:
        return scores(*self.counts)

    @property
    def by_label(self) -> dict[str, Scores]:
        labels = sorted({*self.tp, *self.fp, *self.fn})
        return {label: scores(self.tp[label], self.fp[label], self.fn[label]) for label in labels}

    @property
    def accuracy(self) -> float:
        """Of the tags, O among them."""
        return self.right / self.words if self.words else 0.0

    def measures(self) -> dict[str, float]:
        """All of it by name, without the single labels.  Raises EmptyText without a sentence."""
        if not self.sentences:
            hint = "give it at least one tagged sentence"
            raise EmptyText("there is nothing to measure", where="0 sentences", hint=hint)
        tp, fp, fn = self.counts
        each = self.by_label.values()
        return {
            "f1": self.micro.f1,
            "precision": self.micro.precision,
            "recall": self.micro.recall,
            "macro_f1": sum(s.f1 for s in each) / len(each) if each else 0.0,
            "accuracy": self.accuracy,
            "entities": tp + fn,
            "found": tp + fp,
            "right_entities": tp,
            "sentences": self.sentences,
            "words": self.words,
        }
