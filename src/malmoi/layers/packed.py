"""Weights laid out once as a processor multiplies them.

A matrix product cuts its matrices into blocks that fit registers and caches, and lays W out anew
each time it is called.  Writing calls with few rows and the same W at every step.  While a model is
`packed` its linear layers multiply by a copy that is laid out already:

    with packed(model):
        beam(model, model.begin(source), x, width=5, limit=60)

On one core of an EPYC of 2023, W of 32,000 × 512, in milliseconds a product:

    rows of x           1      5     40    160
    float32           6.5   12.0   24.8   67.3
    float32, packed   4.2    3.2   13.2   48.2
    bfloat16          4.2    4.8   10.3   29.6
    bfloat16, packed  2.6    2.4    7.5   25.2

Laying out takes as long as one or two of the smallest products.  Sums are taken in another order:
results differ in their last bits.  No gradient comes back through a packed layer.

A loop that takes its gradient by hand multiplies by the same W at every step too, and so does who
scores a text over a large vocabulary: `layers.times`.  Where the layout is of no use, a layer stays
as it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from jaxtyping import Float
from torch import Tensor, nn

from malmoi.layers.softmax import Softmax
from malmoi.layers.times import is_of_use, times


@contextmanager
def packed(model: nn.Module) -> Iterator[None]:
    """While this lasts, what `model` multiplies by is laid out as the processor wants it."""
    swapped = [
        (parent, name, layer)
        for parent in model.modules()
        for name, layer in parent.named_children()
        if type(layer) in (nn.Linear, Softmax) and is_of_use(_weight(layer))
    ]
    try:
        for parent, name, layer in swapped:
            setattr(parent, name, Packed(layer))
        yield
    finally:
        for parent, name, layer in swapped:
            setattr(parent, name, layer)


class Packed(nn.Module):
    """W x + b, for reading only; it stands for a layer and owns none of its weights."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        assert isinstance(layer, nn.Linear | Softmax)
        self.training = layer.training
        self.weight = _weight(layer).detach()
        self.bias = None if layer.bias is None else layer.bias.detach()
        self.multiply = times(self.weight, self.bias)

    def forward(self, x: Float[Tensor, "*_ n"]) -> Float[Tensor, "*_ m"]:
        return self.multiply(x)


def _weight(layer: nn.Module) -> Tensor:
    W = layer.W if isinstance(layer, Softmax) else layer.weight
    assert isinstance(W, Tensor)
    return W
