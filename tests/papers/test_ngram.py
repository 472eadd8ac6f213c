"""The n-gram model against its papers, written out once more over plain dictionaries."""

import math
from collections import Counter
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from malmoi.carry import LanguageModel, select
from malmoi.config import Sizes
from malmoi.errors import EmptyText, RunError, UsageError
from malmoi.models.ngram import Config

V = 90  # 0 boundary, 1 <unk>, 2 … 88 in the text, 89 never said
BEGIN, END = "<s>", "</s>"


def some_lines(seed: int, size: int = 150) -> list[list[int]]:
    """A language of 87 words in which a word leans on the last one, so that n-grams come back."""
    rng = np.random.default_rng(seed)
    lines = []
    for _ in range(size):
        line = [2]
        while rng.random() < 0.85:
            step = min(rng.zipf(1.6), 60) if rng.random() < 0.7 else rng.integers(87)
            line.append(int(2 + (line[-1] // 3 + step) % 87))
        lines.append(line[rng.integers(2) :])
    return lines


def stream_of(lines: list[list[int]]) -> np.ndarray:
    return np.array([0, *(w for line in lines for w in [*line, 0])], np.uint16)


class Oracle:
    """p(w | h) straight from the equations, slowly; h is a tuple that may begin with <s>."""

    def __init__(self, lines, n, **settings):
        self.n, self.settings, self.c = n, settings, Counter()
        for line in lines:
            padded = (BEGIN, *line, END)
            for i in range(1, len(padded)):
                for k in range(1, n + 1):
                    if i - k + 1 >= 0:
                        self.c[padded[i - k + 1 : i + 1]] += 1
        self.words = [END, *range(1, V)]
        self.total = Counter()
        for gram, c in self.c.items():
            self.total[gram[:-1]] += c
        self.p = cache(getattr(self, settings.pop("estimator").replace("-", "_")))

    def history(self, read: list[int]) -> tuple:
        """What is kept of everything that was read."""
        h: tuple = ()
        for w in read:
            h = (BEGIN,) if w == 0 else (*h, w)
        return h[max(0, len(h) - self.n + 1) :]

    def seen(self, h: tuple) -> tuple:
        while h and not self.total[h]:
            h = h[1:]
        return h

    def mle(self, w, h):
        h = self.seen(h)
        return self.c[*h, w] / self.total[h]

    def additive(self, w, h):
        alpha = self.settings["alpha"]
        return (self.c[*h, w] + alpha) / (self.total[h] + alpha * V)

    def interpolated(self, w, h):
        weights = self.settings["weights"]  # λ_0 … λ_n
        top, bottom = weights[0] / V, weights[0]
        for k in range(1, len(h) + 2):
            short = h[len(h) - k + 1 :]
            if self.total[short]:
                top += weights[k] * self.c[*short, w] / self.total[short]
                bottom += weights[k]
        return top / bottom

    def stupid_backoff(self, w, h):
        if self.c[*h, w] > self.settings["k"] or not h:
            return self.c[*h, w] / self.total[h]
        return self.settings["alpha"] * self.p(w, h[1:])

    @cache  # noqa: B019
    def good_turing(self, order):
        k = self.settings["k"]
        t = Counter(c for gram, c in self.c.items() if len(gram) == order)
        A = (k + 1) * t[k + 1] / t[1]
        return {r: ((r + 1) * t[r + 1] / t[r] / r - A) / (1 - A) for r in range(1, k + 1)}

    def katz(self, w, h):
        h = self.seen(h)
        d = self.good_turing(len(h) + 1)
        after = {v: self.c[*h, v] for v in self.words if self.c[*h, v]}
        total = self.total[h]
        if len(after) < len(self.words) and all(c > self.settings["k"] for c in after.values()):
            total += 1
        p = {v: d.get(c, 1) * c / total for v, c in after.items()}
        left = 1 - sum(p.values())
        if len(after) == len(self.words):
            return p[w] / sum(p.values())
        if w in p:
            return p[w]
        if not h:
            return left / (len(self.words) - len(after))
        return left * self.p(w, h[1:]) / (1 - sum(self.p(v, h[1:]) for v in after))

    @cache  # noqa: B019
    def continuation(self, order):
        """a of every n-gram of an order."""
        whole = {g: c for g, c in self.c.items() if len(g) == order}
        if order == self.n:
            return whole
        left = Counter(g[1:] for g in self.c if len(g) == order + 1)
        return {g: c if g[0] == BEGIN else left[g] for g, c in whole.items()}

    @cache  # noqa: B019
    def discount(self, order):
        t = Counter(self.continuation(order).values())
        if not (t[1] and t[2] and t[3]):
            return [0, 0.5, 1.0, 1.5]
        Y = t[1] / (t[1] + 2 * t[2])
        D = [0, *(r - (r + 1) * Y * t[r + 1] / t[r] for r in (1, 2, 3))]
        return D if min(D[1:]) > 0 else [0, 0.5, 1.0, 1.5]

    def kneser_ney(self, w, h):
        a, D = self.continuation(len(h) + 1), self.discount(len(h) + 1)
        after = {v: a[*h, v] for v in self.words if (*h, v) in a}
        lower = self.p(w, h[1:]) if h else 1 / V
        if not after:
            return lower
        total = sum(after.values())
        gamma = sum(D[min(r, 3)] for r in after.values()) / total
        r = after.get(w, 0)
        return max(r - D[min(r, 3)], 0) / total + gamma * lower


ESTIMATORS = {
    "mle": {},
    "additive": {"alpha": 0.3},
    "interpolated": {"weights": (0.05, 0.1, 0.3, 0.25, 0.3)},
    "katz": {"k": 3},
    "kneser-ney": {},
    "stupid-backoff": {"alpha": 0.25, "k": 1},
}


def settings_of(estimator: str, order: int) -> dict:
    settings = dict(ESTIMATORS[estimator])
    if estimator == "interpolated":
        weights = settings["weights"][: order + 1]
        settings["weights"] = tuple(w / sum(weights) for w in weights)
    return settings


def make(estimator: str, order: int, lines, heldout=None, **settings):
    model = Config(order=order, estimator=estimator, **settings).build(Sizes(V))
    return model, model.estimate(stream_of(lines), heldout)


def tokens(seed: int, B: int = 3, T: int = 40) -> torch.Tensor:
    """Read and unread words, boundaries, doubled boundaries, runs of text and of nonsense."""
    rng = np.random.default_rng(seed)
    text = stream_of(some_lines(seed, 30))
    rows = []
    for _ in range(B):
        at = rng.integers(len(text) - T)
        row = text[at : at + T].astype(np.int64)
        strange = rng.random(T) < 0.2
        row[strange] = rng.integers(0, V, strange.sum())
        rows.append(row)
    return torch.from_numpy(np.stack(rows))


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_every_conditional_is_what_the_paper_says(estimator, order):
    lines, settings = some_lines(1), settings_of(estimator, order)
    model, told = make(estimator, order, lines, **settings)
    assert not told, "the counts of counts of this text serve every order"
    oracle = Oracle(lines, order, estimator=estimator, **settings)
    x = tokens(2)
    logits, _ = model(x, model.begin(3))
    for b, row in enumerate(x.tolist()):
        for t in range(len(row)):
            h = oracle.history([0, *row[: t + 1]])
            expected = [oracle.p(w, h) for w in oracle.words]
            np.testing.assert_allclose(logits[b, t].exp(), expected, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("estimator", [e for e in ESTIMATORS if e != "stupid-backoff"])
@given(st.lists(st.lists(st.integers(2, 7), max_size=6), max_size=12), st.integers(1, 4))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_every_conditional_sums_to_one_for_any_text(estimator, lines, order):
    lines = [*lines, [2]]
    model, _ = make(estimator, order, lines)
    assert model.normalised
    x = tokens(5, 1, 30)
    total = model(x, model.begin(1))[0].exp().sum(-1)
    assert (total - 1).abs().max() < 1e-9


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_log_prob_is_the_row_at_the_word(estimator):
    model, _ = make(estimator, 3, some_lines(1))
    assert isinstance(model, LanguageModel)
    x, y = tokens(2), tokens(3)
    logits, carry = model(x, model.begin(3))
    assert logits.dtype == torch.float64
    said, after = model.log_prob(x, y, model.begin(3))
    assert torch.equal(said, logits.gather(2, y[..., None])[..., 0])
    assert torch.equal(after, carry)


@pytest.mark.parametrize("order", [1, 2, 5])
@pytest.mark.parametrize("cut", [0, 1, 2, 17, 40])
def test_reading_in_two_chunks_is_reading_in_one(order, cut):
    model, _ = make("kneser-ney", order, some_lines(1))
    x, y = tokens(2), tokens(3)
    whole, carry = model(x, model.begin(3))
    first, between = model(x[:, :cut], model.begin(3))
    second, last = model(x[:, cut:], between)
    assert torch.equal(torch.cat([first, second], 1), whole)
    assert torch.equal(last, carry)
    assert between.shape == (3, order - 1)
    halves = [model.matched(x[:, :cut], y[:, :cut], model.begin(3))]
    halves += [model.matched(x[:, cut:], y[:, cut:], between)]
    assert torch.equal(torch.cat(halves, 1), model.matched(x, y, model.begin(3)))


def test_rows_do_not_know_each_other_and_can_be_re_ordered():
    model, _ = make("kneser-ney", 4, some_lines(1))
    x, y = tokens(2), tokens(3)
    together, carry = model(x, model.begin(3))
    for b in range(3):
        assert torch.equal(model(x[b : b + 1], model.begin(1))[0][0], together[b])
    rows = torch.tensor([2, 0, 0, 1])
    assert torch.equal(model(y[rows], select(carry, rows))[0], model(y, carry)[0][rows])


def test_a_boundary_makes_everything_before_it_irrelevant():
    model, _ = make("kneser-ney", 5, some_lines(1))
    one, two = torch.tensor([[3, 4, 0, 5, 2]]), torch.tensor([[89, 2, 0, 5, 2]])
    assert torch.equal(model(one, model.begin(1))[0][:, 2:], model(two, model.begin(1))[0][:, 2:])
    begun = model(one[:, 3:], model.begin(1))[0]
    assert torch.equal(model(one, model.begin(1))[0][:, 3:], begun)


def test_the_matched_order_is_the_longest_n_gram_that_was_counted():
    lines = some_lines(1)
    model, _ = make("kneser-ney", 4, lines)
    oracle = Oracle(lines, 4, estimator="mle")
    x, y = tokens(2), tokens(3)
    matched = model.matched(x, y, model.begin(3))
    for b in range(3):
        for t in range(x.size(1)):
            h = oracle.history([0, *x[b, : t + 1].tolist()])
            w = int(y[b, t]) or END
            longest = max([1, *(k + 1 for k in range(len(h) + 1) if oracle.c[*h[len(h) - k :], w])])
            assert matched[b, t] == longest


def test_katz_takes_something_from_a_history_whose_only_count_is_just_above_k():
    lines = some_lines(3) + 4 * [[87, 88]]
    model, told = make("katz", 3, lines, k=3)
    assert not told
    oracle = Oracle(lines, 3, estimator="katz", k=3)
    logits, _ = model(torch.tensor([[87, 88]]), model.begin(1))
    expected = [oracle.p(w, (87, 88)) for w in oracle.words]
    np.testing.assert_allclose(logits[0, 1].exp(), expected, rtol=1e-11)
    assert oracle.total[87, 88] == oracle.c[87, 88, END] == 4


def test_an_unseen_word_has_no_probability_under_mle_and_nothing_crashes():
    model, _ = make("mle", 3, some_lines(1))
    logits, _ = model(torch.tensor([[2, 89, 1]]), model.begin(1))
    assert (logits[..., 89] == -math.inf).all()
    assert not logits.isnan().any()


def test_stupid_backoff_says_that_it_has_no_perplexity():
    model, _ = make("stupid-backoff", 3, some_lines(1))
    assert not model.normalised
    total = model(tokens(2), model.begin(3))[0].exp().sum(-1)
    assert (total - 1).abs().max() > 0.1


def test_em_finds_the_weights_that_make_the_heldout_text_likeliest():
    lines, heldout = some_lines(1), stream_of(some_lines(7, 25))
    model, told = make("interpolated", 3, lines, heldout)
    assert "held-out" in told[0]
    best = np.array([float(w) for w in told[0].split(" 0 to 3 ")[1].split(", fit")[0].split(", ")])
    assert abs(best.sum() - 1) < 1e-3
    assert best.min() > 0.005, "a weight at the edge proves nothing"
    x = torch.from_numpy(heldout.astype(np.int64))[None]

    def likelihood(weights):
        weights = tuple(float(w) for w in weights / weights.sum())
        other, _ = make("interpolated", 3, lines, weights=weights)
        return float(other.log_prob(x[:, :-1], x[:, 1:], other.begin(1))[0].mean())

    found = float(model.log_prob(x[:, :-1], x[:, 1:], model.begin(1))[0].mean())
    assert abs(found - likelihood(best)) < 1e-6
    for k in range(4):
        for factor in (0.5, 2.0):
            near = best.copy()
            near[k] *= factor
            assert likelihood(near) < found - 1e-6


def test_without_heldout_text_the_weights_come_from_leaving_one_out():
    lines = some_lines(1)
    _, told = make("interpolated", 3, lines)
    assert "leaving one out" in told[0]
    best = [float(w) for w in told[0].split(" 0 to 3 ")[1].split(", fit")[0].split(", ")]

    def likelihood(weights):
        total = 0.0
        whole = Oracle(lines, 3, estimator="interpolated", weights=weights)
        for line in lines:
            padded = (BEGIN, *line, END)
            for i in range(1, len(padded)):
                grams = [padded[i - k + 1 : i + 1] for k in range(1, 4) if i - k + 1 >= 0]
                for gram in grams:
                    whole.c[gram] -= 1
                    whole.total[gram[:-1]] -= 1
                total += math.log(whole.interpolated(padded[i], padded[max(0, i - 2) : i]))
                for gram in grams:
                    whole.c[gram] += 1
                    whole.total[gram[:-1]] += 1
        return total

    found = likelihood(best)
    for k in range(4):
        for factor in (0.8, 1.25):
            near = list(best)
            near[k] *= factor
            assert likelihood(near) < found + 1e-3, (k, factor)


@pytest.mark.parametrize("weights", [(0.2, 0.3, 0.5), (0.1, 0.1, 0.3, 0.5)])
def test_given_weights_are_of_orders_one_to_n_or_zero_to_n(weights):
    lines = some_lines(1)
    model, told = make("interpolated", 3, lines, weights=weights)
    assert told == []
    oracle = Oracle(lines, 3, estimator="interpolated", weights=(0.0, *weights)[-4:])
    x = torch.tensor([[2, 3, 4, 5]])
    logits, _ = model(x, model.begin(1))
    expected = [oracle.p(w, (4, 5)) for w in oracle.words]
    np.testing.assert_allclose(logits[0, -1].exp(), expected, rtol=1e-12)


@pytest.mark.parametrize("estimator", ["kneser-ney", "katz"])
def test_a_text_too_small_for_its_discounts_is_trained_with_an_announced_fallback(estimator):
    model, told = make(estimator, 3, [[2, 3], [2, 4]])
    assert len(told) == 3
    assert all(f"order {k}" in line for k, line in enumerate(told, 1))
    total = model(tokens(2), model.begin(3))[0].exp().sum(-1)
    assert (total - 1).abs().max() < 1e-12


def test_the_kneser_ney_fallback_is_a_half_one_and_one_and_a_half():
    lines = [[2, 3, 2], [2, 2, 2, 2]]
    model, told = make("kneser-ney", 2, lines)
    assert told
    oracle = Oracle(lines, 2, estimator="kneser-ney")
    logits, _ = model(torch.tensor([[2]]), model.begin(1))
    np.testing.assert_allclose(logits[0, 0].exp(), [oracle.p(w, (2,)) for w in oracle.words])


@pytest.mark.parametrize(("estimator", "order"), [("kneser-ney", 3), ("mle", 1), ("katz", 2)])
def test_the_loaded_table_is_the_table(estimator, order):
    model, _ = make(estimator, order, some_lines(1))
    again = Config(order=order, estimator=estimator).build(Sizes(V))
    again.load_state_dict({k: v.clone() for k, v in model.state_dict().items()})
    x = tokens(2)
    assert torch.equal(again(x, again.begin(3))[0], model(x, model.begin(3))[0])
    count = sum(p.numel() for p in model.parameters())
    assert count == len(model.state_dict()["logp"]) + len(model.state_dict()["beta"])


def test_a_table_of_another_order_or_vocabulary_is_refused():
    model, _ = make("kneser-ney", 3, some_lines(1))
    for config, size in ((Config(order=2), V), (Config(order=3), V + 1)):
        with pytest.raises(RunError, match="another n-gram model"):
            config.build(Sizes(size)).load_state_dict(model.state_dict())
    with pytest.raises(RunError, match="not the table"):
        Config(order=3).build(Sizes(V)).load_state_dict({"W": torch.zeros(1)})


def test_before_it_has_counted_every_word_is_as_likely_as_another():
    model = Config(order=3).build(Sizes(V))
    logits, _ = model(tokens(2), model.begin(3))
    assert torch.allclose(logits, torch.full_like(logits, -math.log(V)))


def test_ids_outside_the_vocabulary_and_empty_texts_are_refused():
    model, _ = make("kneser-ney", 3, some_lines(1))
    for bad in (-1, V):
        with pytest.raises(UsageError, match="vocabulary"):
            model(torch.tensor([[2, bad]]), model.begin(1))
        with pytest.raises(UsageError, match="vocabulary"):
            model.log_prob(torch.tensor([[2]]), torch.tensor([[bad]]), model.begin(1))
    with pytest.raises(UsageError, match="another vocabulary"):
        model.estimate(np.array([0, V, 0], np.uint16))
    with pytest.raises(UsageError, match="another vocabulary"):
        make("interpolated", 2, [[2, 3]], np.array([0, V, 0], np.uint16))
    with pytest.raises(EmptyText):
        model.estimate(np.array([0], np.uint16))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"order": 0}, "greater than or equal to 1"),
        ({"estimator": "kneserney"}, "kneser-ney"),
        ({"order": 3, "weights": (0.5, 0.5)}, "takes 3, or 4"),
        ({"order": 2, "weights": (0.5, 0.6)}, "not to 1"),
        ({"estimator": "katz", "k": 0}, "at least 1"),
        ({"alpha": 0.0}, "greater than 0"),
    ],
)
def test_a_wrong_configuration_says_what_is_allowed(wrong, words):
    with pytest.raises(ValueError, match=words):
        Config(**wrong)
