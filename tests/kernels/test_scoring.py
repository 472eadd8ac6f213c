"""Scoring many words at a time against the recursion, a word at a time."""

from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch

from malmoi import tensors
from malmoi.config import Sizes
from malmoi.errors import UsageError
from malmoi.kernels import scoring
from malmoi.kernels.building import Growing
from malmoi.kernels.index import EMPTY, Index, index, joined, place, probe
from malmoi.models import ngram
from malmoi.models.ngram import WORTH, Config, NGram

V = 300


def stream(seed: int, size: int) -> np.ndarray:
    """Words of which few are frequent, so that some nodes have hundreds of children."""
    rng = np.random.default_rng(seed)
    words = np.minimum(rng.zipf(1.3, size), V - 1)
    words[rng.random(size) < 0.1] = 0
    words[0] = 0
    return words.astype(np.uint32)


def made(order: int, estimator: str = "kneser-ney") -> NGram:
    model = Config(order=order, estimator=estimator).build(Sizes(V))
    model.estimate(stream(1, 20_000))
    return model


def by_recursion(model: NGram, read: list[int], w: int) -> tuple[float, int]:
    """log p and the matched order, from the arrays, by walking down from the one-grams."""

    def node(words: list[int]) -> int:
        at = words[0]
        for v in words[1:]:
            low, high = model.first[at], model.first[at + 1]
            found = np.flatnonzero(model.word[low:high] == v)
            if not len(found):
                return -1
            at = int(low + found[0])
        return at

    h: list[int] = []
    for v in read:
        h = [0] if v == 0 else [*h, v]
    h = h[len(h) - model.config.order + 1 :] if len(h) >= model.config.order else h
    due = 0.0
    while h:
        if (found := node([*h, w])) >= 0:
            return due + model.logp[found], len(h) + 1
        if (back := node(h)) >= 0 and back < len(model.beta):
            due += model.beta[back]
        h = h[1:]
    return due + model.logp[w], 1


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_a_text_of_many_pieces_costs_what_the_recursion_says(order):
    model = made(order)
    text = stream(2, 2 * scoring.PIECE + 700)
    costs = model.read(text)
    near = [0, 1, 2, 3, *range(500, 550), *range(1020, 1040), len(costs) - 1]
    for i in near:
        expected, _ = by_recursion(model, text[max(0, i - 60) : i + 1].tolist(), int(text[i + 1]))
        assert costs[i] == pytest.approx(expected, abs=1e-12)
    assert {1, 2, 3} & {by_recursion(model, text[i - 60 : i + 1].tolist(), 5)[1] for i in near[4:]}


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("estimator", ["kneser-ney", "stupid-backoff", "mle"])
def test_with_and_without_an_index_every_number_is_the_same(order, estimator):
    text = stream(3, 9_000)
    x, y = (torch.from_numpy(t.astype(np.int64))[None] for t in (text[:-1], text[1:]))
    model, parts = made(order, estimator), []
    carry = model.begin(1)
    for begin in range(0, x.size(1), 37):
        model._forget()
        some = slice(begin, begin + 37)
        logp, after = model.log_prob(x[:, some], y[:, some], carry)
        parts.append((logp, model.matched(x[:, some], y[:, some], carry)))
        carry = after
        assert not len(model._index.rows)
    whole, _ = model.log_prob(x, y, model.begin(1))
    assert len(model._index.rows) or order == 1, "a long text is read with an index"
    assert torch.equal(torch.cat([logp for logp, _ in parts], 1), whole)
    orders = model.matched(x, y, model.begin(1))
    assert torch.equal(torch.cat([matched for _, matched in parts], 1), orders)
    assert np.array_equal(model.read(text), whole[0].numpy())
    assert {1, order} <= set(orders.flatten().tolist())


