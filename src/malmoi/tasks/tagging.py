"""Tagging: give every word of a sentence a tag.

    loss = −Σ_sentences log p(y_1 … y_T | x_1 … x_T)

Where tags write entities (BIO, BIOES, IOB1; `metrics.schemes`), it is entities that are counted,
and an answer may be held to the legal moves between tags (`constrained`).  Batches are of sentences
of like length, shuffled anew in every epoch; evaluation does not depend on how it is batched.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Float32
from pydantic import Field
from pydantic.dataclasses import dataclass

from malmoi.carry import Carry
from malmoi.config import CONFIG, Sizes
from malmoi.data import catalogue
from malmoi.data.batches import LabelledBatch
from malmoi.data.dataset import DataSet
from malmoi.data.examples import Tagged
from malmoi.data.ragged import Buckets, Made, Ragged, digest
from malmoi.data.shares import drawn
from malmoi.errors import DataError, did_you_mean
from malmoi.metrics import schemes
from malmoi.metrics.labels import Labels as Report
from malmoi.metrics.spans import Spans
from malmoi.objective import Loss
from malmoi.tasks.answers import AREA, READ, reported, rewritten, tagged
from malmoi.tasks.labels import Labels
from malmoi.tasks.lexicon import Lexicon, Words
from malmoi.tasks.pretrained import Policy, Pretrained, widened
from malmoi.text import Text, Vocabulary
from malmoi.text.door import make
from malmoi.text.normalise import nfc


@dataclass(frozen=True, config=CONFIG)
class Tagging:
    """data: a name, a file or a folder.  column: of the tags, as the data names it ("" is the
    data's own).  scheme: how the model writes entities; "auto" as the data does, in BIO if that is
    IOB1.  constrained: only legal moves when answering.  words: how a text that is not cut into
    words is cut.  spelling: letters the model may read, as syllables or as jamo.
    min_count: rarer words become `<unk>`.  batch: sentences.
    train_limit: learn from so many sentences of train, drawn by split_seed (0: all).

    vectors: a file or a run of word vectors to begin with, its first vectors_limit words (0: all);
    oov: what a word without one begins with (`tasks.pretrained`).
    """

    data: str
    column: str = ""
    scheme: Literal["auto", "none", "bio", "bioes"] = "auto"
    constrained: bool = True
    words: Literal["words", "characters", "given"] = "words"
    spelling: Literal["none", "characters", "jamo"] = "characters"
    vocabulary: Annotated[int, Field(ge=0)] = 0
    min_count: Annotated[int, Field(ge=1)] = 2
    batch: Annotated[int, Field(ge=1)] = 32
    train_limit: Annotated[int, Field(ge=0)] = 0
    vectors: str = ""
    vectors_limit: Annotated[int, Field(ge=0)] = 0
    oov: Policy = "random"
    split_seed: Annotated[int, Field(ge=0)] = 0

    def prepare(self, folder: Path, seed: int, *, write: bool = True) -> "TaggingTask":
        """Find the data, learn its words, letters and tags; they are kept in `folder`."""
        data = catalogue.find(self.data, seed=self.split_seed)
        column = self.column or data.column
        place = folder / "text"
        sentences = {
            split: [chosen(s, column, data.name) for s in self._drawn(data, split)]
            for split in data.tagged
        }
        for split, some in sentences.items():
            if not some:
                raise DataError("there is no tagged sentence", where=f"{data.name}, {split}")
        written = schemes.sniff(tags for _, tags in sentences["train"])
        if (place / "text.json").is_file():  # it is written last
            lexicon = Lexicon.load(place, self.spelling)
        else:
            pretrained = self.pretrained()
            lexicon, told = self._learnt(sentences["train"], written, pretrained, where=data.name)
            place.mkdir(exist_ok=True)
            lexicon.save(place)
            notes = (*data.announcements, *told)
            return TaggingTask(self, lexicon, sentences, written, seed, notes, pretrained)
        return TaggingTask(self, lexicon, sentences, written, seed, data.announcements)

    def _drawn(self, data: DataSet, split: str) -> Iterable[Tagged]:
        sentences = data.sentences(split)
        return (
            drawn(sentences, self.train_limit, self.split_seed) if split == "train" else sentences
        )

    def pretrained(self) -> Pretrained | None:
        """The vectors to begin with, if there are any."""
        if not self.vectors:
            return None
        return Pretrained(self.vectors, limit=self.vectors_limit, policy=self.oov)

    def _learnt(
        self,
        sentences: Sequence[tuple[Words, Words]],
        written: schemes.Scheme,
        pretrained: Pretrained | None,
        *,
        where: str,
    ) -> tuple[Lexicon, list[str]]:
        counts = Counter(word for words, _ in sentences for word in words)
        size = self.vocabulary or None
        vocabulary = Vocabulary.learn(
            counts, lines=len(sentences), size=size, min_count=self.min_count
        )
        text = Text(make(self.words), vocabulary, size=size, min_count=self.min_count)
        told = [pretrained.coverage(vocabulary)] if pretrained else []
        text = widened(text, pretrained) if pretrained else text
        scheme = _scheme(self, written, where)
        labels = Labels.learn(
            (tag for _, tags in sentences for tag in rewritten(tags, written, scheme)),
            where=where,
            scheme=scheme,
        )
        return Lexicon.learn(text, labels, self.spelling), told


def chosen(sentence: Tagged, column: str, name: str) -> tuple[Words, Words]:
    """The words of a sentence and the tags of one column."""
    if column not in sentence.columns:
        raise DataError(
            f"{name} has no column {column!r}",
            where=f"columns: {', '.join(sentence.columns)}",
            hint=did_you_mean(column, sentence.columns),
        )
    return tuple(map(nfc, sentence.words)), tuple(map(nfc, sentence.columns[column]))


class TaggingTask:
    """Examples, batches, loss and measures of one tagging recipe."""

    unit = "words"

    def __init__(
        self,
        config: Tagging,
        lexicon: Lexicon,
        sentences: Mapping[str, Sequence[tuple[Words, Words]]],
        written: schemes.Scheme,
        seed: int,
        announcements: Sequence[str] = (),
        pretrained: Pretrained | None = None,
    ) -> None:
        self.config, self.lexicon, self.seed = config, lexicon, seed
        self.pretrained = pretrained
        self.labels = lexicon.labels
        self.read = {
            split: lexicon.read([words for words, _ in some]) for split, some in sentences.items()
        }
        self.gold = {
            split: [rewritten(tags, written, self.labels.scheme) for _, tags in some]
            for split, some in sentences.items()
        }
        self.y = {
            split: Ragged.of(self.labels.ids(tags) for tags in some)
            for split, some in self.gold.items()
        }
        self.announcements = (*announcements, *self._new())
        entities = self.labels.scheme != "none"
        self.better: tuple[str, Literal["lower", "higher"]] = (
            "f1" if entities else "accuracy",
            "higher",
        )

    def _new(self) -> list[str]:
        known = set(self.labels.types)
        found = {
            split: Counter(tag for tags in some for tag in tags if tag not in known)
            for split, some in self.gold.items()
        }
        return [
            f"{split}: {counts.total():,} words have a tag that training has not seen "
            f"({', '.join(sorted(counts)[:5])}{', …' if len(counts) > 5 else ''}); "
            "they count as wrong"
            for split, counts in found.items()
            if counts
        ]

    @property
    def text(self) -> Text:
        return self.lexicon.text

    @property
    def sizes(self) -> Sizes:
        return self.lexicon.sizes

    def start(self) -> Float32[np.ndarray, "V d"] | None:
        """The word vectors that a model begins with; None: its own."""
        found = self.pretrained or self.config.pretrained()
        return found.matrix(self.text.vocabulary, self.seed) if found else None

    @property
    def events(self) -> dict[str, int]:
        """Words, by split."""
        return {split: len(read.forms.flat) for split, read in self.read.items()}

    @property
    def fingerprint(self) -> dict[str, str]:
        """What a resumed training compares: SHA-256 of the words and tags of each split."""
        return {
            split: digest(read.forms.digest, self.y[split].digest)
            for split, read in self.read.items()
        }

    @property
    def facts(self) -> dict[str, Any]:
        """What the report of a run says of its data."""
        test = self.read.get("test", self.read["valid"])
        return {
            **{f"{split}_events": n for split, n in self.events.items()},
            "labels": self.labels.types,
            "unknown": int((test.ids[test.forms.flat] == Vocabulary.UNK).sum()),
            "vocabulary": self.sizes.vocabulary,
        }

    def batches(self, split: str, *, epoch: int | None) -> Sequence[LabelledBatch]:
        """Sentences of like length, in an order that (seed, epoch) decides; None: to measure."""
        read, y = self.read[split], self.y[split]
        batch = self.config.batch if epoch is not None else READ
        order = Buckets(read.forms.lengths, batch, area=AREA, seed=self.seed, epoch=epoch)
        return Made(
            order, lambda rows: LabelledBatch(read(rows), y.padded(rows)[0], tokenwise=True)
        )

    def loss(self, model: Any, batch: LabelledBatch, carry: Carry) -> tuple[Loss, Carry]:
        """What the tags cost, in nats; a word is an event."""
        return Loss(model.loss(batch.x, batch.y).sum(), batch.events), None

    def answers(self, model: Any, split: str) -> list[list[str]]:
        """The likeliest tags of every sentence, in the order of the data."""
        moves = self.lexicon.moves if self.config.constrained else None
        return tagged(model, self.read[split], self.labels, moves)

    def measure(self, model: Any, split: str) -> dict[str, float]:
        """What `malmoi evaluate` reports, on a split of the recipe's own data."""
        return self.report(model, split).measures()

    def report(self, model: Any, split: str) -> Report | Spans:
        """Entities where there are some, else tags."""
        return reported(self.gold[split], self.answers(model, split), self.labels)


def _scheme(config: Tagging, written: schemes.Scheme, where: str) -> schemes.Scheme:
    """The scheme that the model writes."""
    if config.scheme == "auto":
        return "bio" if written == "iob1" else written
    if written == "none" and config.scheme != "none":
        raise DataError(
            f"these tags are not entities: they cannot be written in {config.scheme}",
            where=where,
            hint='task.scheme = "auto"',
        )
    return config.scheme
