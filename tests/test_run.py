"""The run folder: whole or not there, held by one, verified before anything is computed."""

import errno
import hashlib
import itertools
import json
import os
import random
import shutil
from pathlib import Path

import pytest
import torch

from malmoi import files
from malmoi.errors import RunError, SaveError
from malmoi.run import claim, is_finished, is_resumable, open_run
from malmoi.training.config import Training
from malmoi.training.metrics import Metrics
from malmoi.training.state import State

TRAINING = Training()
FILES = ["MANIFEST.json", "README.md", "metrics.jsonl", "model.json", "model.safetensors"]
FILES += ["recipe.toml", "report.json", "text"]


def model():
    torch.manual_seed(0)
    return torch.nn.Linear(3, 2)


def begin(draft):
    inner = draft.folder / "text" / "inner"
    inner.mkdir(parents=True)
    (inner / "merges.txt").write_text("ㄱ ㅏ\n")
    (draft.folder / "text" / "vocabulary.txt").write_text("</s>\n<unk>\n말\n")
    draft.begin(recipe="seed = 1\n", model={"kind": "tiny", "vocabulary": 3})


def finish(draft):
    report = {"perplexity": 7.5, "unsure": float("inf")}
    return draft.finish(weights=model().state_dict(), report=report, readme="# 말모이\n")


def finished(folder):
    with claim(folder) as draft:
        begin(draft)
        draft.record({"step": 1, "loss": 0.5})
        finish(draft)
    return folder


def stopped(folder, *, steps=2):
    """A run with a checkpoint, and lines of metrics that came after it."""
    with claim(folder) as draft:
        begin(draft)
        m = model()
        state = State.begin(m, TRAINING, seed=1)
        for step in range(1, steps + 1):
            draft.record({"step": step})
        state.step = steps
        draft.save(state, m, notes={"read": 40})
        for step in range(steps + 1, steps + 9):
            draft.record({"step": step})
    return folder


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_finished_run_gives_back_what_was_put_in(tmp_path):
    folder = finished(tmp_path / "runs" / "tiny")
    assert is_finished(folder)
    assert not is_resumable(folder)
    assert sorted(p.name for p in folder.iterdir()) == FILES
    run = open_run(str(folder))
    assert run.recipe == "seed = 1\n"
    assert run.model == {"kind": "tiny", "vocabulary": 3}
    assert run.report == {"perplexity": 7.5, "unsure": float("inf")}
    assert run.metrics == [{"step": 1, "loss": 0.5}]
    assert (run.text / "inner" / "merges.txt").read_text() == "ㄱ ㅏ\n"
    for name, t in model().state_dict().items():
        assert torch.equal(run.weights()[name], t)


def test_the_same_run_has_the_same_bytes(tmp_path):
    assert contents(finished(tmp_path / "a")) == contents(finished(tmp_path / "b"))


def test_a_stopped_run_goes_on_from_its_checkpoint_and_forgets_what_came_after(tmp_path):
    folder = stopped(tmp_path / "run")
    assert is_resumable(folder)
    assert not is_finished(folder)
    with claim(folder) as draft:
        m = torch.nn.Linear(3, 2)
        loaded = draft.resume(m, TRAINING)
        assert (loaded.state.step, loaded.notes["read"]) == (2, 40)
        assert torch.equal(m.weight, model().weight)
        draft.record({"step": 3, "again": True})
        finish(draft)
    assert open_run(folder).metrics == [{"step": 1}, {"step": 2}, {"step": 3, "again": True}]
    assert sorted(p.name for p in folder.iterdir()) == FILES


def test_metrics_that_were_changed_are_not_gone_on_with(tmp_path):
    folder = stopped(tmp_path / "run")
    path = folder / "metrics.jsonl"
    for change in (path.read_bytes().replace(b"1", b"7", 1), path.read_bytes()[:5], b""):
        path.write_bytes(change)
        with claim(folder) as draft, pytest.raises(RunError, match=r"metrics\.jsonl is not what"):
            draft.resume(model(), TRAINING)


def test_two_trainings_in_one_folder_are_one_too_many(tmp_path):
    with claim(tmp_path / "run") as draft:
        begin(draft)
        with (
            pytest.raises(RunError, match="another process is training in"),
            claim(tmp_path / "run"),
        ):
            pass
        assert (draft.folder / "text").is_dir()
    with claim(tmp_path / "run"):
        pass


@pytest.mark.parametrize("names", [["thesis.tex"], ["README.md", "text"], ["state"], [".git"]])
def test_a_folder_of_other_things_is_refused_and_not_touched(names, tmp_path):
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine").write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(RunError, match="not empty and not a run folder"), claim(tmp_path):
        pass
    assert contents(tmp_path) == before


def test_what_a_person_puts_beside_a_run_stays(tmp_path):
    folder = stopped(tmp_path / "run")
    (folder / "notes.txt").write_text("mine")
    with claim(folder) as draft:
        draft.resume(model(), TRAINING)
        finish(draft)
    open_run(folder)
    with claim(folder) as draft:
        draft.clear()
    assert [p.name for p in folder.iterdir() if p.name != "state"] == ["notes.txt"]


