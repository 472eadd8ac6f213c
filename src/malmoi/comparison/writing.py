"""What language models reached, side by side: how well they foresaw a text, and what they write."""

import dataclasses
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from malmoi.comparison.measures import Foreseen
from malmoi.comparison.result import Comparison, Entry, Ground, Level, Said
from malmoi.comparison.trials import Trials, entry
from malmoi.data.dataset import DataSet
from malmoi.use import LanguageModel, load_as

SENTENCES = 5  # held-out lines whose surprisal the report shows
SAMPLES = 3
LONGEST = 40  # tokens of such a line, so that it can be read


def compared(source: DataSet, trained: Sequence[Trials], *, prompt: str) -> Comparison:
    """The models in `trained` on the test lines; samples and surprisals are the first seed's."""
    models = {one.name: load_as(LanguageModel, one.runs[0].folder) for one in trained}
    first = next(iter(models.values()))
    sentences = chosen(source, first)
    prompt = prompt or " ".join(sentences[0].split()[:3])
    return Comparison(
        ground=ground(source, trained[0].runs[0].report, first),
        entries=tuple(_entry(one, models[one.name], sentences, prompt) for one in trained),
        prompt=prompt,
        sentences=sentences,
    )


def ground(source: DataSet, report: Mapping[str, Any], lm: LanguageModel) -> Ground:
    """Which text this is, and how it was cut."""
    held_out = hashlib.sha256()
    for split in ("valid", "test"):
        for line in source.lines(split):
            held_out.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return Ground(
        data=source.name,
        tokenisation=lm.text.kind,
        vocabulary=len(lm.text.vocabulary),
        train=report["train_events"],
        dev=report["valid_events"],
        test=report["test_events"],
        unknown=report["unknown"],
        held_out=held_out.hexdigest(),
        level=_limit(source, lm, report["test_events"]),
    )


def _limit(source: DataSet, lm: LanguageModel, events: int) -> Level | None:
    """What a made-up language's own probabilities reach, however its text is cut."""
    if source.truth is None:
        return None
    lines = list(source.lines("test"))
    nats = source.truth(lines).nats
    bits = nats / math.log(2)
    return Level(
        "the limit",
        Foreseen(
            perplexity=math.exp(nats / events),
            bits_per_character=bits / sum(lm.text.characters(line) for line in lines),
            bits_per_byte=bits / sum(lm.text.octets(line) for line in lines),
        ),
    )


def chosen(source: DataSet, lm: LanguageModel) -> tuple[str, ...]:
    """Some lines of the test text that can be read at a glance, spread over the whole of it."""
    text = lm.text
    readable = [line for line in source.lines("test") if 6 <= len(text.split(line)) <= LONGEST] or [
        line for line in source.lines("test") if line.strip()
    ][:SENTENCES]
    step = max(1, len(readable) // SENTENCES)
    return tuple(dict.fromkeys(readable[step // 2 :: step][:SENTENCES]))


def _entry(one: Trials, lm: LanguageModel, sentences: Sequence[str], prompt: str) -> Entry:
    """One model's line of the table, and what the report shows of it."""
    texts = lm.generate(prompt, n=SAMPLES, temperature=0.8, max_tokens=40, seed=1)
    return dataclasses.replace(
        entry(one, "perplexity"),
        samples=tuple(text.text for text in texts),
        surprisals=tuple(tuple(_said(lm, sentence)) for sentence in sentences),
    )


def _said(lm: LanguageModel, sentence: str) -> Iterator[Said]:
    return (Said(token.text, token.surprisal) for token in lm.tokens(sentence))
