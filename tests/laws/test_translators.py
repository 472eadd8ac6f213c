"""The laws that every model obeys which writes one text from another, in float64.

A new model gets them by a line in `UNDER_LAW`.  The source is as data are: each row ends with 0,
padding stands behind; x begins with 0, y ends with it.
"""

import hashlib
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings, strategies as st
from safetensors.torch import load_file, save_file
from torch import nn
from torch.testing import assert_close

from malmoi.carry import Memory, select, tree_map, widen
from malmoi.config import Sizes
from malmoi.decode import greedy
from malmoi.explain.listen import listen
from malmoi.layers.tap import Tap
from malmoi.models import bahdanau, cho, convs2s, luong, sutskever, transformer
from malmoi.sentences import Sentences

V, SOURCE = 13, 11


class Law(NamedTuple):
    """joint: source and target share V words.  attends: to the source, heard at taps `alpha`.
    remembers: its carry has a memory, first; else all of it is states.

    lr, steps: what it needs to learn to copy four words of nine, 64 rows a step, or 0.
    """

    name: str
    config: Any
    joint: bool = False
    attends: bool = True
    remembers: bool = True
    lr: float = 0.003
    steps: int = 400


UNDER_LAW = [
    Law("transformer", transformer.Config(d=16, heads=2, layers=2, d_ff=24)),
    Law("transformer-pre", transformer.Config(d=16, heads=4, layers=2, d_ff=24, norm="pre")),
    Law(
        "transformer-joint",
        transformer.Config(
            d=16, heads=2, layers=2, layers_decoder=1, d_ff=24, activation="swish", smoothing=0.0
        ),
        joint=True,
    ),
    Law(
        "sutskever",
        sutskever.Config(d=48, d_word=16, dropout=0.0),
        attends=False,
        remembers=False,
        lr=0.01,
    ),
    Law(
        "sutskever-joint",
        sutskever.Config(d=48, layers=1, reverse=False, dropout=0.0, tied=True, shared=True),
        joint=True,
        attends=False,
        remembers=False,
        steps=0,
    ),
    Law("cho", cho.Config(d=48, d_word=16, dropout=0.0), attends=False, lr=0.01),
    Law(
        "cho-after",
        cho.Config(d=48, layers=2, reset="after", dropout=0.0, tied=True, shared=True),
        joint=True,
        attends=False,
        steps=0,
    ),
    Law("bahdanau", bahdanau.Config(d=32, d_word=16, maxout=True, dropout=0.0), lr=0.01),
    Law(
        "bahdanau-after",
        bahdanau.Config(d=32, reset="after", d_alpha=16, layers=2, dropout=0.0, tied=True),
        steps=0,
    ),
    Law("luong", luong.Config(d=32, d_word=16, bidirectional=True, dropout=0.0, init=0.3), lr=0.01),
    Law(
        "luong-unfed",
        luong.Config(
            d=32,
            layers=1,
            score="dot",
            scaled=True,
            feeding=False,
            dropout=0.0,
            init=0.3,
            tied=True,
            shared=True,
        ),
        joint=True,
        steps=0,
    ),
    Law("luong-concat", luong.Config(d=32, score="concat", dropout=0.0, init=0.3), steps=0),
    Law("convs2s", convs2s.Config(d=32, d_word=16, layers=2, positions=12, dropout=0.0), lr=0.005),
    Law(
        "convs2s-tied",
        convs2s.Config(
            d=16,
            layers=1,
            layers_decoder=2,
            kernel=5,
            positions=12,
            dropout=0.0,
            tied=True,
            shared=True,
        ),
        joint=True,
        lr=0.01,
    ),
    Law("luong-local", luong.Config(d=32, window=2, dropout=0.0, init=0.3), steps=0),
]
LAWS = {law.name: law for law in UNDER_LAW}
every_translator = pytest.mark.parametrize("name", LAWS)


def fresh(name, seed=0):
    torch.manual_seed(seed)
    joint = LAWS[name].joint
    sizes = Sizes(vocabulary=V, source=V if joint else SOURCE, joint=joint)
    return LAWS[name].config.build(sizes).double().eval()


@cache
def of(name, dtype=torch.float64):
    """A model with opinions: weights far from where training begins."""
    model = fresh(name)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model.to(dtype)


