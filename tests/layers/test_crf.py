"""A chain against every one of its paths, pytorch-crf, finite differences and plain logarithms."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.testing import assert_close

from malmoi.errors import UsageError
from malmoi.layers import forward_backward as sums
from malmoi.layers.crf import CRF, LinearChain, Moves
from tests.conftest import oracle
from tests.layers.enumeration import cases, enumerated, in_logarithms


@pytest.fixture(params=["loops", "tensors"])
def way(request, monkeypatch) -> str:
    """The two ways a chain is summed: by compiled loops, and as on another device."""
    monkeypatch.setattr(sums, "by_kernel", lambda scores: request.param == "loops")
    return request.param


def drawn(B=3, T=6, K=4, *, scale=1.0, dtype=torch.float64, seed=0, mask=None) -> LinearChain:
    g = torch.Generator().manual_seed(seed)
    shapes = ((B, T, K), (K, K), (K,), (K,))
    e, *moves = ((torch.randn(s, generator=g).double() * scale).to(dtype) for s in shapes)
    return LinearChain(e, torch.ones(B, T, dtype=torch.bool) if mask is None else mask, *moves)


def parts(chain: LinearChain) -> tuple[torch.Tensor, ...]:
    return chain.emissions, chain.mask, chain.transitions, chain.start, chain.end


def to(dtype: torch.dtype, chain: LinearChain) -> LinearChain:
    return LinearChain(*(x if x.dtype == torch.bool else x.to(dtype) for x in parts(chain)))


def holes(*rows: str) -> torch.Tensor:
    """A mask as it is drawn: "x" where something is."""
    return torch.tensor([[c == "x" for c in row] for row in rows])


def test_the_cases_are_500_and_of_every_kind():
    rows = [row for case in cases(LinearChain) for row in case.rows]
    assert len(rows) >= 500
    assert {len(row.there) for row in rows} == set(range(7))
    assert {row.K for row in rows} == set(range(1, 6))
    assert sum(row.possible == 0 for row in rows) > 20
    assert sum(bool(row.there) and row.there[0] > 0 for row in rows) > 50
    assert sum(row.there != list(range(len(row.there))) for row in rows) > 100


def test_the_log_partition_is_that_of_all_paths(way):
    for case in cases(LinearChain):
        case.check(case.given.log_partition(), "log_z")


def test_the_log_prob_is_a_paths_score_less_that_of_all(way):
    rng = np.random.default_rng(0)
    for case in cases(LinearChain):
        for _ in range(3):
            which = [int(rng.integers(len(row.tags))) for row in case.rows]
            y = np.stack([row.tags[n] for row, n in zip(case.rows, which, strict=True)])
            expected = [row.log_prob[n] for row, n in zip(case.rows, which, strict=True)]
            y[~case.given.mask.numpy()] = -100
            found = case.given.log_prob(torch.from_numpy(y))
            np.testing.assert_allclose(found, expected, atol=1e-10)


def test_viterbi_finds_what_enumeration_finds():
    for case in cases(LinearChain):
        expected = np.stack([row.nbest(1)[0][0] for row in case.rows])
        np.testing.assert_array_equal(case.given.best(), expected)


@pytest.mark.parametrize("k", [1, 2, 7])
def test_the_k_best_are_those_of_enumeration(k):
    for case in cases(LinearChain):
        tags, logp = case.given.nbest(k)
        expected = [row.nbest(k) for row in case.rows]
        np.testing.assert_array_equal(tags, np.stack([y for y, _ in expected]))
        np.testing.assert_allclose(logp, np.stack([p for _, p in expected]), atol=1e-10)


def test_of_equally_good_paths_the_one_with_the_lowest_last_tag_comes_first():
    ties = 0
    for case in cases(LinearChain, whole=True):
        tags, _ = case.given.nbest(9)
        np.testing.assert_array_equal(tags, np.stack([row.nbest(9)[0] for row in case.rows]))
        np.testing.assert_array_equal(tags[:, 0], case.given.best())
        ties += sum(row.possible > 1 and row.scores[0] == row.scores[1] for row in case.rows)
    assert ties > 50


def test_the_k_best_are_all_different_and_fall():
    tags, logp = drawn(T=8, K=5).nbest(40)
    assert bool((logp.diff() <= 0).all())
    assert all(len({tuple(y) for y in row}) == 40 for row in tags.tolist())
    with pytest.raises(UsageError, match="one at least"):
        drawn().nbest(0)


def test_marginals_are_sums_over_paths(way):
    for case in cases(LinearChain):
        case.check(case.given.marginals(), "marginals")


def test_edges_are_sums_over_paths(way):
    for case in cases(LinearChain):
        case.check(case.given.edges(), "edges")


def test_constrained_is_the_same_without_the_paths_that_are_forbidden(way):
    rng = np.random.default_rng(1)
    for case in cases(LinearChain)[::3]:
        K = case.given.emissions.size(2)
        allowed = Moves(*(torch.from_numpy(rng.random(s) < 0.7) for s in ((K,), (K, K), (K,))))
        chain = case.given.constrained(allowed)
        rows = [enumerated(case.given, row, allowed) for row in range(len(case.rows))]
        case = case._replace(rows=rows)
        case.check(chain.log_partition(), "log_z")
        case.check(chain.marginals(), "marginals")
        np.testing.assert_array_equal(chain.best(), [row.nbest(1)[0][0] for row in rows])


MASK = holes("xxxx", ".xx.", "x.xx", "....")


def leaves(chain: LinearChain) -> tuple[torch.Tensor, ...]:
    return tuple(x.clone().requires_grad_() for x in parts(chain) if x.dtype != torch.bool)


def test_gradients_are_finite_differences_and_so_are_theirs(way):
    y = torch.randint(3, MASK.shape, generator=torch.Generator().manual_seed(0))

    def log_prob(e, *moves):
        return LinearChain(e, MASK, *moves).log_prob(y)

    def log_z(e, *moves):
        return LinearChain(e, MASK, *moves).log_partition()

    inputs = leaves(drawn(4, 4, 3, mask=MASK))
    assert gradcheck(log_prob, inputs)
    assert gradcheck(log_z, inputs)
    assert gradgradcheck(log_prob, inputs)
    part = (inputs[0], inputs[1].detach(), inputs[2], inputs[3].detach())
    assert gradcheck(log_prob, part)
    assert gradgradcheck(log_prob, part)


def test_gradients_under_constraints_are_finite_differences(way):
    K = 4
    forward = torch.ones(K, K).triu().bool()  # tags never fall: a path to tag 0 stays there
    allowed = Moves(torch.tensor([True] * 3 + [False]), forward, torch.tensor([True, True] * 2))
    y = torch.arange(4).expand(4, 4)

    def log_prob(e, *moves):
        return LinearChain(e, MASK, *moves).constrained(allowed).log_prob(y)

    inputs = leaves(drawn(4, 4, K, scale=2.0, mask=MASK))
    assert bool((log_prob(*inputs) > -math.inf).all())
    assert gradcheck(log_prob, inputs)


def test_gradients_of_scores_that_need_logarithms_are_those_of_tensors(monkeypatch):
    """Spreads beyond exp's range, with and without −inf, against autograd of plain tensors."""
    for seed, scale in enumerate([1.0, 30.0, 300.0, 3000.0] * 5):
        chain = drawn(4, 7, 6, scale=scale, seed=seed)
        if seed % 2:
            chain = chain.constrained(Moves(chain.start > 0, chain.transitions > 0, chain.end > -9))
        grads: list[Any] = []
        for kernel in (True, False):
            monkeypatch.setattr(sums, "by_kernel", lambda scores, kernel=kernel: kernel)
            inputs = leaves(chain)
            log_z = LinearChain(inputs[0], chain.mask, *inputs[1:]).log_partition()
            weight = torch.tensor([1.0, -2.0, 0.0, 0.5]).double()
            grads.append([log_z, *torch.autograd.grad(log_z @ weight, inputs)])
        assert all(bool(grad.isfinite().all()) for grad in grads[1][1:])
        for found, expected in zip(*grads, strict=True):
            assert_close(found, expected, atol=1e-9, rtol=1e-12)