def test_what_is_said_need_not_be_what_is_read_next():
    x, y = (torch.from_numpy(stream(seed, 9_000).astype(np.int64))[None] for seed in (3, 4))
    model = made(3)
    walked = [model.log_prob(x[:, :i], y[:, :i], model.begin(1))[0][0, -1] for i in range(1, 40)]
    assert not len(model._index.rows)
    whole, _ = model.log_prob(x, y, model.begin(1))
    assert len(model._index.rows)
    assert torch.equal(torch.stack(walked), whole[0, :39])


def chosen(order: int, types: int, rng: np.random.Generator) -> NGram:
    """N-grams as nobody would count them: endings are missing, and a boundary stands anywhere."""
    growing, grams = Growing(types), np.arange(types)[:, None]
    for _ in range(1, order):
        last = np.tile(np.arange(types), len(grams))
        longer = np.column_stack([np.repeat(grams, types, 0), last])
        grams = longer[rng.random(len(longer)) < 1.5 / types]
        growing.add(grams)
    model = Config(order=order, estimator="arpa").build(Sizes(types))
    model.level, model.word = tuple(growing.level), growing.word
    model.first, model.link = growing.first, growing.link
    model.logp, model.beta = -rng.random(len(model.word)), -rng.random(len(model.first) - 1)
    return model


@pytest.mark.parametrize("order", [2, 3, 4])
def test_ngrams_that_somebody_chose_are_found_along_the_table_by_index_and_all_at_once(
    order, monkeypatch
):
    rng = np.random.default_rng(order)
    for types in (2, 3, 4, 5, 8) * 8:
        model = chosen(order, types, rng)
        if len(model.word) == types:
            continue
        x, y = (torch.from_numpy(rng.integers(0, types, (1, 60))) for _ in "xy")
        carry = torch.from_numpy(rng.integers(0, types, (1, order - 1)))
        found = []
        for worth in (1e-9, 1e9):  # n-grams for each word: asked too little for an index, or enough
            monkeypatch.setattr(ngram, "WORTH", worth)
            model._forget()
            found.append((model.log_prob(x, y, carry)[0], model.matched(x, y, carry)))
            assert bool(len(model._index.rows)) == (worth > 1)
        (logp, matched), (by_index, also_matched) = found
        assert torch.equal(by_index, logp)
        assert torch.equal(also_matched, matched)
        assert torch.equal(model(x, carry)[0].gather(2, y[..., None])[..., 0], logp)
        for t in range(x.size(1)):
            read = [*carry[0].tolist(), *x[0, : t + 1].tolist()]
            expected, longest = by_recursion(model, read, int(y[0, t]))
            assert logp[0, t].item() == pytest.approx(expected, abs=1e-12)
            assert matched[0, t] == longest


@pytest.mark.parametrize("estimator", ["kneser-ney", "stupid-backoff"])
def test_a_word_costs_what_it_costs_among_all_words(estimator):
    x, y = (torch.from_numpy(stream(seed, 700).astype(np.int64))[None] for seed in (3, 4))
    model = made(4, estimator)
    carry = torch.tensor([[7, 0, 5]])
    rows, _ = model(x, carry)
    assert torch.equal(model.log_prob(x, y, carry)[0], rows.gather(2, y[..., None])[..., 0])


def test_an_index_is_made_when_enough_was_asked():
    model = made(3)
    few = stream(2, 100)
    asked = 0
    while (asked + 99) * WORTH <= len(model.word):
        model.read(few)
        asked += 99
        assert not len(model._index.rows)
    model.read(few)
    assert len(model._index.rows)


def test_the_index_leads_to_every_ngram_and_to_nothing_else():
    model = made(3)
    level = np.array(model.level)
    rows, values, begin = index(level, model.word, model.first, model.logp, model.beta)
    assert (rows[:, 0] != EMPTY).sum() == level[3] - level[1]

    def find(k: int, history: int, w: int) -> int:
        low, high = int(begin[k - 2]), int(begin[k - 1])
        at = low + place(joined(history, w), high - low)
        row = probe(rows, at, low, high, joined(history, w))
        assert low <= row < high
        return row if rows[row, 0] != EMPTY else -1

    for v in range(0, V, 7):
        children = {int(model.word[j]): j for j in range(*model.first[v : v + 2])}
        for w in range(V):
            row = find(2, v, w)
            assert (row >= 0) == (w in children)
            if w in children:
                j = children[w]
                assert values[row, 1] == model.logp[j]
                assert values[row, 2] == model.beta[j]
                for i in range(*model.first[j : j + 2]):
                    assert values[find(3, row, int(model.word[i])), 1] == model.logp[i]


