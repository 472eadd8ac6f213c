"""The forward–backward algorithm: log Z of a chain, its gradient, and what every move expects.

    before_1 = start      before_t(j) = log Σ_i exp(before_{t-1}(i) + e_{t-1}(i) + A_ij)
    after_n  = end        after_t(i)  = log Σ_j exp(A_ij + e_{t+1}(j) + after_{t+1}(j))

    log Z         = log Σ_j exp(before_t(j) + e_t(j) + after_t(j))                       for any t
    p(y_t = j)    = exp(before_t(j) + e_t(j) + after_t(j) − log Z)              = ∂ log Z / ∂e_t(j)
    p(y_t = i, y_{t+1} = j) = exp(before_t(i) + e_t(i) + A_ij + e_{t+1}(j) + after_{t+1}(j) − log Z)

after is before read from the end.  Written twice: as the loops of `kernels.chain` for a CPU, with
the gradient by these formulas; as tensors for other devices and for gradients of gradients.
"""

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from malmoi.errors import UsageError
from malmoi.kernels import chain as kernel


class Scores(NamedTuple):
    """e: of each tag at each place.  A: of each move, from the row to the column.

    e may be float32; what is added up is of the precision of the others.
    """

    e: Float[Tensor, "B T K"]
    A: Float[Tensor, "K K"]
    start: Float[Tensor, " K"]
    end: Float[Tensor, " K"]


class Places(NamedTuple):
    """order: the places that are there, in order, then the others.  length: how many are there."""

    mask: Bool[Tensor, "B T"]
    order: Int[Tensor, "B T"]
    length: Int[Tensor, " B"]

    @classmethod
    def of(cls, mask: Bool[Tensor, "B T"]) -> "Places":
        if mask.device.type != "cpu":
            order = mask.int().argsort(dim=1, descending=True, stable=True)
            return cls(mask, order, mask.sum(1))
        order, length = (
            mask.new_empty(mask.shape, dtype=torch.long),
            torch.empty(len(mask), dtype=torch.long),
        )
        kernel.places(mask.contiguous().numpy(), order.numpy(), length.numpy())
        return cls(mask, order, length)

    @property
    def there(self) -> Bool[Tensor, "B T"]:
        """The mask in the order of `order`: first all that is there."""
        return self.mask.gather(1, self.order)


class Messages(NamedTuple):
    """Everything in the order of `Places.order`; log_z is 0 where no path is possible."""

    e: Float[Tensor, "B T K"]
    before: Float[Tensor, "B T K"]
    after: Float[Tensor, "B T K"]
    log_z: Float[Tensor, " B"]


def by_kernel(scores: Scores) -> bool:
    return scores.e.device.type == "cpu"


def arrays(scores: Scores, places: Places) -> kernel.Chain:
    """The same for a kernel; the scores may be of any precision."""
    e, *moves = (x.detach().cpu() for x in scores)
    e = e if e.dtype in (torch.float32, torch.float64) else e.float()
    A, start, end = (x.double().contiguous().numpy() for x in moves)
    order, length = places.order.cpu().numpy(), places.length.cpu().numpy()
    return kernel.Chain(e.contiguous().numpy(), order, length, A, start, end)


def log_partition(scores: Scores, places: Places) -> Float[Tensor, " B"]:
    """log Z, −inf where no path is possible."""
    if not by_kernel(scores):
        return _log_z(scores, places)
    log_z: Tensor = _Sums.apply(*scores, *places, None)[1]  # type: ignore[no-untyped-call]
    return log_z


def score_and_all(
    scores: Scores, places: Places, tags: Int[Tensor, "B T"]
) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
    """The score of one path a row, and log Z.  Any integer may stand where nothing is."""
    if not by_kernel(scores):
        return _score(scores, places, tags), _log_z(scores, places)
    both: tuple[Tensor, Tensor] = _Sums.apply(  # type: ignore[no-untyped-call]
        *scores, *places, tags.contiguous()
    )
    return both


def marginals(scores: Scores, places: Places) -> Float[Tensor, "B T K"]:
    """p(y_t = j), 0 where nothing is."""
    if by_kernel(scores):
        chain = arrays(scores, places)
        alpha, log_z = _forward(chain)
        p, *_ = _backward(chain, alpha, log_z, torch.ones_like(log_z))
        return p
    e, before, after, log_z = messages(scores, places)
    p = (before + e + after - log_z[:, None, None]).exp().masked_fill(~places.there[..., None], 0.0)
    return _put_back(p, places.order)


def edges(scores: Scores, places: Places) -> Float[Tensor, "B _ K K"]:
    """p(y_s = i, y_{t+1} = j) at t, s being the last place before t + 1 that is there."""
    e, before, after, log_z = messages(scores, places)
    left, right = (before + e)[:, :-1, :, None], (e + after)[:, 1:, None, :]
    p = (left + scores.A + right - log_z[:, None, None, None]).exp()
    none = ~places.there[:, 1:, None, None]
    if not places.order.size(1):
        return p
    first = p.new_zeros(len(p), 1, *p.shape[2:])  # nothing leads to the first place that is there
    return _put_back(torch.cat([first, p.masked_fill(none, 0.0)], 1), places.order)[:, 1:]


