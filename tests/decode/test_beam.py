"""Beam search against enumeration and against a beam in plain Python."""

import math

import numpy as np
import pytest
import torch

from malmoi.decode import Endless, LengthPenalty, beam, beam_steps, greedy
from malmoi.errors import Diverged, UsageError

PENALTIES = [
    ("none", 0.0),
    ("power", 0.5),
    ("power", 1.0),
    ("power", 2.0),
    ("gnmt", 0.6),
    ("gnmt", 2.0),
]
every_penalty = pytest.mark.parametrize(("kind", "alpha"), PENALTIES)
some_penalties = pytest.mark.parametrize(
    ("kind", "alpha"), [("none", 0.0), ("power", 1.0), ("power", 2.0), ("gnmt", 0.6)]
)


def start(*prompts):
    return torch.tensor(prompts)


def assert_same(found, expected):
    assert [h.tokens for h in found] == [h.tokens for h in expected]
    assert [h.finished for h in found] == [h.finished for h in expected]
    for h, e in zip(found, expected, strict=True):
        assert h.log_prob == pytest.approx(e.log_prob, abs=1e-12)
        assert h.score == pytest.approx(e.score, abs=1e-12)


@every_penalty
def test_a_beam_as_wide_as_the_space_is_exhaustive_search(kind, alpha, table, best_of_all):
    for seed in range(200):
        rng = np.random.default_rng(seed)
        V, limit = (3, 4) if seed % 2 else (4, 3)
        model = table(seed, V, holes=0.15 * (seed % 3), eos=rng.normal())
        prompt = [0, *rng.integers(0, V, seed % 4)]
        limits = {"limit": limit, "minimum": seed % 3 if seed % 5 == 0 else 0}
        limits["forbid"] = (1,) if seed % 7 == 0 else ()
        expected = best_of_all(model, prompt, kind, alpha, **limits)
        (found,) = beam(
            model,
            model.begin(1),
            start(prompt),
            width=V**limit,
            penalty=LengthPenalty(kind, alpha),
            **limits,
        )
        if not expected:  # nothing but dead ends
            assert not any(h.finished for h in found)
            continue
        assert_same(found, expected)


@some_penalties
def test_a_narrow_beam_that_stops_early_finds_what_one_that_never_stops_finds(
    kind, alpha, table, reference_beam
):
    for seed in range(60):
        model = table(1000 + seed, V=5, holes=0.1 * (seed % 4), eos=seed % 3 - 1)
        width, limit = 1 + seed % 6, 1 + seed % 9
        expected = reference_beam(model, [0], kind, alpha, width=width, limit=limit)
        for n in {1, width}:
            (found,) = beam(
                model,
                model.begin(1),
                start([0]),
                width=width,
                n=n,
                limit=limit,
                penalty=LengthPenalty(kind, alpha),
            )
            assert_same(found, expected[:n])


@some_penalties
def test_a_beam_of_one_is_greedy(kind, alpha, table):
    for seed in range(40):
        model = table(seed, V=6, holes=0.2, eos=-1)
        limits = {"limit": 12, "minimum": seed % 4, "forbid": (2,) if seed % 2 else ()}
        x = start([0, 3], [0, 5])
        found = beam(
            model, model.begin(2), x, width=1, penalty=LengthPenalty(kind, alpha), **limits
        )
        written = greedy(model, model.begin(2), x, **limits)
        assert [row[0][:2] for row in found] == [h[:2] for h in written]
        assert [row[0].finished for row in found] == [h.finished for h in written]


@some_penalties
def test_the_n_best_are_sorted_and_distinct_and_asking_for_fewer_does_not_change_them(
    kind, alpha, table
):
    for seed in range(30):
        model = table(seed, V=7, eos=1)
        how = {"width": 6, "limit": 9, "penalty": LengthPenalty(kind, alpha)}
        (six,) = beam(model, model.begin(1), start([0]), **how)
        assert len(six) == 6
        assert len({(h.tokens, h.finished) for h in six}) == 6
        assert [h.score for h in six] == sorted((h.score for h in six), reverse=True)
        for n in (1, 3):
            (some,) = beam(model, model.begin(1), start([0]), n=n, **how)
            assert some == six[:n]