def test_a_changed_model_is_not_read_with_the_index_of_the_old_one():
    model = made(3)
    model.read(stream(2, 8_000))
    other = made(3)
    other.estimate(stream(9, 20_000))
    model.load_state_dict(other.state_dict())
    text = stream(4, 8_000)
    assert np.array_equal(model.read(text), other.read(text))


def test_a_model_that_changes_while_its_index_is_made_does_not_keep_that_index(monkeypatch):
    model, other, text = made(3), made(3), stream(4, 8_000)
    other.estimate(stream(9, 20_000))
    changing = Thread(target=model.load_state_dict, args=(other.state_dict(),))

    def slow(*table: np.ndarray) -> Index:
        changing.start()
        changing.join(0.1)
        return index(*table)

    monkeypatch.setattr(ngram, "index", slow)
    before = model.read(text)
    changing.join()
    monkeypatch.undo()
    assert np.array_equal(before, made(3).read(text))
    assert np.array_equal(model.read(text), other.read(text))


def test_what_has_no_longer_ngrams_is_not_indexed(monkeypatch):
    def never(*table: np.ndarray) -> Index:
        raise AssertionError("an index was made")

    monkeypatch.setattr(ngram, "index", never)
    made(1).read(stream(2, 8_000))
    Config(order=3).build(Sizes(V)).read(stream(2, 8_000))
    monkeypatch.setattr(ngram, "MOST", 1)  # a key has no room for the rows of so many
    many = made(3)
    assert np.array_equal(many.read(stream(2, 8_000))[:50], made(3).read(stream(2, 8_000)[:51]))


def test_a_stream_of_no_tokens_costs_nothing():
    assert made(2).read(np.empty(0, np.uint32)).shape == (0,)
    assert made(2).read(np.array([0])).shape == (0,)


@pytest.mark.parametrize("ids", [[0, -1, 0], [0, V, 0]])
def test_ids_outside_of_the_vocabulary_are_refused(ids):
    for use in (made(2).read, made(2).estimate):
        with pytest.raises(UsageError, match="id"):
            use(np.array(ids))


@pytest.mark.parametrize("estimator", ["kneser-ney", "katz"])
def test_a_text_that_begins_inside_of_a_line_is_refused(estimator):
    with pytest.raises(UsageError, match="in the middle of a line"):
        made(3, estimator).estimate(np.array([5, 6, 7, 0, 5, 8, 0], np.uint32))


def test_the_costs_of_a_line_are_those_of_its_words_and_its_end():
    text = np.array([0, 5, 6, 0, 0, 7, 0], np.uint32)
    costs = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    assert scoring.line_sums(text, costs).tolist() == [7.0, 8.0, 48.0]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="not run: no /proc to look into")
def test_a_loaded_table_lies_in_its_file_and_is_read_there(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(tensors.to_bytes(made(3).state_dict()))
    model = Config(order=3).build(Sizes(V))
    model.load_state_dict(tensors.load(path))
    mapped = [
        tuple(int(end, 16) for end in line.split()[0].split("-"))
        for line in Path("/proc/self/maps").read_text().splitlines()
        if line.endswith(str(path))
    ]
    for array in (*model._table()[:3], model.logp, model.beta):
        at = array.__array_interface__["data"][0]
        assert any(low <= at and at + array.nbytes <= high for low, high in mapped)
    assert np.array_equal(model.read(stream(2, 500)), made(3).read(stream(2, 500)))
