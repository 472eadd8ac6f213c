"""Readers with weights drawn by chance: what a picture says of them can be worked out by hand."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from malmoi.config import Sizes
from malmoi.data.corpus import stream
from malmoi.explain.draw import text_width
from malmoi.models import (
    bow,
    charcnn,
    classifier,
    convs2s,
    gpt,
    han,
    ngram,
    nplm,
    rnn,
    selfattentive,
    sutskever,
    tagger,
    transformer,
)
from malmoi.tasks.classification import Classification
from malmoi.tasks.labels import Labels
from malmoi.tasks.lexicon import Lexicon
from malmoi.tasks.spelling import Spellings
from malmoi.tasks.tagging import Tagging
from malmoi.tasks.translation import Translation
from malmoi.text import Bitext, Text, Vocabulary
from malmoi.use.classifier import Classifier
from malmoi.use.language_model import LanguageModel
from malmoi.use.tagger import Tagger
from malmoi.use.translator import Translator

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
KOREAN = ["나는 학교에 간다", "고양이가 생선을 먹는다", "그는 어제 도서관에서 책을 읽었다"]
ENGLISH = ["i go to school", "the cat eats fish", "he read a book in the library yesterday"]
TRANSLATORS = {
    "transformer": transformer.Config(d=8, heads=2, layers=2, layers_decoder=1, d_ff=8),
    "convs2s": convs2s.Config(d=6, layers=1, layers_decoder=2),
    "sutskever": sutskever.Config(d=6, d_word=4, layers=1),
}
SAID = [
    "오늘은 날씨가 좋다",
    "오늘은 비가 온다",
    "내일은 날씨가 좋다",
    "the list is long",
    "the list of the words is long",
    "",
    "비가 온다 비가 온다",
]
WRITERS = {
    "ngram": ngram.Config(order=3),
    "elman": rnn.ElmanConfig(d=6, d_word=4, layers=1, init=0.9),
    "gru": rnn.GRUConfig(d=6, d_word=4, layers=2, init=0.9),
    "gru-before": rnn.GRUConfig(d=6, layers=1, init=0.9, reset="before"),
    "lstm": rnn.LSTMConfig(d=6, d_word=4, layers=2, init=0.9),
    "gpt": gpt.Config(d=8, heads=2, layers=2, context=8),
    "nplm": nplm.Config(order=3, d_word=4, d=6, init=0.9),
    "charcnn": charcnn.Config(d_letter=4, filters=2, d=6, layers=2, init=0.9),
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


def translator_of(name: str) -> Translator:
    """A translator of the lines above, by its name in TRANSLATORS."""
    bitext = Bitext.learn(lambda: KOREAN, lambda: ENGLISH, kind="words")
    torch.manual_seed(2)
    sizes = Sizes(len(bitext.target.vocabulary), source=len(bitext.source.vocabulary))
    model = TRANSLATORS[name].build(sizes).double().eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.6)
    return Translator(model, bitext, Translation(data="pairs.tsv"))


def language_model_of(name: str, kind: str = "words", **changed: object) -> LanguageModel:
    """A language model of what is said above, by its name in WRITERS, in float64."""
    text = Text.learn(SAID, kind=kind, min_count=1)
    V = len(text.vocabulary)
    torch.manual_seed(1)
    spellings = Spellings(text.vocabulary, "characters")
    sizes = Sizes(V, characters=spellings.characters, longest=spellings.longest)
    model = replace(WRITERS[name], **changed).build(sizes)
    if name == "charcnn":
        model.spell(torch.from_numpy(spellings.table))
    if name == "ngram":
        model.estimate(stream(map(text.encode, SAID), V))
    elif name == "gpt":  # as it begins it hardly looks at what it read
        for weight in model.double().parameters():
            torch.nn.init.normal_(weight, std=0.5)
    else:
        model.double()
    return LanguageModel(model, text)


def drawn(model: torch.nn.Module) -> torch.nn.Module:
    """Weights large enough that nothing is even, in float64."""
    torch.manual_seed(0)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.7)
    return model.double()


def boxes_of(svg: str) -> list[tuple[float, float, float, float, str]]:
    """Every upright text of a picture: left, right, baseline, size, text."""

    def walk(e, x, y):
        move = re.match(r"translate\(([-\d.]+) ([-\d.]+)\)", e.get("transform", ""))
        if move:
            x, y = x + float(move[1]), y + float(move[2])
        if e.tag.endswith("}text") and "rotate" not in e.get("transform", ""):
            size = float(e.get("font-size"))
            shown = "".join(t for t in e.itertext())
            title = e.find("{http://www.w3.org/2000/svg}title")
            if title is not None:
                shown = shown.removeprefix(title.text or "")
            w = text_width(shown) * size * 0.85  # `text_width` is generous
            kinds = e.get("class").split()
            at = x + float(e.get("x"))
            left = at - w if "end" in kinds else at - w / 2 if "middle" in kinds else at
            yield left, left + w, y + float(e.get("y")), size, shown
        for child in e:
            yield from walk(child, x, y)

    return list(walk(ET.fromstring(svg), 0, 0))


@pytest.fixture(scope="session")
def classifier_() -> Callable[..., Classifier]:
    return classifier_of


@pytest.fixture(scope="session")
def tagger_() -> Callable[..., Tagger]:
    return tagger_of


@pytest.fixture(scope="session")
def translator_() -> Callable[..., Translator]:
    return translator_of


@pytest.fixture(scope="session")
def language_model_() -> Callable[..., LanguageModel]:
    return language_model_of


@pytest.fixture(scope="session")
def said() -> list[str]:
    return SAID


@pytest.fixture(scope="session")
def boxes() -> Callable[[str], list[tuple[float, float, float, float, str]]]:
    return boxes_of


@pytest.fixture(scope="session")
def lines() -> list[str]:
    return LINES


@pytest.fixture(scope="session")
def names() -> list[str]:
    return list(CONFIGS)
