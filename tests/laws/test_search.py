"""Search, for every language model: beam 1 is greedy; a beam as wide as the space is exhaustive
search, for length penalties 0 … 2; the n best are sorted and distinct."""

import itertools
from functools import cache

import numpy as np
import pytest
import torch

from malmoi.config import Sizes
from malmoi.decode import LengthPenalty, beam, endless, greedy
from malmoi.models import charcnn, gpt, ngram, nplm, rnn

V, LIMIT = 4, 3
CONFIGS = {
    "ngram": ngram.Config(order=3, estimator="additive", alpha=0.3),
    "ngram-mle": ngram.Config(order=2, estimator="mle"),
    "nplm": nplm.Config(order=3, d_word=4, d=6, direct=True),
    "elman": rnn.ElmanConfig(d=6, layers=1),
    "gru-before": rnn.GRUConfig(d=6, layers=1, reset="before"),
    "gru-after": rnn.GRUConfig(d=6, layers=2, reset="after"),
    "lstm": rnn.LSTMConfig(d=6, layers=2),
    "lstm-adaptive": rnn.LSTMConfig(d=6, layers=1, adaptive=(2, 3)),
    "charcnn": charcnn.Config(d_letter=3, widths=(1, 2), filters=2, d=6, layers=1),
    "gpt": gpt.Config(d=8, heads=2, layers=2, context=16),
    "gpt-post": gpt.Config(d=8, heads=2, layers=1, context=16, norm="post"),
    "gpt-slides": gpt.Config(d=8, heads=2, layers=1, context=3),
}
PENALTIES = [
    ("none", 0.0),
    ("power", 0.5),
    ("power", 1.0),
    ("power", 2.0),
    ("gnmt", 0.6),
    ("gnmt", 2.0),
]
some_penalties = pytest.mark.parametrize(
    ("kind", "alpha"), [("none", 0.0), ("power", 1.0), ("gnmt", 2.0)]
)


def build(name):
    torch.manual_seed(0)
    model = CONFIGS[name].build(Sizes(vocabulary=V, characters=3, longest=2))
    if isinstance(model, charcnn.CharCNN):
        model.spell(torch.tensor([[1, 0], [2, 0], [1, 3], [3, 1]]))
    if isinstance(model, ngram.NGram):
        words = np.random.default_rng(0).integers(0, V, 60)
        model.estimate(np.array([0, *words, 0], np.uint16))
        return model
    for weight in model.double().eval().parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.9)  # far from uniform, or every beam is right
    return endless(model)


@pytest.fixture(scope="module", params=CONFIGS)
def model(request):
    return build(request.param)


@cache
@torch.no_grad()
def everything(model, prompt):
    """Every text of at most LIMIT tokens: what was said, its log p, how long, whether it ended."""
    found = []
    for size in range(LIMIT + 1):
        for text in itertools.product(range(1, V), repeat=size):
            said = [*text, 0] if size < LIMIT else list(text)
            read = torch.tensor([[*prompt, *said]])
            logits, _ = model(read[:, :-1], model.begin(1))
            logp = logits.double().log_softmax(-1)[0, len(prompt) - 1 :]
            total = sum(logp[t, w].item() for t, w in enumerate(said))
            if total > -np.inf:
                found.append((text, total, len(said), size < LIMIT))
    return found


@pytest.mark.parametrize(("kind", "alpha"), PENALTIES)
def test_a_beam_as_wide_as_the_space_is_exhaustive_search(model, kind, alpha):
    prompts = [[0, 2], [0, 3]]
    divisor = {
        "none": lambda _: 1,
        "power": lambda n: n**alpha,
        "gnmt": lambda n: ((5 + n) / 6) ** alpha,
    }[kind]
    found = beam(
        model,
        model.begin(2),
        torch.tensor(prompts),
        width=V**LIMIT,
        limit=LIMIT,
        penalty=LengthPenalty(kind, alpha),
    )
    for row, prompt in zip(found, prompts, strict=True):
        expected = {
            text: (s, s / divisor(n), end) for text, s, n, end in everything(model, tuple(prompt))
        }
        assert {h.tokens for h in row} == set(expected)
        for h in row:
            logp, score, end = expected[h.tokens]
            assert h.log_prob == pytest.approx(logp, abs=1e-12)
            assert h.score == pytest.approx(score, abs=1e-12)
            assert h.finished == end
        assert row[0].score == pytest.approx(max(s for _, s, _ in expected.values()), abs=1e-12)
        assert [h.score for h in row] == sorted((h.score for h in row), reverse=True)
        assert len({h.tokens for h in row}) == len(row)


@some_penalties
def test_a_beam_of_one_is_greedy(model, kind, alpha):
    x = torch.tensor([[0, 1], [0, 2], [0, 3]])
    for limits in ({"limit": 12}, {"limit": 12, "minimum": 5, "forbid": (1,)}):
        found = beam(
            model, model.begin(3), x, width=1, penalty=LengthPenalty(kind, alpha), **limits
        )
        written = greedy(model, model.begin(3), x, **limits)
        for (b,), g in zip(found, written, strict=True):
            assert (b.tokens, b.finished) == (g.tokens, g.finished)
            assert b.log_prob == pytest.approx(g.log_prob, abs=1e-12)


@some_penalties
def test_the_n_best_of_a_narrow_beam_are_sorted_distinct_and_cost_what_the_model_says(
    model, kind, alpha
):
    x = torch.tensor([[0, 1], [0, 3]])
    found = beam(model, model.begin(2), x, width=4, limit=9, penalty=LengthPenalty(kind, alpha))
    for row, prompt in zip(found, x.tolist(), strict=True):
        assert [h.score for h in row] == sorted((h.score for h in row), reverse=True)
        assert len({(h.tokens, h.finished) for h in row}) == len(row) >= 1
        for h in row:
            assert 0 not in h.tokens
            said = [*h.tokens, 0] if h.finished else list(h.tokens)
            with torch.no_grad():
                logits, _ = model(torch.tensor([[*prompt, *said[:-1]]]), model.begin(1))
            logp = logits.double().log_softmax(-1)[0, 1:]
            assert h.log_prob == pytest.approx(
                sum(logp[t, w].item() for t, w in enumerate(said)), abs=1e-12
            )


def test_rows_of_a_batch_do_not_influence_each_other(model):
    x = torch.tensor([[0, 1], [0, 2], [0, 3], [0, 1]])
    how = {"width": 3, "limit": 8, "penalty": LengthPenalty("power", 1.0)}
    together = beam(model, model.begin(4), x, **how)
    for b in range(4):
        (alone,) = beam(model, model.begin(1), x[b : b + 1], **how)
        assert [h.tokens for h in together[b]] == [h.tokens for h in alone]
        assert [h.score for h in together[b]] == pytest.approx([h.score for h in alone], abs=1e-12)
