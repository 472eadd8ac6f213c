"""Classification: say what a text is.

    loss = −Σ_i log p(y_i | x_i)          y one of K labels, or each of K for itself (`several`)

Batches are of texts of like length, shuffled anew in every epoch.  Evaluation reads every text
once, in full precision, and does not depend on how it is batched.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from jaxtyping import Float32, Float64
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from malmoi.carry import Carry
from malmoi.config import CONFIG, Sizes
from malmoi.data.asked import find
from malmoi.data.batches import LabelledBatch
from malmoi.data.examples import Example
from malmoi.data.ragged import Buckets, Made, Ragged, Rows, digest
from malmoi.data.shares import drawn
from malmoi.data.table import Columns
from malmoi.errors import DataError
from malmoi.metrics.labels import Labels as Report
from malmoi.objective import Loss
from malmoi.sentences import Sentences
from malmoi.tasks.labels import Labels
from malmoi.tasks.pretrained import Policy, Pretrained, widened
from malmoi.text import Kind, Text, Vocabulary
from malmoi.text.sentences import split_sentences

READ = 256  # texts read at once when evaluating
AREA = 2**17  # tokens at once: bounds memory, changes no result


@dataclass(frozen=True, config=CONFIG)
class Classification:
    """data: a name, a file or a folder.  tokens: what a token is.  vocabulary: at most so many
    types (0: no limit).  min_count: rarer types become `<unk>`.  sentences: tell the model where
    the sentences of a document end.  longest: tokens read of a text (0: all).  batch: texts.
    train_limit: learn from so many texts of train, drawn by split_seed (0: all).
    split_seed: which lines of a single file are held out, the same whatever the recipe's seed.

    text_column, label_columns, labels_separator: of a table, where malmoi should not tell them
    itself; several columns, or a mark between the labels of a cell, where there are several.

    vectors: a file or a run of word vectors to begin with, its first vectors_limit words (0: all);
    oov: what a word without one begins with (`tasks.pretrained`).
    """

    data: str
    text_column: str = ""
    label_columns: tuple[str, ...] = ()
    labels_separator: str = ""
    tokens: Kind = "words"
    vocabulary: Annotated[int, Field(ge=0)] = 0
    min_count: Annotated[int, Field(ge=1)] = 2
    sentences: bool = False
    longest: Annotated[int, Field(ge=0)] = 0
    batch: Annotated[int, Field(ge=1)] = 64
    train_limit: Annotated[int, Field(ge=0)] = 0
    vectors: str = ""
    vectors_limit: Annotated[int, Field(ge=0)] = 0
    oov: Policy = "random"
    split_seed: Annotated[int, Field(ge=0)] = 0

    def prepare(self, folder: Path, seed: int, *, write: bool = True) -> "ClassificationTask":
        """Find the data, learn the text's tokens and the labels; they are kept in `folder`."""
        data = find(self.data, seed=self.split_seed, columns=self.columns)
        place = folder / "text"
        examples = {
            split: drawn(
                data.examples(split), self.train_limit if split == "train" else 0, self.split_seed
            )
            for split in data.labelled
        }
        if (place / "text.json").is_file():  # it is written last
            text, labels = Text.load(place), Labels.load(place)
        else:
            text = Text.learn(
                (example.text for example in examples["train"]),
                kind=self.tokens,
                size=self.vocabulary or None,
                min_count=self.min_count,
            )
            labels = Labels.learn(
                (label for example in examples["train"] for label in example.labels),
                where=data.name,
                several=any(len(e.labels) != 1 for part in examples.values() for e in part),
            )
            pretrained = self.pretrained()
            told = [pretrained.coverage(text.vocabulary)] if pretrained else []
            text = widened(text, pretrained) if pretrained else text
            place.mkdir(exist_ok=True)
            labels.save(place)
            text.save(place)
            notes = (*data.announcements, *told)
            return ClassificationTask(self, text, labels, examples, seed, notes, pretrained)
        return ClassificationTask(self, text, labels, examples, seed, data.announcements)

    @property
    def columns(self) -> Columns:
        """What is asked of a table."""
        return Columns(self.text_column, self.label_columns, self.labels_separator)

    def pretrained(self) -> Pretrained | None:
        """The vectors to begin with, if there are any."""
        if not self.vectors:
            return None
        return Pretrained(self.vectors, limit=self.vectors_limit, policy=self.oov)


