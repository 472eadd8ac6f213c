"""Mixtures of language models: the weights against a search of the whole simplex, the sums against
sums by hand, and every law that a single model obeys."""

import itertools
import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from malmoi.errors import EmptyText, UsageError
from malmoi.use.laws import check
from malmoi.use.mixture import Mixture, fit, mix

HELDOUT = ["오늘은 비가 온다", "the list of the day", "", "내일은 날씨가 좋다 the list"]
MIXED = [("nplm", "ngram"), ("lstm", "ngram"), ("gpt", "ngram", "gru"), ("ngram", "mle")]
every_mixture = pytest.mark.parametrize("names", MIXED, ids=" and ".join)


def simplex(parts: int, steps: int) -> np.ndarray:
    """All weights that are multiples of 1 / steps."""
    grid = [w for w in itertools.product(range(steps + 1), repeat=parts) if sum(w) == steps]
    return np.array(grid) / steps


def invented(parts: int, words: int = 400) -> np.ndarray:
    """What some models say of words each of them knows in part."""
    rng = np.random.default_rng(parts)
    return np.log(rng.beta(0.5, 3.0, (parts, words)) + 1e-6)


@pytest.mark.parametrize(("parts", "steps"), [(2, 2000), (3, 100)])
def test_the_weights_are_the_best_of_all_on_a_grid(parts, steps):
    logp = invented(parts)
    grid = simplex(parts, steps)
    likelihood = np.log(grid @ np.exp(logp)).mean(1)
    weights = np.array(fit(logp))
    assert_allclose(weights.sum(), 1.0, atol=1e-12)
    assert np.log(weights @ np.exp(logp)).mean() >= likelihood.max() - 1e-12
    assert_allclose(weights, grid[likelihood.argmax()], atol=2 / steps)


def test_a_model_that_is_never_better_gets_nothing():
    good = invented(1)[0]
    assert fit(np.stack([good, good - 1.0]))[0] > 0.999
    assert fit(np.stack([good - 1.0, good]))[1] > 0.999


def test_a_word_that_only_one_model_can_say_keeps_that_model():
    logp = np.array([[-1.0, -1.0, -1.0, -np.inf], [-9.0, -9.0, -9.0, -2.0]])
    assert fit(logp)[1] == pytest.approx(1 / 4, abs=1e-3)
    nobody = np.array([[-1.0, -np.inf], [-2.0, -np.inf]])  # and one that none can, has no say
    assert fit(nobody)[0] > 0.999
    with pytest.raises(EmptyText):
        fit(np.full((2, 3), -np.inf))


@every_mixture
def test_a_mixture_is_the_sum_of_what_its_parts_say(make, names):
    parts = [make(name) for name in names]
    weights = np.arange(1, len(names) + 1) / sum(range(1, len(names) + 1))
    both = mix(parts, weights=list(weights))
    V = len(both.text.vocabulary)
    x = torch.randint(V, (3, 7), generator=torch.Generator().manual_seed(0))
    x[:, 0] = 0
    p = sum(
        w * torch.as_tensor(part.model(x, part.model.begin(3))[0].detach()).softmax(-1)
        for w, part in zip(weights, parts, strict=True)
        if "mle" not in names  # after what it never saw it says nothing at all
    )
    logp, _ = both.model(x, both.model.begin(3))
    if "mle" not in names:
        assert_allclose(logp.detach().exp(), p, atol=1e-12)
        assert_allclose(logp.detach().exp().sum(-1), 1.0, atol=1e-12)
    y = x.roll(-1, 1)
    said, _ = both.model.log_prob(x, y, both.model.begin(3))
    assert_allclose(said.detach(), logp.gather(-1, y[..., None])[..., 0].detach(), atol=1e-12)


@every_mixture
def test_on_the_held_out_text_a_mixture_is_at_least_as_good_as_each_part(make, names):
    parts = [make(name) for name in names]
    both = mix(parts, heldout=HELDOUT)
    alone = [part.perplexity(HELDOUT).perplexity for part in parts]
    together = both.perplexity(HELDOUT).perplexity
    assert together <= min(alone) + 1e-9
    for weights in simplex(len(parts), 20):
        assert together <= mix(parts, weights=list(weights)).perplexity(HELDOUT).perplexity + 1e-9


@pytest.mark.parametrize("names", MIXED[:3], ids=" and ".join)
def test_a_mixture_obeys_the_laws(make, names):
    found = list(check(mix([make(name) for name in names], heldout=HELDOUT)))
    assert len(found) == 10
    assert all(finding.ok for finding in found), found


def test_a_mixture_is_used_like_any_language_model(make):
    parts = [make("nplm"), make("ngram")]
    both = mix(parts, heldout=HELDOUT)
    assert isinstance(both.model, Mixture)
    scores = np.array([part.score(HELDOUT) for part in parts])
    assert all(both.score(HELDOUT) <= scores.max(0) + 1e-9)
    assert sum(token.surprisal for token in both.tokens(HELDOUT[0])) == pytest.approx(
        -both.score(HELDOUT[0])
    )
    assert both.generate("오늘은", beam=3)[0].text.startswith("오늘은")
    assert both.next("오늘은", k=3)[0].probability <= 1.0


def test_costs_are_what_a_perplexity_is_made_of(make):
    lm = make("lstm")
    for context in ("line", "text"):
        costs = lm.costs(HELDOUT, context=context)
        report = lm.perplexity(HELDOUT, context=context)
        assert len(costs) == report.events == sum(len(line.split()) + 1 for line in HELDOUT)
        assert math.fsum(costs) == pytest.approx(report.nats, rel=1e-12)
    assert len(lm.costs([])) == 0


def test_what_cannot_be_mixed_is_refused_with_a_reason(make):
    words, letters = make("ngram"), make("nplm", "characters")
    with pytest.raises(UsageError, match="same tokens") as error:
        mix([words, letters], weights=[0.5, 0.5])
    assert "words" in str(error.value)
    assert "characters" in str(error.value)
    with pytest.raises(UsageError, match="sum to 1"):
        mix([words, make("stupid-backoff")], weights=[0.5, 0.5])
    with pytest.raises(UsageError, match="at least two models"):
        mix([words], weights=[1.0])
    for weights in ([0.7, 0.7], [1.2, -0.2], [1.0], [math.nan, 1.0]):
        with pytest.raises(UsageError, match="weights of a mixture"):
            mix([words, make("lstm")], weights=weights)
    with pytest.raises(UsageError, match="one of the two"):
        mix([words, make("lstm")])
    with pytest.raises(EmptyText):
        mix([words, make("lstm")], heldout=[])
