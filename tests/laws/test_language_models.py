"""The laws that every language model obeys, in float64.  Search, counting, accumulation and resume
have files of their own."""

import hashlib
import math
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from safetensors.torch import load_file, save_file
from torch import nn
from torch.testing import assert_close

from malmoi.carry import LanguageModel, detach, select, tree_map
from malmoi.config import Sizes
from malmoi.explain.listen import listen
from malmoi.layers.tap import Tap
from malmoi.models import charcnn, gpt, ngram, nplm, rnn

V, CONTEXT = 13, 72
CONFIGS = {
    "ngram": ngram.Config(order=4),
    "ngram-katz": ngram.Config(order=3, estimator="katz"),
    "ngram-additive": ngram.Config(order=2, estimator="additive"),
    "ngram-interpolated": ngram.Config(order=3, estimator="interpolated"),
    "nplm": nplm.Config(order=9, d_word=8, d=24),
    "nplm-direct": nplm.Config(order=4, d_word=8, d=16, direct=True),
    "nplm-tied": nplm.Config(order=9, d_word=12, d=24, direct=True, tied=True),
    "nplm-adaptive": nplm.Config(order=9, d_word=8, d=24, adaptive=(5,)),
    "elman": rnn.ElmanConfig(d=24, layers=2),
    "gru-before": rnn.GRUConfig(d=24, layers=2, reset="before"),
    "gru-after": rnn.GRUConfig(d=24, layers=2, reset="after"),
    "lstm": rnn.LSTMConfig(d=24, layers=2),
    "lstm-tied": rnn.LSTMConfig(d=24, d_word=16, layers=1, tied=True),
    "lstm-adaptive": rnn.LSTMConfig(d=24, layers=1, adaptive=(5,)),
    "charcnn": charcnn.Config(d_letter=4, widths=(1, 3), filters=4, d=24, layers=2),
    "gpt": gpt.Config(d=16, heads=4, layers=2, context=CONTEXT),
    "gpt-post": gpt.Config(d=16, heads=2, layers=2, context=CONTEXT, norm="post", tied=False),
}
SPELLING = torch.tensor(
    [[1 + i % 3, 1 + i % 5, 1 + i % 7, *[4] * (i % 4), 0, 0, 0][:6] for i in range(V)]
)
SIZES = Sizes(vocabulary=V, characters=7, longest=6)
NETWORKS = [name for name in CONFIGS if not name.startswith("ngram")]
every_language_model = pytest.mark.parametrize("name", CONFIGS)
every_network = pytest.mark.parametrize("name", NETWORKS)


def corpus(lines=60):
    rng = np.random.default_rng(0)
    text = [2 + (rng.zipf(1.3, rng.integers(1, 8)) % (V - 3)) for _ in range(lines)]
    return np.concatenate([[0], *([*line, 0] for line in text)]).astype(np.uint16)


def fresh(name, seed=0):
    torch.manual_seed(seed)
    model = CONFIGS[name].build(SIZES)
    if isinstance(model, charcnn.CharCNN):
        model.spell(SPELLING)
    return model if isinstance(model, ngram.NGram) else model.double().eval()


@cache
def of(name, dtype=torch.float64):
    """A model with opinions: a table of counts, or weights far from where training begins."""
    model = fresh(name)
    if isinstance(model, ngram.NGram):
        model.estimate(corpus(), corpus(20))
        return model
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model.to(dtype)


def words(B, T, seed=0):
    """Random text: some of it seen, most unseen; each row begins as a sentence does."""
    x = torch.randint(V, (B, T), generator=torch.Generator().manual_seed(seed))
    x[:, 0] = 0
    return x


def tensors(carry):
    found = []
    tree_map(lambda t: found.append(t) or t, carry)
    return found


def differ(a, b):
    return float((a - b).detach().abs().max()) if a.numel() else 0.0


@every_language_model
def test_it_is_a_language_model_whose_carry_has_the_batch_first(name):
    model = of(name)
    assert isinstance(model, LanguageModel)
    carry = model.begin(5)
    for _ in range(2):
        assert {t.size(0) for t in tensors(carry)} == {5}
        _, carry = model(words(5, 3), carry)


