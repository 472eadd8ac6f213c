"""What every search does the same way: reading a prompt, normalising, and picking the largest.

Distributions are taken in float64 on the CPU, whatever the model computes in and wherever: a search
adds hundreds of logarithms and compares the sums, and one rule for ties must hold on every device.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from malmoi.carry import C, LanguageModel, Stepper
from malmoi.errors import Diverged

POSITIONS = 2048
"""The most places that are read in one go."""
CELLS = 2**23
"""The most logits that are held at one time: V for each place."""


@torch.no_grad()
def read(
    step: Stepper[C], x: Int[Tensor, "B T"], carry: C, *, positions: int = POSITIONS
) -> tuple[Float[Tensor, "B V"], C]:
    """Read x, T ≥ 1, and return the logits after its last token.

    A long x is read in pieces, so that its T·V logits never exist together.
    """
    B, T = x.shape
    size, start = max(1, min(64, positions) // B), 0  # V is not known before the first piece
    while True:
        logits, carry = step(x[:, start : start + size], carry)
        start += size
        if start >= T:
            return logits[:, -1], carry
        size = max(1, min(positions, CELLS // logits.size(-1)) // B)


@torch.no_grad()
def log_prob(
    model: LanguageModel[C],
    x: Int[Tensor, "B T"],
    y: Int[Tensor, "B T"],
    carry: C,
    *,
    positions: int = POSITIONS,
) -> tuple[Float[Tensor, "B T"], C]:
    """log p(y_t | x_1..t) in float64 on the CPU, read in pieces as `read` does."""
    said, size = [], max(1, positions // x.size(0))
    for piece, answer in zip(torch.split(x, size, 1), torch.split(y, size, 1), strict=True):
        logp, carry = model.log_prob(piece, answer, carry)
        said.append(logp.to("cpu", torch.float64))
    logp = torch.cat(said, 1)
    if bool(logp.isnan().any()):
        raise Diverged("the model gives log-probabilities that are not numbers")
    return logp, carry


def log_softmax(logits: Float[Tensor, "B V"]) -> Float[Tensor, "B V"]:
    """log p in float64 on the CPU; a row that is -inf everywhere stays so (a dead end).

    Raises Diverged for NaN and +inf, which nothing can be chosen by.
    """
    z = logits.to("cpu", torch.float64)
    if bool((z.isnan() | (z == math.inf)).any()):
        raise Diverged(
            "the model gives scores that are not numbers",
            hint="its weights may have diverged in training: malmoi check RUN",
        )
    dead = (z == -math.inf).all(-1, keepdim=True)
    return z.log_softmax(-1).masked_fill(dead, -math.inf)


def top(values: Float[Tensor, "B N"], k: int) -> tuple[Float[Tensor, "B k"], Int[Tensor, "B k"]]:
    """The k largest of each row in falling order; of equals, the one with the smaller index.

    `Tensor.topk` leaves the order of equals open, and an n-gram gives thousands of words the
    same probability: without a rule, the answer would depend on the machine.
    """
    k = min(k, values.size(1))
    least = values.topk(k, dim=1).values[:, -1:]
    above, equal = values > least, values == least
    taken = above | (equal & (equal.cumsum(1) <= k - above.sum(1, keepdim=True)))
    index = taken.nonzero()[:, 1].view(-1, k)
    best, order = values.gather(1, index).sort(dim=1, descending=True, stable=True)
    return best, index.gather(1, order)
