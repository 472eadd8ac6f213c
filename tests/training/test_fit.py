import itertools
import math

import pytest
import torch
from tiny import TinyBatch, TinyModel, TinyTask, model_of, row
from torch import nn

from malmoi.errors import DataError, Diverged, UsageError
from malmoi.objective import Loss
from malmoi.training import checkpoint
from malmoi.training.config import Training
from malmoi.training.events import Evaluated, Finished, Step
from malmoi.training.fit import fit, over
from malmoi.training.state import State

LONG = {"epochs": 3, "lr": 1e-2}


def begin(training, *, seed=1, **kind):
    model = model_of(**kind)
    return model, State.begin(model, training, seed=seed)


def run(training, task=None, **kind):
    model, state = begin(training, **kind)
    return model, state, list(fit(model, task or TinyTask(), training, state))


def same_weights(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


class Given:
    """A task of exactly these batches."""

    better = ("perplexity", "lower")

    def __init__(self, *batches, measures=()):
        self.given, self.loss = batches, TinyTask().loss
        self.measures = iter(measures)

    def batches(self, split, *, epoch):
        return self.given

    def measure(self, model, split):
        return {"perplexity": next(self.measures, 1.0)}


def unequal_batches():
    torch.manual_seed(4)
    shapes = [(1, 2), (3, 7), (2, 5), (5, 1)]
    return [
        TinyBatch(torch.randint(11, s), torch.randint(11, s), torch.rand(s) < 0.7, True)
        for s in shapes
    ]


def padded(batches):
    """The same rows as one batch, padding masked away."""
    width = max(b.x.size(1) for b in batches)

    def pad(name):
        return torch.cat(
            [nn.functional.pad(getattr(b, name), (0, width - b.x.size(1))) for b in batches]
        )

    return TinyBatch(pad("x"), pad("y"), pad("mask"), True)


# What a step is


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_k_unequal_batches_accumulated_are_one_large_batch(optimizer):
    batches = unequal_batches()
    training = Training(optimizer=optimizer, lr=0.1, epochs=5, accumulate=len(batches), clip=0.0)
    large = Training(optimizer=optimizer, lr=0.1, epochs=5, clip=0.0)
    found = []
    for t, given in ((training, batches), (large, [padded(batches)])):
        model = model_of(dropout=0.0).double()
        events = list(fit(model, Given(*given), t, State.begin(model, t, seed=1)))
        found.append(([e for e in events if isinstance(e, Step)], model))
    (small, a), (one, b) = found
    assert len(small) == len(one) == 5
    for s, o in zip(small, one, strict=True):
        assert (s.loss, s.norm) == pytest.approx((o.loss, o.norm), rel=1e-12)
        assert s.events == o.events
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=1e-11)


def test_the_loss_of_a_step_is_nats_an_event_and_its_norm_is_before_clipping():
    (batch,) = batches = [padded(unequal_batches())]
    training = Training(epochs=1, clip=1e-3, optimizer="sgd", lr=1.0)
    model, state = begin(training, dropout=0.0)
    logits, _ = model(batch.x, model.begin(len(batch.x)))
    logp = logits.log_softmax(-1)
    places = [(i, t) for i, t in torch.nonzero(batch.mask).tolist()]
    loss = -sum(logp[i, t, batch.y[i, t]] for i, t in places) / len(places)
    gradient = torch.autograd.grad(loss, list(model.parameters()))
    norm = math.sqrt(sum(float((g**2).sum()) for g in gradient))
    before = [p.detach().clone() for p in model.parameters()]
    step = next(fit(model, Given(*batches), training, state))
    assert step.loss == pytest.approx(loss.item(), rel=1e-5)
    assert step.norm == pytest.approx(norm, rel=1e-5)
    assert step.events == len(places)
    for p, was, g in zip(model.parameters(), before, gradient, strict=True):
        torch.testing.assert_close(p.detach(), was - g * 1e-3 / norm, rtol=1e-4, atol=1e-8)


def test_a_carry_goes_from_batch_to_batch_and_a_fresh_batch_drops_it():
    seen = []

    class Watched(TinyTask):
        def loss(self, model, batch, carry):
            seen.append(None if carry is None else int(carry.read[0]))
            return super().loss(model, batch, carry)

        def measure(self, model, split):
            return {"perplexity": 1.0}

    for accumulate in (1, 2, 7):
        seen.clear()
        run(Training(epochs=2, accumulate=accumulate), Watched())
        assert seen == [None, 5, 10, 15, 20, 25, 30] * 2
    seen.clear()
    _, state, _ = run(Training(epochs=1), Watched(shuffled=True))
    assert seen == [None] * 7
    assert state.carry is None


