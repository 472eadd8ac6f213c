"""Made-up comparisons of readers: 77 labels in three seeds, and entities in two languages."""

import random

from malmoi.comparison.measures import Entities, Labelled, mean
from malmoi.comparison.result import (
    Answer,
    Comparison,
    Confused,
    Difference,
    Entry,
    Example,
    Ground,
    Level,
    Point,
    Reading,
    Scored,
    Sure,
    Trial,
)

LABELS = (
    "balance_not_updated_after_cheque_or_cash_deposit",
    "내 카드가 아직 오지 않았습니다",
    *(f"label_{k}" for k in range(75)),
)
TEXTS = (
    Example("My card was charged twice; what can I do?", (LABELS[2],)),
    Example("어제 보낸 돈이 아직 들어오지 않았는데 언제쯤 들어오나요?", (LABELS[1],)),
)
SAID = {
    "bow": ((LABELS[3], 0.41), (LABELS[1], 0.35)),
    "rnn-last": ((LABELS[2], 0.52), (LABELS[1], 0.66)),
    "rnn-max": ((LABELS[2], 0.97), (LABELS[4], 0.81)),
}


def reading(q: float, k: int, name: str) -> Reading:
    """Label i is right with a chance of about q, or taken for the next one."""
    dice = random.Random(k)
    pairs: dict[tuple[str, str], int] = {}
    for i, label in enumerate(LABELS):
        right = sum(dice.random() < q for _ in range(40))
        for said, times in ((label, right), (LABELS[(i + 1) % 77], 40 - right)):
            if times:
                pairs[label, said] = times
    scored = []
    for i, label in enumerate(LABELS):
        tp = pairs.get((label, label), 0)
        fp = pairs.get((LABELS[i - 1], label), 0)
        scored.append(Scored(label, tp / (tp + fp), tp / 40, 2 * tp / (tp + fp + 40), 40))
    return Reading(
        tuple(scored),
        tuple(Confused(*pair, times) for pair, times in pairs.items()),
        tuple(Sure((b + 0.5) / 15, b / 15, 10 * b + 1) for b in range(4, 15)),
        tuple(Answer((label,), p) for label, p in SAID[name]),
    )


def labelled() -> Comparison:
    """Three classifiers, three seeds each: rnn-max is the best, rnn-last is not far."""
    entries = []
    for k, name in enumerate(SAID):
        q = (0.80, 0.90, 0.91)[k]
        trials = tuple(
            Trial(
                seed,
                30.0 + seed,
                Labelled(q + 0.01 * seed, q, 0.06),
                Labelled(q + 0.005 * seed, q - 0.01, 0.05),
                tuple(Point(3.0 * n, 1000 * n, 10 * n, 1.0, q - 0.5 / n) for n in range(1, 9)),
            )
            for seed in (1, 2, 3)
        )
        entries.append(
            Entry(
                name,
                "bidirectional lstm, 1 × 128, max",
                400_000,
                32.0,
                9_300.0,
                1_600_000,
                mean(trial.dev for trial in trials),
                mean(trial.test for trial in trials),
                trials[0].curve,
                trials,
                reading=reading(q, k, name),
            )
        )
    level = Level("commonest label", Labelled(0.013, 0.0003), LABELS[0])
    return Comparison(
        ground=Ground(
            "banking77", "words", 2_600, 9_000, 1_003, 3_080, 50, "9f" * 32, level, "accuracy",
            "texts", LABELS,
        ),
        entries=tuple(entries),
        examples=TEXTS,
        differences=(
            Difference("rnn-max", "bow", 0.11, (0.09, 0.13), 0.0002),
            Difference("rnn-max", "rnn-last", 0.01, (-0.002, 0.022), 0.21),
        ),
        commands=("malmoi compare --data banking77 --seeds 3",),
    )  # fmt: skip


KINDS = ("person", "group")
SENTENCES = (
    Example("Ada met 김민수 .", ("B-person", "O", "B-person", "O"), ("Ada", "met", "김민수", ".")),
)


def entities() -> Comparison:
    """Two taggers of entities, one of which misses some and makes some up."""
    tags = {"rnn": ("B-group", "O", "O", "O"), "bilstm-crf": ("B-person", "O", "B-person", "O")}
    entries = tuple(
        Entry(
            name,
            "bidirectional lstm",
            700_000,
            60.0,
            9_000.0,
            3_000_000,
            Entities(q, q, q, 0.95),
            Entities(q, q, q, 0.94),
            reading=Reading(
                tuple(Scored(kind, q, q, q, 50) for kind in KINDS),
                (
                    Confused("group", "", 11),
                    Confused("", "person", 7),
                    Confused("group", "person", 5),
                    Confused("group", "group", 34),
                    Confused("person", "person", 50),
                ),
                answers=(Answer(tags[name]),),
            ),
        )
        for name, q in (("rnn", 0.4), ("bilstm-crf", 0.6))
    )
    level = Level("commonest tag", Entities(0.0, 0.0, 0.0, 0.91), "O")
    return Comparison(
        ground=Ground(
            "wnut17", "words", 4_000, 62_730, 15_733, 23_394, 0, "ab" * 32, level, "f1", "words",
            KINDS, "-1", "bio",
        ),
        entries=entries,
        examples=SENTENCES,
    )  # fmt: skip