def test_nothing_follows_the_end_and_the_end_is_counted(table):
    ended = 0
    for seed in range(40):
        model = table(seed, V=6, eos=1)
        (found,) = beam(
            model,
            model.begin(1),
            start([0, 2]),
            width=5,
            limit=7,
            penalty=LengthPenalty("power", 1),
        )
        for h in found:
            assert 0 not in h.tokens
            said = [*h.tokens, 0] if h.finished else list(h.tokens)
            assert len(said) == 7 or h.finished
            logp = sum(model.next([0, 2, *said[:t]])[w] for t, w in enumerate(said))
            assert h.log_prob == pytest.approx(logp, abs=1e-12)
            assert h.score == pytest.approx(logp / len(said), abs=1e-12)
            ended += h.finished
    assert ended > 100


@some_penalties
def test_rows_do_not_influence_each_other(kind, alpha, table):
    prompts = [[0, 1], [0, 4], [3, 3], [2, 5], [0, 1]]
    for seed in range(10):
        model = table(seed, V=6, holes=0.2, eos=seed % 3)
        how = {"width": 4, "limit": 8, "penalty": LengthPenalty(kind, alpha), "n": 2}
        together = beam(model, model.begin(5), start(*prompts), **how)
        alone = [beam(model, model.begin(1), start(p), **how)[0] for p in prompts]
        assert together == alone


def test_a_prefix_is_what_every_text_of_its_row_begins_with(table, best_of_all):
    for seed in range(30):
        model = table(seed, V=4, eos=0.5)
        prefixes = [[], [2], [3, 1]]
        found = beam(
            model,
            model.begin(3),
            start([0], [0], [0]),
            width=4**4,
            limit=4,
            prefix=prefixes,
            forbid=(1,),
            penalty=LengthPenalty("power", 1),
        )
        whole = best_of_all(model, [0], "power", 1.0, limit=4)
        for row, prefix in zip(found, prefixes, strict=True):
            size = len(prefix)
            expected = [
                h for h in whole if list(h.tokens[:size]) == prefix and 1 not in h.tokens[size:]
            ]
            assert_same(row, expected)


def test_the_search_stops_as_soon_as_nothing_open_can_win_and_not_before(table):
    logits = np.full((97, 3), 0.0)
    logits[:, 0] = 2.0  # p(end) = .787, each word .107
    model = table(0, V=3)
    model.logits = torch.from_numpy(logits)
    p = math.exp(2) / (math.exp(2) + 2)
    for alpha, expected in ((0.0, 1), (1.0, 10), (0.5, 10)):
        # α = 0: after one step log p(end) = -.24 beats every open -2.24.  α = 1: an open text could
        # still reach -2.24 / 100 = -.02; it is let go when t · (-2.24) / 100 < -.24, at t = 11,
        # but the five slots are closed before.
        model.steps = 0
        (found,) = beam(
            model,
            model.begin(1),
            start([0]),
            width=5,
            n=1,
            limit=100,
            penalty=LengthPenalty("power", alpha),
        )
        assert found[0].tokens == ()
        assert found[0].log_prob == pytest.approx(math.log(p))
        assert model.steps <= expected
        if alpha == 0:
            assert model.steps == 1  # reading the prompt was enough
        else:
            assert model.steps > 1


def test_of_equals_the_smaller_ids_come_first(table):
    model = table(0, V=5)
    model.logits = torch.zeros(97, 5, dtype=torch.float64)
    (found,) = beam(model, model.begin(1), start([0]), width=4, limit=2)
    assert [(h.tokens, h.finished) for h in found] == [
        ((), True),
        ((1,), True),
        ((1, 1), False),
        ((1, 2), False),
    ]
    (h,) = greedy(model, model.begin(1), start([0]), limit=3, minimum=1)
    assert h.tokens == (1,)

    model.logits = torch.zeros(97, 3, dtype=torch.float64)
    (found,) = beam(
        model, model.begin(1), start([0]), width=27, limit=3, penalty=LengthPenalty("power", 1)
    )
    assert len(found) == 15
    assert len({h.score for h in found}) == 1  # the mean is ln 3 for all of them
    assert found == sorted(found, key=lambda h: h.tokens)


