"""Several processes under torchrun are one process with the same global batch."""

import json
import signal

import pytest
import torch
from tiny import TinyTask, model_of, row, train

from malmoi.training.config import Training
from malmoi.training.distributed import World, leaves
from malmoi.training.fit import fit
from malmoi.training.state import State

TRAINING = {"epochs": 3, "lr": 1e-2, "accumulate": 2, "clip": 0.5}


def alone(task, training=TRAINING):
    training = Training(**training)
    model = model_of(dropout=0.0)
    return [row(e) for e in fit(model, task, training, State.begin(model, training, seed=5))]


def rows_of(process):
    out, said = process.communicate(timeout=400)
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")], said


def same(found, expected):
    assert [(r["event"], r["step"], r["epoch"]) for r in found] == [
        (r["event"], r["step"], r["epoch"]) for r in expected
    ]
    for a, b in zip(found, expected, strict=True):
        for key in {"loss", "norm", "lr"} & b.keys():
            assert a[key] == pytest.approx(b[key], rel=1e-6), (key, b["step"])
        assert a.get("events") == b.get("events")
        if "measures" in b:
            assert a["measures"] == pytest.approx(b["measures"], rel=1e-5)


def test_two_processes_have_the_losses_of_one_and_go_on_after_one_was_killed(start, tmp_path):
    """5 rows for 2 processes, masked at random; a carry; two batches a step; one process killed.

    The resumed training, again of two processes, gives the steps that one process alone gives.
    """
    task, options = {"rows": 5}, ("--dropout", "0")
    expected = alone(TinyTask(**task))
    process = start(
        tmp_path / "run", *options, "--die-at", "6", processes=2, training=TRAINING, task=task
    )
    first = []
    for line in process.stdout:
        first.append(json.loads(line))
        if first[-1]["step"] == 6:
            break
    rest, said = rows_of(process)  # they end by themselves, 3 s later on an idle machine
    first += rest
    assert process.returncode not in (0, None)
    assert f"Signal {signal.SIGKILL.value}" in said  # torchrun's report of the first failure
    assert "rank      : 1" in said
    assert "process 0 of 2 has lost another one" in said
    same(first, expected[: len(first)])
    reached = [r["step"] for r in first if r["event"] == "Step"][-1]
    assert reached == 6
    process = start(tmp_path / "run", *options, processes=2, training=TRAINING, task=task)
    rest, said = rows_of(process)
    assert process.returncode == 0, said
    same(rest, expected[-len(rest) :])
    assert rest[0]["step"] <= 7


def test_a_process_without_rows_keeps_step_and_a_signal_stops_and_saves_all(start, tmp_path):
    """In an evaluation that would last an hour, which process 0 makes and process 1 waits for."""
    expected = alone(TinyTask(rows=1))
    folder, options = tmp_path / "run", ("--dropout", "0", "--every", "0")
    task = {"rows": 1, "pause": 3600.0}
    process = start(folder, *options, processes=2, training=TRAINING, task=task)
    first = []
    for line in process.stdout:
        first.append(json.loads(line))
        if first[-1]["step"] == 4:
            break
    process.send_signal(signal.SIGTERM)
    _, said = rows_of(process)
    assert process.returncode not in (0, None)
    assert "stopped by SIGTERM" in said
    process = start(folder, *options, processes=2, training=TRAINING, task={"rows": 1})
    rest, said = rows_of(process)
    assert process.returncode == 0, said
    same(first + rest, expected)
    # what two processes left is a run like any other
    assert train(folder, Training(**TRAINING), TinyTask(rows=1)) == []


def test_the_rows_of_all_processes_are_the_rows_of_the_batch():
    batch = TinyTask(rows=5).batches("train", epoch=0)[0]
    parts = [World(rank, 3).part(batch) for rank in range(3)]
    assert all(counts for _, counts in parts)
    assert [len(part) for part, _ in parts] == [2, 2, 1]
    assert sum(part.events for part, _ in parts) == batch.events
    for row_ in range(5):
        assert torch.equal(parts[row_ % 3][0].x[row_ // 3], batch.x[row_])
    assert World(5, 6).part(batch)[1] is False


def test_a_whole_carry_is_shared_out_by_rows():
    carry = model_of().begin(5)._replace(read=torch.arange(5))
    shares = [World(rank, 3).share(carry) for rank in range(3)]
    assert [share.read.tolist() for share in shares] == [[0, 3], [1, 4], [2]]
    assert World(5, 6).share(carry) is None
    assert World(0, 1).share(carry) is carry
    assert [tuple(t.shape) for t in leaves(shares[0])] == [(2, 8), (2,)]
