"""What the oracles of translators share: cells in NumPy float64, one row and one step at a time,
and the comparison of a network with a loop that is given the network's weights by name."""

import numpy as np
import torch
from numpy.testing import assert_allclose
from torch import nn

from malmoi.config import Sizes
from malmoi.sentences import Sentences

V, SOURCE, T = 9, 8, 3
LENGTHS = (4, 2, 1)


def σ(a):
    return 1 / (1 + np.exp(-a))


def softmax(e):
    p = np.exp(e - e.max())
    return p / p.sum()


def lstm(w, name, x, h, c, suffix="_l0"):
    """i, f, o = σ(·), g = tanh(·); c = f ⊙ c + i ⊙ g; h = o ⊙ tanh(c)."""
    W, U = w[f"{name}.weight_ih{suffix}"], w[f"{name}.weight_hh{suffix}"]
    a = W @ x + U @ h + w[f"{name}.bias_ih{suffix}"] + w[f"{name}.bias_hh{suffix}"]
    i, f, g, o = np.split(a, 4)
    c = σ(f) * c + σ(i) * np.tanh(g)
    return σ(o) * np.tanh(c), c


def gru(w, name, x, h, reset):
    """h̃ = tanh(W x + U (r ⊙ h)) before, tanh(W x + r ⊙ (U h)) after; z keeps the old state."""
    W = np.split(w[f"{name}.weight_ih_l0"], 3)
    U = np.split(w[f"{name}.weight_hh_l0"], 3)
    b = np.split(w[f"{name}.bias_ih_l0"], 3)
    b2 = np.split(w.get(f"{name}.bias_hh_l0", np.zeros(3 * len(h))), 3)
    r = σ(W[0] @ x + U[0] @ h + b[0] + b2[0])
    z = σ(W[1] @ x + U[1] @ h + b[1] + b2[1])
    n = W[2] @ x + b[2] + (U[2] @ (r * h) if reset == "before" else r * (U[2] @ h + b2[2]))
    return z * h + (1 - z) * np.tanh(n)


def words_of(w, side):
    return w.get(f"words.{side}.weight", w["words.target.weight"])


def scores_of_words(w, t):
    """W_o P t + b, with whichever of them there are."""
    if "out.project.weight" in w:
        t = w["out.project.weight"] @ t + w["out.project.bias"]
    table = w.get("out.softmax.weight", w["words.target.weight"])
    return table @ t + w["out.softmax.bias"]


def built(config, joint=False):
    """A network with opinions, in float64, and its weights by name."""
    torch.manual_seed(3)
    sizes = Sizes(vocabulary=V, source=V if joint else SOURCE, joint=joint)
    model = config.build(sizes).double().eval()
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.5)
    return model, {name: p.detach().numpy().copy() for name, p in model.named_parameters()}


def batch():
    """Sources of several lengths side by side, what is read while writing, and what is said."""
    torch.manual_seed(4)
    S = max(LENGTHS)
    mask = torch.arange(S) < torch.tensor(LENGTHS)[:, None]
    ids = torch.randint(1, SOURCE, (len(LENGTHS), S)) * mask
    for row, n in enumerate(LENGTHS):
        ids[row, n - 1] = 0
    x, y = (torch.randint(0, V, (len(LENGTHS), T)) for _ in "xy")
    return Sentences(ids, mask), x, y


def rows_of(source, x):
    for ids, mask, said in zip(source.ids, source.mask, x, strict=True):
        yield ids[mask].tolist(), said.tolist()


def agrees(config, loop, *, joint=False):
    """logits equal the loop's to 1e-10, and so does the gradient of Σ log p(y) along a random
    direction of every weight, by central differences of the loop."""
    model, w = built(config, joint)
    source, x, y = batch()
    logits, _ = model(x, model.begin(source))
    for row, (ids, said) in enumerate(rows_of(source, x)):
        assert_allclose(logits[row].detach(), loop(w, ids, said), atol=1e-10)

    def loss():
        total = 0.0
        for (ids, said), right in zip(rows_of(source, x), y.tolist(), strict=True):
            for e, i in zip(loop(w, ids, said), right, strict=True):
                total += np.log(softmax(e)[i])
        return total

    logp, _ = model.log_prob(x, y, model.begin(source))
    assert_allclose(float(logp.detach().sum()), loss(), atol=1e-10)
    logp.sum().backward()
    rng = np.random.default_rng(5)
    for name, parameter in model.named_parameters():
        way, was, ends = rng.normal(size=w[name].shape), w[name], []
        for step in (1e-5, -1e-5):
            w[name] = was + step * way
            ends.append(loss())
        w[name] = was
        slope = float((parameter.grad.numpy() * way).sum())
        assert abs(slope - (ends[0] - ends[1]) / 2e-5) < 1e-7 * max(1, abs(slope)), name
