"""A file of reviews, from the command line, against a plain PyTorch loop over the same model.

Both sides begin with strings and end with a label and a probability for each, in the order of the
file; both split into tokens with the same tokenizer and call the same network, 256 texts at a time.
The loop takes them as they come and pads each batch to its longest; ours (`Classifier.stream`, what
`malmoi classify` writes out) sorts 8,192 of them by length first.  Weights are random: labels mean
nothing, and their cost is the same.  (tests/use/test_classifier.py: an answer is that of the text
alone.)
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch

from benchmarks.harness import Row, interleave, row
from malmoi.config import Sizes
from malmoi.models import classifier, selfattentive
from malmoi.sentences import Sentences
from malmoi.tasks.classification import READ, Classification
from malmoi.tasks.labels import Labels
from malmoi.text import Text
from malmoi.use import Classifier

REVIEWS = 10_000
MEDIAN, SPREAD, LONGEST = 27, 0.75, 140  # characters: as those of nsmc, which allows 140
SYLLABLES = 1_500


def reviews(count: int) -> list[str]:
    """Made-up Korean: log-normal lengths, syllables by Zipf's law, a space after some."""
    chance = np.random.default_rng(0)
    lengths = np.clip(chance.lognormal(np.log(MEDIAN), SPREAD, count), 1, LONGEST).astype(int)
    p = 1 / np.arange(1, SYLLABLES + 1)
    drawn = chance.choice(SYLLABLES, int(lengths.sum()), p=p / p.sum())
    letters = [chr(0xAC00 + 7 * k) for k in range(SYLLABLES - 1)]
    letters.insert(0, " ")
    text = "".join(letters[k] for k in drawn)
    ends = np.cumsum(lengths)
    return [text[end - n : end] for end, n in zip(ends, lengths, strict=True)]


@torch.no_grad()
def plain(reader: Classifier, lines: list[str]) -> list[tuple[str, float]]:
    """What one writes first: batches in the order of the file, padded to the longest."""
    found: list[tuple[str, float]] = []
    source = iter(lines)
    while some := list(islice(source, READ)):
        rows = [torch.tensor(reader.text.encode(line), dtype=torch.long) for line in some]
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        lengths = torch.tensor([len(r) for r in rows])
        mask = torch.arange(ids.size(1)) < lengths[:, None]
        p, y = reader.model(Sentences(ids, mask)).logits.softmax(-1).max(-1)
        names = (reader.labels.types[k] for k in y.tolist())
        found += zip(names, p.tolist(), strict=True)
    return found


def ours(reader: Classifier, lines: list[str]) -> list[tuple[str, float]]:
    return [(answer.label, answer.probability) for answer in reader.stream(lines)]


def reader_of(config: classifier.Config | selfattentive.Config, lines: list[str]) -> Classifier:
    text = Text.learn(lines, kind="characters", min_count=2)
    labels = Labels(("0", "1"))
    torch.manual_seed(0)
    model = config.build(Sizes(len(text.vocabulary), labels=len(labels)))
    return Classifier(model, text, labels, Classification(data="x", tokens="characters"))


def rows(*, tiny: bool = False) -> Iterator[Row]:
    lines = reviews(600 if tiny else REVIEWS)
    repeats, width = (2, 8) if tiny else (5, 128)
    configs = {
        "BiLSTM, max": classifier.Config(d=width, d_word=width),
        "BiGRU, mean": classifier.Config(cell="gru", d=width, d_word=width, pooling="mean"),
        "self-attentive": selfattentive.Config(d=width, d_word=width),
    }
    for name, config in configs.items():
        reader = reader_of(config, lines)
        mine, theirs = ours(reader, lines), plain(reader, lines)
        assert max(abs(a[1] - b[1]) for a, b in zip(mine, theirs, strict=True)) < 1e-5
        yield row(
            f"classify: {name}",
            interleave(
                lambda reader=reader: ours(reader, lines),
                lambda reader=reader: plain(reader, lines),
                repeats=repeats,
            ),
            amount=len(lines),
            unit="texts",
            goal=None,
            setting=(
                f"{len(lines):,} made-up reviews of {MEDIAN} characters in the middle and "
                f"{LONGEST} at most (as nsmc's), syllables, width {width}, random weights, from "
                "strings to labels, against a loop over the same network that does not sort by "
                f"length; float32; median of {repeats}"
            ),
        )