def test_an_impossible_sentence_has_probability_nothing_and_teaches_nothing(way):
    e = torch.zeros(2, 3, 2, dtype=torch.float64)
    e[0, 1] = -math.inf
    e.requires_grad_()
    net = CRF(2).double()
    chain = net(e, torch.ones(2, 3, dtype=torch.bool))
    y = torch.tensor([[0, 1, 0], [0, 0, 1]])
    logp = chain.log_prob(y)
    assert_close(logp, torch.tensor([-math.inf, -3 * math.log(2)]).double())
    (-logp).sum().backward()
    for x in (e, *net.parameters()):
        assert bool(x.grad.isfinite().all())
    assert bool((e.grad[0] == 0).all())
    assert bool((e.grad[1] != 0).all())
    assert_close(net.transitions.grad, torch.tensor([[-0.5, -0.5], [0.5, 0.5]]).double())
    tags, logp = chain.nbest(2)
    assert bool((tags[0] == 0).all())
    assert bool((logp[0] == -math.inf).all())
    assert float(chain.marginals()[0].abs().sum()) == float(chain.edges()[0].abs().sum()) == 0.0


def test_a_forbidden_path_among_possible_ones_is_minus_infinity_without_nan(way):
    chain = drawn()
    inputs = leaves(chain)
    A = inputs[1].masked_fill(torch.eye(4).bool(), -math.inf)
    logp = LinearChain(inputs[0], chain.mask, A, *inputs[2:]).log_prob(torch.zeros(3, 6).long())
    assert bool((logp == -math.inf).all())
    logp.sum().backward()
    assert all(bool(x.grad.isfinite().all()) for x in inputs)


