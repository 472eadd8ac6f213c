"""Made-up comparisons: the figures are invented, the shapes are those of real ones."""

import dataclasses
import math
import random
from collections.abc import Callable

import pytest

from malmoi.comparison.measures import Foreseen
from malmoi.comparison.result import Comparison, Entry, Ground, Level, Point, Said

ENGLISH = (
    "The subscript operator selects an item from a sequence or a mapping .",
    "If the key is missing , a KeyError exception is raised .",
)
KOREAN = (
    "오늘은 국립중앙도서관에서 우리말 사전의 역사를 다룬 전시회가 열려 많은 사람들이 다녀갔다",
    "어제 본 영화는 생각보다 훨씬 재미있었고 배우들의 연기도 정말 훌륭했다고 생각합니다",
)
NAMES = (
    ("ngram", "5-gram, modified Kneser–Ney", 412_345, 0.42, 148.21),
    ("elman", "Elman network, 1 × 200", 1_203_456, 61.0, 166.02),
    ("gru", "GRU, 1 × 200, reset after", 1_364_256, 88.4, 131.4),
    ("lstm", "LSTM, 2 × 200, tied", 1_684_656, 103.9, 118.73),
    ("gpt", "Transformer, 4 layers of 128", 2_104_320, 121.0, 121.55),
)


def measures(perplexity: float, per_token: float = 5.1) -> Foreseen:
    bits = math.log2(perplexity) / per_token
    return Foreseen(perplexity, bits, bits * 0.98)


def curve(seconds: float, end: float) -> tuple[Point, ...]:
    """From 4,000 down to `end`, one point an epoch or so."""
    if seconds < 1:
        return (Point(seconds, 52_000, 0, None, end),)
    return tuple(
        Point(
            seconds * k / 12,
            52_000 * k,
            80 * k,
            math.log(end) + 3 / k,
            end * (1 + 9 / k**1.4 - 9 / 12**1.4),
        )
        for k in range(1, 13)
    )


def surprisals(sentence: str, level: float, seed: int) -> tuple[Said, ...]:
    """Long words surprise; some more than others."""
    dice = random.Random(seed)
    words = [*sentence.split(), "</s>"]
    return tuple(Said(w, min(len(w), 9) * level * dice.uniform(0.1, 1.4)) for w in words)


@pytest.fixture
def made_up() -> Callable[..., Comparison]:
    return make


def make(language: str = "en", **changes: object) -> Comparison:
    sentences = ENGLISH if language == "en" else KOREAN
    opening = "The statement" if language == "en" else "오늘은"
    samples = (
        (
            "The statement is executed when the iterator is exhausted .",
            "The statement binds the name in the local namespace of the class .",
        )
        if language == "en"
        else ("오늘은 비가 많이 와서 집에서 책을 읽었다", "오늘은 정말 좋은 하루였습니다")
    )
    entries = tuple(
        Entry(
            name=name,
            description=description,
            parameters=parameters,
            seconds=seconds,
            per_second=12 * 52_000 / seconds,
            size_bytes=parameters * 4 + 20_000,
            dev=measures(perplexity * 1.03),
            test=measures(perplexity),
            curve=curve(seconds, perplexity * 1.03),
            samples=samples,
            surprisals=tuple(
                surprisals(sentence, math.log(perplexity) / 8, 10 * k + i)
                for i, sentence in enumerate(sentences)
            ),
        )
        for k, (name, description, parameters, seconds, perplexity) in enumerate(NAMES)
    )
    told: dict[str, object] = {
        "ground": Ground(
            data="python-docs" if language == "en" else "petitions-ko",
            tokenisation="words",
            vocabulary=5_012,
            train=52_004,
            dev=6_480,
            test=6_512,
            unknown=233,
            held_out="9f" * 32,
        ),
        "entries": entries,
        "prompt": opening,
        "sentences": sentences,
        "commands": ("malmoi compare --data python-docs --seed 1 --to runs/demo",),
        "machine": "2 cores, x86-64, torch 2.13.0",
        "version": "0.1.0",
        "date": "2026-11-20",
    }
    return Comparison(**{**told, **changes})  # type: ignore[arg-type]


@pytest.fixture
def limited() -> Callable[[float], Ground]:
    return _limited


def _limited(perplexity: float) -> Ground:
    """The ground of the made-up comparison, of a language that has a limit."""
    ground = make().ground
    return dataclasses.replace(ground, level=Level("the limit", measures(perplexity)))