class Encoded:
    """Texts as numbers, and where their sentences end if the model is told."""

    def __init__(self, config: Classification, text: Text, lines: Iterable[str]) -> None:
        read = [encoded(text, line, config) for line in lines]
        self.ids = Ragged.of(ids for ids, _ in read)
        self.ends = Ragged.of(ends for _, ends in read) if config.sentences else None

    def __len__(self) -> int:
        return len(self.ids)

    def sentences(self, rows: Rows) -> Sentences:
        """Some of the texts, side by side."""
        ids, mask = self.ids.padded(rows)
        ends = None if self.ends is None else self.ends.padded(rows)[0].bool()
        return Sentences(ids, mask, ends=ends)


class Texts(Encoded):
    """The texts of a split as numbers.  y: [N] the label, or [N, K] which labels.

    new: labels that training has not seen, numbered from K on; no model says them.
    """

    def __init__(
        self, config: Classification, text: Text, labels: Labels, examples: Sequence[Example]
    ) -> None:
        super().__init__(config, text, (example.text for example in examples))
        known = set(labels.types)
        self.new = tuple(sorted({k for e in examples for k in e.labels if k not in known}))
        number = {label: k for k, label in enumerate((*labels.types, *self.new))}
        if labels.several:
            self.y = np.zeros((len(examples), len(number)), dtype=np.int64)
            for i, example in enumerate(examples):
                self.y[i, [number[label] for label in example.labels]] = 1
        else:
            self.y = np.array([number[e.labels[0]] for e in examples], dtype=np.int64)

    def read(self, rows: Rows) -> LabelledBatch:
        return LabelledBatch(self.sentences(rows), torch.from_numpy(self.y[rows]))


def encoded(text: Text, line: str, config: Classification) -> tuple[list[int], list[int]]:
    """The tokens of a text, and 1 where a sentence ends (nothing where nobody asks)."""
    if not config.sentences:
        ids = text.encode(line)
        return (ids[: config.longest] if config.longest else ids), []
    ids, ends = [], []
    for sentence in text.encode_lines(split_sentences(line)):
        if sentence:
            ids += sentence
            ends += [0] * (len(sentence) - 1) + [1]
    return (ids, ends) if not config.longest else (ids[: config.longest], ends[: config.longest])


@torch.no_grad()
def probabilities(
    model: Any, texts: Encoded, labels: int, *, read: Callable[[int], object] | None = None
) -> Float64[np.ndarray, "N K"]:
    """p(label k | text i), in the order of the texts.  read: told how many more are done."""
    device = next(model.parameters()).device
    found = np.zeros((len(texts), labels))
    for rows in Buckets(texts.ids.lengths, READ, area=AREA):
        p: Tensor = model(texts.sentences(rows).to(device)).marginals()
        found[rows] = p.double().cpu().numpy()
        if read:
            read(len(rows))
    return found


def reported(p: Float64[np.ndarray, "N K"], texts: Texts, labels: Labels) -> Report:
    """What probabilities are worth, beside the labels that are true."""
    names, y = (*labels.types, *texts.new), texts.y
    with np.errstate(divide="ignore"):
        if labels.several:
            unsaid = np.zeros((len(p), len(texts.new)))
            p = np.concatenate([p, unsaid], 1)
            nats = -np.log(np.where(y == 1, p, 1 - p)).sum()
            return Report.of_several(names, y == 1, p > 0.5, p, nats=float(nats))
        said = p.argmax(1)
        of_true = np.where(y < len(labels), p[np.arange(len(p)), np.minimum(y, len(labels) - 1)], 0)
        nats = -np.log(of_true).sum()
    return Report.of(names, y, said, p.max(1), nats=float(nats))