def test_pytorch_crf_has_the_same_likelihood_gradient_and_best_path(way):
    torchcrf: Any = oracle("torchcrf")
    mask = holes("xxxxxxx", "xxxx...", "x......")
    chain = drawn(3, 7, 5, mask=mask)
    y = torch.randint(5, mask.shape, generator=torch.Generator().manual_seed(1))
    net, peer = CRF(5).double(), torchcrf.CRF(5, batch_first=True).double()
    names = ("transitions", "start", "end")
    weights = [getattr(chain, name) for name in names]
    net.load_state_dict(dict(zip(names, weights, strict=True)))
    theirs = ("transitions", "start_transitions", "end_transitions")
    peer.load_state_dict(dict(zip(theirs, weights, strict=True)))
    e, f = (chain.emissions.clone().requires_grad_() for _ in range(2))
    logp, expected = net(e, mask).log_prob(y), peer(f, y, mask, reduction="none")
    assert_close(logp, expected, atol=1e-10, rtol=0)
    logp.square().sum().backward()
    expected.square().sum().backward()
    assert_close(e.grad, f.grad)
    for name, other in zip(names, theirs, strict=True):
        assert_close(getattr(net, name).grad, getattr(peer, other).grad)
    best = [y[: int(m.sum())].tolist() for y, m in zip(net(e, mask).best(), mask, strict=True)]
    assert best == peer.decode(f, mask)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e2, 1e4])
def test_float32_scores_of_any_size_give_what_float64_gives(way, scale):
    chain = drawn(4, 40, 20, scale=scale, dtype=torch.float32)
    expected = torch.tensor([in_logarithms(chain, row) for row in range(4)])
    assert_close(chain.log_partition(), expected, rtol=2e-7, atol=0)
    wide = to(torch.float64, chain)
    best = chain.best()
    assert_close(chain.log_prob(best), wide.log_prob(best).float(), rtol=1e-6, atol=1e-6)
    assert_close(chain.marginals(), wide.marginals().float(), rtol=1e-6, atol=1e-6)
    assert chain.log_prob(best).dtype == chain.marginals().dtype == torch.float32
    assert_close(wide.log_prob(best), wide.nbest(1)[1][:, 0])


def test_bfloat16_emissions_count_as_the_float32_they_are(way):
    chain = drawn(dtype=torch.bfloat16)
    wide = to(torch.float32, chain)
    y = torch.ones(3, 6, dtype=torch.int32)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(chain.log_prob(y), wide.log_prob(y))
        assert torch.equal(chain.marginals(), wide.marginals())
        assert torch.equal(chain.nbest(3)[1], wide.nbest(3)[1])


