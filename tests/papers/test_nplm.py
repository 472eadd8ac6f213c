"""The network of Bengio et al. (2003) against NumPy float64 written from the paper, forward and, by
hand, backward; and its windows against a reader of one word after another."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from malmoi.config import Sizes
from malmoi.models import nplm

V, N, M, H = 11, 4, 3, 5  # types, the order, widths of a word and of the hidden layer
CONFIGS = {
    "plain": nplm.Config(order=N, d_word=M, d=H),
    "direct": nplm.Config(order=N, d_word=M, d=H, direct=True),
    "tied": nplm.Config(order=N, d_word=M, d=H, tied=True),
    "tied and direct": nplm.Config(order=N, d_word=M, d=H, direct=True, tied=True),
    "tied without a map": nplm.Config(order=N, d_word=H, d=H, tied=True),
    "a bigram": nplm.Config(order=2, d_word=M, d=H, direct=True),
}
every_config = pytest.mark.parametrize("name", CONFIGS)


def build(config):
    torch.manual_seed(0)
    model = config.build(Sizes(vocabulary=V)).double().eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.7)
    return model


def histories(row, n):
    """The n - 1 words before each, as one who reads word after word remembers them."""
    mind, found = [0] * (n - 1), []
    for word in row:
        mind = [0] * (n - 1) if word == 0 else [*mind[1:], word]
        found.append(list(mind))
    return found


def paper(weights, config, windows, y, G):
    """log p of each y after its window, all the log p, and the gradients of Σ G log p(y)."""
    C, Hw, d, b = (weights[k] for k in ("embed.weight", "H.weight", "H.bias", "out.bias"))
    P, p0 = weights.get("project.weight"), weights.get("project.bias", 0.0)
    W_out = C if config.tied else weights["out.weight"]
    grad = {key: np.zeros_like(value) for key, value in weights.items()}
    said, everything = [], []
    for window, word, g in zip(windows, y, G, strict=True):
        e = np.concatenate([C[w] for w in window])
        h = np.tanh(d + Hw @ e)
        u = np.concatenate([h, e]) if config.direct else h
        v = u if P is None else P @ u + p0
        scores = b + W_out @ v
        logp = scores - math.log(sum(math.exp(s) for s in scores))
        said.append(logp[word])
        everything.append(logp)

        δ = -np.exp(logp)
        δ[word] += 1
        δ *= g
        grad["out.bias"] += δ
        grad["embed.weight" if config.tied else "out.weight"] += np.outer(δ, v)
        dv = W_out.T @ δ
        if P is not None:
            grad["project.weight"] += np.outer(dv, u)
            grad["project.bias"] += dv
            dv = P.T @ dv
        dh, de = dv[: len(h)], dv[len(h) :] if config.direct else 0.0
        da = dh * (1 - h**2)
        grad["H.bias"] += da
        grad["H.weight"] += np.outer(da, e)
        de = de + Hw.T @ da
        m = C.shape[1]
        for place, w in enumerate(window):
            grad["embed.weight"][w] += de[place * m : (place + 1) * m]
    return np.array(said), np.array(everything), grad


@every_config
def test_it_is_the_papers_network_forward_and_backward(name):
    config = CONFIGS[name]
    model, rng = build(config), np.random.default_rng(1)
    x, y, G = rng.integers(0, V, (3, 8)), rng.integers(0, V, (3, 8)), rng.normal(size=(3, 8))
    windows = [w for row in x for w in histories(row, config.order)]
    weights = {key: p.detach().numpy() for key, p in model.named_parameters()}
    said, everything, grad = paper(weights, config, windows, y.ravel(), G.ravel())

    logp, _ = model.log_prob(torch.tensor(x), torch.tensor(y), model.begin(3))
    logits, _ = model(torch.tensor(x), model.begin(3))
    assert_allclose(logp.detach().ravel(), said, atol=1e-13)
    assert_allclose(logits.log_softmax(-1).detach().flatten(0, 1), everything, atol=1e-13)
    (logp * torch.tensor(G)).sum().backward()
    for key, parameter in model.named_parameters():
        assert_allclose(parameter.grad, grad[key], atol=1e-12, err_msg=key)


def test_without_a_hidden_layers_weights_the_words_reach_the_output_directly():
    """U h + W e is one product with [h ; e]: with U = 0 the network is log-linear in its words."""
    model = build(CONFIGS["direct"])
    with torch.no_grad():
        model.out.weight[:, :H] = 0.0
    x = torch.tensor([[0, 3, 7, 2, 9]])
    C, W = model.embed.weight, model.out.weight[:, H:].view(V, N - 1, M)
    linear = model.out.bias + torch.einsum("kd,vkd->v", C[x[0, -3:]], W)
    logits, _ = model(x, model.begin(1))
    assert_allclose(logits[0, -1].detach(), linear.detach(), atol=1e-13)


def test_nothing_is_read_across_the_end_of_a_sentence():
    model = build(CONFIGS["plain"])
    one, two = torch.tensor([[0, 5, 6, 0, 2, 3]]), torch.tensor([[9, 9, 9, 0, 2, 3]])
    alone = model(torch.tensor([[0, 2, 3]]), model.begin(1))[0]
    for x in (one, two):
        logits, _ = model(x, model.begin(1))
        assert_allclose(logits[:, 3:].detach(), alone.detach(), atol=1e-13)


def test_a_word_further_back_than_the_order_is_forgotten():
    model = build(CONFIGS["plain"])
    one, two = torch.tensor([[4, 5, 6, 7, 8]]), torch.tensor([[4, 9, 6, 7, 8]])
    (a, _), (b, _) = model(one, model.begin(1)), model(two, model.begin(1))
    assert_allclose(a[:, 4].detach(), b[:, 4].detach(), atol=1e-13)
    assert not torch.allclose(a[:, 3], b[:, 3])


def test_it_has_as_many_weights_as_the_paper_counts():
    """§2: |V| (1 + n m + h) + h (1 + (n - 1) m)."""
    n, m, h = 5, 30, 100
    config = nplm.Config(order=n, d_word=m, d=h, direct=True)
    weights = sum(p.numel() for p in config.build(Sizes(vocabulary=V)).parameters())
    assert weights == V * (1 + n * m + h) + h * (1 + (n - 1) * m)
