"""The laws that every language model obeys.

Random tokens, from a seed, are read in two ways that must give the same.
"""

import copy
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from malmoi.carry import select
from malmoi.decode.beam import beam
from malmoi.decode.reading import log_softmax
from malmoi.decode.sampling import greedy
from malmoi.use.language_model import LanguageModel
from malmoi.use.laws.finding import CELLS, Finding, Laws, Measured, apart, findings


class _Bench:
    """A model on the bench: its vocabulary, its limits, and random tokens for it."""

    def __init__(self, lm: LanguageModel, seed: int) -> None:
        self.lm, self.model = lm, lm.model
        self.V = len(lm.text.vocabulary)
        self.chance = torch.Generator().manual_seed(seed)
        self.B = 3
        room = self.model.context or 24
        self.T = max(1, min(24, room, CELLS // (self.B * self.V)))
        logits, _ = self.model(self.words(1, 1), self.model.begin(1))
        wide = logits.dtype == torch.float64
        self.close, self.sum = (1e-10, 1e-9) if wide else (1e-5, 1e-5)

    def words(self, B: int, T: int) -> Tensor:
        words = torch.randint(self.V, (B, T), generator=self.chance)
        words[:, 0] = 0  # as a sentence begins
        return words.to(self.lm.device)

    def log_p(self, x: Tensor, carry: Any = None) -> tuple[Tensor, Any]:
        """What the model says after each token: log p, or its scores if they are none."""
        logits, carry = self.model(x, self.model.begin(len(x)) if carry is None else carry)
        z = logits.to("cpu", torch.float64)
        return (log_softmax(z.flatten(0, 1)).view(z.shape) if self.lm.normalised else z), carry


def check(lm: LanguageModel, *, seed: int = 0) -> Iterator[Finding]:
    """One finding for each law, as they are made."""
    with torch.no_grad():
        bench = _Bench(lm, seed)
    yield from findings(LAWS, bench)


def chunking(bench: _Bench) -> Measured:
    if bench.T < 2:
        return None
    x, worst = bench.words(bench.B, bench.T), 0.0
    whole, _ = bench.log_p(x)
    for cut in sorted({1, bench.T // 2, bench.T - 1}):
        first, carry = bench.log_p(x[:, :cut])
        second, _ = bench.log_p(x[:, cut:], carry)
        worst = max(worst, apart(torch.cat([first, second], 1), whole))
    return worst, bench.close


def normalisation(bench: _Bench) -> Measured:
    """Of a count table the sum itself is tested; a network's logits are normalised by softmax, so
    there it is the log-probabilities of all V words that must sum to 1."""
    if not bench.lm.normalised:
        return None
    B = max(1, min(bench.V, CELLS // bench.V))
    words = torch.randperm(bench.V, generator=bench.chance)[:B].tolist()
    before = bench.words(1, min(3, bench.T))
    total = torch.zeros(before.size(1), dtype=torch.float64)
    if B < bench.V:  # too many to ask one by one: sum the distribution
        total = bench.log_p(before)[0].exp().sum(-1)[0]
    else:
        for part in torch.split(torch.tensor(words), 256):
            x = before.expand(len(part), -1)
            y = part[:, None].expand(-1, before.size(1)).to(x.device)
            logp, _ = bench.model.log_prob(x, y, bench.model.begin(len(part)))
            total += logp.to("cpu", torch.float64).exp().sum(0)
    raw, _ = bench.model(before, bench.model.begin(1))
    dead = (raw[0] == -math.inf).all(-1).cpu()  # mle, after what it never saw
    total = total.masked_fill(dead, 1.0)
    return apart(total, torch.ones_like(total)), bench.sum


def gather(bench: _Bench) -> Measured:
    x, y = bench.words(bench.B, bench.T), bench.words(bench.B, bench.T).roll(1, 1)
    said, _ = bench.model.log_prob(x, y, bench.model.begin(bench.B))
    whole, _ = bench.log_p(x)
    return apart(said, whole.gather(-1, y.cpu()[..., None]).squeeze(-1)), bench.close


def reordering(bench: _Bench) -> Measured:
    if bench.T < 2:
        return None
    x, rows = bench.words(bench.B, bench.T), torch.tensor([2, 0, 0, 1])
    cut = bench.T // 2
    _, carry = bench.log_p(x[:, :cut])
    future, _ = bench.log_p(x[:, cut:], carry)
    device = x.device
    again, _ = bench.log_p(x[rows.to(device), cut:], select(carry, rows.to(device)))
    return apart(again, future[rows]), bench.close


def causality(bench: _Bench) -> Measured:
    worst = 0.0
    x = bench.words(bench.B, bench.T)
    for t in sorted({0, 1, bench.T // 2, bench.T - 1}):
        other = torch.cat([x[:, :t], (x[:, t:] + 1) % bench.V], 1)
        worst = max(worst, apart(bench.log_p(x)[0][:, :t], bench.log_p(other)[0][:, :t]))
    return worst, 0.0


def alone(bench: _Bench) -> Measured:
    x, worst = bench.words(bench.B, bench.T), 0.0
    together, _ = bench.log_p(x)
    for b, size in enumerate((bench.T, max(1, bench.T // 2), 1)):
        single, _ = bench.log_p(x[b : b + 1, :size])
        worst = max(worst, apart(single, together[b : b + 1, :size]))
    return worst, bench.close


def saving(bench: _Bench) -> Measured:
    """Through bytes, as `model.safetensors` is written, into a model that forgot everything."""
    from safetensors.torch import load, save

    model: Any = bench.model
    state = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
    if sum(t.numel() for t in state.values()) > 8 * CELLS:
        return None
    other = copy.deepcopy(model)
    if isinstance(other, torch.nn.Module):
        for weight in other.parameters():
            weight.fill_(math.nan)
    other.load_state_dict(load(save(state)))
    x = bench.words(bench.B, bench.T)
    before, _ = bench.model(x, bench.model.begin(bench.B))
    after, _ = other(x, other.begin(bench.B))
    return apart(before, after), 0.0


def search(bench: _Bench) -> Measured:
    x = bench.words(bench.B, min(4, bench.T))
    limit = max(1, min(12, bench.T - x.size(1)))
    model = bench.model
    found = beam(model, model.begin(bench.B), x, width=1, limit=limit)
    written = greedy(model, model.begin(bench.B), x, limit=limit)
    worst = 0.0
    for (b,), g in zip(found, written, strict=True):
        same = (b.tokens, b.finished) == (g.tokens, g.finished)
        size = max(1.0, abs(g.log_prob))
        worst = max(worst, abs(b.log_prob - g.log_prob) / size if same else math.inf)
    return worst, bench.close


def counting(bench: _Bench) -> Measured:
    if not bench.lm.normalised:
        return None
    text = bench.lm.text
    lines = [text.decode(bench.words(1, 2 + 5 * i)[0, 1:].tolist()) for i in range(6)]
    many = bench.lm.perplexity(lines, context="line")
    one = LanguageModel(bench.model, text, positions=1).perplexity(lines, context="line")
    if (many.events, many.oov_events) != (one.events, one.oov_events):
        return math.inf, bench.close
    nats = torch.tensor([many.nats, one.nats], dtype=torch.float64)
    return apart(nats[:1], nats[1:]), bench.close


def determinism(bench: _Bench) -> Measured:
    texts = [bench.lm.generate(n=2, max_tokens=20, seed=1) for _ in range(2)]
    x = bench.words(bench.B, bench.T)
    twice = apart(bench.log_p(x)[0], bench.log_p(x)[0])
    return twice if texts[0] == texts[1] else math.inf, 0.0


LAWS: Laws[_Bench] = (
    ("chunking", chunking, "reading in two chunks is reading in one"),
    ("normalisation", normalisation, "the probabilities of all words sum to 1"),
    ("log_prob", gather, "the probability of one word is that of the whole distribution"),
    ("re-ordering", reordering, "choosing rows of the carry chooses their futures"),
    ("causality", causality, "changing the future changes nothing before it"),
    ("padding", alone, "a batch is its sentences alone"),
    ("counting", counting, "perplexity does not depend on the batch"),
    ("save–load", saving, "the loaded model is the model"),
    ("search", search, "a beam of one is greedy"),
    ("determinism", determinism, "the same seed writes the same text"),
)
