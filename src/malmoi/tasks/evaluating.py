"""A model as it is measured: without dropout, and as it was before once that is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """While this lasts `model` only reads; also after an error it learns on as it did.

    What is no network, a table of counts, has no such mode.
    """
    if not isinstance(model, nn.Module):
        yield
        return
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
