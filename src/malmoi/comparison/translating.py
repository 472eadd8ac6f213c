"""What translators reached, side by side: BLEU and chrF of what they write, perplexity of what
people wrote.

Every run writes the test split once more, as it did when its training was over, so that texts can
be put beside texts, and so that it can be said whether the best is better or was luckier: sentences
are drawn anew, and BLEU is counted from the counts of those drawn (Koehn 2004, W04-3250).
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Integer

from malmoi.comparison import figures
from malmoi.comparison.exams import digest_of
from malmoi.comparison.fair import best
from malmoi.comparison.rendered import Aligned, Original, Rendering
from malmoi.comparison.result import Comparison, Difference, Entry, Ground
from malmoi.comparison.trials import Trials, entry
from malmoi.data.dataset import DataSet
from malmoi.data.examples import Pair
from malmoi.errors import RunError
from malmoi.explain.alignment import aligned_by
from malmoi.metrics import bleu
from malmoi.metrics.significance import paired_bootstrap
from malmoi.recipe import Recipe
from malmoi.run import Run
from malmoi.tasks.paired import turned, written
from malmoi.tasks.translation import Translation, TranslationTask
from malmoi.text import Bitext
from malmoi.use import Translator, network
from malmoi.use.looking import crossing

SHOWN, DRAWN = 6, 2  # sources whose translations, and whose alignments, the report has
SHORTEST, LONGEST = 12, 140  # characters of a source that can be read at a glance


def compared(source: DataSet, trained: Sequence[Trials]) -> Comparison:
    """The models in `trained` on the test split."""
    first = trained[0].runs[0]
    task = task_of(first)
    asked = {split: pairs_of(source, split, task.config) for split in ("valid", "test")}
    models: dict[str, Any] = {}
    said: dict[str, list[list[str]]] = {}
    for one in trained:
        for run in one.runs:
            _alike(first, run)
            model: Any = network(run)
            models.setdefault(one.name, model)
            texts = written(model, task.bitext, task.paired["test"], beam=task.config.beam)
            said.setdefault(one.name, []).append(texts)
    originals = [Original(p.source, (p.target, *p.others)) for p in asked["test"]]
    shown = chosen(originals, [texts for texts, *_ in said.values()])
    drawn = drawn_of(originals, shown)
    entries = []
    for one in trained:
        translator = Translator(models[one.name], task.bitext, task.config)
        renderings = [
            Rendering(
                said[one.name][0][i], _aligned(translator, originals[i]) if i in drawn else None
            )
            for i in shown
        ]
        entries.append(_entry(one, renderings))
    comparison = Comparison(
        ground=ground(source, first.report, task.bitext, asked),
        entries=tuple(entries),
        originals=tuple(originals[i] for i in shown),
    )
    references = [original.references for original in originals]
    counts = {
        name: np.sum([bleu.counts(texts, references) for texts in some], axis=0)
        for name, some in said.items()
    }
    return dataclasses.replace(
        comparison, differences=tuple(differences(comparison, trained, counts))
    )


def task_of(run: Run) -> TranslationTask:
    """The data as the run reads it: its text lies in its folder, where nothing is written."""
    recipe = Recipe.from_toml(run.recipe)
    assert isinstance(recipe.task, Translation)
    return recipe.task.prepare(run.folder, recipe.seed)


def pairs_of(source: DataSet, split: str, config: Translation) -> list[Pair]:
    """The held-out pairs, each source once, in the direction that is translated."""
    pairs = list(source.paired(split))
    return turned(pairs, split) if config.swapped else pairs


def _alike(first: Run, other: Run) -> None:
    """Raises RunError unless both have read the same tokens."""
    if first.model["data"] != other.model["data"]:
        raise RunError(
            "two runs of this comparison have read other tokens",
            where=(str(first.folder), str(other.folder)),
            hint="choose another folder with --to, or remove these",
        )


def ground(
    source: DataSet,
    report: Mapping[str, Any],
    bitext: Bitext,
    asked: Mapping[str, Sequence[Pair]],
) -> Ground:
    """Which pairs these are, how both sides were cut, and how translations are measured."""
    kinds = dict.fromkeys((bitext.source.kind, bitext.target.kind))
    test = report["test"]
    names = {"bleu": "BLEU", "chrf": "chrF", "bleu_characters": "BLEU of characters"}
    return Ground(
        data=source.name,
        tokenisation=" → ".join(figures.unit(kind) for kind in kinds),
        vocabulary=report["vocabulary"],
        train=report["train_events"],
        dev=report["valid_events"],
        test=report["test_events"],
        unknown=report["unknown"],
        held_out=digest_of(
            (pair.source, pair.target, *pair.others) for some in asked.values() for pair in some
        ),
        headline="bleu",
        pairs=report["train_pairs"],
        beam=test["beam"],
        signatures=tuple(
            f"{title} {test[f'{name}_signature']}"
            for name, title in names.items()
            if f"{name}_signature" in test
        ),
    )


def _entry(one: Trials, renderings: Sequence[Rendering]) -> Entry:
    """One model's line of the table, and what it wrote."""
    line = entry(one, "bleu")
    said = one.runs[0].report["data_announcements"]
    return dataclasses.replace(
        line, renderings=tuple(renderings), announcements=(*line.announcements, *said)
    )


def _aligned(translator: Translator, original: Original) -> Aligned | None:
    """Where it looked; None for a model that does not look back, or a source of no token."""
    if not crossing(translator.model) or not translator.bitext.source.encode(original.source):
        return None
    found = aligned_by(translator, original.source, beam=translator.config.beam)
    weights = tuple(tuple(min(1.0, round(a, 4)) for a in row) for row in found.together)
    return Aligned(found.source, found.target, weights)


def differences(
    comparison: Comparison,
    trained: Sequence[Trials],
    counts: Mapping[str, Integer[np.ndarray, "n c"]],
) -> Iterator[Difference]:
    """The best model and each other: the counts of all seeds are summed before sentences are drawn,
    so it is their texts together that are compared."""
    first, seeds = best(comparison), {one.name: len(one.runs) for one in trained}
    if first is None:
        return
    for other in comparison.entries:
        if other is first or seeds[other.name] != seeds[first.name]:
            continue
        found = paired_bootstrap(counts[other.name], counts[first.name], bleu.of_counts)
        yield Difference(first.name, other.name, found.difference, found.interval, found.p)


def chosen(originals: Sequence[Original], said: Sequence[Sequence[str]]) -> list[int]:
    """Sources to look at, in the order of the data and spread over the whole of it: such that can
    be read at a glance and on which the models disagree, if there are any."""
    places = list(range(len(originals)))
    legible = [i for i in places if SHORTEST <= len(originals[i].source) <= LONGEST]
    disputed = [i for i in legible if len({texts[i] for texts in said}) > 1]
    found = next(some for some in (disputed, legible, places) if some)
    step = max(1, len(found) // SHOWN)
    return found[step // 2 :: step][:SHOWN]


def drawn_of(originals: Sequence[Original], shown: Sequence[int]) -> list[int]:
    """The shortest of those shown: their pictures are small."""
    return sorted(shown, key=lambda i: len(originals[i].source))[:DRAWN]
