"""Readers with weights drawn by chance: what a picture says of them can be worked out by hand."""

from collections.abc import Callable

import pytest
import torch

from malmoi.config import Sizes
from malmoi.models import bow, classifier, han, selfattentive, tagger
from malmoi.tasks.classification import Classification
from malmoi.tasks.labels import Labels
from malmoi.tasks.lexicon import Lexicon
from malmoi.tasks.tagging import Tagging
from malmoi.text import Text, Vocabulary
from malmoi.use.classifier import Classifier
from malmoi.use.tagger import Tagger

LINES = [
    "정말 재미있는 영화 였다. 다시 보고 싶다! 배우들의 연기도 좋았다.",
    "the plot is thin and the acting is bad . a long , long film",
    "not bad at all , the acting is good . good music , bad ending",
    "시간이 아깝다. 시나리오가 지루하고 음악도 별로였다.",
]
CONFIGS = {
    "bow": bow.Config(order=3, buckets=200_000),
    "rnn-last": classifier.Config(d=6, d_word=5, pooling="last"),
    "rnn-mean": classifier.Config(d=6, d_word=5, pooling="mean", cell="gru"),
    "rnn-max": classifier.Config(d=6, d_word=5, pooling="max"),
    "rnn-attention": classifier.Config(d=6, d_word=5, pooling="attention"),
    "selfattentive": selfattentive.Config(d=6, d_word=5, hops=3, d_alpha=7, d_mlp=9),
    "han": han.Config(d=6, d_word=5),
    "han-mean": han.Config(d=6, d_word=5, pooling="mean"),
}
LABELS = ("부정", "neutral", "긍정")
TAGS = ("B-LOC", "B-PER", "I-LOC", "I-PER", "O")


def classifier_of(
    name: str, kind: str = "words", *, several: bool = False, longest: int = 0
) -> Classifier:
    """A classifier of the lines above, by its name in CONFIGS."""
    size = 300 if kind == "bpe" else None
    text = Text.learn(LINES, kind=kind, min_count=1, size=size)
    task = Classification(
        data="made up", tokens=kind, sentences=name.startswith("han"), longest=longest
    )
    sizes = Sizes(vocabulary=len(text.vocabulary), labels=len(LABELS), several=several)
    return Classifier(
        drawn(CONFIGS[name].build(sizes)), text, Labels(LABELS, several=several), task
    )


def tagger_of(head: str = "crf", *, constrained: bool = True) -> Tagger:
    """A tagger of entities, with a softmax or a CRF."""
    text = Text.learn(LINES, kind="words", min_count=1)
    lexicon = Lexicon(
        text, Labels(TAGS, scheme="bio"), Vocabulary(["a", "다"], [0, 0, 3, 2]), "characters"
    )
    sizes = Sizes(vocabulary=len(text.vocabulary), labels=len(TAGS), characters=4)
    model = tagger.Config(d=6, d_word=5, d_spelling=4, head=head).build(sizes)
    task = Tagging(data="made up", constrained=constrained)
    return Tagger(drawn(model), lexicon, task)


def drawn(model: torch.nn.Module) -> torch.nn.Module:
    """Weights large enough that nothing is even, in float64."""
    torch.manual_seed(0)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.7)
    return model.double()


@pytest.fixture(scope="session")
def classifier_() -> Callable[..., Classifier]:
    return classifier_of


@pytest.fixture(scope="session")
def tagger_() -> Callable[..., Tagger]:
    return tagger_of


@pytest.fixture(scope="session")
def lines() -> list[str]:
    return LINES


@pytest.fixture(scope="session")
def names() -> list[str]:
    return list(CONFIGS)
