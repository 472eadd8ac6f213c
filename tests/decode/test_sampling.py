"""Sampling against the filters written in NumPy, and the promise about seeds."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from malmoi.decode import Sampling, greedy, sample
from malmoi.decode.sampling import draw
from malmoi.errors import UsageError


def chance(*seeds):
    return [torch.Generator().manual_seed(s) for s in seeds]


def bent(logp, seen, temperature, top_k, top_p, repetition):
    """The four rules of the module's head, one row, one after another."""
    logp = np.where(seen, repetition * logp, logp) if repetition != 1 else logp
    if temperature == 0:
        return np.eye(len(logp))[np.argmax(logp)]
    with np.errstate(over="ignore"):
        p = np.exp((logp - logp.max()) / temperature)
    p /= p.sum()
    order = np.lexsort((np.arange(len(p)), -p))
    if top_k:
        p[order[top_k:]] = 0
        p /= p.sum()
    if top_p < 1:
        mass = 0.0
        for i in order:
            if mass >= top_p:
                p[i] = 0
            mass += p[i]
        p /= p.sum()
    return p


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    V=st.integers(1, 20),
    temperature=st.sampled_from([0.0, 0.1, 0.7, 1.0, 3.0]),
    top_k=st.integers(0, 22),
    top_p=st.sampled_from([1e-9, 0.1, 0.5, 0.9, 0.999, 1.0]),
    repetition=st.sampled_from([0.5, 1.0, 1.2, 5.0]),
    coarse=st.booleans(),
)
def test_the_filters_are_what_numpy_says(seed, V, temperature, top_k, top_p, repetition, coarse):
    rng = np.random.default_rng(seed)
    z = 2 * rng.standard_normal((3, V))
    z = np.round(z) if coarse else z  # ties
    z[rng.random(z.shape) < 0.2] = -np.inf
    z[:, rng.integers(V)] = 0.5
    logp = z - np.log(np.exp(z).sum(1, keepdims=True))
    seen = rng.random(z.shape) < 0.3
    p = Sampling(temperature, top_k, top_p, repetition).probabilities(
        torch.from_numpy(logp), torch.from_numpy(seen)
    )
    expected = [
        bent(a.copy(), b, temperature, top_k, top_p, repetition)
        for a, b in zip(logp, seen, strict=True)
    ]
    assert np.allclose(p.numpy(), expected, atol=1e-12)
    assert np.array_equal(p.numpy() > 0, np.array(expected) > 0)


def test_a_token_is_drawn_where_the_distribution_function_passes_u():
    p = torch.tensor([0.0, 0.2, 0.0, 0.5, 0.3, 0.0], dtype=torch.float64).repeat(500, 1)
    drawn = draw(p, chance(*range(500)))
    u = np.array(
        [torch.rand((), generator=g, dtype=torch.float64).item() for g in chance(*range(500))]
    )
    expected = np.select([u < 0.2, u < 0.7], [1, 3], 4)
    assert np.array_equal(drawn.numpy(), expected)
    assert len(set(drawn.tolist())) == 3


@pytest.mark.parametrize("u", [0.0, 1 - 2**-53])
def test_what_has_probability_0_is_never_drawn(u, monkeypatch):
    rng = np.random.default_rng(0)
    p = rng.random((200, 30)) * (rng.random((200, 30)) < 0.3)
    p[:, 7] = 0.1
    p /= p.sum(1, keepdims=True)
    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.tensor(u, dtype=torch.float64))
    index = draw(torch.from_numpy(p), chance(*range(200)))
    assert bool((p[np.arange(200), index.numpy()] > 0).all())


def test_what_is_drawn_is_distributed_as_the_model_says(table):
    model = table(5, V=6, eos=-3)
    n = 4000
    texts = sample(
        model,
        model.begin(1),
        torch.tensor([[0, 2]]),
        Sampling(),
        generators=chance(*range(n)),
        limit=2,
    )
    said = [(*h.tokens, 0) if h.finished else h.tokens for h in texts]
    first = np.exp(model.next([0, 2]))
    for w in range(6):
        share = sum(s[0] == w for s in said) / n
        assert share == pytest.approx(first[w], abs=4 * math.sqrt(first[w] * (1 - first[w]) / n))
        pairs = [s[1] for s in said if s[0] == w and w]
        if len(pairs) < 100:
            continue
        second = np.exp(model.next([0, 2, w]))
        for v in range(6):
            limit = 4 * math.sqrt(second[v] * (1 - second[v]) / len(pairs)) + 1e-3
            assert pairs.count(v) / len(pairs) == pytest.approx(second[v], abs=limit)