def read(*lengths, seed=0):
    """Sources of so many tokens, their `</s>` counted."""
    chance = torch.Generator().manual_seed(seed)
    S = max(lengths)
    mask = torch.arange(S) < torch.tensor(lengths)[:, None]
    ids = torch.randint(1, SOURCE, (len(lengths), S), generator=chance)
    ids[torch.arange(len(lengths)), torch.tensor(lengths) - 1] = 0
    return Sentences(ids.masked_fill(~mask, 0), mask)


def words(R, T, seed=0):
    """Random text that begins as a text does."""
    x = torch.randint(1, V, (R, T), generator=torch.Generator().manual_seed(seed))
    x[:, 0] = 0
    return x


def following(x):
    return torch.cat([x[:, 1:], torch.zeros_like(x[:, :1])], 1)


def tensors(carry):
    found = []
    tree_map(lambda t: found.append(t) or t, carry)
    return found


def differ(a, b):
    return float((a - b).detach().abs().max()) if a.numel() else 0.0


@every_translator
def test_its_carry_begins_with_what_was_read_and_has_the_batch_first(name):
    model = of(name)
    assert model.context is None
    carry = model.begin(read(4, 7, 2))
    for _ in range(2):
        assert isinstance(carry[0], Memory) == LAWS[name].remembers
        assert {t.size(0) for t in tensors(carry)} == {3}
        logits, carry = model(words(3, 5), carry)
        assert logits.shape == (3, 5, V)


@every_translator
@given(cuts=st.lists(st.integers(0, 9), max_size=3), seed=st.integers(0, 99))
@settings(max_examples=8)
def test_reading_in_chunks_is_reading_in_one(name, cuts, seed):
    model, x, source = of(name), words(2, 9, seed), read(6, 3, seed=seed)
    y = following(x)
    with torch.no_grad():
        begin = model.begin(source)
        whole, end = model(x, begin)
        logp, _ = model.log_prob(x, y, begin)
        ends = sorted({*cuts, 9} - {0})
        carry, carry2, chunks, scored = begin, begin, [], []
        for start, stop in zip([0, *ends], ends, strict=False):
            out, carry = model(x[:, start:stop], carry)
            said, carry2 = model.log_prob(x[:, start:stop], y[:, start:stop], carry2)
            chunks.append(out)
            scored.append(said)
    assert differ(torch.cat(chunks, 1), whole) < 1e-12
    assert differ(torch.cat(scored, 1), logp) < 1e-12
    for state, final in zip(tensors(carry), tensors(end), strict=True):
        assert_close(state, final, atol=1e-12, rtol=0)


@every_translator
def test_learning_from_two_chunks_is_learning_from_one(name):
    model, x, source = of(name), words(2, 9), read(6, 3)
    y, weights = following(x), list(of(name).parameters())
    whole, _ = model.log_prob(x, y, model.begin(source))
    first, carry = model.log_prob(x[:, :4], y[:, :4], model.begin(source))
    second, _ = model.log_prob(x[:, 4:], y[:, 4:], carry)
    once = torch.autograd.grad(whole.sum(), weights)
    twice = torch.autograd.grad(first.sum() + second.sum(), weights)
    for a, b in zip(twice, once, strict=True):
        assert differ(a, b) < 1e-11


@every_translator
@torch.no_grad()
def test_the_probability_of_what_was_said_is_a_gather_of_a_distribution(name):
    model, x, source = of(name), words(3, 8), read(5, 1, 4)
    y = words(3, 8, seed=1)
    logits, _ = model(x, model.begin(source))
    logp, _ = model.log_prob(x, y, model.begin(source))
    assert differ(logp, logits.log_softmax(-1).gather(-1, y[..., None]).squeeze(-1)) < 1e-12
    every = sum(
        model.log_prob(x, torch.full_like(x, v), model.begin(source))[0].exp() for v in range(V)
    )
    assert differ(every, torch.ones(3, 8)) < 1e-9


@every_translator
@torch.no_grad()
def test_every_word_of_the_source_matters_and_so_does_its_place(name):
    model, x, source = of(name), words(1, 4), read(6)
    logits, _ = model(x, model.begin(source))
    for place in range(6):
        ids = source.ids.clone()
        ids[0, place] = (ids[0, place] + 1) % SOURCE
        other, _ = model(x, model.begin(Sentences(ids, source.mask)))
        assert differ(other, logits) > 1e-6, place
    turned = Sentences(source.ids[:, [1, 0, 2, 3, 4, 5]], source.mask)
    assert differ(source.ids, turned.ids) > 0
    assert differ(model(x, model.begin(turned))[0], logits) > 1e-6