def test_a_dead_end_is_dropped_unless_there_is_nothing_else(table):
    model = table(0, V=3)
    model.logits = torch.full((97, 3), -math.inf, dtype=torch.float64)
    (found,) = beam(model, model.begin(1), start([0]), width=3, limit=4)
    assert found == [((), 0.0, 0.0, False)]
    (h,) = greedy(model, model.begin(1), start([0]), limit=4)
    assert h == ((), 0.0, 0.0, False)

    model.logits[:, 1] = 0.0  # only word 1, for ever, but not after `[0, 1]`
    after = (31 * ((31 * 0 + 0 + 0 + 1) % 97) + 7 + 11 + 1) % 97
    model.logits[after] = -math.inf
    (found,) = beam(model, model.begin(1), start([0]), width=3, limit=4)
    assert found == [((1,), 0.0, 0.0, False)]


def test_where_ending_is_forbidden_only_dead_ends_are_left(table):
    model = table(0, V=3)
    model.logits = torch.tensor([[0.0, -math.inf, -math.inf]], dtype=torch.float64).repeat(97, 1)
    (found,) = beam(model, model.begin(1), start([0]), width=3, limit=4, minimum=1)
    assert found == [((), 0.0, 0.0, False)]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_scores_that_are_not_numbers_are_said_to_be(bad, table):
    model = table(0, V=3)
    model.logits[:, 1] = bad
    with pytest.raises(Diverged, match="not numbers"):
        beam(model, model.begin(1), start([0]), width=3, limit=4)
    with pytest.raises(Diverged, match="not numbers"):
        greedy(model, model.begin(1), start([0]), limit=4)


def test_a_search_beyond_the_context_slides(table, reference_beam):
    """Six tokens of context: the window forgets three at a time."""
    for seed in range(20):
        model = table(seed, V=4, eos=-1.5, context=6)
        slid = Endless(model)
        (found,) = beam(slid, slid.begin(1), start([0]), width=3, limit=15)
        for h in found:
            said = [*h.tokens, 0] if h.finished else list(h.tokens)
            logp, read = 0.0, [0]
            for w in said:
                logp += model.next(read)[w]
                read = [*(read if len(read) < 6 else read[-3:]), w]
            assert h.log_prob == pytest.approx(logp, abs=1e-12)


def test_the_steps_of_a_search_tell_its_tree(table):
    model = table(3, V=5)
    steps = beam_steps(model, model.begin(1), start([0]), width=3, limit=5)
    texts, closed = {0: ()}, []
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            found = end.value[0]
            break
        grown = {}
        for j in range(3):
            if not step.kept[0, j]:
                continue
            text = texts[int(step.parent[0, j])]
            token = int(step.token[0, j])
            if token == 0:
                closed.append((text, float(step.log_prob[0, j])))
            else:
                grown[j] = (*text, token)
        texts = grown
    assert {(h.tokens, h.log_prob) for h in found if h.finished} <= set(closed)
    assert {h.tokens for h in found if not h.finished} == set(texts.values())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"width": 0}, "at least 1 slot"),
        ({"n": 4}, "cannot give 4"),
        ({"n": 0}, "cannot give 0"),
        ({"limit": 0}, "at least 1 token"),
        ({"minimum": 5}, "cannot both hold"),
        ({"minimum": -1}, "cannot both hold"),
        ({"prefix": [[1, 2, 1, 2, 1, 2]]}, "longer than the limit"),
        ({"prefix": [[1, 0]]}, "end of the sentence"),
    ],
)
def test_what_cannot_be_searched_is_refused(wrong, said, table):
    model = table(0)
    settings = {"width": 3, "limit": 5} | wrong
    with pytest.raises(UsageError, match=said):
        beam(model, model.begin(1), start([0]), **settings)
