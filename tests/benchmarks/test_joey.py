"""JoeyNMT's twins; it stands in an environment of its own, so this is skipped elsewhere."""

from dataclasses import replace

import pytest
import torch

from malmoi.errors import DataError
from malmoi.models.luong import Luong
from malmoi.models.transformer import Transformer

pytestmark = pytest.mark.filterwarnings("ignore")  # its own, and its dependencies'


@pytest.fixture(params=[Transformer, Luong])
def rival(request, tmp_path):
    pytest.importorskip("joeynmt", reason="not run: JoeyNMT has an environment of its own")
    from benchmarks import joey

    return joey.Rival(request.param, replace(joey.TINY, steps=1), tmp_path)


def test_the_twin_says_the_same_until_a_weight_differs(rival):
    rival.compare()
    with torch.no_grad():
        next(rival.ours.parameters()).mul_(1.5)
    with pytest.raises(DataError, match="apart"):
        rival.compare()


def test_the_twins_searches_write_the_same(rival):
    if rival.kind is Luong:
        write, its = rival.searches()
        assert write() == its()
        assert len({tuple(text) for text in write()}) > 1


def test_the_twin_learns_from_the_pairs_of_our_batches(rival):
    turn, its = rival.training("fp32", "fp32", own=False)
    before = rival.twin.model.trg_embed.lut.weight.clone()
    for batch in rival.data.batches("train", epoch=0)[:3]:
        theirs = its.batch()
        assert theirs.nseqs == len(batch)
        assert theirs.ntokens == batch.events
    turn(), its()
    assert not torch.equal(before, rival.twin.model.trg_embed.lut.weight)


def test_every_row_is_named_after_its_part():
    pytest.importorskip("joeynmt", reason="not run: JoeyNMT has an environment of its own")
    from benchmarks import joey

    rows = list(joey.rows(tiny=True))
    assert len({row.name for row in rows}) == len(rows) == len(joey.ROWS) + 1
    assert {row.part for row in rows} == {"joey"}