def messages(scores: Scores, places: Places) -> Messages:
    """What all paths before each place, and all after it, come to."""
    there = places.there
    e = _packed(scores.e, places)
    t = torch.arange(there.size(1), device=there.device)
    turned = torch.where(there, places.length[:, None] - 1 - t, t)[:, :, None]
    before = _before(e, scores.A, scores.start)
    after = _before(e.take_along_dim(turned, 1), scores.A.T, scores.end).take_along_dim(turned, 1)
    log_z = log_partition(scores, places)
    return Messages(e, before, after, log_z.masked_fill(log_z == -math.inf, 0.0))


def _packed(e: Tensor, places: Places) -> Tensor:
    """What is there first; 0 after it, whatever there was: NaN times no gradient would be NaN."""
    return e.take_along_dim(places.order[:, :, None], 1).masked_fill(~places.there[..., None], 0.0)


def _put_back(x: Tensor, order: Tensor) -> Tensor:
    """Undo `_packed`."""
    return torch.empty_like(x).index_put_(
        (torch.arange(len(x), device=x.device)[:, None], order), x
    )


def _before(e: Tensor, A: Tensor, start: Tensor) -> Tensor:
    messages = [start.expand(len(e), -1)]
    for t in range(1, e.size(1)):
        messages.append(_logsumexp((messages[-1] + e[:, t - 1])[:, :, None] + A, 1))
    return torch.stack(messages, 1)[:, : e.size(1)]


def _logsumexp(x: Tensor, dim: int) -> Tensor:
    """With a gradient of 0 where all is −inf; that of `torch.logsumexp` is NaN there."""
    top = x.detach().amax(dim, keepdim=True)
    top = top.masked_fill(top == -math.inf, 0.0)
    total = (x - top).exp().sum(dim)
    none = total == 0.0
    log_sum = total.masked_fill(none, 1.0).log() + top.squeeze(dim)
    return log_sum.masked_fill(none, -math.inf)


def _log_z(scores: Scores, places: Places) -> Tensor:
    """log Z by tensors, as often differentiable as one likes."""
    if not places.order.size(1):
        return scores.e.new_zeros(len(scores.e))
    e = _packed(scores.e, places)
    last = (places.length - 1).clamp(min=0)[:, None, None]
    alpha = (_before(e, scores.A, scores.start) + e).take_along_dim(last, 1)[:, 0]
    return _logsumexp(alpha + scores.end, 1).masked_fill(places.length == 0, 0.0)


def _score(scores: Scores, places: Places, tags: Tensor) -> Tensor:
    """The score of a path by tensors, as often differentiable as one likes."""
    e, A, start, end = scores
    mask, order, length = places
    tags = tags.masked_fill(~mask, 0).long()
    said = e.gather(2, tags[:, :, None])[:, :, 0].masked_fill(~mask, 0.0).sum(1, dtype=A.dtype)
    if not tags.size(1):
        return said
    y = tags.gather(1, order)
    last = y.gather(1, (length - 1).clamp(min=0)[:, None])[:, 0]
    ends = (start[y[:, 0]] + end[last]).masked_fill(length == 0, 0.0)
    return said + A[y[:, :-1], y[:, 1:]].masked_fill(~places.there[:, 1:], 0.0).sum(1) + ends


def _forward(chain: kernel.Chain) -> tuple[Tensor, Tensor]:
    alpha = torch.empty(chain.e.shape, dtype=torch.float64)
    log_z = torch.empty(len(alpha), dtype=torch.float64)
    kernel.forward(chain, alpha.numpy(), log_z.numpy())
    return alpha, log_z


def _backward(chain: kernel.Chain, alpha: Tensor, log_z: Tensor, weight: Tensor) -> list[Tensor]:
    parts = (chain.e, chain.A, chain.start, chain.end)
    grads = [torch.zeros_like(torch.from_numpy(part)) for part in parts]
    known = (x.contiguous().numpy() for x in (alpha, log_z, weight))
    kernel.backward(chain, *known, *(grad.numpy() for grad in grads))
    return grads


class _Sums(torch.autograd.Function):
    """The score of a path (0 if there is none) and log Z, by the kernel.

    A gradient that shall be differentiated again comes from tensors.
    """

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, Tensor]:
        *known, tags = inputs
        places = Places(*known[4:])
        chain = arrays(Scores(*known[:4]), places)
        alpha, log_z = _forward(chain)
        total = torch.zeros_like(log_z)
        if tags is not None and not kernel.score(chain, tags.numpy(), total.numpy()):
            said = tags[places.mask]
            raise UsageError(
                "a tag is none of the chain's",
                where=f"tags {int(said.min())} to {int(said.max())} of 0 to {len(chain.A) - 1}",
            )
        ctx.save_for_backward(*inputs, alpha, log_z)
        return total, log_z

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        *known, tags, alpha, log_z = ctx.saved_tensors
        scores, places = Scores(*known[:4]), Places(*known[4:])
        if not torch.is_grad_enabled():
            chain = arrays(scores, places)
            d_scores = _backward(chain, alpha, log_z, grads[1])
            if tags is not None:
                weight = grads[0].contiguous().numpy()
                kernel.count(chain, tags.numpy(), weight, *(grad.numpy() for grad in d_scores))
            return (*d_scores, *[None] * 4)
        needed = ctx.needs_input_grad[:4]
        wanted = [x for x, is_needed in zip(scores, needed, strict=True) if is_needed]
        total = grads[1] @ _log_z(scores, places)
        if tags is not None:
            total = total + grads[0] @ _score(scores, places, tags)
        found = iter(torch.autograd.grad(total, wanted, create_graph=True, materialize_grads=True))
        return (*(next(found) if is_needed else None for is_needed in needed), *[None] * 4)
