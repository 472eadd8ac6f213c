"""What a training survives: SIGKILL, SIGINT, SIGTERM."""

import json
import shutil
import signal
import threading
import time

import pytest
import torch
from tiny import TinyTask, model_of, row, train

from malmoi.errors import Interrupted
from malmoi.files import MANIFEST
from malmoi.run import open_run
from malmoi.training.config import Training
from malmoi.training.fit import fit
from malmoi.training.interrupts import signals
from malmoi.training.state import State

KILLED = {"epochs": 4, "lr": 1e-2, "schedule": "cosine", "warmup": 3}


@pytest.mark.parametrize(
    ("kills", "shuffled"),
    [
        (100, True),
        pytest.param(100, False, marks=pytest.mark.slow),
    ],
)
def test_killed_at_random_moments_the_run_ends_as_the_one_that_was_not(
    kills, shuffled, start, tmp_path
):
    """Every byte of every file, and nothing else in the folder; metrics and checkpoints included.

    Whenever a training gets to its end before it is killed, the next one begins in a new folder.
    """
    process = start(
        tmp_path / "killed", "--kills", str(kills), training=KILLED, task={"shuffled": shuffled}
    )
    _, said = process.communicate(timeout=900)
    assert process.returncode == 0, said
    undisturbed = tmp_path / "undisturbed"
    train(undisturbed, Training(**KILLED), TinyTask(shuffled=shuffled))
    expected = {p.relative_to(undisturbed): p.read_bytes() for p in undisturbed.rglob("*.*")}
    assert len(expected) == 8
    for folder in tmp_path.glob("killed*"):
        found = {p.relative_to(folder): p for p in folder.rglob("*") if not p.is_dir()}
        assert found.keys() == expected.keys()
        for name, path in found.items():
            assert path.read_bytes() == expected[name], f"{folder.name}: {name}"
        open_run(folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_ends_and_the_resumed_run_is_the_same(number, start, tmp_path):
    """In the middle of an evaluation that would last for an hour."""
    folder = tmp_path / "run"
    process = start(
        folder, "--every", "0", training=KILLED, task={"pause": 3600.0}
    )  # no checkpoint but the signal's
    for line in process.stdout:
        if json.loads(line)["step"] == 7:
            break
    time.sleep(0.2)
    process.send_signal(number)
    _, said = process.communicate(timeout=300)  # 1 s on an idle machine
    assert process.returncode == 128 + number, said
    assert "Traceback" not in said
    rest = train(folder, Training(**KILLED), TinyTask())
    whole = train(tmp_path / "whole", Training(**KILLED), TinyTask())
    assert rest == whole[7:]
    manifests = [(tmp_path / name / MANIFEST).read_bytes() for name in ("run", "whole")]
    assert manifests[0] == manifests[1]


def begun():
    training = Training(**KILLED)
    model = model_of()
    state = State.begin(model, training, seed=5)
    return model, state, training


def undisturbed():
    model, state, training = begun()
    return [row(e) for e in fit(model, TinyTask(), training, state)]


def test_a_signal_in_a_step_lets_it_end_first():
    class Interrupting(TinyTask):
        def loss(self, model, batch, carry):
            if model.training and state.step == 2:
                signal.raise_signal(signal.SIGTERM)
            return super().loss(model, batch, carry)

    model, state, training = begun()
    whole = undisturbed()
    seen = []

    def watch():
        with signals() as stop:
            for event in fit(model, Interrupting(), training, state, stop=stop):
                seen.append(row(event))

    with pytest.raises(Interrupted) as caught:
        watch()
    assert caught.value.exit_code == 128 + signal.SIGTERM
    assert seen == whole[:3]
    assert [row(e) for e in fit(model, TinyTask(), training, state)] == whole[3:]


def test_a_signal_drops_an_evaluation_and_it_is_made_anew():
    class Interrupting(TinyTask):
        def measure(self, model, split):
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("it was not dropped")

    model, state, training = begun()
    whole = undisturbed()
    seen = []

    def watch():
        with signals() as stop:
            for event in fit(model, Interrupting(), training, state, stop=stop):
                seen.append(row(event))

    with pytest.raises(Interrupted):
        watch()
    assert seen == whole[:7]
    assert state.evaluated == 0
    assert [row(e) for e in fit(model, TinyTask(), training, state)] == whole[7:]


@pytest.fixture
def heard():
    """SIGINT as Python hears it: a shell that starts us in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
def test_the_second_signal_does_what_it_always_did():
    with signals() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.signal == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_thread_trains_without_signals():
    rows = []

    def work():
        torch.set_num_threads(1)
        model, state, training = begun()
        with signals() as stop:
            rows.extend(row(e) for e in fit(model, TinyTask(), training, state, stop=stop))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert rows[-1]["event"] == "Finished"


@pytest.mark.slow
def test_a_compiled_training_follows_the_plain_one(start, tmp_path):
    def losses(name, compiled):
        training = {"epochs": 1, "compile": compiled}
        process = start(tmp_path / name, "--every", "0", "--dropout", "0", training=training)
        rows = [json.loads(line) for line in process.communicate()[0].splitlines()]
        return [r["loss"] for r in rows if r["event"] == "Step"]

    plain = losses("plain", False)
    assert len(plain) == 7
    assert losses("compiled", True) == pytest.approx(plain, rel=1e-5)
    shutil.rmtree(tmp_path)