@pytest.mark.parametrize("heard", [False, True])
@pytest.mark.parametrize("low", [False, True])
@every_translator
@torch.no_grad()
def test_changing_the_future_changes_no_past_output_at_all(name, low, heard):
    model, source = fresh(name), read(5)
    model = model.float() if low else model
    low_precision = torch.autocast("cpu", torch.bfloat16, enabled=low)
    with low_precision, listen(model if heard else nn.Module()):
        begin = model.begin(source)
        for T in (1, 2, 3, 7, 16, 33):
            x, t = words(1, T, seed=T), T // 2 if T % 2 else T - 1
            logits, _ = model(x, begin)
            other = torch.cat([x[:, :t], (x[:, t:] + 1) % V], 1)
            changed, _ = model(other, begin)
            assert differ(changed[:, :t], logits[:, :t]) == 0.0, (T, t)
            assert differ(changed[:, t:], logits[:, t:]) > 0.0, (T, t)


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float64, 1e-12), (torch.float32, 2e-5)])
@every_translator
@torch.no_grad()
def test_a_batch_is_its_pairs_alone_whatever_fills_the_rest(name, dtype, limit):
    model = of(name, dtype)
    sizes = ((9, 6), (1, 11), (4, 1), (7, 8))
    pairs = [(read(s, seed=s), words(1, t, seed=t), words(1, t, seed=50 + t)) for s, t in sizes]
    alone = [model.log_prob(x, y, model.begin(source))[0][0] for source, x, y in pairs]
    for S, T, filler, order in (
        (9, 11, 0, [0, 1, 2, 3]),
        (15, 20, 7, [3, 1, 0, 2, 2]),
        (4, 1, 5, [2]),
    ):
        ids, x, y = (torch.full((len(order), n), filler) for n in (S, T, T))
        mask = torch.zeros(len(order), S, dtype=torch.bool)
        for row, i in enumerate(order):
            s, t = sizes[i]
            ids[row, :s], mask[row, :s] = pairs[i][0].ids[0], True
            x[row, :t], y[row, :t] = pairs[i][1][0], pairs[i][2][0]
        together, _ = model.log_prob(x, y, model.begin(Sentences(ids, mask)))
        for row, i in enumerate(order):
            assert differ(together[row, : sizes[i][1]], alone[i]) < limit


@every_translator
@torch.no_grad()
def test_padding_may_stand_before_a_source_and_on_both_sides(name):
    model, source, x = of(name), read(5, 2, 7), words(3, 4)
    logp, _ = model.log_prob(x, following(x), model.begin(source))
    ids, mask = torch.full((3, 10), 3), torch.zeros(3, 10, dtype=torch.bool)
    for row, (at, n) in enumerate([(5, 5), (7, 2), (1, 7)]):
        ids[row, at : at + n], mask[row, at : at + n] = source.ids[row, :n], True
    other, _ = model.log_prob(x, following(x), model.begin(Sentences(ids, mask)))
    assert differ(other, logp) < 1e-12


@every_translator
def test_learning_in_bfloat16_is_nearly_learning_in_float32(name):
    """From sources with padding, of one token, and a target of one."""
    model, source, x = of(name, torch.float32), read(9, 1, 4), words(3, 5)
    mask = torch.arange(5) < torch.tensor([5, 1, 3])[:, None]

    def learnt():
        logp, _ = model.log_prob(x, following(x), model.begin(source))
        return torch.autograd.grad((logp * mask).float().sum(), list(model.parameters()))

    exact = learnt()
    with torch.autocast("cpu", torch.bfloat16):
        low = learnt()
    assert all(g.dtype == torch.float32 and bool(g.isfinite().all()) for g in low)
    a, b = (torch.cat([g.flatten() for g in grads]) for grads in (exact, low))
    assert (a - b).norm() < 0.06 * a.norm()


@every_translator
@torch.no_grad()
def test_a_batch_is_translated_as_its_sources_alone(name):
    model, source = of(name), read(6, 1, 9, 3)
    start = torch.zeros(4, 1, dtype=torch.long)
    together = greedy(model, model.begin(source), start, limit=12)
    for row, n in enumerate((6, 1, 9, 3)):
        one = Sentences(source.ids[row : row + 1, :n], source.mask[row : row + 1, :n])
        (alone,) = greedy(model, model.begin(one), start[:1], limit=12)
        assert alone.tokens == together[row].tokens
        assert alone.log_prob == pytest.approx(together[row].log_prob, abs=1e-11)