def test_what_could_not_begin_is_removed_and_what_a_person_put_beside_it_stays(tmp_path):
    folder = tmp_path / "run"
    with claim(folder):
        pass  # killed: what it wrote is ours
    (folder / "notes.txt").write_text("mine")
    for failure in (RunError("no"), KeyboardInterrupt()):
        with pytest.raises(type(failure)), claim(folder):  # noqa: PT012
            (folder / "text").mkdir()
            (folder / ".recipe.toml.partial").write_text("half")
            raise failure
        assert [p.name for p in folder.iterdir()] == ["notes.txt"]
        (folder / "notes.txt").unlink()
        with claim(folder):
            pass
        (folder / "notes.txt").write_text("mine")


def test_what_has_begun_is_kept_whatever_happens(tmp_path):
    for folder in (stopped(tmp_path / "stopped"), finished(tmp_path / "finished")):
        before = contents(folder)
        with pytest.raises(RunError, match="no"), claim(folder):
            raise RunError("no")
        assert contents(folder) == before


def test_another_programs_manifest_is_no_reason_to_remove_anything(tmp_path):
    (tmp_path / "MANIFEST.json").write_text('{"files": {}}')
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "mine").write_text("mine")
    before = contents(tmp_path)
    with claim(tmp_path) as draft, pytest.raises(RunError):
        draft.clear()
    assert contents(tmp_path) == before


def test_a_run_killed_before_its_first_checkpoint_begins_anew(tmp_path):
    with claim(tmp_path / "run") as draft:
        begin(draft)
        draft.record({"step": 1})
    assert not is_resumable(tmp_path / "run")
    with claim(tmp_path / "run") as draft:
        assert not (draft.folder / "text").exists()
        begin(draft)
        finish(draft)
    assert open_run(tmp_path / "run").metrics == []


class Killed(BaseException):
    """The process is gone at this point."""


CALLS = ("write", "pwrite", "fsync", "rename", "replace", "unlink", "rmdir", "mkdir")


def failing(call, calls, k, failure):
    """`call`, but for the k-th of all calls."""

    def attempt(*args, **kwargs):
        if next(calls) == k:
            raise failure
        return call(*args, **kwargs)

    return attempt


@pytest.mark.parametrize("failure", [OSError(errno.EIO, "Input/output error"), Killed()])
@pytest.mark.parametrize("phase", ["begin", "finish"])
def test_a_failure_at_any_call_leaves_a_run_that_can_be_begun_resumed_or_used(
    phase, failure, tmp_path, monkeypatch
):
    """The k-th write, flush, rename, … fails, for k = 1, 2, … until none does."""
    start = tmp_path / "start"
    if phase == "finish":
        stopped(start)
    for k in itertools.count(1):
        folder = tmp_path / str(k)
        if start.exists():
            shutil.copytree(start, folder)
        calls = itertools.count(1)
        with monkeypatch.context() as patch:
            for name in CALLS:
                patch.setattr(os, name, failing(getattr(os, name), calls, k, failure))
            try:
                with claim(folder) as draft:
                    if phase == "finish":
                        draft.resume(model(), TRAINING)
                    else:
                        begin(draft)
                    finish(draft)
                done = True
            except (SaveError, Killed):
                done = False
            except OSError:
                done = False
                assert phase == "begin"  # this test's own writing of `text/`
        if not is_finished(folder):
            assert not done
            with claim(folder) as draft:
                assert draft.resumable == (phase == "finish")
                if draft.resumable:
                    assert draft.resume(model(), TRAINING).state.step == 2
                else:
                    begin(draft)
                finish(draft)
        with claim(folder):
            pass
        open_run(folder)
        assert sorted(p.name for p in folder.iterdir()) == FILES, k
        if done and next(calls) <= k:
            break
    assert k > 20


