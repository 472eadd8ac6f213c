"""Beam search from sources: shared memories, coverage, a limit a row, alignments."""

import itertools
import math

import numpy as np
import pytest
import torch

from malmoi.carry import Memory
from malmoi.decode import Coverage, LengthPenalty, aligned, beam, beam_steps, kept, replace_unknown
from malmoi.decode.hypothesis import Hypothesis
from malmoi.errors import UsageError

STATES = 97
PENALTIES = [("none", 0.0), ("power", 0.5), ("power", 1.0), ("power", 2.0), ("gnmt", 1.5)]


class Translator:
    """What was read and what was written is a number, and each number has its logits and the scores
    of its look at the source.  Not shared: every row has a source of its own."""

    def __init__(self, seed, V=3, S=4, *, eos=0.0, holes=0.0, shared=True):
        rng = np.random.default_rng(seed)
        logits = 2 * rng.standard_normal((STATES, V))
        logits[:, 0] += eos
        logits[rng.random(logits.shape) < holes] = -np.inf
        self.logits, self.scores = logits, 2 * rng.standard_normal((STATES, S))
        self.shared, self.V, self.seen = shared, V, []

    def begin(self, sources):
        """sources: lists of numbers, of different lengths."""
        S = self.scores.shape[1]
        mask = torch.tensor([[j < len(s) for j in range(S)] for s in sources])
        read = torch.tensor([sum((j + 2) * w for j, w in enumerate(s)) for s in sources])
        known = (read, mask)
        state = torch.zeros(len(sources), dtype=torch.long)
        return (Memory(known) if self.shared else known), state, state.clone()

    def __call__(self, x, carry):
        memory, state, n = carry
        read, mask = memory.of if self.shared else memory
        self.seen.append(mask)
        each = len(x) // len(read)
        assert each * len(read) == len(x)
        read, mask = (t.repeat_interleave(each, 0) for t in (read, mask))
        out = []
        for token in x.unbind(1):
            state, n = (31 * state + 7 * token + 11 * n + 5 * read + 1) % STATES, n + 1
            out.append(torch.from_numpy(self.logits)[state])
        scores = torch.from_numpy(self.scores)[state].masked_fill(~mask, -math.inf)
        self.look = scores.softmax(-1)
        return torch.stack(out, 1), (memory, state, n)

    def plain(self, source, words):
        """log p of what follows the words and the look at the source, without tensors."""
        state, read = 0, sum((j + 2) * w for j, w in enumerate(source))
        for n, w in enumerate(words):
            state = (31 * state + 7 * w + 11 * n + 5 * read + 1) % STATES
        z, e = self.logits[state], np.exp(self.scores[state][: len(source)])
        return z - math.log(np.exp(z).sum()), e / e.sum()

    def everything(self, source, limit):
        """Every text: tokens, log p, how many events, whether it ended, what it looked at."""
        for size in range(limit + 1):
            for text in itertools.product(range(1, self.V), repeat=size):
                said = [*text, 0] if size < limit else list(text)
                logp, seen = 0.0, np.zeros(len(source))
                for t, w in enumerate(said):
                    p, look = self.plain(source, [0, *said[:t]])
                    logp, seen = logp + p[w], seen + look
                yield text, logp, len(said), size < limit, seen


def sources_of(seed, S=4):
    rng = np.random.default_rng(1000 + seed)
    return [rng.integers(1, 9, size).tolist() for size in rng.permutation(S)[:3] + 1]


def mask_of(sources, S=4):
    return torch.tensor([[j < len(s) for j in range(S)] for s in sources])


def start(sources):
    return torch.zeros(len(sources), 1, dtype=torch.long)


