"""word2vec against its equations: every update by automatic differentiation, in float64."""

import heapq
import itertools
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from malmoi.config import Sizes
from malmoi.errors import Diverged, EmptyText
from malmoi.kernels import asking, skipgram as kernel
from malmoi.kernels.pieces import pieces
from malmoi.kernels.tree import WHOLE, frequency, huffman, kept, noise
from malmoi.models.word2vec import ASKED, Config, Word2Vec, cuts

TYPES = [f"낱말{chr(0xAC00 + 40 * i)}" for i in range(60)]
V, D, LR, SEED = len(TYPES) + 2, 6, (0.5, 0.1), 12345


def corpus(sentences: int = 6, length: int = 7) -> np.ndarray:
    rng = np.random.default_rng(3)
    lines = [[0, *(2 + rng.permutation(V - 2)[:length])] for _ in range(sentences)]
    return np.array([*np.concatenate(lines), 0], np.uint16)


STREAM = corpus()
COUNTS = np.maximum(np.bincount(STREAM, minlength=V), 1)
COUNTS[:2] = 0


class Random:
    """The generator of the kernel, in whole numbers of any size."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def __call__(self) -> int:
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return self.state >> 32

    def below(self, n: int) -> int:
        return self() * n >> 32


def asked(config: Config, said: list[int], rng: Random) -> Iterator[tuple[int, float, float]]:
    """Row, answer and weight of all that is asked where these words were said."""
    if config.loss == "hierarchical":
        tree = huffman(COUNTS)
        for at in range(tree.first[said[0]], tree.first[said[0] + 1]):
            yield tree.node[at], tree.left[at], 1.0
        return
    table = noise(COUNTS, config.power)
    yield from ((word, 1.0, 1.0) for word in said)
    for _ in range(config.negatives):
        i = rng.below(V)
        word = i if rng() < table.stay[i] else table.other[i]
        if word not in said:
            yield word, 0.0, float(len(said))


def reference(
    config: Config, C: np.ndarray, U: np.ndarray, types: list[str] = TYPES
) -> tuple[np.ndarray, np.ndarray]:
    """C and U after one reading of STREAM: the gradient of each prediction, one after another."""
    C, U, rng, read = torch.tensor(C).double(), torch.tensor(U).double(), Random(SEED), 0
    keep, total = kept(COUNTS, config.sample), np.count_nonzero(STREAM)
    first, bucket = pieces(types, config.shortest, config.longest or 1, config.buckets)

    def bag(word: int) -> list[int]:
        grams = bucket[first[word - 2] : first[word - 1]] + V if config.longest else []
        return [word, *grams]

    def follow(rows: list[int], said: list[int], lr: float) -> None:
        a, b = C.clone().requires_grad_(), U.clone().requires_grad_()
        h = a[rows].mean(0)
        if config.loss == "full":
            there = torch.tensor(COUNTS > 0)
            loss = (b[there] @ h).logsumexp(0) - b[said[0]] @ h
        else:
            questions = list(asked(config, said, rng))
            assert len({u for u, _, _ in questions}) == len(questions), "choose another seed"
            loss = sum(
                -m * torch.nn.functional.logsigmoid((b[u] @ h) * (1 if t else -1))
                for u, t, m in questions
            )
        loss.backward()
        C.sub_(lr * a.grad * (1 if config.spread else len(rows)))
        U.sub_(lr * b.grad)

    for line in np.split(STREAM, np.flatnonzero(STREAM == 0))[1:]:
        read += np.count_nonzero(line)
        words = [int(w) for w in line if w and rng() < keep[w]]
        lr = LR[0] + read / total * (LR[1] - LR[0])
        for i, centre in enumerate(words):
            reach = 1 + rng.below(config.window)
            around = [
                words[j] for j in range(max(0, i - reach), min(len(words), i + reach + 1)) if j != i
            ]
            if not around:
                continue
            if config.architecture == "cbow":
                follow([r for word in around for r in bag(word)], [centre], lr)
            elif config.shared:
                follow(bag(centre), around, lr)
            else:
                for word in around:
                    follow(bag(centre), [word], lr)
    return C.numpy(), U.numpy()


def swept(config: Config, types: list[str] = TYPES) -> tuple[np.ndarray, ...]:
    """C and U before and after the kernel has read STREAM."""
    model = Word2Vec(config, Sizes(V))
    rng = np.random.default_rng(1)
    model.C[:], model.U[:] = rng.normal(size=model.C.shape), rng.normal(size=model.U.shape)
    before = model.C.copy(), model.U.copy()
    tree = model._tree(COUNTS)
    plan = kernel.Plan(
        cbow=config.architecture == "cbow",
        asked=asking.SHARED if config.shared else ASKED[config.loss],
        window=config.window,
        negatives=config.negatives,
        longest=V if config.loss == "full" else int(np.diff(tree.first).max(initial=0)),
        spread=config.spread,
        lr=LR,
        total=float(np.count_nonzero(STREAM)),
    )
    words, cost, told = kernel.sweep(
        STREAM, kept(COUNTS, config.sample), kernel.Net(model.C, model.U), model._bags(types),
        noise(COUNTS, config.power), tree, plan, 0.0, SEED,
    )  # fmt: skip
    assert words == np.count_nonzero(STREAM)
    assert (cost > 0) == (told > 0)
    return *before, model.C, model.U


@pytest.mark.parametrize("spread", [False, True])
@pytest.mark.parametrize("letters", [False, True])
@pytest.mark.parametrize(
    ("architecture", "loss", "shared"),
    [
        ("skipgram", "negative", False),
        ("skipgram", "negative", True),
        ("skipgram", "hierarchical", False),
        ("skipgram", "full", False),
        ("cbow", "negative", False),
        ("cbow", "hierarchical", False),
        ("cbow", "full", False),
    ],
)
def test_every_update_is_the_gradient_of_the_papers_objective(
    architecture, loss, shared, letters, spread
):
    config = Config(
        architecture=architecture, loss=loss, shared=shared, spread=spread,
        d=D, window=3, negatives=2, sample=0.03,
        shortest=1, longest=3 if letters else 0, buckets=9000,
    )  # fmt: skip
    C0, U0, C, U = swept(config)
    C1, U1 = reference(config, C0, U0)
    assert np.abs(C1 - C0).max() > 0.01
    np.testing.assert_allclose(C, C1, atol=2e-4)
    np.testing.assert_allclose(U, U1, atol=2e-4)


def test_a_letter_that_comes_twice_moves_twice_and_the_word_follows():
    config = Config(d=D, window=2, negatives=1, shortest=1, longest=2, buckets=50, sample=0.0)
    types = [f"가가{t}가" for t in TYPES]
    C0, U0, C, U = swept(config, types)
    C1, U1 = reference(config, C0, U0, types)
    assert np.abs(C1 - C0).max() > 0.1
    np.testing.assert_allclose(C, C1, atol=1e-3)
    np.testing.assert_allclose(U, U1, atol=1e-3)


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=40))
def test_a_huffman_code_is_the_shortest_there_is(counts):
    tree = huffman(np.array([0, 0, *counts]))
    length = np.diff(tree.first)[2:]
    heap, best = list(counts), 0
    heapq.heapify(heap)
    while len(heap) > 1:  # Σ of all merged weights is Σ count · length of an optimal code
        merged = heapq.heappop(heap) + heapq.heappop(heap)
        best += merged
        heapq.heappush(heap, merged)
    assert (length * counts).sum() == best
    assert sum(2.0 ** -int(n) for n in length) == pytest.approx(1.0)  # Kraft
    ways = {
        tuple(zip(tree.node[a:b], tree.left[a:b], strict=True))
        for a, b in itertools.pairwise(tree.first[2:])
    }
    assert len(ways) == len(counts)
    assert {way[0][0] for way in ways} == {len(counts) - 2}, "all ways begin at the root"
    assert tree.node.min() >= 0
    assert not np.diff(tree.first)[:2].any()


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=60), st.sampled_from([0.0, 0.75, 1.0]))
def test_the_noise_is_the_counts_to_a_power(counts, power):
    counts = np.array([1, *counts])
    p = np.where(counts > 0, counts.astype(float) ** power, 0)
    np.testing.assert_allclose(frequency(noise(counts, power)), p / p.sum(), atol=1e-8)


def test_what_is_drawn_has_the_frequency_that_the_table_promises():
    rng = np.array([np.uint64(5)])
    counts = np.array([0, 0, 1000, 300, 50, 5])
    table = noise(counts, 0.75)
    drawn = np.bincount([asking.noisy(rng, table) for _ in range(20_000)], minlength=6) / 20_000
    p = counts**0.75 / (counts**0.75).sum()
    assert np.abs(drawn - p).max() < 4 * np.sqrt(0.25 / 20_000)
    assert drawn[:2].sum() == 0


def test_frequent_words_are_read_as_rarely_as_word2vec_reads_them():
    counts = np.array([0, 0, 9000, 900, 99, 1])
    f = counts[2:] / 10_000
    share = kept(counts, 1e-2) / WHOLE
    np.testing.assert_allclose(
        share[2:], np.minimum(1, (np.sqrt(f / 1e-2) + 1) * 1e-2 / f), rtol=1e-6
    )  # word2vec.c
    assert share[0] == share[1] == 0
    assert (kept(counts, 0.0) == np.where(counts > 0, WHOLE, 0)).all()


def topics(lines: int) -> tuple[np.ndarray, list[int]]:
    """Sentences about one of four things; no word belongs to two of them."""
    rng = np.random.default_rng(0)
    said = [2 + 10 * rng.integers(4) + rng.integers(0, 10, 12) for _ in range(lines)]
    stream = np.array([0, *(w for line in said for w in (*line, 0))], np.uint16)
    return stream, [lines, 0, *np.bincount(stream, minlength=42)[2:].tolist()]


LEARNERS = {
    "skip-gram": Config(d=16, window=4),
    "shared": Config(d=16, window=4, shared=True),
    "hierarchical": Config(d=16, window=4, loss="hierarchical"),
    "full": Config(d=16, window=4, loss="full"),
    "cbow, full": Config(d=16, window=4, architecture="cbow", loss="full"),
    "cbow": Config(d=16, window=4, architecture="cbow"),
    "cbow, hierarchical": Config(d=16, window=4, architecture="cbow", loss="hierarchical"),
    "letters": Config(d=16, window=4, longest=3, buckets=500),
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", LEARNERS)
def test_words_that_stand_together_come_to_lie_together(name, threads):
    stream, counts = topics(400)
    types = [f"w{i}" for i in range(40)]
    model = LEARNERS[name].build(Sizes(42))
    model.begin(1)
    events = list(model.learn(stream, types, counts, lr=(0.1, 0.0), epochs=8, threads=threads))
    assert sum(event.words for event in events) == 8 * 400 * 12
    vectors = model.vectors(types)
    right = [
        near.word in types[10 * (i // 10) : 10 * (i // 10 + 1)]
        for i, word in enumerate(types)
        for near in vectors.nearest(word, 5)
    ]
    assert np.mean(right) > 0.95


def test_one_thread_and_a_seed_make_the_same_vectors_and_another_seed_others():
    stream, counts = topics(100)

    def learnt(seed: int) -> np.ndarray:
        model = Config(d=16).build(Sizes(42))
        model.begin(seed)
        list(model.learn(stream, [f"w{i}" for i in range(40)], counts, lr=(0.1, 0.0), seed=seed))
        return model.C

    assert (learnt(1) == learnt(1)).all()
    assert not np.allclose(learnt(1), learnt(2))


def test_unknown_words_are_left_out_or_learnt_as_one():
    stream, counts = topics(50)
    stream[5], counts[1] = 1, 1
    types = [f"w{i}" for i in range(40)]
    for unknown in ("drop", "learn"):
        model = Config(d=8, unknown=unknown, sample=0.0).build(Sizes(42))
        model.begin(1)
        before = model.C[1].copy()
        list(model.learn(stream, types, counts, lr=(0.1, 0.0)))
        assert (model.C[1] == before).all() == (unknown == "drop")
        assert (model.vectors(types).unk is None) == (unknown == "drop")


def test_stretches_end_where_sentences_end_and_miss_nothing(monkeypatch):
    monkeypatch.setattr("malmoi.models.word2vec.CHUNK", 20)
    stream, _ = topics(30)
    parts = cuts(stream)
    assert parts[0][0] == 0
    assert parts[-1][1] == len(stream)
    assert all(a[1] == b[0] and stream[a[1] - 1] == 0 for a, b in itertools.pairwise(parts))
    assert len(parts) > 10
    assert cuts(np.ones(100, np.uint16)) == [(0, 100)]


def test_a_text_of_one_word_is_refused_and_so_are_vectors_that_explode():
    model = Config(d=4).build(Sizes(4))
    with pytest.raises(EmptyText, match="no two words"):
        list(model.learn(np.array([0, 2, 0], np.uint16), ["a", "b"], [1, 0, 1, 0], lr=(0.1, 0.0)))
    stream, counts = topics(50)
    model = Config(d=4, sample=0.0).build(Sizes(42))
    model.begin(1)
    model.C[:] = np.inf
    with pytest.raises(Diverged, match="no longer numbers"):
        list(model.learn(stream, [f"w{i}" for i in range(40)], counts, lr=(1.0, 1.0)))
