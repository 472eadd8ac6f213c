"""Beam search with k slots, over anything that maps (tokens, carry) to (logits, carry).

A *hypothesis* is a text that ends in `</s>` or has `limit` tokens.  Search keeps k slots for each
row of the batch.  At every step all open hypotheses are continued by all V tokens, and the best
by log-probability fill the slots that are free:

    open, ends in </s>  →  closed: keeps its slot for good
    open, goes on       →  open, one of at most k − #closed

It stops when no slot is open, at `limit`, or as soon as no open hypothesis can still enter the n
best: the best score that it can reach (`LengthPenalty.bound`, with its proof) is below the n-th
best closed one.

Guaranteed, and tested against enumeration:
- width 1 is `greedy`, for every length penalty (the one slot closes with the first `</s>`);
- a width no smaller than the number of hypotheses is exhaustive search: nothing is ever dropped;
- the n best are sorted by score (equals by their ids) and distinct, and asking for fewer does not
  change them;
- nothing follows `</s>`; rows do not influence each other; of equal candidates the one of the
  better parent, then of the smaller id, comes first.

A place where everything has probability 0 is a dead end: the hypothesis is dropped, unless its row
has nothing else to show.
"""

import math
from collections.abc import Generator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from malmoi.carry import C, Stepper, select
from malmoi.decode.hypothesis import Hypothesis, LengthPenalty
from malmoi.decode.reading import log_softmax, read, top
from malmoi.decode.sampling import EOS, PLAIN, checked, forbidden
from malmoi.errors import UsageError


class BeamStep(NamedTuple):
    """One step of a search: what the picture of a beam's tree is drawn from.

    parent: the slot of the step before that each candidate continues.  kept: where there is a
    candidate at all.  A kept candidate whose token is `</s>` is closed; the others go on.
    """

    parent: Int[Tensor, "B k"]
    token: Int[Tensor, "B k"]
    log_prob: Float[Tensor, "B k"]
    kept: Bool[Tensor, "B k"]


def beam(
    step: Stepper[C],
    carry: C,
    x: Int[Tensor, "B T"],
    *,
    width: int,
    limit: int,
    n: int | None = None,
    penalty: LengthPenalty = PLAIN,
    minimum: int = 0,
    forbid: Sequence[int] = (),
    prefix: Sequence[Sequence[int]] = (),
    eos: int = EOS,
) -> list[list[Hypothesis]]:
    """After reading x, the n best hypotheses of each row (n = width unless said), best first.

    limit: the most tokens, `</s>` counted.  minimum: words before `</s>` is allowed.
    forbid: ids that are never written, except in a prefix.  prefix: for each row, what its texts
    must begin with; unlike x it is written, so it counts in log_prob, score and limit.
    """
    steps = beam_steps(
        step, carry, x, width=width, limit=limit, n=n, penalty=penalty,
        minimum=minimum, forbid=forbid, prefix=prefix, eos=eos,
    )  # fmt: skip
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: list[list[Hypothesis]] = end.value
            return found


def beam_steps(
    step: Stepper[C],
    carry: C,
    x: Int[Tensor, "B T"],
    *,
    width: int,
    limit: int,
    n: int | None = None,
    penalty: LengthPenalty = PLAIN,
    minimum: int = 0,
    forbid: Sequence[int] = (),
    prefix: Sequence[Sequence[int]] = (),
    eos: int = EOS,
) -> Generator[BeamStep, None, list[list[Hypothesis]]]:
    """`beam`, one step at a time; the generator returns what `beam` returns."""
    B, k, n = x.size(0), width, width if n is None else n
    checked(limit, minimum)
    _checked(B, k, n, limit, prefix, eos)
    logits, carry = read(step, x, carry)
    V = logits.size(-1)
    score = torch.full((B, k), -math.inf, dtype=torch.float64)
    score[:, 0] = 0.0  # one prompt, one slot: k copies would only compete with themselves
    logp = torch.full((B, k, V), -math.inf, dtype=torch.float64)
    logp[:, 0] = log_softmax(logits)
    place = torch.zeros(B, k, dtype=torch.long)  # slot → row of the carry
    place[:, 0] = torch.arange(B)
    text = torch.zeros(B, k, 0, dtype=torch.long)
    closed: list[list[Hypothesis]] = [[] for _ in range(B)]

    for t in range(limit):
        logp = _allowed(logp, t, forbid if t >= minimum else (*forbid, eos), prefix)
        best, flat = top((score[:, :, None] + logp).view(B, k * V), k)
        parent, token = flat // V, flat % V
        free = torch.tensor([k - len(row) for row in closed])
        kept = best.isfinite() & (torch.arange(k) < free[:, None])
        for b in (score.isfinite().any(1) & ~kept.any(1)).nonzero()[:, 0].tolist():
            if not closed[b]:  # a dead end and nothing else to show
                closed[b] = [
                    penalty.close(text[b, j].tolist(), score[b, j].item(), finished=False)
                    for j in score[b].isfinite().nonzero()[:, 0].tolist()
                ]
        text = torch.cat([text.gather(1, parent[..., None].expand(-1, -1, t)), token[..., None]], 2)
        ends = kept & (token == eos)
        live = kept & ~ends if t < limit - 1 else torch.zeros_like(kept)
        for b, j in (kept & ~live).nonzero().tolist():
            end = bool(ends[b, j])
            words = text[b, j, : t + 1 - end].tolist()
            closed[b].append(penalty.close(words, best[b, j].item(), finished=end))
        yield BeamStep(parent, token, best, kept)

        for b in live.any(1).nonzero()[:, 0].tolist():
            if len(closed[b]) >= n:
                least = sorted((h.score for h in closed[b]), reverse=True)[n - 1]
                if penalty.bound(best[b][live[b]].max().item(), limit) < least:
                    live[b] = False
        if not bool(live.any()):
            break
        rows = place.gather(1, parent)[live].to(x.device)
        logits, carry = read(step, token[live][:, None].to(x.device), select(carry, rows))
        score = best.masked_fill(~live, -math.inf)
        logp = torch.full((B, k, V), -math.inf, dtype=torch.float64)
        logp[live] = log_softmax(logits)
        place[live] = torch.arange(len(rows))
    return [sorted(row, key=lambda h: (-h.score, h.tokens))[:n] for row in closed]


def _allowed(
    logp: Float[Tensor, "B k V"], t: int, forbid: Sequence[int], prefix: Sequence[Sequence[int]]
) -> Float[Tensor, "B k V"]:
    """Where a prefix says what comes at place t, only that; elsewhere all but the forbidden."""
    allowed = forbidden(logp, forbid)
    for b, words in enumerate(prefix):
        if t < len(words):
            allowed = allowed.clone() if allowed is logp else allowed
            allowed[b] = -math.inf
            allowed[b, :, words[t]] = logp[b, :, words[t]]
    return allowed


def _checked(
    batch: int, width: int, n: int, limit: int, prefix: Sequence[Sequence[int]], eos: int
) -> None:
    if width < 1:
        raise UsageError(f"a beam has at least 1 slot, not {width}")
    if not 1 <= n <= width:
        raise UsageError(
            f"a beam of {width} cannot give {n} texts", hint="n is at least 1 and at most the width"
        )
    if prefix and len(prefix) != batch:
        raise ValueError(f"{len(prefix)} prefixes for {batch} rows")
    for words in prefix:
        if len(words) > limit:
            raise UsageError(f"a prefix of {len(words)} tokens is longer than the limit, {limit}")
        if eos in words:
            raise UsageError("a prefix cannot contain the end of the sentence")
