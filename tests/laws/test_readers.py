"""The laws that every classifier and tagger obeys, in float64.  Counting, accumulation and resume
of whole trainings are in test_reading_tasks."""

import hashlib
import math
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings, strategies as st
from safetensors.torch import load_file, save_file
from torch import nn

from malmoi.config import Sizes
from malmoi.explain.listen import listen
from malmoi.layers.tap import Tap
from malmoi.models import bow, classifier, han, selfattentive, tagger
from malmoi.sentences import Sentences, Spelling

V, K, LETTERS = 17, 4, 9
SIZES = Sizes(vocabulary=V, labels=K, characters=LETTERS)
SMALL = {"d": 6, "d_word": 5}
CLASSIFIERS = {
    "bow": bow.Config(order=3, buckets=50),
    "elman-last": classifier.Config(**SMALL, cell="elman", pooling="last"),
    "gru-mean": classifier.Config(**SMALL, cell="gru", pooling="mean", layers=2),
    "lstm-max": classifier.Config(**SMALL, pooling="max", layers=2),
    "lstm-attention": classifier.Config(**SMALL, pooling="attention"),
    "one way": classifier.Config(**SMALL, pooling="last", bidirectional=False),
    "selfattentive": selfattentive.Config(**SMALL, d_alpha=4, hops=3, d_mlp=7),
    "han-attention": han.Config(**SMALL),
    "han-max": han.Config(**SMALL, pooling="max"),
    "han-mean": han.Config(**SMALL, pooling="mean"),
}
TAGGERS = {
    "softmax": tagger.Config(**SMALL, speller="none", head="softmax"),
    "crf": tagger.Config(**SMALL, speller="none", head="crf"),
    "crf-cnn": tagger.Config(**SMALL, speller="cnn", d_spelling=4, head="crf"),
    "softmax-lstm": tagger.Config(**SMALL, speller="lstm", d_spelling=4, head="softmax"),
    "rnn": tagger.Config(
        **SMALL, cell="elman", bidirectional=False, speller="none", head="softmax"
    ),
}
CONFIGS = CLASSIFIERS | TAGGERS
LOCKED_OUT = {"dropout": 0.0, "word_dropout": 0.0}
every_reader = pytest.mark.parametrize("name", CONFIGS)
every_classifier = pytest.mark.parametrize("name", CLASSIFIERS)
every_tagger = pytest.mark.parametrize("name", TAGGERS)


def fresh(name, seed=0, sizes=SIZES):
    torch.manual_seed(seed)
    return CONFIGS[name].build(sizes).double().eval()


@cache
def of(name):
    """A model with opinions: weights far from where training begins."""
    model = fresh(name)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.4)
    return model


def spelling(ids):
    """Word w is spelt with 1 + w % 4 letters."""
    different, index = ids.unique(return_inverse=True)
    letters = torch.zeros(len(different), 6, dtype=torch.long)
    mask = torch.zeros_like(letters, dtype=torch.bool)
    for row, w in enumerate(different.tolist()):
        n = 1 + w % 4
        letters[row, :n] = torch.tensor([(w * 3 + i * i) % LETTERS for i in range(n)])
        mask[row, :n] = True
    return Spelling(letters, mask, index)


def sentences(rows, *, width=None, left=0, filler=0):
    """Rows of ids side by side; every third word ends a sentence, and the last."""
    T = width or max(1, left + max(map(len, rows)))
    ids = torch.full((len(rows), T), filler)
    mask, ends = (torch.zeros(len(rows), T, dtype=torch.bool) for _ in "me")
    for i, row in enumerate(rows):
        n = len(row)
        ids[i, left : left + n] = torch.tensor(row, dtype=torch.long)
        mask[i, left : left + n] = True
        ends[i, left + 2 : left + n : 3] = True
        if n:
            ends[i, left + n - 1] = True
        if filler:
            ends[i, left + n :] = True  # what is not there ends nothing
    return Sentences(ids, mask, spelling(ids), ends)


def some(lengths, seed=0):
    chance = torch.Generator().manual_seed(seed)
    return [torch.randint(V, (n,), generator=chance).tolist() for n in lengths]


def said(model, x):
    """What a reader answers, as numbers that do not know about padding: one row a text."""
    p = model(x).marginals()
    return [p[i][x.mask[i]] if p.dim() == 3 else p[i] for i in range(len(p))]


