"""Every order, on every small stream there is: what is scored, once, and after which history."""

import itertools
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from malmoi.data.batches import LanguageBatch
from malmoi.data.corpus import Corpus, EncodedLine, stream
from malmoi.data.order import Lanes, Lines, Order, Windows
from malmoi.errors import EmptyText

SIZES = range(1, 10)  # events; the stream is one token longer


def counting(events: int) -> np.ndarray:
    """The stream 0 1 2 3 …: event i reads i and says i + 1, so a target says where it stood."""
    return np.arange(events + 1, dtype=np.uint16)


def scored(order: Order) -> list[int]:
    return [int(y) for batch in order for y in batch.y[batch.mask]]


def rows(order: Order) -> Iterator[tuple[list[int], list[int], list[bool]]]:
    for batch in order:
        yield from zip(batch.x.tolist(), batch.y.tolist(), batch.mask.tolist(), strict=True)


def same(a: LanguageBatch, b: LanguageBatch) -> bool:
    pairs = ((a.x, b.x), (a.y, b.y), (a.mask, b.mask))
    return a.fresh == b.fresh and all(torch.equal(p, q) for p, q in pairs)


def every_order(events: int) -> Iterator[Order]:
    tokens = counting(events)
    for a, b in itertools.product(range(1, 5), repeat=2):
        yield Lanes(tokens, lanes=a, length=b)
        for epoch in range(3):
            yield Windows(tokens, batch=a, length=b, seed=7, epoch=epoch)


@pytest.mark.parametrize("events", SIZES)
def test_every_event_is_scored_exactly_once(events: int) -> None:
    for order in every_order(events):
        assert sorted(scored(order)) == list(range(1, events + 1)), order
        assert order.events == sum(batch.events for batch in order) == events


@pytest.mark.parametrize("events", SIZES)
def test_a_target_is_the_token_after_the_one_read_and_padding_is_zero(events: int) -> None:
    for order in every_order(events):
        for x, y, mask in rows(order):
            assert all(t == s + 1 for s, t, counts in zip(x, y, mask, strict=True) if counts)
            inside = [s + 1 == t for s, t in zip(x, y, strict=True)]
            assert inside == sorted(inside, reverse=True), "padding stands on the right"
            read = [s for s, there in zip(x, inside, strict=True) if there]
            assert read == list(range(read[0], read[0] + len(read))) if read else True
            padding = [s for s, there in zip(x + y, inside * 2, strict=True) if not there]
            assert not any(padding)


@pytest.mark.parametrize("events", SIZES)
def test_lanes_go_on_where_they_ended_and_share_the_text_evenly(events: int) -> None:
    for lanes, length in itertools.product(range(1, 7), range(1, 6)):
        order = Lanes(counting(events), lanes=lanes, length=length)
        read: list[list[int]] = [[] for _ in range(lanes)]
        for k, batch in enumerate(order):
            assert batch.fresh == (k == 0)
            assert batch.x.shape[0] == lanes
            assert batch.x.shape[1] == length or k == len(order) - 1
            for lane, y, mask in zip(read, batch.y, batch.mask, strict=True):
                lane += y[mask].tolist()
        assert [t for lane in read for t in lane] == list(range(1, events + 1))
        assert max(map(len, read)) - min(map(len, read)) <= 1


@pytest.mark.parametrize("events", SIZES)
def test_windows_are_begun_anew_and_are_no_longer_than_they_should_be(events: int) -> None:
    for batch, length in itertools.product(range(1, 5), range(1, 6)):
        order = Windows(counting(events), batch=batch, length=length, seed=1, epoch=2)
        assert all(b.fresh and b.x.shape[1] == length for b in order)
        assert all(len(b.x) == batch for b in order[:-1])
        cut = sorted(x[0] for x, _, mask in rows(order) if any(mask))
        whole = [b - a for a, b in itertools.pairwise(cut)][1:]
        assert set(whole) <= {length}, "only the first piece and the last may be shorter"


def test_windows_are_cut_and_shuffled_differently_in_every_epoch_and_with_every_seed() -> None:
    tokens = counting(200)
    made = [
        tuple(scored(Windows(tokens, batch=3, length=16, seed=seed, epoch=epoch)))
        for seed in range(3)
        for epoch in range(5)
    ]
    assert len(set(made)) == len(made)
    phases = {
        min(x[0] for x, _, _ in rows(Windows(tokens, batch=1, length=16, epoch=e)) if x[0])
        for e in range(100)
    }
    assert phases == set(range(1, 17)), "every place comes to be the first of a window"


def every_text() -> Iterator[list[list[int]]]:
    """Up to four lines of up to three words, no word twice."""
    for n in range(1, 5):
        for lengths in itertools.product(range(4), repeat=n):
            word = itertools.count(2)
            yield [[next(word) for _ in range(length)] for length in lengths]


