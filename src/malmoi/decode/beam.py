"""Beam search with k slots, over anything that maps (tokens, carry) to (logits, carry).

A *hypothesis* is a text that ends in `</s>` or has `limit` tokens.  Search keeps k slots for each
row of the batch.  At every step all open hypotheses are continued by all V tokens, and the best
by log-probability fill the slots that are free:

    open, ends in </s>  →  closed: keeps its slot for good
    open, goes on       →  open, one of at most k − #closed

It stops when no slot is open, at `limit`, or as soon as no open hypothesis can still enter the n
best: the best score that it can reach (`LengthPenalty.bound`, with its proof; a coverage penalty
is never above 0, so the bound holds with it, too) is below the n-th best closed one.

Guaranteed, and tested against enumeration:
- width 1 is `greedy`, for every length penalty (the one slot closes with the first `</s>`);
- a width no smaller than the number of hypotheses is exhaustive search: nothing is ever dropped;
- the n best are sorted by score (equals by their ids) and distinct, and asking for fewer does not
  change them;
- nothing follows `</s>`; rows do not influence each other; of equal candidates the one of the
  better parent, then of the smaller id, comes first.

A place where everything has probability 0 is a dead end: the hypothesis is dropped, unless its row
has nothing else to show.

What was read from a source stands in a `carry.Memory`, of which all the hypotheses of a row share
one row: it is copied only when a row of the batch is finished and dropped.
"""

import math
from collections.abc import Generator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from malmoi.carry import C, Stepper, select, shares
from malmoi.decode.coverage import Coverage
from malmoi.decode.hypothesis import Hypothesis, LengthPenalty
from malmoi.decode.reading import likeliest, read, top
from malmoi.decode.sampling import EOS, PLAIN, checked
from malmoi.errors import UsageError


class BeamStep(NamedTuple):
    """One step of a search: what the picture of a beam's tree is drawn from.

    parent: the slot of the step before that each candidate continues.  kept: where there is a
    candidate at all.  A kept candidate whose token is `</s>` is closed; the others go on.
    row: of the model's batch, the one that said the candidate: where its attention is found.
    """

    parent: Int[Tensor, "B k"]
    token: Int[Tensor, "B k"]
    log_prob: Float[Tensor, "B k"]
    kept: Bool[Tensor, "B k"]
    row: Int[Tensor, "B k"]


def beam(
    step: Stepper[C],
    carry: C,
    x: Int[Tensor, "B T"],
    *,
    width: int,
    limit: int | Sequence[int],
    n: int | None = None,
    penalty: LengthPenalty = PLAIN,
    coverage: Coverage | None = None,
    minimum: int = 0,
    forbid: Sequence[int] = (),
    prefix: Sequence[Sequence[int]] = (),
    eos: int = EOS,
) -> list[list[Hypothesis]]:
    """After reading x, the n best hypotheses of each row (n = width unless said), best first.

    limit: the most tokens, `</s>` counted; one for all or one a row.  minimum: words before `</s>`
    is allowed.  forbid: ids that are never written, except in a prefix.  prefix: for each row, what
    its texts must begin with; unlike x it is written, so it counts in log_prob, score and limit.
    coverage: added to the score of what is closed.
    """
    steps = beam_steps(
        step, carry, x, width=width, limit=limit, n=n, penalty=penalty, coverage=coverage,
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
    limit: int | Sequence[int],
    n: int | None = None,
    penalty: LengthPenalty = PLAIN,
    coverage: Coverage | None = None,
    minimum: int = 0,
    forbid: Sequence[int] = (),
    prefix: Sequence[Sequence[int]] = (),
    eos: int = EOS,
) -> Generator[BeamStep, None, list[list[Hypothesis]]]:
    """`beam`, one step at a time; the generator returns what `beam` returns."""
    B, k, n = x.size(0), width, width if n is None else n
    limits = torch.tensor([limit] * B if isinstance(limit, int) else list(limit))
    _checked(B, k, n, limits, minimum, prefix, eos)
    first_words = _table(prefix, B)
    longest = torch.tensor([penalty(most) for most in limits.tolist()], dtype=torch.float64)
    closed = _Closed(B, n)
    parents, tokens = [], []

    logits, carry = read(step, x, carry)
    score = torch.full((B, k), -math.inf, dtype=torch.float64)
    score[:, 0] = 0.0  # one prompt, one slot: k copies would only compete with themselves
    place = torch.zeros(B, k, dtype=torch.long)  # slot → row of the carry
    place[:, 0] = torch.arange(B)
    owner, each = torch.arange(B), 1  # row of the carry → row of the batch
    look = coverage.look() if coverage else torch.zeros(B, 0)
    seen = torch.zeros_like(look)  # while the words were said; `look`: for the one that comes next

    def scored(log_prob: Tensor, length: int, rows: Tensor, looks: Tensor) -> Tensor:
        plain = log_prob / penalty(length)
        return plain + coverage(looks, owner)[rows] if coverage else plain

    for t in range(int(limits.max())):
        said, words = likeliest(
            logits, k, forbid=forbid if t >= minimum else (*forbid, eos),
            forced=first_words[owner, t] if t < first_words.size(1) else None,
        )  # fmt: skip
        best, flat = top((score[:, :, None] + said[place]).flatten(1), k)
        parent = flat // said.size(1)
        token, row = words[place].flatten(1).gather(1, flat), place.gather(1, parent)
        kept = best.isfinite() & (torch.arange(k) < k - closed.count[:, None])
        stuck = ~kept.any(1) & (closed.count == 0)
        if bool(stuck.any()):  # a dead end and nothing else to show
            dead = stuck[:, None] & score.isfinite()
            closed.add(dead, t, score, scored(score, t, place, seen), torch.zeros_like(dead))
        ends = kept & (token == eos)
        live = kept & ~ends & (t + 1 < limits)[:, None]
        over = kept & ~live
        if bool(over.any()):
            closed.add(over, t + 1, best, scored(best, t + 1, row, seen + look), ends)
        parents.append(parent)
        tokens.append(token)
        yield BeamStep(parent, token, best, kept, row)

        score = best.masked_fill(~live, -math.inf)
        if closed.found:
            live &= (score.amax(1) / longest >= closed.least)[:, None]
        if not bool(live.any()):
            break
        b, slot, place, group = _rows(live, together=shares(carry))
        rows = row[b, slot]
        if group != each or not torch.equal(rows, torch.arange(len(owner))):
            carry = select(carry, rows.to(x.device), each=each, into=group)
        logits, carry = read(step, token[b, slot][:, None].to(x.device), carry)
        if coverage:
            seen, look = (seen + look)[rows], coverage.look()
        score.masked_fill_(~live, -math.inf)
        owner, each = b, group
    return closed.texts(torch.stack(parents), torch.stack(tokens))