def gold(name, x, seed=0):
    shape = x.ids.shape if name in TAGGERS else (len(x),)
    return torch.randint(K, shape, generator=torch.Generator().manual_seed(seed))


def differ(a, b):
    return float((a - b).detach().abs().max()) if a.numel() else 0.0


@every_reader
@given(
    lengths=st.lists(st.integers(0, 9), min_size=1, max_size=5),
    left=st.integers(0, 4),
    right=st.integers(0, 5),
    filler=st.integers(0, V - 1),
    seed=st.integers(0, 50),
)
@settings(max_examples=10)
@torch.no_grad()
def test_a_batch_is_its_texts_alone_whatever_fills_the_rest(
    name, lengths, left, right, filler, seed
):
    model, rows = of(name), some(lengths, seed)
    width = left + max(1, *lengths, 1) + right
    together = said(model, sentences(rows, width=width, left=left, filler=filler))
    for row, found in zip(rows, together, strict=True):
        assert differ(found, said(model, sentences([row]))[0]) < 1e-12


@every_reader
@torch.no_grad()
def test_the_loss_is_of_each_text_alone(name):
    model, rows = of(name), some((5, 1, 8))
    x = sentences(rows, width=13, left=2, filler=3)
    y = gold(name, x)
    together = model.loss(x, y)
    assert together.shape == (3,)
    for i, row in enumerate(rows):
        alone = sentences([row])
        answer = y[i : i + 1] if name in CLASSIFIERS else y[i, 2 : 2 + len(row)][None]
        assert differ(together[i], model.loss(alone, answer)[0]) < 1e-11


@every_reader
@torch.no_grad()
def test_the_probabilities_of_all_labels_sum_to_one(name):
    for p in said(of(name), sentences(some((6, 1, 4)))):
        assert differ(p.sum(-1), torch.ones(p.shape[:-1])) < 1e-12


@every_classifier
@torch.no_grad()
def test_several_labels_are_decided_each_for_itself(name):
    torch.manual_seed(0)
    model = CLASSIFIERS[name].build(replace(SIZES, several=True)).double().eval()
    nn.init.normal_(next(model.parameters()), std=0.4)
    x = sentences(some((5, 3)))
    p = model(x).marginals()
    y = torch.tensor([[1, 0, 1, 0], [0, 0, 0, 0]])
    expected = torch.where(y == 1, p, 1 - p).log().sum(1)
    assert differ(model(x).log_prob(y), expected) < 1e-12


@every_reader
def test_small_batches_make_the_gradient_of_a_large_one(name):
    model, rows = of(name), some((5, 2, 7, 1))
    weights = list(model.parameters())
    x = sentences(rows)
    y = gold(name, x)
    whole = torch.autograd.grad(model.loss(x, y).sum(), weights, allow_unused=True)
    parts = [
        torch.autograd.grad(model.loss(x.rows(s), y[s]).sum(), weights, allow_unused=True)
        for s in (slice(0, 1), slice(1, 4))
    ]
    for a, *b in zip(whole, *parts, strict=True):
        if a is not None:
            assert differ(a, sum(part for part in b if part is not None)) < 1e-10


@every_reader
@torch.no_grad()
def test_a_saved_model_is_the_model(name, tmp_path):
    model, other = of(name), fresh(name, seed=9)
    x = sentences(some((5, 8)))
    a, b = (torch.cat([p.flatten() for p in said(m, x)]) for m in (model, other))
    assert differ(a, b) > 0.01
    save_file(dict(model.state_dict()), tmp_path / "model.safetensors")
    other.load_state_dict(load_file(tmp_path / "model.safetensors"))
    assert all(torch.equal(p, q) for p, q in zip(said(model, x), said(other, x), strict=True))


@every_reader
def test_an_untrained_model_hesitates_between_all_labels(name):
    """The mean over many first weights: a network of few numbers alone may well have opinions."""
    x = sentences(some([6] * 20, seed=3))
    costs = [fresh(name, seed).loss(x, gold(name, x, seed)).detach() for seed in range(30)]
    events = 6 if name in TAGGERS else 1
    fined = getattr(CONFIGS[name], "penalty", 0.0)
    if not fined:
        assert float(torch.stack(costs).mean()) / events == pytest.approx(math.log(K), rel=0.08)