def test_the_same_seed_says_the_same_and_another_seed_something_else(table):
    model, x = table(6, V=9, eos=-3), torch.tensor([[0]])
    texts = [
        sample(model, model.begin(1), x, Sampling(), generators=chance(s), limit=20)[0]
        for s in (1, 1, 2)
    ]
    assert texts[0] == texts[1]
    assert texts[0].tokens != texts[2].tokens


def test_a_text_does_not_depend_on_what_else_is_written(table):
    model = table(6, V=9, eos=-1)
    how, x = (
        Sampling(temperature=1.3, top_k=6, repetition_penalty=1.2),
        torch.tensor([[0, 3], [0, 5]]),
    )
    together = sample(model, model.begin(2), x, how, generators=chance(1, 2, 3, 4, 5, 6), limit=15)
    for row in range(2):
        for i in range(3):
            (alone,) = sample(
                model,
                model.begin(1),
                x[row : row + 1],
                how,
                generators=chance(3 * row + i + 1),
                limit=15,
            )
            assert alone == together[3 * row + i]


def test_log_prob_is_the_model_s_own_whatever_it_was_drawn_by(table):
    model = table(7, V=8, eos=-1)
    how = Sampling(temperature=0.5, top_k=3, top_p=0.8, repetition_penalty=2.0)
    texts = sample(
        model,
        model.begin(1),
        torch.tensor([[0, 4]]),
        how,
        generators=chance(*range(20)),
        limit=12,
        forbid=(2,),
    )
    ends = 0
    for h in texts:
        said = [*h.tokens, 0] if h.finished else list(h.tokens)
        logp = sum(model.next([0, 4, *said[:t]])[w] for t, w in enumerate(said))
        assert h.log_prob == pytest.approx(logp, abs=1e-12)
        assert h.score == h.log_prob
        assert 2 not in h.tokens
        assert 0 not in h.tokens
        assert h.finished or len(h.tokens) == 12
        ends += h.finished
    assert ends > 0


def test_greedy_takes_the_likeliest_each_time(table):
    for seed in range(20):
        model = table(seed, V=7, eos=-1)
        (h,) = greedy(model, model.begin(1), torch.tensor([[0]]), limit=10, minimum=3, forbid=(4,))
        words: list[int] = []
        while len(words) < 10:
            logp = model.next([0, *words]).copy()
            logp[4] = -np.inf
            if len(words) < 3:
                logp[0] = -np.inf
            w = int(logp.argmax())
            if w == 0:
                break
            words.append(w)
        assert list(h.tokens) == words
        assert h.finished == (len(words) < 10)


def test_nothing_is_written_twice_if_repeating_costs_everything(table):
    model = table(8, V=30, eos=-50)
    for h in sample(
        model,
        model.begin(1),
        torch.tensor([[0, 3, 4]]),
        Sampling(repetition_penalty=1e6),
        generators=chance(1, 2, 3),
        limit=12,
    ):
        assert len({3, 4, *h.tokens}) == 2 + len(h.tokens)


def test_the_end_is_not_a_repetition_of_the_beginning(table):
    """Token 0 is read first; were it punished as seen, no text would ever end."""
    model = table(9, V=3)
    model.logits[:] = torch.tensor([5.0, 0.0, 0.0])
    (h,) = greedy(model, model.begin(1), torch.tensor([[0]]), limit=5, repetition_penalty=1e6)
    assert h.tokens == ()
    assert h.finished


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -1.0},
        {"temperature": math.nan},
        {"temperature": math.inf},
        {"top_k": -1},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"top_p": math.nan},
        {"repetition_penalty": 0.0},
        {"repetition_penalty": math.inf},
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name_and_value(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(UsageError) as caught:
        Sampling(**wrong)
    assert f"{name} = {value}" in str(caught.value)


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(UsageError) as caught:
        Sampling(temperature=-1.0, top_k=-1, top_p=2.0)
    assert len(caught.value.where) == 3
