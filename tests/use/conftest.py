"""Language models in the hand, small enough to know by heart."""

from collections.abc import Callable

import pytest
import torch

from malmoi.config import Sizes
from malmoi.data.corpus import stream
from malmoi.models import gpt, ngram, rnn
from malmoi.text import Text
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
    "elman": rnn.ElmanConfig(d=8, layers=1, init=0.8),
    "gru": rnn.GRUConfig(d=8, layers=2, init=0.8),
    "lstm": rnn.LSTMConfig(d=8, layers=2, init=0.8, tied=True),
    "gpt": gpt.Config(d=8, heads=2, layers=2, context=8),
    "gpt-of-256": gpt.Config(d=8, heads=2, layers=1, context=256),
}


def build(name: str, kind: str = "words", dtype: torch.dtype = torch.float64) -> LanguageModel:
    """A model of the lines above, by its name in CONFIGS."""
    text = Text.learn(LINES, kind=kind, min_count=1)
    V = len(text.vocabulary)
    torch.manual_seed(0)
    model = CONFIGS[name].build(Sizes(vocabulary=V))
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


@pytest.fixture(params=["ngram", "elman", "gru", "lstm", "gpt"])
def lm(request: pytest.FixtureRequest) -> LanguageModel:
    return build(request.param)
