"""A corpus is its stream, its counts, and never half of either."""

import json
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from malmoi.data import corpus as corpus_module
from malmoi.data.corpus import Corpus, EncodedLine, dtype_for, encoded, stream
from malmoi.errors import DataError, EmptyText

LINES = [EncodedLine([2, 3, 3], 6, 8), EncodedLine([], 1, 1), EncodedLine([1, 4], 5, 5)]
STREAM = [0, 2, 3, 3, 0, 0, 1, 4, 0]
OTHER = [EncodedLine([3] * 7, 7, 7)]  # a stream of the same size
OTHER_STREAM = [0, 3, 3, 3, 3, 3, 3, 3, 0]


def test_a_boundary_stands_first_and_after_every_line(tmp_path: Path) -> None:
    corpus = Corpus.write(tmp_path / "c", LINES, 5)
    assert corpus.tokens.tolist() == STREAM
    assert (tmp_path / "c" / "tokens.bin").read_bytes() == np.array(STREAM, "<u2").tobytes()
    assert corpus.events == 8 == sum(len(line.ids) + 1 for line in LINES)
    assert (corpus.lines, corpus.characters, corpus.bytes, corpus.unknown) == (3, 12, 14, 1)


@given(
    st.lists(st.lists(st.integers(1, 9), max_size=5), min_size=1, max_size=30), st.integers(1, 9)
)
@settings(max_examples=50, deadline=None)
def test_the_stream_does_not_depend_on_how_much_is_held_while_writing(
    tmp_path_factory: pytest.TempPathFactory, text: list[list[int]], chunk: int
) -> None:
    folder = tmp_path_factory.mktemp("c")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus_module, "CHUNK", chunk)
        corpus = Corpus.write(folder, (EncodedLine(ids, 1, 1) for ids in text), 10)
    flat = [0]
    for line in text:
        flat.extend(line)
        flat.append(0)
    assert corpus.tokens.tolist() == flat == stream(text, 10).tolist()
    assert corpus.unknown == flat.count(1)
    assert corpus.lines == len(text)


def test_characters_and_bytes_are_of_the_composed_text_with_its_line_ends() -> None:
    decomposed = "\u1112\u1161\u11ab"  # 한 as three conjoining letters
    (line,) = encoded([decomposed + "a"], lambda text: [len(text)])
    assert line == EncodedLine([4], 3, 5)


@pytest.mark.parametrize(("V", "name"), [(65_535, "uint16"), (65_536, "uint32")])
def test_ids_are_as_wide_as_the_vocabulary_asks(tmp_path: Path, V: int, name: str) -> None:
    corpus = Corpus.write(tmp_path, [EncodedLine([V - 1], 2, 2)], V)
    assert corpus.tokens.dtype == dtype_for(V) == np.dtype(name)
    assert corpus.tokens.tolist() == [0, V - 1, 0]


@pytest.mark.parametrize("wrong", [[-1], [0], [5], [2, 0, 3], [70_000]])
def test_an_id_that_is_no_word_is_refused_and_leaves_nothing(
    tmp_path: Path, wrong: list[int]
) -> None:
    with pytest.raises(ValueError, match="not one of"):
        Corpus.write(tmp_path / "c", [*LINES, EncodedLine(wrong, 1, 1)], 5)
    assert not list((tmp_path / "c").iterdir())


def test_no_line_is_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(EmptyText):
        Corpus.write(tmp_path / "c", [], 5)
    assert not list((tmp_path / "c").iterdir())


def test_opening_reads_the_sidecar_and_not_the_tokens(tmp_path: Path) -> None:
    written = Corpus.write(tmp_path, (EncodedLine([2] * 99, 1, 1) for _ in range(100_000)), 3)
    tracemalloc.start()
    opened = Corpus.open(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert written.tokens.nbytes == 20_000_002
    assert peak < 200_000
    assert len(opened.tokens) == 10_000_001
    assert not opened.tokens.flags.writeable


def test_writing_holds_a_chunk_and_not_the_text(tmp_path: Path) -> None:
    tracemalloc.start()
    Corpus.write(tmp_path, (EncodedLine([2] * 50, 1, 1) for _ in range(40_000)), 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000  # a list of these two million tokens alone is 16 MB


def broken(corpus: Path) -> Iterator[str]:
    tokens, sidecar = corpus / "tokens.bin", corpus / "corpus.json"
    whole, said = tokens.read_bytes(), sidecar.read_text()
    tokens.write_bytes(whole[:-2])
    yield "a token is missing"
    tokens.write_bytes(whole + b"\0\0")
    yield "a token too many"
    tokens.write_bytes(whole)
    for wrong in ("", "[]", "{}", said[:-5], json.dumps({**json.loads(said), "vocabulary": 1e9})):
        sidecar.write_text(wrong)
        yield f"the sidecar is {wrong!r}"
    sidecar.write_text(json.dumps({**json.loads(said), "dtype": "uint32"}))
    yield "another type"
    sidecar.write_text(json.dumps({**json.loads(said), "more": 1}))
    yield "a field of another version"
    sidecar.unlink()
    yield "no sidecar"


def test_what_does_not_fit_its_description_is_not_opened(tmp_path: Path) -> None:
    Corpus.write(tmp_path / "c", LINES, 5)
    for _fault in broken(tmp_path / "c"):
        with pytest.raises(DataError, match="was not finished, or is none"):
            Corpus.open(tmp_path / "c")
    with pytest.raises(DataError):
        Corpus.open(tmp_path / "nowhere")


@pytest.mark.parametrize("operation", ["fsync", "replace"])
def test_a_failure_at_any_step_of_writing_leaves_the_new_corpus_or_none(
    tmp_path: Path, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The K-th fsync or rename fails, K = 1, 2, … until none is left to fail."""
    real = getattr(os, operation)
    for K in range(1, 10):
        Corpus.write(tmp_path / "c", OTHER, 5)
        calls = 0

        def failing(*arguments: object, K: int = K) -> object:
            nonlocal calls
            calls += 1
            if calls == K:
                raise OSError(28, "No space left on device")
            return real(*arguments)

        monkeypatch.setattr(os, operation, failing)
        try:
            Corpus.write(tmp_path / "c", LINES, 5)
            finished = True
        except OSError:
            finished = False
        monkeypatch.setattr(os, operation, real)
        try:
            found = Corpus.open(tmp_path / "c")
            assert (found.tokens.tolist(), found.lines) in ((STREAM, 3), (OTHER_STREAM, 1))
        except DataError:
            assert not finished
        if finished:
            break
    assert K > 1
    assert Corpus.open(tmp_path / "c").tokens.tolist() == STREAM
    assert {p.name for p in (tmp_path / "c").iterdir()} == {"tokens.bin", "corpus.json"}