@every_reader
def test_every_parameter_gets_a_gradient(name):
    model = fresh(name)
    x = sentences([list(range(V)), list(range(V))[::-1], *some((7, 9, 11, 12, 13))])
    model.loss(x, gold(name, x)).mean().backward()
    for path, parameter in model.named_parameters():
        assert parameter.grad is not None, path
        assert parameter.grad.isfinite().all(), path
        # hashed; letters no word has; a rectifier may be shut
        if not path.startswith(("weight", "words.spell.embed", "mlp")):
            rows = parameter.grad.flatten(1) if parameter.dim() > 1 else parameter.grad[:, None]
            assert not (rows == 0).all(1).any(), path


@every_reader
def test_eight_texts_can_be_learnt_by_heart(name):
    model = fresh(name).train()
    for part in model.modules():
        if hasattr(part, "p"):
            part.p = 0.0
    if hasattr(model, "words"):
        model.words.word_dropout = 0.0
    rows = some((3, 5, 4, 6, 5, 3, 4, 6), seed=2)
    x = sentences([[i, *row[1:]] for i, row in enumerate(rows)])  # who reads one way can tell them
    y = gold(name, x, seed=4)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.3 if name == "bow" else 0.03)
    for _ in range(300 if name == "rnn" else 120):
        optimiser.zero_grad()
        model.loss(x, y).mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
    found = model.eval()(x).best()
    right = (found == y)[x.mask] if name in TAGGERS else found == y
    assert right.all()


@every_reader
def test_listening_changes_nothing(name):
    model, x = of(name), sentences(some((5, 2, 7)))
    y, weights = gold(name, x), list(model.parameters())

    def read():
        loss = model.loss(x, y)
        gradients = torch.autograd.grad(loss.sum(), weights, allow_unused=True)
        return (loss, *(g for g in gradients if g is not None))

    quiet, chance = read(), torch.get_rng_state()
    with listen(model) as heard:
        loud = read()
    assert torch.equal(chance, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(quiet, loud, strict=True))
    assert set(heard) == {path for path, m in model.named_modules() if isinstance(m, Tap)}


@pytest.mark.parametrize("name", ["lstm-attention", "selfattentive", "han-attention"])
@torch.no_grad()
def test_attention_sums_to_one_over_what_is_there_and_is_zero_elsewhere(name):
    model, x = of(name), sentences(some((7, 0, 2, 9)), width=14, left=3, filler=5)
    with listen(model, "alpha") as heard:
        model(x)
    for path, (alpha,) in heard.items():
        total = alpha.sum(-1)
        assert ((total - 1).abs() < 1e-6).logical_or(total == 0).all(), path
        if path == "alpha" or path == "pool.alpha":
            there = x.mask if alpha.dim() == 2 else x.mask[:, None].expand(alpha.shape)
            assert (alpha[~there] == 0).all()
            assert (alpha[there] > 0).all()
    if name == "han-attention":
        (words,), (texts,) = heard["pool_words.alpha"], heard["pool_sentences.alpha"]
        assert (words > 0).sum(1).tolist() == [3, 3, 1, 2, 3, 3, 3]  # of 7, 2 and 9 words
        assert (texts > 0).sum(1).tolist() == [3, 0, 1, 3]


def digests():
    """A line a model: SHA-256 of its weights and answers after three steps of training."""
    torch.set_num_threads(1)
    for name in CONFIGS:
        model = fresh(name).train()
        x = sentences(some((5, 3, 8)))
        optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(3):
            optimiser.zero_grad()
            model.loss(x, gold(name, x)).mean().backward()
            optimiser.step()
        digest = hashlib.sha256()
        for tensor in [*model.state_dict().values(), *said(model.eval(), x)]:
            digest.update(tensor.detach().contiguous().numpy().tobytes())
        sys.stdout.write(f"{name} {digest.hexdigest()}\n")


def test_the_same_seed_gives_the_same_bytes_whatever_the_surroundings(tmp_path):
    found = set()
    for hashseed, locale in (("1", "C"), ("2", "C.UTF-8")):
        environ = {**os.environ, "PYTHONHASHSEED": hashseed, "LC_ALL": locale}
        ran = subprocess.run(
            [sys.executable, "-c", "import test_readers; test_readers.digests()"],
            cwd=Path(__file__).parent,
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(ran.stdout)
    assert len(found) == 1
    assert len(found.pop().splitlines()) == len(CONFIGS)
