"""Lines encoded many at a time, in bytes, against lines encoded one by one."""

import errno
import io
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from malmoi.data.lines import read_blocks, read_lines
from malmoi.errors import EmptyText, MalmoiError, TextError
from malmoi.kernels.spelling import Spellings
from malmoi.text import Text, spelled

ODD = [
    "",
    " ",
    "a\tb  a",
    "각 \u1100\u1161\u11a8 é e\u0301",
    "a\u2028b \r",
    "<unk> </s>",
    "가\u0323a",
]
lines = st.lists(
    st.sampled_from(ODD) | st.text("ab 한é\u0301\u1100\u1161\n", max_size=12), max_size=8
)


@given(
    st.lists(st.just("a é 각"), min_size=1) | lines.filter(lambda s: any(map(str.split, s))), lines
)
@settings(max_examples=150, derandomize=True)
def test_many_lines_at_once_are_the_lines_one_by_one(train, lines):
    with pytest.MonkeyPatch.context() as patch:
        one = Text.learn(train, kind="given")
        alone = one.stream(lines).tolist()
        patch.setattr(spelled, "FEW", 0)
        many = Text.learn(train, kind="given")
        assert many.vocabulary == one.vocabulary
        together = many.stream(lines).tolist()
    flat = [0]
    for line in lines:
        flat += [*one.encode(line), 0]
    assert alone == together == flat


@given(
    lines.map(lambda some: [line.replace("\n", "") for line in some]),
    st.none() | st.integers(3, 6),
    st.integers(1, 3),
)
@settings(max_examples=150, derandomize=True)
def test_learning_and_numbering_in_one_go_is_one_after_the_other(lines, size, least):
    lines = [*lines, "a e\u0301 각 é", "\u1100\u1161\u11a8"]
    one = Text.learn(lines, kind="given", size=size, min_count=least)
    blocks = ["".join(line + "\n" for line in some).encode() for some in (lines[:2], lines[2:])]
    text, stream = Text.learn_blocks(blocks, size=size, min_count=least)
    assert text.vocabulary == one.vocabulary
    assert stream.dtype == np.uint32
    assert stream.tolist() == one.stream(lines).tolist()


@pytest.mark.parametrize("blocks", [[], [b"\n", b" \t\n"]])
def test_nothing_cannot_be_learnt(blocks):
    with pytest.raises(EmptyText, match=f"{len(blocks)} lines"):
        Text.learn_blocks(blocks)


def test_threads_that_share_a_text_get_its_types_ready_once(monkeypatch):
    text, made = Text.learn(["a é b"], kind="given"), []
    ready = Spellings.of

    def slow(types):
        time.sleep(0.05)
        made.append(types)
        return ready(types)

    monkeypatch.setattr(Spellings, "of", slow)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(text.stream_of, ["e\u0301 b x\n".encode()] * 8))
    assert [ids.tolist() for ids in found] == [[0, *text.encode("é b x"), 0]] * 8
    assert len(made) == 1


def test_what_is_no_text_is_refused_among_many_lines_too(monkeypatch):
    monkeypatch.setattr(spelled, "FEW", 0)
    text = Text.learn(["a b"], kind="given")
    piled = "x" + 1001 * "\u0301"  # is in NFC
    for bad in ("a \ud800", "a" + 1001 * "\u0301", piled):
        with pytest.raises(TextError):
            text.stream(["a", bad, "b"])
        with pytest.raises(TextError):
            Text.learn(["a", bad, "b"], kind="given")
    with pytest.raises(TextError):
        Text.learn_blocks([f"a\n{piled}\nb\n".encode()])
    assert len(text.stream([piled[:-1]])) == 3


@pytest.mark.parametrize(
    "content",
    [
        b"a b\nc\n", b"a b\n\nc", b"\n", b"a\r\nb\r\n", b"\xef\xbb\xbfa\nb", "한\né\n".encode(),
        b"x" * 50 + b"\ny\r\nz\n", b"x y\n" * 20 + b"y\r\nz\n", b"", b"\xff\n", b"a\n\0\n",
        b"a\rb", b"ab\n" * 20 + b"\xc0", b"\x1f\x8bnot gzip", b"\xef\xbb\xbf",
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 3, 16, 1 << 20])
@pytest.mark.parametrize("name", ["text.txt", "text.gz"])
def test_blocks_are_the_lines_and_fail_as_the_lines_do(tmp_path, monkeypatch, content, size, name):
    monkeypatch.setattr("malmoi.data.lines.BLOCK", size)
    path = tmp_path / name
    path.write_bytes(content)

    def outcome(read):
        try:
            return read()
        except MalmoiError as error:
            return str(error)

    by_line = outcome(lambda: list(read_lines(path)))
    assert outcome(lambda: b"".join(read_blocks(path)).decode().split("\n")[:-1]) == by_line


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="not run: a pipe has no name here")
@pytest.mark.parametrize("content", [b"a b\nc\n", b"a b\r\nc\r\n", b"\xef\xbb\xbfa b\nc"])
def test_a_pipe_is_read_once(content):
    read, write = os.pipe()
    os.write(write, content)
    os.close(write)
    assert b"".join(read_blocks(f"/dev/fd/{read}")) == b"a b\nc\n"
    os.close(read)


def test_a_line_of_many_blocks_is_not_gone_through_once_for_each(tmp_path, monkeypatch):
    monkeypatch.setattr("malmoi.data.lines.BLOCK", 16)
    path, asked = tmp_path / "text.txt", []
    path.write_bytes(b"x" * 100_000 + b"\ny\n")

    class Watched(io.FileIO):
        def read(self, size=-1):
            asked.append(size)
            return super().read(size)

    monkeypatch.setattr("malmoi.data.lines._open", Watched)
    assert b"".join(read_blocks(path)) == path.read_bytes()
    assert len(asked) < 30


@pytest.mark.parametrize("good", [0, 16])
def test_a_disk_that_fails_is_an_error_with_the_name_of_the_file(tmp_path, monkeypatch, good):
    path = tmp_path / "text.txt"
    path.write_bytes(b"a b\n" * 100)

    class Failing(io.FileIO):
        def read(self, size=-1):
            if self.tell() >= good:
                raise OSError(errno.EIO, "Input/output error")
            return super().read(size)

    monkeypatch.setattr("malmoi.data.lines._open", Failing)
    with pytest.raises(TextError, match=f"reading failed\n  {path}: Input/output error"):
        list(read_blocks(path))
