"""What each token of many lines costs, whatever they are read beside.

Costs are -log p in nats, float64: of the words of a line and of its end, in that order.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float64, Integer

from malmoi.carry import LanguageModel
from malmoi.decode.reading import log_prob
from malmoi.kernels.scoring import line_sums
from malmoi.models.ngram import NGram
from malmoi.text import Vocabulary

BOUNDARY = Vocabulary.BOUNDARY
BLOCK = 1 << 16
"""How many tokens are held in memory while a text of any length is read."""

Ids = Sequence[int]
Block = TypeVar("Block")


class Scorer:
    """Reads with a model that has no limit, on a device, so many positions in one go."""

    def __init__(self, model: LanguageModel[Any], device: torch.device, positions: int) -> None:
        self.model = model
        self.device = device
        self.positions = positions

    def lines(self, lines: Iterable[Ids]) -> Iterator[Float64[np.ndarray, "N"]]:
        """The costs of each line read alone, in the order given.

        Lines of like length are read side by side, padded on the right, where no model looks.
        """
        for block, *_ in blocks((line, 0, 0) for line in lines):
            order = sorted(range(len(block)), key=lambda i: len(block[i]))
            costs = [np.empty(0)] * len(block)
            for rows in packed(order, [len(line) + 1 for line in block], self.positions):
                longest = len(block[rows[-1]]) + 1
                y = [[*block[i], *[BOUNDARY] * (longest - len(block[i]))] for i in rows]
                nats, _ = self._read(y, None)
                for i, row in zip(rows, nats, strict=True):
                    costs[i] = row[: len(block[i]) + 1]
            yield from costs

    def stream(self, lines: Sequence[Ids], carry: Any) -> tuple[Float64[np.ndarray, "N"], Any]:
        """The costs of lines that follow what the carry has read; None: of the first ones.

        Every block of lines ends in a boundary, so the next one begins by reading one.
        """
        nats, carry = self._read([[i for line in lines for i in (*line, BOUNDARY)]], carry)
        return nats[0], carry

    def _read(self, said: list[list[int]], carry: Any) -> tuple[Float64[np.ndarray, "B T"], Any]:
        y = torch.tensor(said, dtype=torch.long, device=self.device)
        x = torch.cat([torch.full_like(y[:, :1], BOUNDARY), y[:, :-1]], 1)
        carry = self.model.begin(len(y)) if carry is None else carry
        logp, carry = log_prob(self.model, x, y, carry, positions=self.positions)
        return -logp.numpy(), carry


def streamed(
    model: NGram,
    encode: Callable[[Block], Integer[np.ndarray, "N"]],
    blocks: Iterable[Block],
    *,
    threads: int,
) -> Iterator[Float64[np.ndarray, "lines"]]:
    """log p of each line of each block, under a model that forgets at a boundary.

    Lines need no padding then: one is read after another.  Cutting them into words, looking these
    up and scoring them is compiled, so that as many blocks as threads are read at the same time.
    """

    def score(block: Block) -> Float64[np.ndarray, "lines"]:
        stream = encode(block)
        return line_sums(stream, model.read(stream))

    with ThreadPoolExecutor(threads) as pool:
        under_way: deque[Future[np.ndarray]] = deque()
        for block in blocks:
            under_way.append(pool.submit(score, block))
            if len(under_way) > 2 * threads:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def blocks(lines: Iterable[tuple[Ids, int, int]]) -> Iterator[tuple[list[Ids], int, int]]:
    """Lines some at a time, with their characters and bytes: BLOCK tokens, or one line."""
    block: list[Ids] = []
    tokens = characters = octets = 0
    for ids, c, b in lines:
        block.append(ids)
        tokens, characters, octets = tokens + len(ids) + 1, characters + c, octets + b
        if tokens >= BLOCK:
            yield block, characters, octets
            block, tokens, characters, octets = [], 0, 0, 0
    if block:
        yield block, characters, octets


def packed(order: Sequence[int], lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Rows in rising length, cut so that rows × longest stays within the budget."""
    rows: list[int] = []
    for i in order:
        if rows and (len(rows) + 1) * lengths[i] > budget:
            yield rows
            rows = []
        rows.append(i)
    if rows:
        yield rows
