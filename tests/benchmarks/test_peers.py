"""A comparison is fair if both sides compute the same: copied weights give the same numbers."""

import copy
import importlib

import pytest
import torch

from benchmarks import gpt, lstm, training
from malmoi.config import Sizes
from malmoi.decode import greedy
from malmoi.models.gpt import Config
from malmoi.models.rnn import LSTMConfig
from tests.conftest import oracle

V, B, T = 30, 5, 6


def same(ours: list[float], peer: list[float]) -> None:
    assert ours == pytest.approx(peer, rel=1e-5)
    assert len(set(ours)) == len(ours)  # the weights did move


def test_the_plain_lstm_loop_has_our_losses_step_after_step(tmp_path):
    data = training.task(tmp_path, V=V, tokens=400, order="lanes", batch=B, length=T)
    tokens = training.stream(data)
    assert (len(tokens) - 1) % B == 0  # the peer cuts off what makes a lane longer
    ours = LSTMConfig(d=5, layers=2).build(Sizes(V))
    peer = lstm.Plain(V, 5, 2, 0.0)
    renamed = {
        name
        if "recurrent" not in name
        else f"lstm.{name.split('.')[3][:-1]}{name.split('.')[2]}": w
        for name, w in ours.state_dict().items()
    }
    peer.load_state_dict(copy.deepcopy(renamed))
    how = training.endless("sgd", lr=lstm.LR, clip=lstm.CLIP, precision="fp32")
    step = training.steps(ours, data, how)
    plain = lstm.PlainLoop(peer, tokens, B, T)
    same([step() for _ in range(5)], [plain() for _ in range(5)])


def plain_gpt(ours: torch.nn.Module, config: Config) -> gpt.Plain:
    peer = gpt.Plain(V, config.d, config.heads, config.layers, config.context)
    names = {
        "norm_1": "ln_1",
        "norm_2": "ln_2",
        "attention.qkv": "qkv",
        "attention.o": "proj",
        "mlp.0": "up",
        "mlp.2": "down",
        "norm.": "ln.",
    }
    weights = {}
    for name, w in ours.state_dict().items():
        for old, new in names.items():
            name = name.replace(old, new)
        weights[name] = w.clone()
    weights["out.weight"] = weights["embed.weight"]
    peer.load_state_dict(weights)
    return peer


@pytest.fixture
def config() -> Config:
    return Config(d=8, heads=2, layers=2, context=T)


def test_the_plain_gpt_loop_has_our_losses_step_after_step(tmp_path, config):
    data = training.task(tmp_path, V=V, tokens=400, order="windows", batch=B, length=T)
    ours = config.build(Sizes(V))
    plain = gpt.PlainLoop(plain_gpt(ours, config), training.stream(data), B, T, "fp32")
    step = training.steps(
        ours, data, training.endless("adamw", lr=gpt.LR, clip=gpt.CLIP, precision="fp32")
    )
    whole = data.batches("train", epoch=0)[:5]
    assert all(bool(batch.mask.all()) for batch in whole)
    same([step() for _ in whole], [plain.step(batch.x, batch.y) for batch in whole])


def test_forgetting_and_reading_again_writes_the_same_text(config):
    torch.manual_seed(0)
    model = config.build(Sizes(V)).eval()
    for weight in model.parameters():  # a fresh model says one word for ever
        torch.nn.init.normal_(weight)
    again = gpt.Forgetful(model)
    x = torch.zeros(1, 1, dtype=torch.long)
    (kept,) = greedy(model, model.begin(1), x, limit=T, minimum=T - 1)
    (forgot,) = greedy(again, again.begin(1), x, limit=T, minimum=T - 1)
    assert kept.tokens == forgot.tokens
    assert len(set(kept.tokens)) > 1


def peers_of_ngrams() -> None:
    oracle("kenlm")
    pytest.importorskip("nltk", reason="not run: nltk comes with make bench")


def test_kenlm_gives_every_line_of_a_file_the_same_probability(tmp_path):
    peers_of_ngrams()
    from benchmarks import corpus, ngram

    assert corpus.write(tmp_path / "train.txt", 30_000) >= 30_000
    assert corpus.write(tmp_path / "test.txt", 45_000) >= 45_000
    sides = ngram.Scoring(tmp_path / "train.txt", tmp_path / "test.txt", 3)
    found = sides.ours()
    assert len(found) == len((tmp_path / "test.txt").read_text().splitlines()) > 900
    assert found.tolist() == pytest.approx(sides.peer(), abs=1e-3, rel=1e-5)


def test_pytorch_crf_has_our_loss_and_our_best_tags():
    oracle("torchcrf")
    from benchmarks import crf

    sides = crf.Sides.of(5)
    assert sides.learn() == pytest.approx(sides.peer_learn(), rel=1e-5)
    assert sides.read() == sides.peer_read()


@pytest.mark.parametrize(
    "part", ["lstm", "softmax", "gpt", "ngram", "crf", "classify", "translate"]
)
def test_every_part_runs_and_names_its_rows_after_itself(part):
    if part == "ngram":
        peers_of_ngrams()
    if part == "crf":
        oracle("torchcrf")
    if part == "translate":
        oracle("transformers")
        oracle("ctranslate2")
    rows = list(importlib.import_module(f"benchmarks.{part}").rows(tiny=True))
    assert len({row.name for row in rows}) == len(rows) > 1
    assert {row.part for row in rows} == {part}
    assert all(row.ratio == pytest.approx(row.ours / row.peer) for row in rows)
