"""What a save survives: a failure at any of its writes, flushes and renames; a flipped bit."""

import errno
import itertools
import json
import os
import random
import shutil
from collections import namedtuple

import pytest
import torch
from tiny import TinyModel, TinyTask, model_of, row

from malmoi import files, tensors
from malmoi.errors import RunError, SaveError
from malmoi.training import checkpoint
from malmoi.training.checkpoint import flatten, retyped, unflatten
from malmoi.training.config import Training
from malmoi.training.fit import fit
from malmoi.training.state import State

TRAINING = Training(epochs=3, lr=1e-2)
CALLS = ("write", "fsync", "rename", "replace", "mkdir", "open")


class Killed(BaseException):
    """The process is gone at this point: nothing after it is done, nothing is cleaned up."""


def trained(events):
    """A training after so many events, and what it will do next."""
    model = model_of()
    state = State.begin(model, TRAINING, seed=1)
    for _ in itertools.islice(fit(model, TinyTask(), TRAINING, state), events):
        pass
    return model, state


def held(folder):
    """The step and the weights that a checkpoint folder gives back."""
    model = TinyModel()
    state = checkpoint.load(folder, model, TRAINING).state
    return state.step, torch.cat([p.detach().flatten() for p in model.parameters()])


def fail_at(monkeypatch, k, failure, *, cleanup=True):
    """Let the k-th of the calls that change a disk fail; tell how many there were."""
    count = itertools.count(1)
    made = []

    def failing(name, call):
        def attempt(*args, **kwargs):
            made.append(name)
            if next(count) == k:
                raise failure
            return call(*args, **kwargs)

        return attempt

    for name in CALLS:
        monkeypatch.setattr(os, name, failing(name, getattr(os, name)))
    if not cleanup:
        monkeypatch.setattr(shutil, "rmtree", lambda *args, **kwargs: None)
    return made


FAILURES = [
    pytest.param(OSError(errno.EIO, "Input/output error"), id="the call fails"),
    pytest.param(OSError(errno.ENOSPC, "No space left on device"), id="the disk is full"),
    pytest.param(Killed(), id="the process is killed"),
]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_at_any_call_of_a_save_leaves_the_old_or_the_new_checkpoint(
    failure, tmp_path, monkeypatch
):
    old, new = trained(3), trained(9)
    (tmp_path / "old").mkdir()
    checkpoint.save(tmp_path / "old", old[1], old[0])
    step_of_old, weights_of_old = held(tmp_path / "old")
    for k in itertools.count(1):
        folder = tmp_path / str(k)
        shutil.copytree(tmp_path / "old", folder)
        with monkeypatch.context() as patch:
            made = fail_at(patch, k, failure, cleanup=not isinstance(failure, Killed))
            try:
                checkpoint.save(folder, new[1], new[0])
                saved = True
            except (SaveError, Killed) as error:
                saved = False
                said = str(error)
        step, weights = held(folder)
        if saved:
            assert step == new[1].step
        else:
            assert step in (step_of_old, new[1].step)
        if step == step_of_old:
            assert torch.equal(weights, weights_of_old)
        if isinstance(failure, OSError) and not saved:
            assert "the checkpoint of step 9 could not" not in said  # 9 events are 8 steps
            assert "the checkpoint of step 8 could not be saved" in said
            assert f"the checkpoint of step {step_of_old} is intact" in said
            assert "needed: " in said
            assert "free: " in said
            full = failure.errno == errno.ENOSPC
            assert ("hint: make room" if full else "hint: make it writable") in said
            assert os.listdir(folder) == [p.name for p in folder.glob("checkpoint-*")]
        checkpoint.tidy(folder)
        checkpoint.save(folder, new[1], new[0])
        assert held(folder)[0] == new[1].step
        assert len(os.listdir(folder)) == 1, "litter"
        if len(made) < k:
            assert saved
            break
    assert k > 15
    assert {"write", "fsync", "rename", "mkdir"} <= set(made)


