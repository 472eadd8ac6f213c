"""Gates and units over a sentence: a cell of NumPy, written from the equations."""

import itertools

import numpy as np
import pytest
import torch

from malmoi.errors import EmptyText, UsageError
from malmoi.explain import explain
from malmoi.explain.gates import inside, overheard, unrolled
from malmoi.explain.picture import as_json
from malmoi.explain.traces import Trace, Traces
from malmoi.explain.why import from_json

TEXT = "the list of 오늘은 비가 온다"
recurrent = pytest.mark.parametrize("name", ["elman", "gru", "gru-before", "lstm"])


def sigma(a):
    return 1 / (1 + np.exp(-a))


def cell(name, w, x, h, c):
    """One step from the paper's equations; w: the weights of one layer by torch's names."""
    W, U, b = w["weight_ih_l0"], w["weight_hh_l0"], w["bias_ih_l0"]
    b2 = w.get("bias_hh_l0", np.zeros_like(b))
    d = len(h)
    rows = [slice(k * d, (k + 1) * d) for k in range(len(b) // d)]
    if name == "elman":
        return {"h": np.tanh(W @ x + U @ h + b + b2)}
    if name == "lstm":
        i, f, g, o = (W[r] @ x + U[r] @ h + b[r] + b2[r] for r in rows)
        c = sigma(f) * c + sigma(i) * np.tanh(g)
        h = sigma(o) * np.tanh(c)
        return {"i": sigma(i), "f": sigma(f), "o": sigma(o), "g": np.tanh(g), "h": h, "c": c}
    r, z = (sigma(W[k] @ x + U[k] @ h + b[k] + b2[k]) for k in rows[:2])
    last = rows[2]
    if name == "gru":
        n = np.tanh(W[last] @ x + b[last] + r * (U[last] @ h + b2[last]))
    else:
        n = np.tanh(W[last] @ x + b[last] + U[last] @ (r * h))
    return {"z": z, "r": r, "n": n, "h": (1 - z) * n + z * h}


@recurrent
def test_gates_and_states_are_those_of_the_equations(name, language_model_):
    lm = language_model_(name)
    ids = [0, *lm.text.encode(TEXT)]
    state = {k: v.numpy() for k, v in lm.model.state_dict().items()}
    seq = [state["embed.weight"][i] for i in ids]
    heard = overheard(lm, ids)
    assert len(heard) == lm.model.config.layers
    for number, one in enumerate(heard):
        key = f"recurrent.layers.{number}."
        w = {k.removeprefix(key): v for k, v in state.items() if k.startswith(key)}
        h = c = np.zeros(6)
        steps = []
        for x in seq:
            steps.append(cell(name, w, x, h, c))
            h, c = steps[-1]["h"], steps[-1].get("c")
        found = unrolled(one)
        assert set(found) == set(steps[0])
        for q, values in found.items():
            np.testing.assert_allclose(values, [step[q] for step in steps], atol=1e-12)
        np.testing.assert_allclose(found["h"], one.y, atol=1e-12)  # what the layer itself said
        seq = [step["h"] for step in steps]


@recurrent
def test_what_is_drawn_are_the_units_that_move_most_and_the_means_of_all(name, language_model_):
    lm = language_model_(name)
    heard = overheard(lm, [0, *lm.text.encode(TEXT)])
    for of in ("units", "gates"):
        if (name, of) == ("elman", "gates"):
            continue
        picture = inside(lm, TEXT, of=of, units=4)
        assert picture.tokens == ("<s>", *TEXT.split())
        for layer, one in zip(picture.layers, heard, strict=True):
            found = {q: v.numpy() for q, v in unrolled(one).items()}
            moves = np.ptp(found["h"], axis=0)
            assert sorted(layer.units) == sorted(np.argsort(-moves)[:4] + 1)
            for q in layer.quantities:
                right = found[q.name]
                np.testing.assert_allclose(q.mean, right.mean(1), atol=1e-12)
                np.testing.assert_allclose(q.low, np.quantile(right, 0.25, axis=1), atol=1e-12)
                np.testing.assert_allclose(q.high, np.quantile(right, 0.75, axis=1), atol=1e-12)
                np.testing.assert_array_equal(q.values, right[:, np.array(layer.units) - 1].T)
        assert from_json(as_json(picture)) == picture
    wanted = {"lstm": "ifog", "elman": ""}.get(name, "zrn")
    if wanted:
        assert "".join(q.name for q in picture.layers[0].quantities) == wanted


@recurrent
@torch.no_grad()
def test_listening_changes_nothing_and_leaves_nothing(name, language_model_):
    lm = language_model_(name)
    x = torch.tensor([[0, *lm.text.encode(TEXT)]])
    before = lm.model(x, lm.model.begin(1))[0]
    weights = {k: v.clone() for k, v in lm.model.state_dict().items()}
    inside(lm, TEXT, of="units")
    after = lm.model(x, lm.model.begin(1))[0]
    assert torch.equal(before, after)
    assert all(torch.equal(v, weights[k]) for k, v in lm.model.state_dict().items())
    assert not any(part._forward_hooks for part in lm.model.modules())


@torch.no_grad()
def test_a_network_that_reads_letters_has_the_gates_of_its_lstm(language_model_):
    lm = language_model_("charcnn")
    ids = [0, *lm.text.encode(TEXT)]
    heard = overheard(lm, ids)
    carry = lm.model.begin(1)
    hs, cs = [], []
    for i in ids:
        _, carry = lm.model(torch.tensor([[i]]), carry)
        hs.append(carry.h[0])
        cs.append(carry.c[0])
    for number, one in enumerate(heard):
        found = unrolled(one)
        np.testing.assert_allclose(found["h"], torch.stack(hs)[:, number], atol=1e-12)
        np.testing.assert_allclose(found["c"], torch.stack(cs)[:, number], atol=1e-12)
    assert inside(lm, TEXT).cell == "lstm"


def test_the_largest_step_is_found(language_model_):
    lm = language_model_("lstm", layers=1)
    picture = inside(lm, TEXT, of="units", units=6)
    h = unrolled(overheard(lm, [0, *lm.text.encode(TEXT)])[0])["h"].numpy()
    step = np.abs(np.diff(h, axis=0))
    t, unit = np.unravel_index(step.argmax(), step.shape)
    assert f"unit {unit + 1} in layer 1" in picture.finding
    assert f"at “{picture.tokens[t + 1]}”" in picture.finding


def test_what_has_no_gates_says_so(language_model_):
    with pytest.raises(UsageError, match="Elman network has no gates"):
        explain(language_model_("elman"), TEXT, show="gates")
    for name in ("ngram", "gpt", "nplm"):
        with pytest.raises(UsageError, match="no units to draw"):
            explain(language_model_(name), TEXT, show="units")
    with pytest.raises(EmptyText):
        explain(language_model_("lstm"), " ", show="gates")


@pytest.mark.parametrize("width", [350, 760])
@pytest.mark.parametrize("of", ["gates", "units"])
def test_no_word_lies_over_another(width, of, language_model_, boxes):
    picture = inside(language_model_("lstm"), f"{TEXT} {TEXT} {TEXT}", of=of)
    found = sorted(boxes(picture.page().svg(width)), key=lambda box: box[2])
    for k, a in enumerate(found):
        assert 0 <= a[0] <= a[1] <= width + 1, a
        for b in itertools.takewhile(lambda b: b[2] - a[2] < 9, found[k + 1 :]):  # noqa: B023
            assert b[0] >= a[1] - 1 or b[1] <= a[0] + 1, (a, b)


def test_traces_go_on_below_from_the_last_word_again():
    words = [f"낱말{t}" for t in range(12)]
    lines = [Trace("f", [t / 12 for t in range(12)], ([0.5] * 12,))]
    narrow, wide = (Traces(words, lines, 0.0, 1.0).draw(w) for w in (300, 1000))
    assert narrow.width <= 300
    assert narrow.height > wide.height
    assert wide.markup.count(">낱말3</text>") == 1
    assert sum(narrow.markup.count(f">{w}</text>") for w in words) > 12
    assert wide.markup.count("<circle") == 12
    assert wide.markup.count('class="line other c0"') == 1