@every_language_model
@given(cuts=st.lists(st.integers(0, 12), max_size=4), seed=st.integers(0, 99))
@settings(max_examples=12)
def test_reading_in_chunks_is_reading_in_one(name, cuts, seed):
    model, x = of(name), words(2, 12, seed)
    y = x.roll(-1, 1)
    whole, end = model(x, model.begin(2))
    logp, _ = model.log_prob(x, y, model.begin(2))
    ends = sorted({*cuts, 12} - {0})
    carry, carry2, chunks, scored = model.begin(2), model.begin(2), [], []
    for start, stop in zip([0, *ends], ends, strict=False):
        out, carry = model(x[:, start:stop], carry)
        said, carry2 = model.log_prob(x[:, start:stop], y[:, start:stop], carry2)
        chunks.append(out)
        scored.append(said)
    assert differ(torch.cat(chunks, 1), whole) < 1e-12
    assert differ(torch.cat(scored, 1), logp) < 1e-12
    for state, final in zip(tensors(carry), tensors(end), strict=True):
        assert_close(state, final, atol=1e-12, rtol=0)


@every_network
def test_learning_from_two_chunks_is_learning_from_one_until_the_carry_is_detached(name):
    model, x = of(name), words(2, 9)
    y, weights = x.roll(-1, 1), list(of(name).parameters())

    def gradients(cut, keep):
        first, carry = model.log_prob(x[:, :cut], y[:, :cut], model.begin(2))
        second, _ = model.log_prob(x[:, cut:], y[:, cut:], keep(carry))
        return torch.autograd.grad(first.sum() + second.sum(), weights)

    whole = torch.autograd.grad(model.log_prob(x, y, model.begin(2))[0].sum(), weights)
    for a, b in zip(gradients(4, lambda carry: carry), whole, strict=True):
        assert differ(a, b) < 1e-11
    cut = gradients(4, detach)
    remembers = any(t.is_floating_point() for t in tensors(model.begin(2)))  # not only the words
    worst = max(differ(a, b) for a, b in zip(cut, whole, strict=True))
    assert worst > 1e-6 if remembers else worst < 1e-11


@every_language_model
@torch.no_grad()
def test_the_probabilities_of_all_words_sum_to_one_after_any_history(name):
    model = of(name)
    seen = torch.from_numpy(corpus()[:40].astype(np.int64))[None]
    for x in (seen, words(1, 40, seed=5), torch.ones(1, 40, dtype=torch.long)):
        every = torch.arange(V)[:, None].expand(V, 40)
        logp, _ = model.log_prob(x.expand(V, 40), every, model.begin(V))
        assert differ(logp.exp().sum(0), torch.ones(40)) < 1e-9


@every_language_model
@torch.no_grad()
def test_the_probability_of_what_was_said_is_a_gather_of_the_whole(name):
    model, x, y = of(name), words(3, 20), words(3, 20, seed=1)
    logits, end = model(x, model.begin(3))
    logp, end2 = model.log_prob(x, y, model.begin(3))
    assert logp.shape == y.shape
    assert differ(logp, logits.log_softmax(-1).gather(-1, y[..., None]).squeeze(-1)) < 1e-12
    again, _ = model(x[:, :4], end2)
    assert differ(again, model(x[:, :4], end)[0]) < 1e-12


@every_language_model
@given(rows=st.lists(st.integers(0, 3), min_size=1, max_size=6), seed=st.integers(0, 99))
@settings(max_examples=12)
@torch.no_grad()
def test_selecting_rows_of_a_carry_selects_rows_of_the_future(name, rows, seed):
    model, past, future = of(name), words(4, 7, seed), words(4, 5, seed + 1)
    _, carry = model(past, model.begin(4))
    all_rows, _ = model(future, carry)
    some, _ = model(future[rows], select(carry, torch.tensor(rows)))
    for row, which in zip(some, rows, strict=True):
        assert differ(row, all_rows[which]) < 1e-12


