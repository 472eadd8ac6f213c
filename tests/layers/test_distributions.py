"""What readers answer with, against its definition and every value it may have."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck
from torch.testing import assert_close

from malmoi.errors import UsageError
from malmoi.layers.crf import CRF, Moves
from malmoi.layers.distributions import Categorical, Independent, Several
from tests.layers.enumeration import cases, enumerated


def logits(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double() * 2


def everything(*shape: int) -> torch.Tensor:
    return torch.ones(*shape, dtype=torch.bool)


def test_independent_tags_have_the_log_partition_of_all_paths():
    for case in cases(Independent):
        case.check(case.given.log_partition(), "log_z")


def test_independent_tags_have_the_log_prob_of_a_path_among_all():
    rng = np.random.default_rng(0)
    for case in cases(Independent):
        which = [int(rng.integers(len(row.tags))) for row in case.rows]
        y = np.stack([row.tags[n] for row, n in zip(case.rows, which, strict=True)])
        expected = [row.log_prob[n] for row, n in zip(case.rows, which, strict=True)]
        y[~case.given.mask.numpy()] = -100
        found = case.given.log_prob(torch.from_numpy(y))
        np.testing.assert_allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize("whole", [False, True])
def test_independent_tags_have_the_best_paths_of_enumeration(whole):
    for case in cases(Independent, whole):
        tags, logp = case.given.nbest(6)
        expected = [row.nbest(6) for row in case.rows]
        np.testing.assert_array_equal(tags, np.stack([y for y, _ in expected]))
        np.testing.assert_allclose(logp, np.stack([p for _, p in expected]), atol=1e-10)
        np.testing.assert_array_equal(case.given.best(), tags[:, 0])


def test_independent_tags_have_the_marginals_and_edges_of_all_paths():
    for case in cases(Independent):
        case.check(case.given.marginals(), "marginals")
        case.check(case.given.edges(), "edges")


def test_independent_tags_under_constraints_are_a_chain():
    rng = np.random.default_rng(1)
    for case in cases(Independent)[::3]:
        K = case.given.logits.size(2)
        allowed = Moves(*(torch.from_numpy(rng.random(s) < 0.7) for s in ((K,), (K, K), (K,))))
        free, chain = case.given.chain(), case.given.constrained(allowed)
        rows = [enumerated(free, row, allowed) for row in range(len(case.rows))]
        case._replace(rows=rows).check(chain.log_partition(), "log_z")
        np.testing.assert_array_equal(chain.best(), [row.nbest(1)[0][0] for row in rows])


def test_a_fresh_crf_knows_no_neighbours():
    e, mask = logits(3, 5, 4), everything(3, 5).tril(2)
    chain, tags = CRF(4).double()(e, mask), Independent(e, mask)
    y = torch.randint(4, (3, 5), generator=torch.Generator().manual_seed(0))
    assert_close(chain.log_prob(y), tags.log_prob(y))
    assert_close(chain.marginals(), tags.marginals())
    assert torch.equal(chain.best(), tags.best())


def test_gradients_are_finite_differences():
    mask = torch.tensor([[False, True, True], [True, True, True], [False] * 3])
    tags = torch.tensor([[9, 1, 2], [0, 0, 1], [7, 7, 7]])
    y, yes = torch.tensor([0, 3]), torch.tensor([[1, 0, 1, 0, 0]])
    x = logits(3, 3, 3).requires_grad_()
    assert gradcheck(lambda x: Independent(x, mask).log_prob(tags), x)
    assert gradcheck(lambda x: Independent(x, mask).log_partition(), x)
    assert gradcheck(lambda x: Categorical(x).log_prob(y), logits(2, 4).requires_grad_())
    assert gradcheck(lambda x: Several(x).log_prob(yes), logits(1, 5).requires_grad_())


def test_an_impossible_sentence_has_probability_nothing_and_teaches_nothing():
    x = torch.zeros(2, 2, 3)
    x[0, 0] = -math.inf
    x.requires_grad_()
    tags = Independent(x, everything(2, 2))
    logp = tags.log_prob(torch.zeros(2, 2).long())
    assert_close(logp, torch.tensor([-math.inf, -2 * math.log(3)]))
    logp.sum().backward()
    assert x.grad is not None
    assert bool((x.grad[0] == 0).all())
    assert bool((x.grad[1] != 0).all())
    assert float(tags.marginals()[0].sum()) == 0.0
    assert tags.log_partition().isfinite().tolist() == [False, True]


@pytest.mark.parametrize("rubbish", [math.nan, math.inf, -math.inf])
def test_what_is_masked_may_be_anything_and_learns_nothing(rubbish):
    mask = torch.tensor([[False, True, True]])
    x = logits(1, 3, 4).masked_fill(~mask[:, :, None], rubbish).requires_grad_()
    tags, clean = Independent(x, mask), Independent(x.detach()[:, 1:], mask[:, 1:])
    y = torch.tensor([[-100, 2, 3]])
    tags.log_prob(y).sum().backward()
    assert x.grad is not None
    assert bool((x.grad[:, 0] == 0).all())
    assert bool(x.grad.isfinite().all())
    assert torch.equal(tags.log_prob(y), clean.log_prob(y[:, 1:]))
    assert torch.equal(tags.marginals()[:, 1:], clean.marginals())
    assert torch.equal(tags.best()[:, 1:], clean.best())
    assert float(tags.best()[0, 0]) == float(tags.marginals()[0, 0].sum()) == 0.0


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_float32_logits_of_any_size_give_what_float64_gives(scale):
    x = (logits(3, 8, 5) * scale).float()
    narrow, wide = Independent(x, everything(3, 8)), Independent(x.double(), everything(3, 8))
    y = torch.randint(5, (3, 8), generator=torch.Generator().manual_seed(0))
    assert_close(narrow.log_prob(y), wide.log_prob(y).float(), rtol=1e-6, atol=1e-6)
    assert_close(narrow.marginals(), wide.marginals().float(), rtol=1e-6, atol=1e-6)


def test_bfloat16_logits_count_as_the_float32_they_are():
    x = logits(2, 3, 4).bfloat16()
    y = torch.ones(2, 3).long()
    with torch.autocast("cpu", torch.bfloat16):
        narrow, wide = Independent(x, everything(2, 3)), Independent(x.float(), everything(2, 3))
        assert torch.equal(narrow.log_prob(y), wide.log_prob(y))
        one, other = Categorical(x[0]), Categorical(x[0].float())
        assert torch.equal(one.log_prob(y[0]), other.log_prob(y[0]))
        several, others = Several(x[0]), Several(x[0].float())
        yes = torch.tensor([[1, 0, 0, 1]] * 3)
        assert torch.equal(several.log_prob(yes), others.log_prob(yes))
        assert torch.equal(several.nbest(2)[1], others.nbest(2)[1])


def test_a_categorical_is_the_softmax_of_its_logits():
    x = logits(4, 5)
    p = np.exp(x.numpy()) / np.exp(x.numpy()).sum(1, keepdims=True)
    one = Categorical(x)
    for y in itertools.product(range(5), repeat=4):
        expected = [math.log(row[label]) for row, label in zip(p, y, strict=True)]
        np.testing.assert_allclose(one.log_prob(torch.tensor(y)), expected, atol=1e-12)
    np.testing.assert_allclose(one.marginals(), p, atol=1e-12)
    np.testing.assert_array_equal(one.best(), p.argmax(1))
    labels, logp = one.nbest(7)
    np.testing.assert_array_equal(labels[:, :5], (-p).argsort(1))
    np.testing.assert_allclose(logp[:, :5], np.log(-np.sort(-p, 1)), atol=1e-12)
    assert bool((logp[:, 5:] == -math.inf).all())


def test_several_labels_are_as_many_coins():
    x = logits(3, 4)
    p = 1 / (1 + np.exp(-x.numpy()))
    several = Several(x)
    sets = np.array(list(itertools.product((0, 1), repeat=4)))
    expected = np.stack([np.log(np.where(y, p, 1 - p)).sum(1) for y in sets])
    for dtype in (torch.long, torch.bool, torch.float32):
        found = [several.log_prob(torch.from_numpy(y).to(dtype).expand(3, 4)) for y in sets]
        np.testing.assert_allclose(np.stack(found), expected, atol=1e-12)
    np.testing.assert_allclose(several.marginals(), p, atol=1e-12)
    labels, logp = several.nbest(16)
    np.testing.assert_allclose(logp, -np.sort(-expected, 0).T, atol=1e-12)
    np.testing.assert_array_equal(labels, sets[(-expected).argsort(0).T])
    np.testing.assert_array_equal(several.best(), labels[:, 0])


def test_a_label_that_is_certain_has_a_log_prob_without_nan():
    x = torch.tensor([[math.inf, -math.inf, 0.0]], requires_grad=True)
    several = Several(x)
    assert_close(several.log_prob(torch.tensor([[1, 0, 1]])), torch.tensor([-math.log(2)]))
    assert several.log_prob(torch.tensor([[0, 0, 1]])).tolist() == [-math.inf]
    several.log_prob(torch.tensor([[1, 0, 1]])).sum().backward()
    assert_close(x.grad, torch.tensor([[0.0, 0.0, 0.5]]))


def test_only_log_prob_and_log_partition_carry_gradients():
    x = logits(2, 3).requires_grad_()
    tags = Independent(x[:, None], everything(2, 1))
    for d in (Categorical(x), Several(x), tags):
        results = (d.best(), *d.nbest(2), d.marginals())
        assert not any(found.requires_grad for found in results)
        assert [found.dtype for found in results[:2]] == [torch.long] * 2
        assert d.log_prob(d.best()).requires_grad
    assert tags.log_partition().requires_grad
    assert not tags.edges().requires_grad


@pytest.mark.parametrize(("B", "T"), [(0, 3), (2, 0)])
def test_no_sentences_and_no_words_are_sentences_too(B, T):
    tags = Independent(torch.zeros(B, T, 3), everything(B, T))
    assert tags.log_prob(torch.zeros(B, T).long()).tolist() == [0.0] * B
    assert tags.log_partition().tolist() == [0.0] * B
    assert tags.best().shape == (B, T)
    assert tags.marginals().shape == (B, T, 3)


def test_a_mask_that_does_not_fit_is_refused():
    tags = object.__new__(Independent)  # past the shape checks that only tests have
    vars(tags).update(logits=torch.zeros(2, 3, 4), mask=everything(2, 4))
    with pytest.raises(UsageError, match="another shape"):
        tags.__post_init__()
