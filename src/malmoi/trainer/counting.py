"""The training of a count table: it counts, and is done."""

import time
from collections.abc import Generator
from typing import Any

from malmoi.models import ngram
from malmoi.tasks.language_modelling import LanguageModellingTask
from malmoi.trainer.happenings import Announced, Counted, Event


def counting(
    model: ngram.NGram, task: LanguageModellingTask
) -> Generator[Event, None, dict[str, Any]]:
    """Count and smooth: a model without gradients."""
    started = time.perf_counter()
    told = model.estimate(task.corpora["train"].tokens, task.corpora["valid"].tokens)
    seconds = time.perf_counter() - started
    yield from (Announced(note) for note in told)
    yield Counted(seconds)
    events = task.corpora["train"].events
    return {"announcements": told, "seconds": seconds, "tokens_per_second": events / seconds}
