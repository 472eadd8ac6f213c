"""What every search does the same way: reading a prompt, normalising, and picking the largest.

What a search chooses by is in float64 on the CPU, whatever the model computes in and wherever: it
adds hundreds of logarithms and compares the sums, and one rule for ties must hold on every device.
A beam asks for the few likeliest words only, and only those are widened (`likeliest`).
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from malmoi.carry import C, LanguageModel, Stepper
from malmoi.errors import Diverged

POSITIONS = 2048
"""The most places that are read in one go."""
CELLS = 2**23
"""The most logits that are held at one time: V for each place."""
NEAR = 2**18
"""The most logits that are normalised at one time: what stays in the cache of a processor."""
FEW = 128
"""So many words need no choice before they are compared with those of the other rows."""
BLOCK = 64
"""So many values are represented by the largest of them when few are sought among many."""
DEEP = 4 * BLOCK
"""Among so many values for each that is sought."""


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
    _numbers(z)
    most = z.amax(-1, keepdim=True)
    return (z - most + _log_top(z)).masked_fill(most == -math.inf, -math.inf)


def likeliest(
    logits: Float[Tensor, "R V"],
    k: int,
    *,
    forbid: Sequence[int] = (),
    forced: Int[Tensor, " R"] | None = None,
) -> tuple[Float[Tensor, "R k"], Int[Tensor, "R k"]]:
    """The k likeliest words of each row, or all V if there are few: log p, and which.  They are in
    falling order, all of them in that of their ids.

    As `top` of `log_softmax`, without widening the whole: the sum of a row is taken in the model's
    own precision (in float32 at least), the rest in float64.
    forbid: words that cannot be said, though they keep their mass.  forced: for each row the only
    word that can be said, if it is not negative; a forbidden one, too.
    """
    z, V = logits, logits.size(1)
    wide = torch.promote_types(z.dtype, torch.float32)
    near = len(z) if z.is_cuda else max(1, NEAR // V)
    seen = [(_blocks(part), _log_top(part)) for part in (p.to(wide) for p in torch.split(z, near))]
    largest, log_top = (torch.cat(parts) for parts in zip(*seen, strict=True))
    most = largest.amax(1, keepdim=True)
    _numbers(most)
    best, word = _allowed(z, largest, k, forbid)
    logp = best.double() - most.double() + log_top
    if forced is not None:
        forced = forced.to(z.device)
        told, first = forced >= 0, torch.arange(logp.size(1), device=z.device) == 0
        said = z.gather(1, forced.clamp(min=0)[:, None]).double() - most.double() + log_top
        logp = torch.where(told[:, None], said.masked_fill(~first, -math.inf), logp)
        word = torch.where(told[:, None] & first, forced[:, None], word)
    return logp.masked_fill(most == -math.inf, -math.inf).cpu(), word.cpu()


def _allowed(
    z: Float[Tensor, "R V"], largest: Float[Tensor, "R blocks"], k: int, forbid: Sequence[int]
) -> tuple[Float[Tensor, "R k"], Int[Tensor, "R k"]]:
    """The k largest that are not forbidden; all, if they are few.  largest: of each block of z."""
    size, more = z.size(1), k + len(forbid)  # of which k are allowed
    barred = torch.zeros(size, dtype=torch.bool, device=z.device)
    barred[list(forbid)] = True
    if size <= max(k, FEW):
        return z.masked_fill(barred, -math.inf), torch.arange(size, device=z.device).expand_as(z)
    if size < more * DEEP:
        return top(z.masked_fill(barred, -math.inf), k)
    best, word = _top_of_blocks(z, largest, more)
    best, order = best.masked_fill(barred[word], -math.inf).sort(
        dim=1, descending=True, stable=True
    )
    return best[:, :k], word.gather(1, order[:, :k])


def _log_top(z: Float[Tensor, "*B V"]) -> Float[Tensor, "*B 1"]:
    """log p of the likeliest word, 1 / Σ exp(z − max z): the sum is at least 1, nothing is lost."""
    return z.softmax(-1).amax(-1, keepdim=True).double().log()


def _numbers(z: Tensor) -> None:
    if not bool((z < math.inf).all()):  # NaN is not below anything
        raise Diverged(
            "the model gives scores that are not numbers",
            hint="its weights may have diverged in training: malmoi check RUN",
        )


def top_of_many(
    values: Float[Tensor, "B N"], k: int
) -> tuple[Float[Tensor, "B k"], Int[Tensor, "B k"]]:
    """`top`, faster where N is much larger than k.

    Before a value of a block that is not among the k best blocks (by their largest value; of equals
    the first) come k others, the largest of each of those: so the k best are in the k best blocks.
    """
    if values.size(1) < k * DEEP:
        return top(values, k)
    return _top_of_blocks(values, _blocks(values), k)


def _top_of_blocks(
    values: Float[Tensor, "B N"], largest: Float[Tensor, "B blocks"], k: int
) -> tuple[Float[Tensor, "B k"], Int[Tensor, "B k"]]:
    N = values.size(1)
    block = top(largest, k)[1].sort(1).values  # in order, so that equals are, too
    index = (block[:, :, None] * BLOCK + torch.arange(BLOCK, device=values.device)).flatten(1)
    near = values.gather(1, index.clamp(max=N - 1)).to(largest).masked_fill(index >= N, -math.inf)
    best, place = top(near, k)
    return best, index.gather(1, place)


def _blocks(values: Float[Tensor, "B N"]) -> Float[Tensor, "B blocks"]:
    """The largest of each block; the last may be smaller than the others."""
    whole, rest = divmod(values.size(1), BLOCK)
    inside, after = torch.split(values, [whole * BLOCK, rest], 1)
    largest = inside.reshape(len(values), whole, BLOCK).amax(2)
    return torch.cat([largest, after.amax(1, keepdim=True)], 1) if rest else largest


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