class _Closed:
    """The hypotheses that nothing is added to any more: where each ended, not what it says."""

    def __init__(self, batch: int, n: int) -> None:
        self.count = torch.zeros(batch, dtype=torch.long)
        self.best = torch.full((batch, n), -math.inf, dtype=torch.float64)
        self.found: list[tuple[Tensor, ...]] = []

    @property
    def least(self) -> Float[Tensor, " B"]:
        """The n-th best score of each row, -inf if there are fewer."""
        return self.best[:, -1]

    def add(
        self, where: Tensor, length: int, log_prob: Tensor, score: Tensor, finished: Tensor
    ) -> None:
        """Close the slots `where` [B, k]; length: the tokens said, `</s>` counted."""
        b, slot = where.nonzero(as_tuple=True)
        told = (log_prob[where], score[where], finished[where])
        self.found.append((b, slot, torch.full_like(b, length), *told))
        self.count += where.sum(1)
        score = score.masked_fill(~where, -math.inf)
        self.best = torch.cat([self.best, score], 1).topk(self.best.size(1), 1).values

    def texts(
        self, parents: Int[Tensor, "T B k"], tokens: Int[Tensor, "T B k"]
    ) -> list[list[Hypothesis]]:
        """What they say, read from the end to the beginning; the n best of each row."""
        b, slot, length, log_prob, score, finished = map(torch.cat, zip(*self.found, strict=True))
        words = torch.zeros(len(b), len(tokens), dtype=torch.long)
        for t in range(len(tokens) - 1, -1, -1):
            said = t < length
            words[:, t] = tokens[t, b, slot]
            slot = torch.where(said, parents[t, b, slot], slot)
        rows: list[list[Hypothesis]] = [[] for _ in self.count]
        columns = (b, words, length, log_prob, score, finished)
        for i, text, size, logp, s, end in zip(*(c.tolist() for c in columns), strict=True):
            rows[i].append(Hypothesis(tuple(text[: size - end]), logp, s, end))
        n = self.best.size(1)
        return [sorted(row, key=lambda h: (-h.score, h.tokens))[:n] for row in rows]


def _rows(live: Bool[Tensor, "B k"], *, together: bool) -> tuple[Tensor, Tensor, Tensor, int]:
    """The row and slot [R] of what is read on, the place [B, k] of each live slot among them.

    together: hypotheses of a row must stand in groups of one size, the last result; where one has
    fewer than another, its first is repeated.
    """
    if not together:
        b, slot = live.nonzero(as_tuple=True)
        return b, slot, (live.flatten().cumsum(0) - 1).view_as(live) * live, 1
    some = live.any(1)
    group, b = int(live.sum(1).max()), some.nonzero()
    slot = (
        (~live[b[:, 0]]).to(torch.uint8).argsort(dim=1, stable=True)[:, :group]
    )  # live ones first
    slot = torch.where(live[b, slot], slot, slot[:, :1])
    place = (some.cumsum(0) - 1)[:, None] * group + live.cumsum(1) - 1
    return b.expand(-1, group).flatten(), slot.flatten(), place * live, group


def _table(prefix: Sequence[Sequence[int]], batch: int) -> Int[Tensor, "B P"]:
    """The prefixes below each other; -1 where a row has none any more."""
    table = torch.full((batch, max(map(len, prefix), default=0)), -1)
    for row, words in zip(table, prefix, strict=False):
        row[: len(words)] = torch.tensor(words, dtype=torch.long)
    return table


def _checked(
    batch: int, width: int, n: int, limits: Tensor, minimum: int, prefix: Sequence[Sequence[int]],
    eos: int,
) -> None:  # fmt: skip
    if width < 1:
        raise UsageError(f"a beam has at least 1 slot, not {width}")
    if not 1 <= n <= width:
        raise UsageError(
            f"a beam of {width} cannot give {n} texts", hint="n is at least 1 and at most the width"
        )
    if len(limits) != batch:
        raise ValueError(f"{len(limits)} limits for {batch} rows")
    checked(int(limits.min()), minimum)
    if prefix and len(prefix) != batch:
        raise ValueError(f"{len(prefix)} prefixes for {batch} rows")
    for words, limit in zip(prefix, limits.tolist(), strict=False):
        if len(words) > limit:
            raise UsageError(f"a prefix of {len(words)} tokens is longer than the limit, {limit}")
        if eos in words:
            raise UsageError("a prefix cannot contain the end of the sentence")