@pytest.mark.parametrize("epoch", [None, 0, 1])
@pytest.mark.parametrize("budget", [1, 4, 8])
def test_lines_are_alone_whole_and_within_the_budget(budget: int, epoch: int | None) -> None:
    for text in every_text():
        order = Lines(stream(text, 20), budget=budget, seed=3, epoch=epoch)
        found = []
        for batch in order:
            assert batch.fresh
            assert batch.x.numel() <= budget or len(batch.x) == 1
            for x, y, mask in zip(batch.x, batch.y, batch.mask, strict=True):
                n = int(mask.sum())
                assert mask.tolist() == [True] * n + [False] * (len(mask) - n)
                assert not x[n:].any()
                assert not y[n:].any()
                found.append((x[:n].tolist(), y[:n].tolist()))
        due = [([0, *line], [*line, 0]) for line in text]
        assert found == due if epoch is None else Counter(map(str, found)) == Counter(map(str, due))
        assert order.events == sum(len(line) + 1 for line in text)


def test_no_batch_of_lines_in_order_could_have_taken_the_next_line_too() -> None:
    for text in every_text():
        for budget in (3, 4, 8):
            batches = list(Lines(stream(text, 20), budget=budget))
            for batch, following in itertools.pairwise(batches):
                widest = max(batch.x.shape[1], int(following.mask[0].sum()))
                assert widest * (len(batch.x) + 1) > budget


@pytest.mark.parametrize("longest", [1, 2, 3])
def test_long_lines_are_cut_into_pieces_and_every_event_is_still_scored_once(longest: int) -> None:
    for text in every_text():
        order = Lines(stream(text, 20), budget=6, epoch=None, longest=longest)
        assert all(batch.x.shape[1] <= longest for batch in order)
        due = [word for line in text for word in [*line, 0]]
        assert scored(order) == due


def test_an_epoch_of_lines_wastes_little_on_padding_and_mixes_lengths_over_batches() -> None:
    chance = np.random.default_rng(0)
    text = [[2] * int(n) for n in chance.geometric(0.1, 3000)]
    order = Lines(stream(text, 3), budget=500, seed=1, epoch=0)
    cells = sum(batch.x.numel() for batch in order)
    assert order.events / cells > 0.97
    widths = [batch.x.shape[1] for batch in order]
    assert widths != sorted(widths)
    early, late = np.mean(widths[: len(widths) // 2]), np.mean(widths[len(widths) // 2 :])
    assert 0.6 < early / late < 1.6
    again = [tuple(scored(Lines(stream(text, 3), budget=500, seed=1, epoch=e))) for e in (0, 0, 1)]
    assert again[0] == again[1] != again[2]


def test_lines_of_one_length_meet_other_lines_in_every_epoch() -> None:
    lines = stream([[word] for word in range(2, 22)], 22)

    def company(epoch: int) -> set[frozenset[int]]:
        order = Lines(lines, budget=8, seed=0, epoch=epoch)
        return {frozenset(batch.x[:, 1].tolist()) for batch in order}

    assert company(0) == company(0) != company(1)
    assert len(company(0)) == len(company(1)) == 5


def test_any_batch_can_be_had_without_those_before_it() -> None:
    """Two integers are enough to resume: the epoch makes the order, k the place in it."""
    lines = stream([[2, 3], [4], [5, 6, 7], [], [8]] * 5, 10)
    makers = (
        lambda: Lanes(lines, lanes=3, length=4),
        lambda: Windows(lines, batch=2, length=5, seed=1, epoch=3),
        lambda: Lines(lines, budget=12, seed=1, epoch=3),
    )
    for make in makers:
        whole = list(make())
        assert len(whole) == len(make()) > 2
        assert all(same(make()[k], whole[k]) for k in reversed(range(len(whole))))
        assert all(same(a, b) for a, b in zip(make()[2:], whole[2:], strict=True))
        assert same(make()[-1], whole[-1])
        with pytest.raises(IndexError):
            make()[len(whole)]


def test_a_memory_map_is_read_as_an_array_is(tmp_path: object) -> None:
    text = [[2, 3], [4], [5, 6, 7], [], [8]] * 5
    corpus = Corpus.write(f"{tmp_path}/c", (EncodedLine(ids, 1, 1) for ids in text), 10)
    flat = stream(text, 10)
    assert isinstance(corpus.tokens, np.memmap)
    for a, b in (
        (Lanes(corpus.tokens, lanes=2, length=3), Lanes(flat, lanes=2, length=3)),
        (Windows(corpus.tokens, batch=2, length=3), Windows(flat, batch=2, length=3)),
        (Lines(corpus.tokens, budget=9, epoch=1), Lines(flat, budget=9, epoch=1)),
    ):
        assert len(a) == len(b)
        assert all(same(p, q) for p, q in zip(a, b, strict=True))
        assert all(batch.x.dtype == batch.y.dtype == torch.int64 for batch in a)


def test_nothing_to_read_and_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(EmptyText):
        Lanes(np.zeros(1, np.uint16), lanes=1, length=1)
    with pytest.raises(ValueError, match="length must be at least 1"):
        Lanes(counting(3), lanes=1, length=0)
    with pytest.raises(ValueError, match="begins and ends with a boundary"):
        Lines(counting(3), budget=4)
