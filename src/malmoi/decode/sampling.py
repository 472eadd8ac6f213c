"""Writing one token after another: the likeliest each time, or one drawn by chance.

With p(w) the model's distribution at one place, and in this order,

    repetition   log p(w) ← θ log p(w)     for each w already read or written (not the end)
    temperature  log p(w) ← log p(w) / T   T = 0: all to the likeliest, which is `greedy`
    top-k        only the k likeliest stay                        (Fan et al. 2018)
    top-p        only the fewest likeliest that hold mass p stay  (Holtzman et al. 2020)

each followed by a renormalisation; of equals, the smaller id comes first.  A token is drawn by
inverting the distribution function at u ~ U[0, 1).

Differs from Keskar et al. 2019 (CTRL): their penalty divides a *logit* by θ, so it depends on where
a network puts the zero of its logits (and rewards repetition below zero); here θ multiplies the
log-probability, p^θ, which means the same for a count table and for a network.

**By chance, yet repeatable**: every text has its own `torch.Generator`, so what it says
depends on its seed only, not on how many others are written beside it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from malmoi.carry import C, Stepper, select
from malmoi.decode.hypothesis import Hypothesis, LengthPenalty
from malmoi.decode.reading import log_softmax, read, top
from malmoi.errors import UsageError

EOS = 0
PLAIN = LengthPenalty()


@dataclass(frozen=True)
class Sampling:
    """How a distribution is bent before a token is drawn from it; the default: not at all."""

    temperature: float | int = 1.0
    top_k: int = 0
    top_p: float | int = 1.0
    repetition_penalty: float | int = 1.0

    def __post_init__(self) -> None:
        wrong = [
            said
            for good, said in (
                (0 <= self.temperature < math.inf, f"temperature = {self.temperature}: 0 or more"),
                (self.top_k >= 0, f"top_k = {self.top_k}: 0 (all) or more"),
                (0 < self.top_p <= 1, f"top_p = {self.top_p}: above 0, at most 1 (all)"),
                (
                    0 < self.repetition_penalty < math.inf,
                    f"repetition_penalty = {self.repetition_penalty}: above 0; 1 is none",
                ),
            )
            if not good
        ]
        if wrong:
            raise UsageError("text cannot be drawn this way", where=wrong)

    def probabilities(
        self, logp: Float[Tensor, "B V"], seen: Bool[Tensor, "B V"]
    ) -> Float[Tensor, "B V"]:
        """The distribution to draw from; logp must be finite somewhere in each row."""
        if self.repetition_penalty != 1:
            logp = torch.where(seen, self.repetition_penalty * logp, logp)
        if self.temperature == 0:
            return torch.zeros_like(logp).scatter_(1, logp.argmax(1, keepdim=True), 1.0)
        p = ((logp - logp.amax(1, keepdim=True)) / self.temperature).softmax(1)
        if self.top_k:
            p = _only(p, top(p, self.top_k)[1])
        if self.top_p < 1:
            q, order = p.sort(dim=1, descending=True, stable=True)
            q = q.masked_fill(q.cumsum(1) - q >= self.top_p, 0.0)
            p = torch.zeros_like(p).scatter_(1, order, q)
        return p / p.sum(1, keepdim=True)


def _only(p: Float[Tensor, "B V"], index: Int[Tensor, "B k"]) -> Float[Tensor, "B V"]:
    p = torch.zeros_like(p).scatter_(1, index, p.gather(1, index))
    return p / p.sum(1, keepdim=True)


def draw(p: Float[Tensor, "B V"], generators: Sequence[torch.Generator]) -> Int[Tensor, " B"]:
    """One token a row, from that row's own source of chance; never one of probability 0."""
    u = torch.stack([torch.rand((), generator=g, dtype=torch.float64) for g in generators])
    mass = p.cumsum(1)
    # u ≤ 1 − 2⁻⁵³, so u · mass stays below mass and the last possible token is never passed
    return torch.searchsorted(mass, (u * mass[:, -1])[:, None], right=True)[:, 0]