def test_a_carry_that_the_next_batch_drops_is_not_kept():
    training = Training()
    model, state = begin(training)
    for event in fit(model, TinyTask(shuffled=True), training, state):
        if isinstance(event, Step):
            assert state.carry is None
            break


def test_what_was_computed_before_the_batch_is_not_differentiated_again():
    training = Training(epochs=1)
    model, state = begin(training)
    events = fit(model, TinyTask(), training, state)
    next(events)
    assert not state.carry.h.requires_grad


def test_bf16_is_for_losses_and_measures_are_in_full_precision():
    seen = []

    class Watched(TinyTask):
        def loss(self, model, batch, carry):
            seen.append((model.training, torch.is_autocast_enabled("cpu")))
            return super().loss(model, batch, carry)

    model, _, events = run(Training(epochs=1, precision="bf16"), Watched())
    assert set(seen) == {(True, True), (False, False)}
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    _, _, exact = run(Training(epochs=1), TinyTask())
    assert events[0].loss == pytest.approx(exact[0].loss, rel=2e-2)
    assert events[0].loss != exact[0].loss


def test_an_untrained_loss_is_the_logarithm_of_the_vocabulary_and_eight_lines_are_learnt_by_heart():
    x = torch.randint(11, (8, 6), generator=torch.Generator().manual_seed(0))
    batch = TinyBatch(x[:, :-1], x[:, 1:], torch.ones(8, 5, dtype=torch.bool), True)
    training = Training(steps=400, lr=2e-2)
    model = model_of(d=32, dropout=0.0)
    nn.init.normal_(model.embed.weight, std=0.02)
    steps = [
        e
        for e in fit(model, Given(batch), training, State.begin(model, training, seed=1))
        if isinstance(e, Step)
    ]
    assert steps[0].loss == pytest.approx(math.log(11), rel=0.05)
    assert steps[-1].loss < 0.25  # the first word of a line cannot be known


# When what happens