class ClassificationTask:
    """Examples, batches, loss and measures of one classification recipe."""

    unit = "texts"

    def __init__(
        self,
        config: Classification,
        text: Text,
        labels: Labels,
        examples: Mapping[str, Sequence[Example]],
        seed: int,
        announcements: Sequence[str] = (),
        pretrained: Pretrained | None = None,
    ) -> None:
        self.config, self.text, self.labels, self.seed = config, text, labels, seed
        self.pretrained = pretrained
        self.texts = {split: Texts(config, text, labels, some) for split, some in examples.items()}
        for split, texts in self.texts.items():
            if not len(texts):
                raise DataError("there is no labelled text", where=f"{config.data}, {split}")
        self.announcements = (*announcements, *self._new())
        self.better: tuple[str, Literal["lower", "higher"]] = (
            "micro_f1" if labels.several else "accuracy",
            "higher",
        )

    def _new(self) -> list[str]:
        """What a person should know of labels that only the held-out texts have."""
        return [
            f"{split}: training has not seen {', '.join(texts.new[:5])}"
            f"{', …' if len(texts.new) > 5 else ''}: texts so labelled count as wrong"
            for split, texts in self.texts.items()
            if texts.new
        ]

    @property
    def sizes(self) -> Sizes:
        return Sizes(
            vocabulary=len(self.text.vocabulary),
            labels=len(self.labels),
            several=self.labels.several,
        )

    def start(self) -> Float32[np.ndarray, "V d"] | None:
        """The word vectors that a model begins with; None: its own."""
        found = self.pretrained or self.config.pretrained()
        return found.matrix(self.text.vocabulary, self.seed) if found else None

    @property
    def events(self) -> dict[str, int]:
        """Texts, by split."""
        return {split: len(texts) for split, texts in self.texts.items()}

    @property
    def fingerprint(self) -> dict[str, str]:
        """What a resumed training compares: SHA-256 of the texts and labels of each split."""
        return {
            split: digest(texts.ids.digest, texts.y.tobytes())
            for split, texts in self.texts.items()
        }

    @property
    def facts(self) -> dict[str, Any]:
        """What the report of a run says of its data."""
        test = self.texts.get("test", self.texts["valid"])
        return {
            **{f"{split}_events": n for split, n in self.events.items()},
            "labels": asdict(self.labels)["types"],
            "unknown": int((test.ids.flat == Vocabulary.UNK).sum()),
            "vocabulary": self.sizes.vocabulary,
        }

    def batches(self, split: str, *, epoch: int | None) -> Sequence[LabelledBatch]:
        """Texts of like length, in an order that (seed, epoch) decides; epoch None: to measure."""
        texts = self.texts[split]
        batch = self.config.batch if epoch is not None else READ
        order = Buckets(texts.ids.lengths, batch, area=AREA, seed=self.seed, epoch=epoch)
        return Made(order, texts.read)

    def loss(self, model: Any, batch: LabelledBatch, carry: Carry) -> tuple[Loss, Carry]:
        """What the labels cost, in nats, and what the model fines besides."""
        return Loss(model.loss(batch.x, batch.y).sum(), batch.events), None

    def probabilities(self, model: Any, split: str) -> Float64[np.ndarray, "N K"]:
        """p(label k | text i), in the order of the texts."""
        return probabilities(model, self.texts[split], len(self.labels))

    def report(self, model: Any, split: str) -> Report:
        """How often it was right, and how sure."""
        return reported(self.probabilities(model, split), self.texts[split], self.labels)

    def measure(self, model: Any, split: str) -> dict[str, float]:
        """What `malmoi evaluate` reports, on a split of the recipe's own data."""
        return self.report(model, split).measures()
