"""The structured self-attentive embedding against its equations in NumPy float64."""

import numpy as np
import torch
from torch import nn

from malmoi.config import Sizes
from malmoi.explain.listen import listen
from malmoi.models.selfattentive import Config, penalty
from malmoi.sentences import Sentences


def model_of(**changes):
    torch.manual_seed(0)
    config = Config(d=3, d_word=4, d_alpha=5, hops=2, d_mlp=6, dropout=0.0, **changes)
    model = config.build(Sizes(vocabulary=11, labels=3)).double().eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    return model


def test_it_is_equations_6_to_8():
    model = model_of(penalty=0.7)
    ids, n = torch.tensor([[3, 9, 4, 1, 7], [2, 5, 8, 0, 0]]), (5, 3)
    mask = torch.arange(5) < torch.tensor(n)[:, None]
    x, y = Sentences(ids, mask), torch.tensor([2, 0])
    with listen(model, "alpha") as heard, torch.no_grad():
        logits, loss = model(x).logits.numpy(), model.loss(x, y).numpy()
        H = model.encoder(model.words(x), mask).numpy()
    W = {name: p.detach().numpy() for name, p in model.named_parameters()}
    for i, length in enumerate(n):
        h = H[i, :length]
        e = W["W_2.weight"] @ np.tanh(W["W_1.weight"] @ h.T)
        A = np.exp(e) / np.exp(e).sum(1, keepdims=True)
        hidden = np.maximum(W["mlp.weight"] @ (A @ h).ravel() + W["mlp.bias"], 0)
        expected = W["out.weight"] @ hidden + W["out.bias"]
        fine = np.linalg.norm(A @ A.T - np.eye(2), "fro") ** 2
        nll = np.log(np.exp(expected).sum()) - expected[y[i]]
        np.testing.assert_allclose(heard["alpha"][0][i, :, :length].numpy(), A, atol=1e-12)
        np.testing.assert_allclose(logits[i], expected, atol=1e-12)
        np.testing.assert_allclose(loss[i], nll + 0.7 * fine, atol=1e-12)


def test_hops_that_look_at_one_word_each_are_not_fined_and_equal_hops_are():
    apart = torch.eye(3)[None]
    assert penalty(apart).item() == 0
    same = torch.tensor([[[1.0, 0, 0], [1.0, 0, 0]]])
    assert penalty(same).item() == 2  # two off the diagonal, 1² each


def test_the_fine_is_part_of_the_loss_and_not_of_the_answer():
    x = Sentences(torch.tensor([[1, 2, 3]]), torch.ones(1, 3, dtype=torch.bool))
    y = torch.tensor([1])
    strict, free = model_of(penalty=1.0), model_of(penalty=0.0)
    assert torch.equal(strict(x).logits, free(x).logits)
    assert strict.loss(x, y) > free.loss(x, y)
    assert torch.equal(free.loss(x, y), -free(x).log_prob(y))
