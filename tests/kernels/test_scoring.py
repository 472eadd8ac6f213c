"""Scoring many words at a time against the recursion, a word at a time."""

from pathlib import Path

import numpy as np
import pytest
import torch

from malmoi import tensors
from malmoi.config import Sizes
from malmoi.kernels import scoring
from malmoi.kernels.index import FEW, index, probe
from malmoi.models.ngram import MANY, Config, NGram

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
    near = [0, 1, 2, 3, *range(1000, 1050), *range(2040, 2060), len(costs) - 1]
    for i in near:
        expected, _ = by_recursion(model, text[max(0, i - 60) : i + 1].tolist(), int(text[i + 1]))
        assert costs[i] == pytest.approx(expected, abs=1e-12)
    assert {1, 2, 3} & {by_recursion(model, text[i - 60 : i + 1].tolist(), 5)[1] for i in near[4:]}


@pytest.mark.parametrize("estimator", ["kneser-ney", "stupid-backoff", "mle"])
def test_with_and_without_an_index_every_number_is_the_same(estimator):
    model = made(4, estimator)
    text = stream(3, 2 * MANY)
    x, y = (torch.from_numpy(t.astype(np.int64))[None] for t in (text[:-1], text[1:]))
    parts, carry = [], model.begin(1)
    for begin in range(0, x.size(1), MANY - 1):
        some = slice(begin, begin + MANY - 1)
        logp, carry = model.log_prob(x[:, some], y[:, some], carry)
        parts.append(logp)
    assert not len(model._index)
    whole, _ = model.log_prob(x, y, model.begin(1))
    assert len(model._index), "a long text is read with an index"
    assert torch.equal(torch.cat(parts, 1), whole)
    assert np.array_equal(model.read(text), whole[0].numpy())


def test_the_index_leads_to_every_child_of_a_node_that_has_many_and_to_nothing_else():
    model = made(3)
    table = index(model.word, model.first)
    sizes = np.diff(model.first)
    large = np.flatnonzero(sizes > FEW)
    assert 0 < len(large) < len(sizes)
    for node in large[:: max(1, len(large) // 50)]:
        children = {int(model.word[j]): j for j in range(*model.first[node : node + 2])}
        for w in range(V):
            assert probe(table, node, w) == children.get(w, -1)


def test_a_changed_model_is_not_read_with_the_index_of_the_old_one():
    model = made(3)
    model.read(stream(2, 2 * MANY))
    other = made(3)
    other.estimate(stream(9, 20_000))
    model.load_state_dict(other.state_dict())
    text = stream(4, 2 * MANY)
    assert np.array_equal(model.read(text), other.read(text))


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