BACKENDS = {
    "float64": (torch.float64, False, False, CONFIGS),
    "float32": (torch.float32, False, False, NETWORKS),
    "bfloat16": (torch.float32, False, True, NETWORKS),
    "heard": (torch.float64, True, False, ["gpt", "gpt-post"]),
    "heard in bfloat16": (torch.float32, True, True, ["gpt", "gpt-post"]),
}


@pytest.mark.parametrize(
    ("name", "backend"), [(name, kind) for kind in BACKENDS for name in BACKENDS[kind][3]]
)
@torch.no_grad()
def test_changing_the_future_changes_no_past_output_at_all(name, backend):
    dtype, loud, low, _ = BACKENDS[backend]
    model = of(name) if name.startswith("ngram") else fresh(name).to(dtype)
    low_precision = torch.autocast("cpu", torch.bfloat16, enabled=low)
    with low_precision, listen(model if loud else nn.Module()):
        for T in range(1, 71):
            x, t = words(1, T, seed=T), T // 2 if T % 2 else T - 1
            logits, _ = model(x, model.begin(1))
            other = torch.cat([x[:, :t], (x[:, t:] + 1) % V], 1)
            changed, _ = model(other, model.begin(1))
            assert differ(changed[:, :t], logits[:, :t]) == 0.0, (T, t)
            assert differ(changed[:, t:], logits[:, t:]) > 0.0, (T, t)


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@every_language_model
@torch.no_grad()
def test_a_batch_is_its_sentences_alone_whatever_fills_the_rest(name, dtype, limit):
    model = of(name, dtype)
    x, y, lengths = words(4, 23), words(4, 23, seed=1), (23, 1, 9, 16)
    alone = [
        model.log_prob(x[i : i + 1, :n], y[i : i + 1, :n], model.begin(1))[0][0]
        for i, n in enumerate(lengths)
    ]
    for width, filler, order in ((23, 0, [0, 1, 2, 3]), (40, 7, [3, 1, 0, 2]), (23, 5, [1, 1, 2])):
        padded, said = (torch.full((len(order), width), filler) for _ in "xy")
        for row, i in enumerate(order):
            padded[row, : lengths[i]] = x[i, : lengths[i]]
            said[row, : lengths[i]] = y[i, : lengths[i]]
        together, _ = model.log_prob(padded, said, model.begin(len(order)))
        for row, i in enumerate(order):
            assert differ(together[row, : lengths[i]], alone[i]) < limit


@every_language_model
@torch.no_grad()
def test_a_saved_model_is_the_model(name, tmp_path):
    model, other = of(name), fresh(name, seed=9)
    x = words(2, 9)
    assert differ(model(x, model.begin(2))[0], other(x, other.begin(2))[0]) > 0.01
    save_file(dict(model.state_dict()), tmp_path / "model.safetensors")
    other.load_state_dict(load_file(tmp_path / "model.safetensors"))
    assert torch.equal(model(x, model.begin(2))[0], other(x, other.begin(2))[0])
    stored = sum(t.numel() for t in load_file(tmp_path / "model.safetensors").values())
    if name in NETWORKS:
        read = [*model.parameters(), *model.buffers()]
        assert stored == sum(t.numel() for t in read)  # a tied table, once


SENTENCES = [
    [2 + i, *(2 + (i * j * j + 3 * j) % (V - 2) for j in range(1, 2 + i))] for i in range(8)
]


@pytest.mark.parametrize("name", [name for name in CONFIGS if not name.endswith("adaptive")])
def test_an_untrained_model_hesitates_between_all_words(name):
    """An adaptive softmax does so between all words of its head, and its clusters."""
    model = fresh(name)
    x, y = words(4, 30), words(4, 30, seed=1)
    logp, _ = model.log_prob(x, y, model.begin(4))
    assert -float(logp.detach().mean()) == pytest.approx(math.log(V), rel=0.05)