def kinds(events):
    return "".join({Step: "s", Evaluated: "E", Finished: "F"}[type(e)] for e in events)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"epochs": 2}, "sssssssEsssssssEF"),
        ({"epochs": 2, "accumulate": 3}, "sssEsssEF"),
        ({"epochs": 1, "evaluate_every": 3}, "sssEsssEsEF"),
        ({"steps": 9}, "sssssssEssEF"),
        ({"steps": 4, "evaluate_every": 4}, "ssssEF"),
        ({"steps": 2, "evaluate_every": 50}, "ssEF"),
    ],
)
def test_evaluations_come_when_they_are_due_and_always_at_the_end(settings, expected):
    _, _, events = run(Training(**settings))
    assert kinds(events) == expected
    assert events[-1].reason == ("steps" if "steps" in settings else "epochs")
    steps = [e for e in events if isinstance(e, Step)]
    assert [s.step for s in steps] == list(range(1, len(steps) + 1))
    a_epoch = 3 if "accumulate" in settings else 7
    assert [s.epoch for s in steps] == [1 + i // a_epoch for i in range(len(steps))]
    assert all(e.epoch == s.epoch for s, e in itertools.pairwise(events) if not isinstance(e, Step))


def test_patience_counts_the_evaluations_since_the_best_and_the_best_weights_are_kept():
    measures = [5.0, 4.0, 4.5, float("nan"), 4.0, 3.0]
    task = Given(*unequal_batches(), measures=measures)
    training = Training(epochs=50, patience=3)
    model, state = begin(training)
    for event in fit(model, task, training, state):
        if isinstance(event, Evaluated) and event.best:
            kept = {name: t.clone() for name, t in model.state_dict().items()}
            at = event.step
    assert event == Finished(20, 5, "patience")
    assert (state.best, state.best_step, at) == (4.0, 8, 8)
    assert all(torch.equal(kept[name], t) for name, t in state.weights(model).items())
    assert not all(torch.equal(kept[name], t) for name, t in model.state_dict().items())
    assert state.best_weights["out.weight"] is state.best_weights["embed.weight"]


def test_higher_may_be_better():
    class Accuracy(Given):
        better = ("perplexity", "higher")

    task = Accuracy(*unequal_batches(), measures=[0.1, 0.5, 0.3])
    _, state, events = run(Training(epochs=3), task)
    assert [e.best for e in events if isinstance(e, Evaluated)] == [True, True, False]
    assert state.best == 0.5


def test_the_rate_of_a_plateau_falls_after_an_evaluation_without_improvement():
    task = Given(*unequal_batches(), measures=[5.0, 6.0, 4.0, 4.0, 3.0])
    _, _, events = run(Training(epochs=5, lr=1.0, schedule="plateau", optimizer="sgd"), task)
    rates = [e.lr for e in events if isinstance(e, Step)][::4]
    assert rates == [1.0, 1.0, 0.5, 0.5, 0.25]


def test_a_plateau_with_a_margin_falls_after_a_small_improvement_which_is_the_best_all_the_same():
    task = Given(*unequal_batches(), measures=[9.0, 7.0, 6.0, 4.9, 4.9])
    plan = Training(epochs=5, lr=1.0, schedule="plateau", margin=1.0, optimizer="sgd")
    _, state, events = run(plan, task)
    assert [e.lr for e in events if isinstance(e, Step)][::4] == [1.0, 1.0, 1.0, 0.5, 0.5]
    assert [e.best for e in events if isinstance(e, Evaluated)] == [True] * 4 + [False]
    assert (state.best, state.stale, state.decays) == (4.9, 1, 2)


@pytest.mark.parametrize(("steps", "accumulate"), [(0, 1), (0, 3), (10, 1)])
def test_a_cosine_ends_at_its_floor_with_the_last_step(steps, accumulate):
    training = Training(
        epochs=3, steps=steps, accumulate=accumulate, schedule="cosine", floor=0.1, lr=1.0
    )
    _, _, events = run(training)
    rates = [e.lr for e in events if isinstance(e, Step)]
    assert rates[-1] == pytest.approx(0.1)
    assert rates == sorted(rates, reverse=True)


def test_the_time_limit_leaves_time_for_the_last_evaluation():
    training = Training(minutes=1.0)
    _, state = begin(training)
    state.step, state.seconds, state.evaluating = 5, 50.0, 9.0
    assert over(training, state) is None
    state.evaluating = 10.0
    assert over(training, state) == "minutes"
    _, state, events = run(Training(epochs=10**6, minutes=0.3 / 60))
    assert kinds(events).endswith("EF")
    assert events[-1].reason == "minutes"
    assert 0.25 < state.seconds < 3


def test_nothing_to_train_on_is_said():
    with pytest.raises(DataError, match="nothing to train on"):
        run(Training(), Given())
    batch = padded(unequal_batches())
    empty = TinyBatch(batch.x, batch.y, batch.mask & False, True)
    with pytest.raises(DataError, match="nothing is scored"):
        run(Training(), Given(empty))


def test_a_task_that_judges_by_what_it_does_not_measure_is_told_so():
    class Wrong(Given):
        better = ("accuracy", "higher")

    with pytest.raises(UsageError, match="judges by accuracy but does not measure it"):
        run(Training(epochs=1), Wrong(*unequal_batches()))


def test_a_task_that_counts_wrong_is_found_out():
    class Wrong(TinyTask):
        def loss(self, model, batch, carry):
            loss, carry = super().loss(model, batch, carry)
            return Loss(loss.sum, loss.count + 1), carry

    with pytest.raises(AssertionError, match="counted"):
        run(Training(), Wrong())


# Numbers that are none


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("kind", ["loss", "gradient"])
def test_a_loss_or_gradient_that_is_no_number_is_found_before_it_touches_a_weight(
    kind, accumulate, tmp_path
):
    training = Training(epochs=3, accumulate=accumulate)
    task = TinyTask(poison=(1, 4, kind))
    model, state = begin(training)
    events = fit(model, task, training, state)
    before = {}

    def save_after_every_event():
        while next(events):
            checkpoint.save(tmp_path, state, model)
            before.update({name: t.clone() for name, t in model.state_dict().items()})

    with pytest.raises(Diverged) as caught:
        save_after_every_event()
    said = str(caught.value)
    at = {1: "step 12, epoch 2, batch 5", 2: "step 7, epoch 2, batch 5"}[accumulate]
    assert at in said
    assert ("the loss is inf" if kind == "loss" else "the gradient's norm is nan") in said
    assert ("embed.weight" if kind == "loss" else "norm.weight: 1 of 8") in said
    assert state.step == int(at.split()[1].rstrip(",")) - 1
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())
    again = model_of(1)
    checkpoint.load(tmp_path, again, training)
    assert same_weights(again, model)


