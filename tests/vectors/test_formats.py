"""Files of word vectors: gensim reads ours, we read gensim's and everybody's; what is damaged."""

import bz2
import gzip
import lzma
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from malmoi.errors import DataError, EmptyText, MalmoiError, TextError, UsageError
from malmoi.vectors import WordVectors, read_vectors, write_vectors
from tests.conftest import oracle

unclosed = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # gensim's
GENSIM = "fixture-word-vectors/gensim"
ALLEN = "fixture-word-vectors/allennlp"
WORDS = ("the", "말모이", "New York", "ㄱ", "nbsp\u00a0inside", "🙂")
MATRIX = np.random.default_rng(0).normal(size=(len(WORDS), 5)).astype(np.float32)


@pytest.fixture
def vectors() -> WordVectors:
    return WordVectors(WORDS, MATRIX)


def keyed(path: Path, *, binary: bool = False, header: bool = True):
    from gensim.models import KeyedVectors

    return KeyedVectors.load_word2vec_format(str(path), binary=binary, no_header=not header)


def same(ours: WordVectors, theirs) -> None:
    assert list(ours.words) == list(theirs.index_to_key)
    np.testing.assert_array_equal(ours.matrix, theirs.vectors)


@pytest.mark.parametrize("form", ["word2vec", "glove"])
def test_what_is_written_is_read_back_to_the_last_bit(vectors, form, tmp_path):
    write_vectors(vectors, tmp_path / "v.txt", form)
    found = read_vectors(tmp_path / "v.txt")
    assert found.words == WORDS
    np.testing.assert_array_equal(found.matrix, MATRIX)


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=2, max_size=9))
def test_every_number_survives(tmp_path_factory, numbers):
    path = tmp_path_factory.mktemp("v") / "v.txt"
    matrix = np.array([numbers], np.float32)
    write_vectors(WordVectors(["a"], matrix), path)
    np.testing.assert_array_equal(read_vectors(path).matrix, matrix)


@unclosed
def test_gensim_reads_what_we_write_and_we_read_what_gensim_writes(tmp_path):
    oracle("gensim")
    from gensim.models import KeyedVectors

    words = [word for word in WORDS if " " not in word]
    ours = WordVectors(words, MATRIX[: len(words)])
    write_vectors(ours, tmp_path / "v.txt")
    same(ours, keyed(tmp_path / "v.txt"))
    write_vectors(ours, tmp_path / "g.txt", "glove")
    same(ours, keyed(tmp_path / "g.txt", header=False))
    theirs = KeyedVectors(5)
    theirs.add_vectors(words, ours.matrix)
    for binary in (False, True):
        theirs.save_word2vec_format(str(tmp_path / "t"), binary=binary)
        same(read_vectors(tmp_path / "t"), theirs)


@pytest.mark.parametrize(
    ("name", "binary", "header"),
    [
        ("test_glove.txt", False, False),
        ("euclidean_vectors.bin", True, True),
        ("lee_fasttext.vec", False, True),
        ("toy-model.vec", False, True),
        ("high_precision.kv.txt", False, True),
        ("high_precision.kv.bin", True, True),
    ],
)
@unclosed
def test_files_of_others_are_read_as_gensim_reads_them(shared_data, name, binary, header):
    oracle("gensim")
    path = shared_data / GENSIM / name
    same(read_vectors(path), keyed(path, binary=binary, header=header))


@pytest.mark.parametrize(
    "name", ["lee_fasttext_new.bin", "toy-model.bin", "non_ascii_fasttext.bin"]
)
def test_fasttexts_own_file_gives_the_vectors_that_gensim_gives(shared_data, name):
    oracle("gensim")
    from gensim.models.fasttext import load_facebook_vectors

    path = shared_data / GENSIM / name
    ours, theirs = read_vectors(path), load_facebook_vectors(str(path))
    assert list(ours.words) == list(theirs.index_to_key)
    np.testing.assert_allclose(ours.matrix, theirs.vectors, atol=1e-6)
    for word in ("unseenword", "처음보는말", "é"):
        found = ours.get(word)
        if theirs.bucket and theirs.max_n and found is not None:
            np.testing.assert_allclose(found, theirs.get_vector(word), atol=1e-6)
            assert word not in ours
    assert ours.subwords is not None or not theirs.bucket


@pytest.mark.parametrize("end", ["", ".gz", ".bz2", ".xz", ".zip", ".tar.gz"])
def test_a_packed_file_is_the_file(shared_data, end):
    plain = read_vectors(shared_data / ALLEN / "fake_embeddings.5d.txt")
    packed = read_vectors(shared_data / ALLEN / f"fake_embeddings.5d.txt{end}")
    assert plain.words == packed.words
    assert plain.d == 5
    np.testing.assert_array_equal(plain.matrix, packed.matrix)