def test_a_beam_as_wide_as_the_space_is_exhaustive_search_with_coverage_and_without():
    """200 models, three sources each, length penalties 0 … 2."""
    for seed in range(200):
        model, sources = Translator(seed, eos=seed % 3 - 1), sources_of(seed)
        all_texts = [
            list(model.everything(s, limit)) for s, limit in zip(sources, (1, 2, 3), strict=True)
        ]
        for i, (kind, alpha) in enumerate(PENALTIES):
            beta = (0.0, 0.3, 2.0)[(seed + i) % 3]
            coverage = Coverage(beta, lambda model=model: model.look, mask_of(sources))
            found = beam(
                model,
                model.begin(sources),
                start(sources),
                width=15,
                limit=[1, 2, 3],
                penalty=LengthPenalty(kind, alpha),
                coverage=coverage if beta else None,
            )
            for row, texts in zip(found, all_texts, strict=True):
                expected = []
                for text, logp, n, end, seen in texts:
                    lp = {"none": 1, "power": n**alpha, "gnmt": ((5 + n) / 6) ** alpha}[kind]
                    cp = beta * sum(math.log(min(s, 1)) for s in seen)
                    expected.append((text, logp, logp / lp + cp, end))
                expected.sort(key=lambda h: -h[2])
                assert [h.tokens for h in row] == [e[0] for e in expected]
                for h, (_, logp, score, end) in zip(row, expected, strict=True):
                    assert h.log_prob == pytest.approx(logp, abs=1e-12)
                    assert h.score == pytest.approx(score, abs=1e-12)
                    assert h.finished == end


@pytest.mark.parametrize("beta", [0.0, 0.5])
def test_a_shared_memory_is_a_memory_a_row_and_a_batch_is_its_sources_alone(beta):
    for seed in range(40):
        kind, alpha = PENALTIES[seed % 5]
        settings = {"eos": seed % 3 - 1, "holes": 0.2 * (seed % 2)}
        sources = [*sources_of(seed), [3, 4, 1, 1]]
        limits = [2 + 2 * len(s) for s in sources]
        answers, penalty = [], LengthPenalty(kind, alpha)
        for shared, n in ((True, 5), (False, 5), (True, 1)):
            model = Translator(seed, 6, shared=shared, **settings)

            def search(sources, limits, model=model, n=n, how=penalty):
                cover = Coverage(beta, lambda: model.look, mask_of(sources))
                return beam(
                    model,
                    model.begin(sources),
                    start(sources),
                    width=5,
                    n=n,
                    limit=limits,
                    penalty=how,
                    coverage=cover if beta else None,
                )

            answers.append(search(sources, limits))
            alone = [search([s], [most])[0] for s, most in zip(sources, limits, strict=True)]
            assert answers[-1] == alone
        shared, own, best = answers
        assert shared == own
        assert best == [row[:1] for row in shared]  # it stopped early, and lost nothing
        assert all(
            len(h.tokens) + h.finished <= most
            for row, most in zip(shared, limits, strict=True)
            for h in row
        )


@pytest.mark.parametrize("width", [1, 4, 15])
def test_at_a_dead_end_only_the_words_that_were_written_have_looked(width):
    model, source, reads = Translator(3), [3, 1, 2], []

    def stuck(x, carry):
        """Never an end, and nothing at all after two words."""
        logits, carry = model(x, carry)
        reads.append(x)
        dead = torch.full_like(logits, -math.inf)
        dead[..., 1:] = logits[..., 1:] if len(reads) < 3 else -math.inf
        return dead, carry

    cover = Coverage(0.3, lambda: model.look, mask_of([source]))
    (found,) = beam(
        stuck, model.begin([source]), start([source]), width=width, limit=6, coverage=cover
    )
    assert found
    for h in found:
        assert len(h.tokens) == 2
        seen = sum(model.plain(source, [0, *h.tokens[:t]])[1] for t in range(2))
        cp = 0.3 * sum(math.log(min(s, 1)) for s in seen)
        assert h.score - h.log_prob == pytest.approx(cp, abs=1e-12)


