"""A finite context that slides."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from malmoi.carry import LanguageModel, select
from malmoi.decode import Endless, endless


def windows(model, words, C):
    """log p of what follows each word, from the rule written down: forget C // 2 when full."""
    rows, read = [], []
    for w in words:
        if len(read) == C:
            read = read[max(1, C // 2) :]
        read.append(w)
        rows.append(model.next(read))
    return np.array(rows)


@pytest.mark.parametrize("C", [1, 2, 3, 4, 5, 8])
def test_every_token_is_read_in_the_window_that_the_rule_says(C, table):
    model = table(2, V=5, context=C)
    slid = Endless(model)
    words = np.random.default_rng(C).integers(0, 5, (2, 29))
    logits, _ = slid(torch.from_numpy(words), slid.begin(2))
    for row, said in zip(words, logits.log_softmax(-1).numpy(), strict=True):
        assert np.allclose(said, windows(model, row.tolist(), C), atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    C=st.integers(1, 9),
    words=st.lists(st.integers(0, 4), min_size=2, max_size=40),
    data=st.data(),
)
def test_where_the_window_ends_does_not_depend_on_the_pieces(C, words, data, table):
    model = table(3, V=5, context=C)
    slid = Endless(model)
    x = torch.tensor([words, words[::-1]])
    cut = data.draw(st.integers(1, len(words) - 1))
    whole, _ = slid(x, slid.begin(2))
    first, carry = slid(x[:, :cut], slid.begin(2))
    second, _ = slid(x[:, cut:], carry)
    assert torch.equal(torch.cat([first, second], 1), whole)

    y = x.roll(-1, 1)
    logp, _ = slid.log_prob(x, y, slid.begin(2))
    gathered = whole.log_softmax(-1).gather(-1, y[..., None]).squeeze(-1)
    assert torch.allclose(logp, gathered, atol=1e-12)

    rows = torch.tensor([1, 0, 1])
    again, _ = slid(x[rows, cut:], select(carry, rows))
    assert torch.equal(again, second[rows])


def test_while_the_context_lasts_nothing_changes(table):
    model = table(4, V=5, context=12)
    slid = Endless(model)
    x = torch.from_numpy(np.random.default_rng(0).integers(0, 5, (3, 12)))
    assert torch.equal(slid(x, slid.begin(3))[0], model(x, model.begin(3))[0])


def test_a_model_without_a_limit_is_left_as_it_is(table):
    model = table(0)
    assert endless(model) is model
    limited = table(0, context=4)
    assert isinstance(endless(limited), Endless)
    assert isinstance(endless(limited), LanguageModel)
    assert endless(limited).context is None
    with pytest.raises(ValueError, match="at least 1"):
        Endless(model)