@every_translator
@given(rows=st.lists(st.integers(0, 3), min_size=1, max_size=5), seed=st.integers(0, 99))
@settings(max_examples=8)
@torch.no_grad()
def test_selecting_rows_of_a_carry_selects_rows_of_the_future(name, rows, seed):
    model, past, future = of(name), words(4, 5, seed), words(4, 3, seed + 1)
    _, carry = model(past, model.begin(read(5, 2, 7, 1, seed=seed)))
    all_rows, _ = model(future, carry)
    some, _ = model(future[rows], select(carry, torch.tensor(rows)))
    for row, which in zip(some, rows, strict=True):
        assert differ(row, all_rows[which]) < 1e-12


@every_translator
@pytest.mark.parametrize("k", [1, 3])
def test_a_memory_that_k_rows_share_is_the_memory_repeated(name, k):
    """Before anything is written and after, re-ordered within a source and among them."""
    model, source = of(name), read(5, 2, 7)
    weights = list(model.parameters())
    each = Sentences(source.ids.repeat_interleave(k, 0), source.mask.repeat_interleave(k, 0))
    shared, own = widen(model.begin(source), k), model.begin(each)
    if LAWS[name].remembers:
        assert {len(t) for t in tensors(shared[0])} == {3}
    x, more = words(3 * k, 4), words(3 * k, 2, seed=1)
    first, shared = model.log_prob(x, following(x), shared)
    other, own = model.log_prob(x, following(x), own)
    assert differ(first, other) < 1e-12
    for a, b in zip(
        *(torch.autograd.grad(logp.sum(), weights) for logp in (first, other)), strict=True
    ):
        assert differ(a, b) < 1e-11
    rows = torch.tensor([k * m + (j * j + m) % k for m in (2, 0) for j in range(k)])
    with torch.no_grad():
        logits, _ = model(more[: 2 * k], select(shared, rows, each=k))
        expected, _ = model(more[: 2 * k], select(own, rows))
    assert differ(logits, expected) < 1e-12


