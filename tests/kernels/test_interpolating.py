"""The loops of Kneser–Ney smoothing against its equations, one history after another."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from malmoi.kernels.interpolating import contexts, counts_of_counts, interpolate

LOWER = 5  # nodes of the order below


@given(st.lists(st.lists(st.integers(1, 6), max_size=4), min_size=1, max_size=12), st.randoms())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_histories_of_no_child_one_and_many_are_smoothed_as_the_equations_say(children, random):
    sizes = [len(counts) for counts in children]
    low, begin = 3, LOWER  # the histories' numbers are not those of their children
    first = np.array([begin + sum(sizes[:h]) for h in range(len(sizes) + 1)], np.int32)
    a = np.array([r for counts in children for r in counts], np.int32)
    link = np.array([random.randrange(LOWER) for _ in range(begin + len(a))], np.int32)
    p, beta = np.full(begin + len(a), np.nan), np.ones(low + len(children))
    p[:LOWER] = below = np.array([0.1, 0.3, 0.2, 0.15, 0.25])
    D = (0.0, 0.4, 0.9, 1.3)

    interpolate(a, np.array(D), low, first, link, p, beta)

    for h, counts in enumerate(children):
        gamma = sum(D[min(r, 3)] for r in counts) / sum(counts) if counts else 1.0
        assert beta[low + h] == pytest.approx(gamma, abs=1e-15)
        for j, r in enumerate(counts, int(first[h])):
            due = (r - D[min(r, 3)]) / sum(counts) + gamma * below[link[j]]
            assert p[j] == pytest.approx(due, abs=1e-15)
    assert p[:LOWER].tolist() == below.tolist()
    assert (beta[:low] == 1.0).all()


@given(st.lists(st.integers(0, 7), max_size=40))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_contexts_and_counts_of_counts_are_counted_one_by_one(nodes):
    link, out = np.array(nodes, np.int32) + 10, np.full(8, -1, np.int32)
    contexts(link, 10, out)
    assert out.tolist() == [nodes.count(node) for node in range(8)]
    assert counts_of_counts(link - 10) == tuple(nodes.count(r) for r in (1, 2, 3, 4))
