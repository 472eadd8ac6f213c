"""Models in the hand, small enough to know by heart."""

from collections.abc import Callable

import pytest
import torch

from malmoi.config import Sizes
from malmoi.data.corpus import stream
from malmoi.models import (
    bow,
    charcnn,
    classifier,
    gpt,
    han,
    ngram,
    nplm,
    rnn,
    selfattentive,
    tagger,
)
from malmoi.tasks.classification import Classification
from malmoi.tasks.labels import Labels
from malmoi.tasks.lexicon import Lexicon
from malmoi.tasks.spelling import Spellings
from malmoi.tasks.tagging import Tagging
from malmoi.text import Text
from malmoi.use import Classifier, Tagger
from malmoi.use.language_model import LanguageModel

LINES = [
    "오늘은 날씨가 좋다",
    "오늘은 비가 온다",
    "내일은 날씨가 좋다",
    "the list is long",
    "the list of the words",
    "",
    "비가 온다 비가 온다",
]
CONFIGS = {
    "ngram": ngram.Config(order=3),
    "stupid-backoff": ngram.Config(order=3, estimator="stupid-backoff"),
    "mle": ngram.Config(order=2, estimator="mle"),
    "nplm": nplm.Config(order=4, d_word=6, d=8, direct=True, init=0.8),
    "elman": rnn.ElmanConfig(d=8, layers=1, init=0.8),
    "gru": rnn.GRUConfig(d=8, layers=2, init=0.8),
    "lstm": rnn.LSTMConfig(d=8, layers=2, init=0.8, tied=True),
    "charcnn": charcnn.Config(d_letter=4, filters=2, d=8, layers=1, init=0.8),
    "gpt": gpt.Config(d=8, heads=2, layers=2, context=8),
    "gpt-of-256": gpt.Config(d=8, heads=2, layers=1, context=256),
}


def build(name: str, kind: str = "words", dtype: torch.dtype = torch.float64) -> LanguageModel:
    """A model of the lines above, by its name in CONFIGS."""
    text = Text.learn(LINES, kind=kind, min_count=1)
    V = len(text.vocabulary)
    torch.manual_seed(0)
    spellings = Spellings(text.vocabulary, "characters")
    sizes = Sizes(V, characters=spellings.characters, longest=spellings.longest)
    model = CONFIGS[name].build(sizes)
    if isinstance(model, charcnn.CharCNN):
        model.spell(torch.from_numpy(spellings.table))
    if isinstance(model, ngram.NGram):
        model.estimate(stream(map(text.encode, LINES), V))
    else:
        model.to(dtype)
        if name.startswith("gpt"):  # as it begins it hardly looks at what it read
            for weight in model.parameters():
                torch.nn.init.normal_(weight, std=0.4) if weight.dim() > 1 else None
    return LanguageModel(model, text)


@pytest.fixture(scope="session")
def lines() -> list[str]:
    return LINES


@pytest.fixture(scope="session")
def make() -> Callable[..., LanguageModel]:
    return build


@pytest.fixture(params=["ngram", "nplm", "elman", "gru", "lstm", "charcnn", "gpt"])
def lm(request: pytest.FixtureRequest) -> LanguageModel:
    return build(request.param)


# ---------------------------------------------------------------- readers

LABELS = ("bad", "good", "so-so")
TAGS = {
    "none": ("ADJ", "NOUN", "VERB"),
    "bio": ("B-LOC", "B-PER", "I-LOC", "I-PER", "O"),
    "bioes": ("B-PER", "E-PER", "I-PER", "O", "S-PER"),
}
CLASSIFIERS = {
    "bow": bow.Config(buckets=50),
    "elman": classifier.Config(cell="elman", d=5, d_word=4, bidirectional=False, pooling="last"),
    "gru": classifier.Config(cell="gru", d=5, d_word=4, layers=2, pooling="mean"),
    "lstm": classifier.Config(d=5, d_word=4, pooling="max"),
    "attention": classifier.Config(d=5, d_word=4, pooling="attention"),
    "selfattentive": selfattentive.Config(d=5, d_word=4, d_alpha=3, hops=2, d_mlp=6),
    "han": han.Config(d=5, d_word=4),
}
TAGGERS = {
    "softmax": tagger.Config(d=5, d_word=4, d_spelling=3, head="softmax"),
    "crf": tagger.Config(d=5, d_word=4, d_spelling=3, head="crf"),
    "spelt": tagger.Config(cell="gru", d=5, d_word=4, d_spelling=4, speller="lstm"),
    "plain": tagger.Config(cell="elman", bidirectional=False, d=5, d_word=4, speller="none"),
}


def decided(model: torch.nn.Module, dtype: torch.dtype) -> torch.nn.Module:
    """As it begins a network hardly looks at what it reads: give it opinions."""
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.7)
    return model.to(dtype)


def build_classifier(
    name: str,
    *,
    several: bool = False,
    kind: str = "words",
    longest: int = 0,
    dtype: torch.dtype = torch.float64,
) -> Classifier:
    text = Text.learn(LINES, kind=kind, min_count=1)
    labels = Labels(LABELS, several)
    config = Classification(data="x", tokens=kind, sentences=name == "han", longest=longest)
    torch.manual_seed(0)
    sizes = Sizes(len(text.vocabulary), labels=len(labels), several=several)
    model = decided(CLASSIFIERS[name].build(sizes), dtype)
    return Classifier(model, text, labels, config)


def build_tagger(
    name: str,
    *,
    scheme: str = "bio",
    words: str = "words",
    spelling: str = "jamo",
    constrained: bool = True,
    dtype: torch.dtype = torch.float64,
) -> Tagger:
    text = Text.learn(LINES, kind=words, min_count=1)
    lexicon = Lexicon.learn(text, Labels(TAGS[scheme], scheme=scheme), spelling)
    torch.manual_seed(0)
    model = decided(TAGGERS[name].build(lexicon.sizes), dtype)
    config = Tagging(data="x", words=words, spelling=spelling, constrained=constrained)
    return Tagger(model, lexicon, config)


@pytest.fixture(scope="session")
def make_classifier() -> Callable[..., Classifier]:
    return build_classifier


@pytest.fixture(scope="session")
def make_tagger() -> Callable[..., Tagger]:
    return build_tagger