def test_an_absurd_rate_is_found_within_a_step_and_never_saved(tmp_path):
    training = Training(lr=1e300, optimizer="sgd", clip=0.0)
    model, state = begin(training)
    checkpoint.save(tmp_path, state, model)
    first = {name: t.clone() for name, t in model.state_dict().items()}
    events = fit(model, TinyTask(), training, state)
    assert next(events).step == 1
    with pytest.raises(Diverged, match="after step 1"):
        checkpoint.save(tmp_path, state, model)
    with pytest.raises(Diverged) as caught:
        next(events)
    assert "step 2, epoch 1, batch 2" in str(caught.value)
    again = model_of(1)
    checkpoint.load(tmp_path, again, training)
    assert all(torch.equal(first[name], t) for name, t in again.state_dict().items())


def test_a_high_rate_is_found_as_soon_as_a_loss_is_no_number():
    training = Training(lr=1e38, optimizer="sgd", clip=0.0)
    with pytest.raises(Diverged, match="training diverged: the loss is nan"):
        run(training)


def test_weights_that_overflow_in_the_last_step_are_not_measured():
    training = Training(lr=1e300, optimizer="sgd", clip=0.0, steps=1)
    model, state = begin(training)
    with pytest.raises(Diverged, match="not finite any more after step 1"):
        list(fit(model, TinyTask(), training, state))
    assert state.best is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_measure_that_is_no_number_is_never_best(value):
    task = Given(*unequal_batches(), measures=[value, 3.0, value])
    _, state, events = run(Training(epochs=3), task)
    assert [e.best for e in events if isinstance(e, Evaluated)] == [False, True, False]
    assert state.best == 3.0


# The same again


def test_the_same_seed_gives_the_same_run_and_another_another():
    a, _, first = run(Training(**LONG))
    b, _, second = run(Training(**LONG))
    assert [row(e) for e in first] == [row(e) for e in second]
    assert same_weights(a, b)
    model, state = begin(Training(**LONG), seed=2)
    assert row(next(fit(model, TinyTask(), Training(**LONG), state))) != row(first[0])


def test_what_the_caller_draws_between_events_changes_nothing():
    _, _, quiet = run(Training(**LONG))
    training = Training(**LONG)
    model, state = begin(training)
    loud = []
    for event in fit(model, TinyTask(), training, state):
        torch.rand(event.step)
        model.eval()
        loud.append(event)
    assert [row(e) for e in loud] == [row(e) for e in quiet]


def test_chance_differs_from_step_to_step():
    training = Training(optimizer="sgd", lr=1e-12, epochs=1)
    task = Given(*[padded(unequal_batches())] * 4)
    _, _, events = run(training, task)
    assert len({e.loss for e in events if isinstance(e, Step)}) == 4


EVERY_WAY = [
    Training(**LONG, schedule="constant", optimizer="sgd", momentum=0.9),
    Training(**LONG, schedule="cosine", warmup=4, floor=0.1, accumulate=2),
    Training(**LONG, schedule="linear", warmup=3, optimizer="adam", evaluate_every=5),
    Training(**LONG, schedule="noam", warmup=6, weight_decay=0.1, precision="bf16"),
    Training(epochs=4, lr=20.0, schedule="plateau", optimizer="sgd", patience=3),
    Training(lr=1.0, epochs=4, schedule="plateau", decay_after=1, decay=0.5, optimizer="sgd"),
]


@pytest.mark.parametrize("shuffled", [False, True], ids=["carried", "shuffled"])
@pytest.mark.parametrize("training", EVERY_WAY, ids=lambda t: t.schedule + str(t.decay_after))
def test_a_resumed_run_is_the_run_that_never_stopped(training, shuffled, tmp_path):
    """Stopped after each event in turn: the rest is the same to the last bit."""
    task = TinyTask(batches=4, shuffled=shuffled)
    whole, end, events = run(training, task)
    rows = [row(e) for e in events]
    model, state = begin(training)
    for cut, event in enumerate(fit(model, task, training, state), 1):
        checkpoint.save(tmp_path, state, model)
        torch.manual_seed(99 + cut)
        other = TinyModel()
        loaded = checkpoint.load(tmp_path, other, training)
        assert not loaded.differs
        assert [row(e) for e in fit(other, task, training, loaded.state)] == (
            rows[cut:] or [row(event)]
        )
        assert same_weights(other, whole)
        assert (loaded.state.best, loaded.state.best_step) == (end.best, end.best_step)
        for name, t in end.weights(whole).items():
            assert torch.equal(t, loaded.state.weights(other)[name])


def test_a_carry_resumes_as_what_it_was(tmp_path):
    training = Training()
    model, state = begin(training)
    next(fit(model, TinyTask(), training, state))
    checkpoint.save(tmp_path, state, model)
    carry = checkpoint.load(tmp_path, TinyModel(), training).state.carry
    assert type(carry) is type(state.carry)
    assert torch.equal(carry.h, state.carry.h)
