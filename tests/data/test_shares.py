"""Texts dealt out by their own hash."""

import random

from malmoi.data.examples import Example
from malmoi.data.shares import drawn

TEXTS = [Example(f"글 {i % 40}", (str(i),)) for i in range(50)]  # ten of them twice


def test_fewer_are_among_more_and_stand_in_the_order_of_the_data():
    last: list[Example] = []
    for limit in (1, 7, 20, 49, 50):
        now = drawn(TEXTS, limit, 3)
        assert len(now) == limit
        assert now == sorted(now, key=TEXTS.index)
        assert set(last) <= set(now)
        last = now
    assert drawn(iter(TEXTS), 0, 3) == drawn(TEXTS, 99, 3) == TEXTS


def test_which_they_are_is_the_seeds_and_not_the_orders():
    turned = random.Random(1).sample(TEXTS, len(TEXTS))
    assert {e.text for e in drawn(turned, 9, 3)} == {e.text for e in drawn(TEXTS, 9, 3)}
    assert drawn(TEXTS, 9, 3) != drawn(TEXTS, 9, 4)