def greedy(
    step: Stepper[C],
    carry: C,
    x: Int[Tensor, "B T"],
    *,
    limit: int,
    minimum: int = 0,
    forbid: Sequence[int] = (),
    repetition_penalty: float | int = 1.0,
    eos: int = EOS,
) -> list[Hypothesis]:
    """After reading x, the likeliest token each time, until `</s>` or `limit` tokens."""
    how = Sampling(temperature=0, repetition_penalty=repetition_penalty)
    nothing = [torch.Generator() for _ in range(x.size(0))]
    return sample(
        step,
        carry,
        x,
        how,
        generators=nothing,
        limit=limit,
        minimum=minimum,
        forbid=forbid,
        eos=eos,
    )


def sample(
    step: Stepper[C],
    carry: C,
    x: Int[Tensor, "B T"],
    how: Sampling,
    *,
    generators: Sequence[torch.Generator],
    limit: int,
    minimum: int = 0,
    forbid: Sequence[int] = (),
    eos: int = EOS,
) -> list[Hypothesis]:
    """After reading x, draw one token after another, until `</s>` or `limit` tokens.

    generators: n for each row of x, which gives n texts a row, in that order.
    limit: the most tokens, `</s>` counted.  minimum: words before `</s>` is allowed.
    forbid: ids that are never written.
    """
    checked(limit, minimum)
    copies, rest = divmod(len(generators), x.size(0))
    if rest or not copies:
        raise ValueError(f"{len(generators)} generators for {x.size(0)} rows")
    logits, carry = read(step, x, carry)
    rows = torch.arange(x.size(0), device=x.device).repeat_interleave(copies)
    logits, carry = logits[rows], select(carry, rows)
    seen = torch.zeros(len(generators), logits.size(1), dtype=torch.bool)
    seen.scatter_(1, x[rows].cpu(), True)

    texts: list[list[int]] = [[] for _ in generators]
    total, finished = [0.0] * len(generators), [False] * len(generators)
    alive = torch.arange(len(generators))  # which text each row of the carry is writing
    for t in range(limit):
        logp = log_softmax(logits)
        open_ = forbidden(logp, forbid if t >= minimum else (*forbid, eos))
        going = open_.isfinite().any(1)  # a dead end: nothing can follow
        if not bool(going.all()):
            carry = select(carry, going.nonzero()[:, 0].to(x.device))
            logp, open_, alive = logp[going], open_[going], alive[going]
            if not len(alive):
                break
        seen[:, eos] = False  # ending is no repetition
        p = how.probabilities(open_, seen[alive])
        sources = [generators[i] for i in alive.tolist()]
        token = draw(p, sources) if how.temperature else p.argmax(1)
        said = logp.gather(1, token[:, None])[:, 0]
        for i, w, s in zip(alive.tolist(), token.tolist(), said.tolist(), strict=True):
            total[i] += s
            if w == eos:
                finished[i] = True
            else:
                texts[i].append(w)
        seen[alive, token] = True
        going = token != eos
        alive, token = alive[going], token[going]
        if not len(alive) or t == limit - 1:
            break
        if not bool(going.all()):  # copying keys and values for nothing is what a cache should save
            carry = select(carry, going.nonzero()[:, 0].to(x.device))
        logits, carry = read(step, token[:, None].to(x.device), carry)
    return [
        PLAIN.close(text, s, finished=end)
        for text, s, end in zip(texts, total, finished, strict=True)
    ]


def forbidden(logp: Float[Tensor, "*B V"], ids: Sequence[int]) -> Float[Tensor, "*B V"]:
    """logp with some ids made impossible; what is left is not renormalised."""
    if not ids:
        return logp
    logp = logp.clone()
    logp[..., list(ids)] = -math.inf
    return logp


def checked(limit: int, minimum: int) -> None:
    if limit < 1:
        raise UsageError(f"at least 1 token must be allowed, not {limit}")
    if not 0 <= minimum < limit:
        raise UsageError(
            f"at least {minimum} words and at most {limit} tokens cannot both hold",
            hint="the end of the sentence counts as one of the tokens",
        )
