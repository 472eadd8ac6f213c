"""How much of what a data set holds, by split: lines, pairs, texts with labels, words with tags."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from malmoi.data.dataset import DataSet


@dataclass(frozen=True)
class Part:
    """A split.  labels: of the texts, or the tags of the column that is meant, most first."""

    lines: int = 0
    pairs: int = 0
    texts: int = 0
    sentences: int = 0
    words: int = 0
    labels: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Overview:
    """What `malmoi data inspect` shows of labels and tags.  columns: those of the tags."""

    form: str
    column: str
    columns: tuple[str, ...]
    splits: Mapping[str, Part]
    announcements: tuple[str, ...]


def overview(data: DataSet) -> Overview:
    """Read all of a data set and count it."""
    columns: tuple[str, ...] = ()
    parts: dict[str, Part] = {}
    for split in data.splits:
        labels: Counter[str] = Counter()
        n = words = 0
        if data.tagged:
            for n, sentence in enumerate(data.sentences(split), start=1):  # noqa: B007
                columns = tuple(sentence.columns)
                words += len(sentence.words)
                labels.update(sentence.columns[data.column])
            parts[split] = Part(sentences=n, words=words, labels=_falling(labels))
        elif data.labelled:
            for n, example in enumerate(data.examples(split), start=1):  # noqa: B007
                labels.update(example.labels)
            parts[split] = Part(texts=n, labels=_falling(labels))
        elif data.pairs:
            parts[split] = Part(pairs=sum(1 + len(p.others) for p in data.paired(split)))
        else:
            parts[split] = Part(lines=sum(1 for _ in data.lines(split)))
    return Overview(data.form, data.column, columns, parts, data.announcements)


def _falling(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