@every_translator
@torch.no_grad()
def test_padding_is_looked_at_with_a_weight_of_exactly_zero(name):
    """And what is there with weights that sum to one; for each row of a shared memory."""
    model, source, k = of(name), read(5, 2, 9), 2
    with listen(model, "alpha") as heard:
        carry = widen(model.begin(source), k)
        _, carry = model(words(3 * k, 4), carry)
        model(words(3 * k, 1), carry)
    looks = [a for passed in heard.values() for a in passed if a.size(-1) == 9]
    assert bool(looks) == LAWS[name].attends
    for alpha in looks:
        assert alpha.size(0) in (3, 3 * k)
        mask = source.mask.repeat_interleave(len(alpha) // 3, 0)
        mask = mask.view(len(alpha), *[1] * (alpha.dim() - 2), 9).expand_as(alpha)
        assert not alpha[~mask].any()
        assert (alpha >= 0).all()
        assert (alpha.sum(-1) > 0).all()
        assert (alpha.sum(-1) < 1 + 1e-12).all()


@every_translator
def test_listening_changes_nothing(name):
    model, x, source = of(name), words(3, 9), read(5, 2, 9)
    y, weights = following(x), list(of(name).parameters())

    def write():
        logp, carry = model.log_prob(x[:, :5], y[:, :5], model.begin(source))
        more, _ = model.log_prob(x[:, 5:], y[:, 5:], carry)
        logp = torch.cat([logp, more], 1)
        return (logp, *torch.autograd.grad(logp.sum(), weights))

    quiet, chance = write(), torch.get_rng_state()
    with listen(model) as heard:
        loud = write()
    assert torch.equal(chance, torch.get_rng_state())
    for a, b in zip(quiet, loud, strict=True):
        assert differ(a, b) < 1e-11
    taps = [path for path, module in model.named_modules() if isinstance(module, Tap)]
    assert sorted(heard) == sorted(taps)
    assert any(path.endswith("alpha") for path in taps) == LAWS[name].attends
    for a, b in zip(quiet, write(), strict=True):
        assert torch.equal(a, b)


@every_translator
@torch.no_grad()
def test_a_saved_model_is_the_model(name, tmp_path):
    model, other = of(name), fresh(name, seed=9)
    x, source = words(2, 6), read(4, 7)
    assert differ(model(x, model.begin(source))[0], other(x, other.begin(source))[0]) > 0.01
    save_file(dict(model.state_dict()), tmp_path / "model.safetensors")
    stored = load_file(tmp_path / "model.safetensors")
    other.load_state_dict(stored)
    assert torch.equal(model(x, model.begin(source))[0], other(x, other.begin(source))[0])
    counted = sum(p.numel() for p in model.parameters())
    assert sum(t.numel() for t in stored.values()) == counted  # a tied table, once


MOVES_NO_SOFTMAX = {"qkv.bias": 3, "kv.bias": 2}
"""Where keys have a bias, and the parts, v's last: what all keys have alike changes no weight."""


def silent(model):
    """Which rows of which parameters get no gradient."""
    x, source = words(32, 12), read(*range(1, 17), *[9] * 16)
    model.log_prob(x, following(x), model.begin(source))[0].mean().backward()
    for path, parameter in model.named_parameters():
        assert parameter.grad is not None, path
        assert parameter.grad.isfinite().all(), path
        rows = parameter.grad.flatten(1) if parameter.dim() > 1 else parameter.grad[:, None]
        kept = torch.ones(len(rows), dtype=torch.bool)
        for bias, parts in MOVES_NO_SOFTMAX.items():
            if path.endswith(f".{bias}"):
                kept.chunk(parts)[parts - 2][:] = False
                break
        dead = kept & (rows == 0).all(1)
        yield from ((path, row) for row in dead.nonzero().flatten().tolist())


@every_translator
def test_every_parameter_gets_a_gradient(name):
    """From one beginning or another: a ReLU, a piece of a maxout may be born dead."""
    assert not set.intersection(*(set(silent(fresh(name, seed))) for seed in range(3)))


def copies(chance, rows=64):
    """Sources of one to four words of nine, and themselves: x, y and what counts."""
    lengths = torch.randint(1, 5, (rows, 1), generator=chance)
    text = torch.randint(2, SOURCE, (rows, 5), generator=chance)
    at = torch.arange(5)
    text = text.masked_fill(at >= lengths, 0)
    x = torch.cat([torch.zeros(rows, 1, dtype=torch.long), text[:, :-1]], 1)
    return Sentences(text, at <= lengths), x, text, at <= lengths


@pytest.mark.parametrize("name", [law.name for law in UNDER_LAW if law.steps])
def test_it_learns_to_copy(name):
    """More than 95 % of the words of texts that it has not seen, and what it writes itself."""
    law, chance = LAWS[name], torch.Generator().manual_seed(0)
    model = fresh(name).float().train()
    optimiser = torch.optim.Adam(model.parameters(), lr=law.lr, betas=(0.9, 0.98))
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda t: min((t + 1) / 30, 1.0, 3 * (1 - t / law.steps) + 0.02)
    )
    for _ in range(law.steps):
        source, x, y, mask = copies(chance)
        logp, _ = model.log_prob(x, y, model.begin(source))
        optimiser.zero_grad()
        (-logp.masked_fill(~mask, 0.0).sum() / mask.sum()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        rate.step()
    model.eval()
    source, x, y, mask = copies(chance, rows=256)
    with torch.no_grad():
        logits, _ = model(x, model.begin(source))
    accuracy = float((logits.argmax(-1) == y)[mask].double().mean())
    assert accuracy > 0.95
    written = greedy(model, model.begin(source.rows(slice(0, 64))), x[:64, :1], limit=8)
    right = [
        h.tokens == tuple(w for w in row if w)
        for h, row in zip(written, y.tolist()[:64], strict=True)
    ]
    assert sum(right) > 0.85 * len(right)


def digests():
    """A line a model: SHA-256 of its weights and of what it says, after three steps of training."""
    torch.set_num_threads(1)
    for name in LAWS:
        model, x, source = of.__wrapped__(name), words(3, 6), read(5, 2, 9)
        y = following(x)
        optimiser = torch.optim.Adam(model.train().parameters(), lr=0.01)
        for _ in range(3):
            optimiser.zero_grad()
            model.log_prob(x, y, model.begin(source))[0].mean().neg().backward()
            optimiser.step()
        digest = hashlib.sha256()
        for key, weight in model.state_dict().items():
            digest.update(key.encode() + weight.numpy().tobytes())
        with torch.no_grad():
            digest.update(model.eval().log_prob(x, y, model.begin(source))[0].numpy().tobytes())
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