def test_a_memory_is_copied_only_when_a_source_is_finished():
    model = Translator(1, 6, eos=-1)
    sources = [[1, 2], [3], [4, 4, 4]]
    beam(model, model.begin(sources), start(sources), width=4, limit=[9, 3, 6])
    sizes = [len(mask) for mask in model.seen]
    assert sizes[0] == 3
    assert sizes[-1] == 1
    for before, after in itertools.pairwise(model.seen):
        assert (before.data_ptr() == after.data_ptr()) == (len(before) == len(after))


def test_the_attention_of_a_text_is_what_the_model_looked_at_while_it_wrote_it():
    for seed in range(20):
        model, sources = Translator(seed, 6, eos=0.5), sources_of(seed)
        looks, step = [], model.__call__

        def listening(x, carry, step=step, looks=looks, model=model):
            answer = step(x, carry)
            looks.append(model.look)
            return answer

        search = beam_steps(listening, model.begin(sources), start(sources), width=4, limit=6)
        steps, found = kept(search)
        for b, row in enumerate(found):
            for h in row:
                said = [*h.tokens, 0] if h.finished else list(h.tokens)
                attention = aligned(h, steps, looks, b)
                assert attention.shape == (len(said), 4)
                for t in range(len(said)):
                    _, look = model.plain(sources[b], [0, *said[:t]])
                    size = len(sources[b])
                    assert attention[t, :size].numpy() == pytest.approx(look, abs=1e-12)
                    assert not attention[t, size:].any()


def test_an_unknown_word_is_replaced_by_the_word_that_was_looked_at_most():
    attention = torch.tensor(
        [[0.1, 0.7, 0.1, 0.1], [0.2, 0.1, 0.1, 0.6], [0.3, 0.3, 0.2, 0.2], [0, 0, 0, 1.0]]
    )
    hypothesis = Hypothesis((1, 5, 1), -1.0, -1.0, True)
    words = ["나는", "김철수", "다"]  # the fourth column is `</s>`
    assert replace_unknown(hypothesis, attention, words) == {0: "김철수", 2: "나는"}
    assert replace_unknown(hypothesis, attention, words, unk=5) == {1: "나는"}
    assert replace_unknown(hypothesis, attention[:, :1], []) == {}
    assert replace_unknown(Hypothesis((), -1.0, -1.0, True), attention[:1], words) == {}


def test_a_word_never_looked_at_costs_much_and_one_looked_at_twice_gains_nothing():
    mask = torch.tensor([[True, True, False]])
    cover = Coverage(0.5, lambda: torch.zeros(1, 3), mask)
    owner = torch.zeros(4, dtype=torch.long)
    seen = torch.tensor([[1, 1, 0], [5, 1, 9], [0.25, 0.5, 0], [0, 1, 0]], dtype=torch.float64)
    cp = cover(seen, owner).tolist()
    assert cp[:3] == pytest.approx([0, 0, 0.5 * math.log(0.125)])
    assert -math.inf < cp[3] < -300


@pytest.mark.parametrize("beta", [-0.1, math.nan, 101])
def test_a_coverage_penalty_that_rewards_neglect_is_refused(beta):
    with pytest.raises(UsageError, match="0 ≤ beta"):
        Coverage(beta, lambda: torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.bool))


def test_a_limit_a_row_must_allow_a_token_and_hold_the_prefix():
    model, sources = Translator(0), [[1], [2]]
    for wrong, said in (
        ({"limit": [3, 0]}, "at least 1 token"),
        ({"limit": [3, 2], "minimum": 2}, "cannot both hold"),
        ({"limit": [3, 1], "prefix": [[1, 2], [1, 2]]}, "longer than the limit, 1"),
    ):
        with pytest.raises(UsageError, match=said):
            beam(model, model.begin(sources), start(sources), width=2, **wrong)
    with pytest.raises(ValueError, match="3 limits for 2 rows"):
        beam(model, model.begin(sources), start(sources), width=2, limit=[1, 2, 3])
