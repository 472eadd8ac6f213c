import numpy as np
import pytest
import torch

from malmoi.carry import LanguageModel
from malmoi.config import Sizes
from malmoi.models.ngram import Config

LINES = [[2, 3, 4], [2, 3, 2, 3, 4], [], [4, 4, 2], [2, 3, 5]]
STREAM = np.array([0, *(w for line in LINES for w in [*line, 0])], np.uint16)
V = 7


@pytest.mark.parametrize("estimator", ["mle", "additive", "kneser-ney"])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_every_conditional_sums_to_one(estimator, order):
    model = Config(order=order, estimator=estimator).build(Sizes(V))
    model.estimate(STREAM)
    assert isinstance(model, LanguageModel)
    x = torch.tensor([[2, 3, 4, 6, 1, 0, 0, 5, 2, 3]])
    logits, _ = model(x, model.begin(1))
    assert torch.allclose(logits.exp().sum(-1), torch.ones(1, 10, dtype=torch.float64), atol=1e-12)
    y = x.roll(-1, 1)
    assert torch.equal(
        model.log_prob(x, y, model.begin(1))[0], logits.gather(2, y[..., None])[..., 0]
    )