def test_a_disk_with_too_little_room_is_not_written_on(tmp_path, monkeypatch):
    model, state = trained(3)
    checkpoint.save(tmp_path, state, model)
    before = sorted(tmp_path.rglob("*"))
    Usage = namedtuple("Usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**6, 10**6 - 100, 100))
    with pytest.raises(SaveError) as caught:
        checkpoint.save(tmp_path, state, model)
    said = str(caught.value)
    assert "could not be saved: no space left on device" in said
    assert "free: 100 bytes" in said
    assert "the checkpoint of step 3 is intact" in said
    needed = int(said.split("needed: ")[1].split(" bytes")[0].replace(",", ""))
    written = sum(p.stat().st_size for p in tmp_path.rglob("*.*") if p.is_file())
    assert written <= needed <= written + 20_000
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_is_gone_or_read_only_is_said(tmp_path, monkeypatch):
    model, state = trained(3)
    with pytest.raises(SaveError, match="no such file or directory"):
        checkpoint.save(tmp_path / "gone", state, model)
    assert not (tmp_path / "gone").exists()

    def refuse(*args, **kwargs):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    checkpoint.save(tmp_path, state, model)
    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(SaveError) as caught:
        checkpoint.save(tmp_path, state, model)
    assert "read-only file system" in str(caught.value)
    assert "hint: make it writable, then resume" in str(caught.value)


def test_a_flipped_bit_anywhere_in_a_checkpoint_is_found(tmp_path, monkeypatch):
    """300 of 300, and before a tensor is read."""
    model, state = trained(9)
    checkpoint.save(tmp_path, state, model)
    held(tmp_path)
    monkeypatch.setattr(tensors, "load", None)
    paths = sorted(p for p in tmp_path.rglob("*") if p.is_file())
    assert len(paths) == 5
    chance, found = random.Random(1), 0
    for n in range(300):
        path = paths[n % 5]
        content = bytearray(path.read_bytes())
        bit = chance.randrange(8 * len(content))
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        with pytest.raises(RunError, match=r"damaged|missing|too many|another version"):
            checkpoint.load(tmp_path, TinyModel(), TRAINING)
        found += 1
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
    assert found == 300


def test_the_newest_checkpoint_counts_and_the_others_are_litter(tmp_path):
    for events in (2, 5):
        model, state = trained(events)
        folder = tmp_path / str(events)
        folder.mkdir()
        checkpoint.save(folder, state, model)
        name = f"checkpoint-{events:06}-step-{events}"
        shutil.copytree(next(folder.iterdir()), tmp_path / "state" / name)
    (tmp_path / "state" / ".checkpoint-000006-step-6.partial").mkdir()
    (tmp_path / "state" / ".checkpoint-000006-step-6.partial" / "state.json").write_text("{")
    assert held(tmp_path / "state")[0] == 5
    checkpoint.tidy(tmp_path / "state")
    assert os.listdir(tmp_path / "state") == ["checkpoint-000005-step-5"]


def test_a_checkpoint_of_another_model_or_optimiser_is_refused(tmp_path):
    model, state = trained(3)
    checkpoint.save(tmp_path, state, model)
    with pytest.raises(RunError, match="of another model or optimiser"):
        checkpoint.load(tmp_path, TinyModel(d=6), TRAINING)
    with pytest.raises(RunError, match="there is no checkpoint"):
        checkpoint.load(tmp_path / "empty", TinyModel(), TRAINING)


def test_another_number_of_threads_is_announced(tmp_path, monkeypatch):
    model, state = trained(3)
    checkpoint.save(tmp_path, state, model)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    loaded = checkpoint.load(tmp_path, TinyModel(), TRAINING)
    assert loaded.differs == ("threads: 1 then, 7 now",)


def test_notes_come_back(tmp_path):
    model, state = trained(3)
    notes = {"read": 5, "가": [1.5, None]}
    checkpoint.save(tmp_path, state, model, notes=notes)
    assert checkpoint.load(tmp_path, TinyModel(), TRAINING).notes == notes


def test_nothing_in_a_checkpoint_is_a_pickle(tmp_path, monkeypatch):
    model, state = trained(3)
    monkeypatch.setattr("pickle.dumps", None)
    monkeypatch.setattr("pickle.loads", None)
    monkeypatch.setattr(torch, "save", None)
    monkeypatch.setattr(torch, "load", None)
    checkpoint.save(tmp_path, state, model)
    held(tmp_path)
    suffixes = {p.suffix for p in tmp_path.rglob("*") if p.is_file()}
    assert suffixes == {".json", ".safetensors"}


def test_a_tree_is_the_same_after_json():
    tree = {"a": [1, 2.5, None, (torch.ones(2), "가")], 0: {"b": True}, "c": ()}
    into = {}
    plan = flatten(tree, "t", into)
    back = unflatten(json.loads(json.dumps(plan)), into)
    assert torch.equal(back["a"][3][0], torch.ones(2))
    back["a"][3] = tree["a"][3] = None
    assert back == tree
    with pytest.raises(TypeError, match=r"t\.x is a set"):
        flatten({"x": {1}}, "t", {})


def test_tuples_get_their_names_back():
    Pair = namedtuple("Pair", "h c")
    like = (Pair(torch.zeros(1), None), None, torch.zeros(1))
    tree = ((torch.ones(2), (torch.ones(2),)), (torch.ones(2),), torch.ones(2))
    named = retyped(tree, like)
    assert type(named[0]) is Pair
    assert named[0].h is tree[0][0]
    assert named[1:] == tree[1:]


def test_tied_weights_are_saved_once_and_are_tied_again(tmp_path):
    model = TinyModel()
    path = tmp_path / "model.safetensors"
    path.write_bytes(tensors.to_bytes(model.state_dict()))
    stored = 4 * sum(p.numel() for p in model.parameters())
    assert stored < path.stat().st_size < stored + 1000
    loaded = tensors.load(path)
    assert loaded.keys() == model.state_dict().keys()
    assert loaded["out.weight"] is loaded["embed.weight"]
    for name, t in model.state_dict().items():
        assert torch.equal(loaded[name], t)


def test_views_of_one_tensor_are_saved_as_what_they_show(tmp_path):
    whole = torch.arange(12.0).view(3, 4)
    views = {"rows": whole[1:], "first": whole[:1], "columns": whole[:, ::2], "all": whole}
    views |= {
        "empty": whole[:0],
        "none": torch.zeros(0, 3),
        "number": torch.tensor(3, dtype=torch.int64),
    }
    path = tmp_path / "t.safetensors"
    path.write_bytes(tensors.to_bytes(views))
    loaded = tensors.load(path)
    assert loaded.keys() == views.keys()
    assert all(torch.equal(loaded[name], t) for name, t in views.items())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x80\x02}q\x00.", "it is a pickle"),
        (b"\x80\x04\x95\x00\x00.", "it is a pickle"),
        (b"PK\x03\x04" + bytes(40), "a pickle inside, which malmoi never reads"),
        (b"", "not a safetensors file"),
        (b"{}", "not a safetensors file"),
        (bytes(8), "not a safetensors file"),
        (b"\xff" * 64, "not a safetensors file"),
    ],
)
def test_what_is_no_safetensors_file_is_refused_and_not_read(content, said, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        tensors.load(path)
    assert said in str(caught.value)
    assert "model.safetensors is not a safetensors file" in str(caught.value)


def test_a_partial_write_goes_on_with_the_rest(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data[:7])))
    entry = files.write(tmp_path / "file", "말모이 " * 20)
    assert (tmp_path / "file").read_text() == "말모이 " * 20
    assert entry == files.entry(tmp_path / "file")


def test_the_state_after_any_event_can_be_left_and_resumed_in_the_same_process():
    model, state = trained(4)
    rest = [row(e) for e in fit(model, TinyTask(), TRAINING, state)]
    model = model_of()
    state = State.begin(model, TRAINING, seed=1)
    whole = [row(e) for e in fit(model, TinyTask(), TRAINING, state)]
    assert rest == whole[4:]