def flipped(folder, attempt):
    """Flip 300 bits one after another, in every file in turn; count how many `attempt` finds."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size)
    chance, found = random.Random(1), 0
    for n in range(300):
        path = paths[n % len(paths)]
        before = path.read_bytes()
        content = bytearray(before)
        bit = chance.randrange(8 * len(content))
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        with pytest.raises(RunError):
            attempt()
        found += 1
        path.write_bytes(before)
    return found


def test_a_flipped_bit_anywhere_in_a_finished_run_is_found(tmp_path):
    folder = finished(tmp_path / "run")
    assert flipped(folder, lambda: open_run(folder)) == 300
    open_run(folder)


def test_a_flipped_bit_anywhere_in_a_stopped_run_is_found(tmp_path):
    """All but what the resumed training would forget: the metrics after the checkpoint."""
    folder = stopped(tmp_path / "run")
    with claim(folder) as draft:
        length = draft.resume(model(), TRAINING).notes["metrics"]["length"]
    os.truncate(folder / "metrics.jsonl", length)

    def resume():
        with claim(folder) as draft:
            draft.resume(model(), TRAINING)

    paths = {p.name for p in folder.rglob("*") if p.is_file()}
    assert {"BEGUN.json", "state.json", "model.safetensors", "merges.txt", "metrics.jsonl"} <= paths
    assert flipped(folder, resume) == 300
    resume()


@pytest.mark.parametrize("name", [*FILES[1:7], "text/vocabulary.txt", "text/inner/merges.txt"])
def test_a_missing_or_truncated_file_is_named(name, tmp_path):
    folder = finished(tmp_path / "run")
    path = folder / name
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(RunError) as caught:
        open_run(folder)
    assert f"{name} has the wrong length" in str(caught.value)
    assert f"{len(content) - 1:,} bytes of {len(content):,}" in str(caught.value)
    path.unlink()
    with pytest.raises(RunError, match=f"{name} is missing"):
        open_run(folder)


def test_a_file_too_many_where_malmoi_reads_is_refused(tmp_path):
    folder = finished(tmp_path / "run")
    (folder / "text" / "merges.txt").write_text("?")
    with pytest.raises(RunError, match=r"a file too many: text/merges\.txt"):
        open_run(folder)


def rewritten(folder, **changes):
    """A manifest that is true to itself, with something else in it."""
    path = folder / "MANIFEST.json"
    body = json.loads(path.read_text())
    del body["manifest"]
    body |= changes
    digest = hashlib.sha256(files.dumps(body).encode()).hexdigest()
    path.write_text(files.dumps({**body, "manifest": digest}))


def test_another_format_is_refused_by_name(tmp_path):
    folder = finished(tmp_path / "run")
    rewritten(folder, format=2)
    with pytest.raises(RunError) as caught:
        open_run(folder)
    assert "written by another version of malmoi" in str(caught.value)
    assert "format 2; this version reads format 1" in str(caught.value)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "text/../../secret"])
def test_a_manifest_that_reaches_out_of_its_folder_is_refused(name, tmp_path):
    folder = finished(tmp_path / "run")
    rewritten(folder, files={name: {"bytes": 1, "sha256": "0"}})
    with pytest.raises(RunError, match="outside of its folder"):
        open_run(folder)


@pytest.mark.parametrize("entries", [[], {"a": 1}, {"a": {"bytes": 1}}, None, {}])
def test_a_manifest_of_another_shape_is_refused(entries, tmp_path):
    folder = finished(tmp_path / "run")
    rewritten(folder, files=entries)
    with pytest.raises(RunError, match=r"damaged|incomplete"):
        open_run(folder)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"\xff", b"null", b"[" * 100_000, b'{"manifest": 1}']
)
def test_a_manifest_that_is_none_is_refused(content, tmp_path):
    folder = finished(tmp_path / "run")
    (folder / "MANIFEST.json").write_bytes(content)
    with pytest.raises(RunError, match=r"MANIFEST\.json is not what was written"):
        open_run(folder)


def test_a_pickle_under_another_name_is_refused_and_not_read(tmp_path):
    """Even where the manifest agrees with it."""
    folder = finished(tmp_path / "run")
    path = folder / "model.safetensors"
    torch.save(model().state_dict(), path)
    body = json.loads((folder / "MANIFEST.json").read_text())
    rewritten(folder, files={**body["files"], path.name: files.entry(path)._asdict()})
    run = open_run(folder)
    with pytest.raises(RunError, match=r"not a safetensors file") as caught:
        run.weights()
    assert "a pickle inside, which malmoi never reads" in str(caught.value)


def test_what_is_no_run_is_said_to_be_none(tmp_path):
    with pytest.raises(RunError, match="does not exist"):
        open_run(tmp_path / "gone")
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is a file, not a run folder"):
        open_run(tmp_path / "file")
    with pytest.raises(RunError, match="is not a run folder"):
        open_run(tmp_path)
    with pytest.raises(RunError) as caught:
        open_run(stopped(tmp_path / "run"))
    assert f"hint: malmoi train --resume {tmp_path / 'run'}" in str(caught.value)


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SaveError) as caught, claim(tmp_path / "file" / "run"):
        pass
    assert "the run folder could not be saved" in str(caught.value)
    assert "free: " in str(caught.value)


def test_a_folder_deleted_while_it_trains_is_said(tmp_path):
    with claim(tmp_path / "run") as draft:
        begin(draft)
        shutil.rmtree(draft.folder)
        m = model()
        with pytest.raises(SaveError, match="no such file or directory"):
            draft.save(State.begin(m, TRAINING, seed=1), m)
        with pytest.raises(SaveError, match="the results of this run could not be saved"):
            finish(draft)


def test_a_line_that_finds_no_room_says_so(tmp_path, monkeypatch):
    metrics = Metrics(tmp_path / "metrics.jsonl")
    metrics.append({"단계": 1})

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(SaveError, match=r"a line of metrics\.jsonl could not be saved"):
            metrics.append({"단계": 2})
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, data[:3], at))
    metrics.append({"단계": 3})
    assert Path(metrics.path).read_text() == '{"단계": 1}\n{"단계": 3}\n'
    metrics.close()
