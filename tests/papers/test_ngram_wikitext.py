"""Kneser–Ney on WikiText-2: KenLM's perplexities, and KenLM's scores on our file."""

import gzip
import math
from collections import Counter
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
import torch

from malmoi.config import Sizes
from malmoi.export.arpa import escape, write_arpa
from malmoi.models.ngram import Config, NGram
from tests.conftest import oracle

KENLM = {2: 269.86, 3: 230.89, 4: 226.05, 5: 224.81}  # lmplz, on the same lines


class WikiText:
    """Words as given, blank lines dropped; the literal <unk> is a word like any other."""

    def __init__(self, folder: Path) -> None:
        with gzip.open(folder / "train.txt.gz", "rt", encoding="utf-8", newline="\n") as file:
            self.train = [line.split() for line in file if line.strip()]
        with (folder / "test.txt").open(encoding="utf-8", newline="\n") as file:
            self.test = [line.split() for line in file if line.strip()]
        counts = Counter(word for line in self.train for word in line)
        self.types = sorted(counts, key=lambda word: (-counts[word], word))
        self.ids = {word: i for i, word in enumerate(self.types, 2)}

    @cached_property
    def train_stream(self) -> np.ndarray:
        return self.stream(self.train)

    def stream(self, lines: list[list[str]]) -> np.ndarray:
        return np.array([0, *(i for line in lines for i in self.line(line))], np.uint16)

    def line(self, words: list[str]) -> list[int]:
        return [*(self.ids.get(word, 1) for word in words), 0]

    def estimated(self, order: int, size: int | None = None) -> NGram:
        model = Config(order=order).build(Sizes(len(self.types) + 2))
        stream = self.train_stream if size is None else self.stream(self.train[:size])
        assert model.estimate(stream) == []
        return model


@pytest.fixture(scope="module")
def wikitext(shared_data) -> WikiText:
    return WikiText(shared_data / "wikitext-2")


@pytest.mark.parametrize("order", KENLM)
def test_kneser_ney_has_the_perplexity_that_kenlm_has(order, wikitext):
    assert "<unk>" in wikitext.ids
    model = wikitext.estimated(order)
    stream = torch.from_numpy(wikitext.stream(wikitext.test).astype(np.int64))[None]
    logp, _ = model.log_prob(stream[:, :-1], stream[:, 1:], model.begin(1))
    assert logp.numel() == sum(len(line) + 1 for line in wikitext.test)
    assert math.exp(-logp.mean()) == pytest.approx(KENLM[order], abs=0.01)


@pytest.mark.parametrize("size", [4_000, pytest.param(None, marks=pytest.mark.slow)])
def test_kenlm_gives_our_scores_and_matches_our_orders(size, wikitext, tmp_path):
    kenlm = oracle("kenlm")
    model = wikitext.estimated(5, size)
    write_arpa(tmp_path / "wikitext.arpa", model, wikitext.types)
    config = kenlm.Config()
    config.show_progress = False
    theirs = kenlm.Model(str(tmp_path / "wikitext.arpa"), config)
    lines = wikitext.test[:1_000]
    stream = torch.from_numpy(wikitext.stream(lines).astype(np.int64))[None]
    x, y, carry = stream[:, :-1], stream[:, 1:], model.begin(1)
    logp, orders = model.log_prob(x, y, carry)[0][0], model.matched(x, y, carry)[0]
    kenlm_scores = [s for line in lines for s in theirs.full_scores(" ".join(map(escape, line)))]
    expected = np.array([p for p, _, _ in kenlm_scores])
    np.testing.assert_allclose(logp / math.log(10), expected, rtol=0, atol=1e-5)
    assert orders.tolist() == [order for _, order, _ in kenlm_scores]


def test_every_conditional_sums_to_one_after_seen_unseen_and_no_history(wikitext):
    model = wikitext.estimated(5)
    seen = wikitext.line(wikitext.test[0])[:20]
    strange = [1, 40, 30_000, 1, 7, 0, 0, 33_000]
    x = torch.tensor([[*seen, *strange]])
    total = model(x, model.begin(1))[0].exp().sum(-1)
    assert (total - 1).abs().max() < 1e-9