@every_network
def test_every_parameter_gets_a_gradient(name):
    model = fresh(name)
    x = words(4, CONTEXT)
    model.log_prob(x, x.roll(-1, 1), model.begin(4))[0].mean().backward()
    for path, parameter in model.named_parameters():
        assert parameter.grad is not None, path
        assert parameter.grad.isfinite().all(), path
        rows = parameter.grad.flatten(1) if parameter.dim() > 1 else parameter.grad[:, None]
        if path.endswith("qkv.bias"):  # what is added to all keys alike moves no softmax
            q, _, v = rows.chunk(3)
            rows = torch.cat([q, v])
        if path.startswith("highway.H"):  # a rectifier may be shut to all of 13 words
            rows = rows.sum(0, keepdim=True)
        silent = (rows == 0).all(1)
        assert not silent.any(), f"{path}: rows {silent.nonzero().flatten().tolist()}"


@every_language_model
def test_eight_sentences_can_be_learnt_by_heart(name):
    """Each begins with a word of its own, so ln 8 nats a sentence are left, and no fewer."""
    torch.manual_seed(0)
    if name.startswith("ngram"):
        model = ngram.Config(order=9, estimator="mle").build(Sizes(V))
        model.estimate(np.array([0, *(w for s in SENTENCES for w in [*s, 0])], np.uint16))
    else:
        model = fresh(name).train()
    T = max(map(len, SENTENCES)) + 1
    x, y, mask = (torch.zeros(8, T, dtype=torch.long) for _ in range(3))
    for row, sentence in enumerate(SENTENCES):
        x[row, 1 : len(sentence) + 1] = torch.tensor(sentence)
        y[row, : len(sentence)] = torch.tensor(sentence)
        mask[row, : len(sentence) + 1] = 1

    def nats():
        logp, _ = model.log_prob(x, y, model.begin(8))
        return -logp.masked_fill(mask == 0, 0.0).sum(1).mean()

    if name in NETWORKS:
        steps = 200
        optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
        decay = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, steps)
        for _ in range(steps):
            optimiser.zero_grad()
            nats().backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            decay.step()
    learnt = float(nats().detach())
    assert math.log(8) - 1e-9 <= learnt < math.log(8) + 0.05


@every_network
def test_listening_changes_nothing(name):
    model, x = of(name), words(3, 17)
    y, weights = x.roll(-1, 1), list(of(name).parameters())

    def read():
        logp, carry = model.log_prob(x[:, :11], y[:, :11], model.begin(3))
        more, _ = model.log_prob(x[:, 11:], y[:, 11:], carry)
        logp = torch.cat([logp, more], 1)
        return (logp, *torch.autograd.grad(logp.sum(), weights))

    quiet, chance = read(), torch.get_rng_state()
    with listen(model) as heard:
        loud = read()
    assert torch.equal(chance, torch.get_rng_state())
    for a, b in zip(quiet, loud, strict=True):
        assert differ(a, b) < 1e-12
    taps = [path for path, module in model.named_modules() if isinstance(module, Tap)]
    assert sorted(heard) == taps
    assert len(taps) == (2 if name.startswith("gpt") else 0)
    for a, b in zip(quiet, read(), strict=True):
        assert torch.equal(a, b)


def digests():
    """A line a model: SHA-256 of its weights and of what it says, after three steps of training."""
    torch.set_num_threads(1)
    for name in CONFIGS:
        model, x = of.__wrapped__(name), words(3, 12)
        y = x.roll(-1, 1)
        if name in NETWORKS:
            optimiser = torch.optim.Adam(model.train().parameters(), lr=0.01)
            for _ in range(3):
                optimiser.zero_grad()
                model.log_prob(x, y, model.begin(3))[0].mean().neg().backward()
                optimiser.step()
        digest = hashlib.sha256()
        for key, weight in model.state_dict().items():
            digest.update(key.encode() + weight.numpy().tobytes())
        with torch.no_grad():
            digest.update(model.log_prob(x, y, model.begin(3))[0].numpy().tobytes())
        yield f"{name} {digest.hexdigest()}"


def test_the_same_seed_gives_the_same_bytes_in_another_process_and_language(tmp_path):
    here = list(digests())
    assert here == list(digests())
    script = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    script += f"from {Path(__file__).stem} import digests; print(*digests(), sep='\\n')"
    env = {**os.environ, "PYTHONHASHSEED": "7", "LC_ALL": "C", "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-c", script], env=env, cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split("\n")[:-1] == here