def test_glove_of_six_billion_words_is_read(shared_data):
    for d in (100, 300):
        found = read_vectors(shared_data / ALLEN / f"glove.6B.{d}d.sample.txt.gz")
        assert found.d == d
        assert "the" in found or len(found) > 10


def test_every_packing_is_told_by_its_bytes_and_an_archive_of_two_is_refused(vectors, tmp_path):
    plain, packed = tmp_path / "v.txt", tmp_path / "v"
    write_vectors(vectors, plain)
    data = plain.read_bytes()
    for packer in (gzip, bz2, lzma):
        packed.write_bytes(packer.compress(data))
        assert read_vectors(packed).words == WORDS
        packed.write_bytes(packer.compress(data)[:-20])
        with pytest.raises(TextError, match="cut short or damaged"):
            read_vectors(packed)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(plain, "a.txt")
        archive.write(plain, "b.txt")
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as tar:
        tar.add(plain, "a.txt")
        tar.add(plain, "b.txt")
    for name in ("a.zip", "a.tgz"):
        with pytest.raises(DataError, match="2 files") as caught:
            read_vectors(tmp_path / name)
        assert "a.txt, b.txt" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "not one byte"),
        (b"3 2\na 1 2\nb 3 4\n", "first line says 3"),
        (b"2 2\na 1 2\nb 3\n", ":3"),
        (b"2 2\na 1 2\nb 3 x\n", ":3"),
        (b"a 1 2\nb 3 nan\n", ":2"),
        (b"a 1 2\nb 3 inf\n", ":2"),
        (b"a 1 2\n 3 4\n", ":2"),
        (b"a 1 2\n\xb0\xa1 3 4\n", "line 2"),
        (b"2 2\n", "no vector"),
        (b"2 2\na " + np.ones(2, "<f4").tobytes() + b"b " + b"\0\0", "word 2 of 2"),
        (b"2 2\na " + np.array([1, np.nan], "<f4").tobytes() * 2, "word 1"),
        (b"hello there this is text\n", ":1"),
    ],
)
def test_a_damaged_file_is_refused_and_the_place_is_named(data, what, tmp_path):
    (tmp_path / "v").write_bytes(data)
    with pytest.raises(MalmoiError) as caught:
        read_vectors(tmp_path / "v")
    assert isinstance(caught.value, DataError | TextError | EmptyText)
    assert what in str(caught.value)
    assert str(tmp_path / "v") in str(caught.value)


@pytest.mark.parametrize("cut", [3, 7, 30, 60, 90, 150, 1000])
def test_a_fasttext_file_that_is_cut_short_is_refused(shared_data, cut, tmp_path):
    whole = (shared_data / GENSIM / "toy-model.bin").read_bytes()
    (tmp_path / "v.bin").write_bytes(whole[:cut])
    with pytest.raises(MalmoiError):
        read_vectors(tmp_path / "v.bin")


@pytest.mark.parametrize("form", ["word2vec", "glove"])
def test_a_byte_order_mark_and_ends_of_another_system_are_no_part_of_a_word(
    vectors, form, tmp_path
):
    write_vectors(vectors, tmp_path / "v", form)
    text = (tmp_path / "v").read_bytes()
    (tmp_path / "w").write_bytes(b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n"))
    found = read_vectors(tmp_path / "w")
    assert found.words == vectors.words
    np.testing.assert_array_equal(found.matrix, vectors.matrix)


def test_a_place_where_no_file_can_be_is_told_before_anything_is_written(vectors, tmp_path):
    with pytest.raises(UsageError, match="there is no folder"):
        write_vectors(vectors, tmp_path / "nowhere" / "v")
    with pytest.raises(UsageError, match="is a folder"):
        write_vectors(vectors, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_limit_reads_the_first_words_only_and_a_word_that_comes_twice_counts_once(tmp_path):
    (tmp_path / "v").write_text("a 1 2\nb 3 4\na 5 6\nc broken line\n")
    found = read_vectors(tmp_path / "v", limit=3)
    assert found.words == ("a", "b")
    np.testing.assert_array_equal(found.matrix, [[1, 2], [3, 4]])


def test_a_word_that_the_format_cannot_hold_is_refused_and_nothing_is_written(tmp_path):
    for word in ("", " a", "a\nb"):
        with pytest.raises(UsageError, match="no way to write"):
            write_vectors(WordVectors([word], np.ones((1, 2), np.float32)), tmp_path / "v")
        assert not list(tmp_path.iterdir())


def test_what_stands_for_every_other_word_is_written_and_read(vectors, tmp_path):
    unk = np.arange(5, dtype=np.float32)
    write_vectors(WordVectors(WORDS, MATRIX, unk=unk), tmp_path / "v")
    np.testing.assert_array_equal(read_vectors(tmp_path / "v").unk, unk)
