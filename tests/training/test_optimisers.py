import numpy as np
import pytest
import torch
from torch import nn

from malmoi.training import optimisers
from malmoi.training.config import Training


class Two(nn.Module):
    """A matrix and a vector, in float64."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.W = nn.Parameter(torch.randn(3, 4, dtype=torch.float64))
        self.b = nn.Parameter(torch.randn(4, dtype=torch.float64))


def by_the_book(w, gradients, c, decays):
    """The equations of the module's docstring, in NumPy."""
    b1, b2 = c.betas
    m = s = v = u = np.zeros_like(w)
    wd = c.weight_decay * decays
    for t, g in enumerate(gradients, 1):
        if c.optimizer != "adamw":
            g = g + wd * w
        if c.optimizer == "sgd":
            v = c.momentum * v + g
            w = w - c.lr * (g + c.momentum * v if c.nesterov else v)
            continue
        if c.optimizer == "adadelta":
            s = c.rho * s + (1 - c.rho) * g**2
            step = g * np.sqrt(u + c.epsilon) / np.sqrt(s + c.epsilon)
            u = c.rho * u + (1 - c.rho) * step**2
            w = w - c.lr * step
            continue
        m, s = b1 * m + (1 - b1) * g, b2 * s + (1 - b2) * g**2
        step = (m / (1 - b1**t)) / (np.sqrt(s / (1 - b2**t)) + c.epsilon)
        if c.optimizer == "adamw":
            w = w - c.lr * wd * w
        w = w - c.lr * step
    return w


@pytest.mark.parametrize(
    "training",
    [
        Training(optimizer="sgd", lr=0.1),
        Training(optimizer="sgd", lr=0.1, momentum=0.9, weight_decay=0.1),
        Training(optimizer="sgd", lr=0.1, momentum=0.99, nesterov=True),
        Training(optimizer="adadelta", lr=1.0, rho=0.9, epsilon=1e-6, weight_decay=0.2),
        Training(optimizer="adam", lr=0.1, weight_decay=0.1),
        Training(optimizer="adamw", lr=0.1, weight_decay=0.3, betas=(0.8, 0.95), epsilon=1e-3),
    ],
    ids=lambda t: f"{t.optimizer}-{t.weight_decay}-{t.momentum}",
)
def test_every_rule_is_its_equations_and_only_matrices_decay(training):
    model = Two()
    start = {name: p.detach().numpy().copy() for name, p in model.named_parameters()}
    chance = np.random.default_rng(1)
    gradients = {name: chance.normal(size=(5, *w.shape)) for name, w in start.items()}
    optimizer = optimisers.build(model, training)
    for t in range(5):
        for name, p in model.named_parameters():
            p.grad = torch.from_numpy(gradients[name][t])
        optimizer.step()
    for name, p in model.named_parameters():
        expected = by_the_book(start[name], gradients[name], training, decays=name == "W")
        np.testing.assert_allclose(p.detach().numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("longest", [0.5, 5.0, 0.0])
def test_clipping_shortens_and_never_turns(longest):
    g = [torch.tensor([3.0, 0.0]), torch.tensor([[0.0, 4.0]])]
    norm = float(optimisers.norm_of(g))
    assert norm == 5.0
    optimisers.clip_(g, norm, longest)
    factor = 0.1 if longest == 0.5 else 1.0
    assert torch.allclose(g[0], torch.tensor([3.0, 0.0]) * factor)
    assert torch.allclose(g[1], torch.tensor([[0.0, 4.0]]) * factor)


def test_frozen_weights_are_left_alone():
    model = Two()
    model.W.requires_grad_(False)
    groups = optimisers.build(model, Training()).param_groups
    assert [p is model.b for group in groups for p in group["params"]] == [True]