def test_what_is_masked_may_be_anything_and_learns_nothing(way):
    mask = holes(".xx.x", "xxxxx", ".....")
    y = torch.ones(3, 5).long()
    results = []
    for rubbish in (0.0, math.nan, math.inf):
        chain = drawn(3, 5, 3, mask=mask)
        e = chain.emissions.masked_fill(~mask[:, :, None], rubbish).requires_grad_()
        chain = LinearChain(e, mask, chain.transitions, chain.start, chain.end)
        logp = chain.log_prob(y)
        logp.sum().backward()
        assert bool((e.grad[~mask] == 0).all())
        results.append((logp, e.grad, chain.marginals(), chain.edges(), *chain.nbest(2)))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_a_row_does_not_depend_on_its_batch(way):
    mask = holes("xxxxxx", ".xx.x.", "xxx...")
    chain = drawn(mask=mask)
    for row in range(3):
        e, there = chain.emissions[row, mask[row]][None], mask[row, mask[row]][None]
        alone = LinearChain(e, there, chain.transitions, chain.start, chain.end)
        assert torch.equal(alone.log_partition()[0], chain.log_partition()[row])
        assert torch.equal(alone.marginals()[0], chain.marginals()[row, mask[row]])
        assert torch.equal(alone.best()[0], chain.best()[row, mask[row]])


def test_what_is_not_a_number_is_not_hidden(way):
    chain = drawn()
    chain.emissions[1, 2, 3] = math.nan
    found = chain.log_prob(torch.zeros(3, 6).long()), chain.log_partition()
    assert all(x.isnan().tolist() == [False, True, False] for x in found)
    assert bool(chain.marginals()[1].isnan().all())


def test_only_log_prob_and_log_partition_carry_gradients():
    net = CRF(3)
    chain = net(torch.randn(2, 4, 3, requires_grad=True), torch.ones(2, 4, dtype=torch.bool))
    assert chain.log_prob(chain.best()).requires_grad
    assert chain.log_partition().requires_grad
    results = (chain.best(), *chain.nbest(2), chain.marginals(), chain.edges())
    assert not any(x.requires_grad for x in results)
    assert [x.dtype for x in results[:2]] == [torch.long, torch.long]
    with torch.inference_mode():
        assert torch.equal(chain.marginals(), results[3])


@pytest.mark.parametrize(("B", "T"), [(0, 3), (2, 0), (0, 0)])
def test_no_sentences_and_no_words_are_sentences_too(way, B, T):
    chain = drawn(B, T, 3)
    assert chain.log_prob(torch.zeros(B, T).long()).tolist() == [0.0] * B
    assert chain.marginals().shape == (B, T, 3)
    assert chain.edges().shape == (B, max(0, T - 1), 3, 3)
    assert chain.nbest(2)[1].tolist() == [[0.0, -math.inf]] * B
    assert chain.best().shape == (B, T)


@pytest.mark.parametrize("wrong", ["mask", "transitions", "start", "end"])
def test_parts_that_do_not_fit_are_refused(wrong):
    good = drawn(2, 3, 4)
    chain = object.__new__(LinearChain)  # past the shape checks that only tests have
    vars(chain).update(vars(good), **{wrong: getattr(good, wrong)[:1]})
    with pytest.raises(UsageError, match="do not fit"):
        chain.__post_init__()


@pytest.mark.parametrize("tag", [-1, 4])
def test_a_tag_that_there_is_not_is_refused(tag):
    y = torch.zeros(3, 6).long()
    y[1, 5] = tag
    with pytest.raises(UsageError, match="none of the chain's"):
        drawn().log_prob(y)


@pytest.mark.gpu
def test_a_gpu_gives_what_the_cpu_gives():
    if not torch.cuda.is_available():
        pytest.skip("not run: there is no CUDA device")
    for case in cases(LinearChain)[::10]:
        there = LinearChain(*(x.cuda() for x in parts(case.given)))
        case.check(there.log_partition().cpu(), "log_z")
        case.check(there.marginals().cpu(), "marginals")
        case.check(there.edges().cpu(), "edges")
        assert torch.equal(there.best().cpu(), case.given.best())
        assert_close(there.nbest(3)[1].cpu(), case.given.nbest(3)[1])
