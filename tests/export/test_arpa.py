"""ARPA files against KenLM, which reads what we write, and against files made by others."""

import gzip
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given, strategies as st

from malmoi.config import Sizes
from malmoi.errors import DataError, SaveError, UsageError
from malmoi.export.arpa import escape, read_arpa, unescape, write_arpa
from malmoi.models.ngram import Config, NGram
from tests.conftest import oracle

TYPES = [
    "the",
    "cat",
    "<unk>",
    "</s>",
    "<s>",
    "\\<unk>",
    "<UNK>",
    "말",
    "모이",
    "a b",
    "\\o/",
    "dog",
]
V = len(TYPES) + 2


def lines_of(seed: int, size: int = 80) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [(2 + rng.zipf(1.4, rng.integers(0, 9)) % len(TYPES)).tolist() for _ in range(size)]


def model_of(estimator: str, order: int, seed: int = 1) -> NGram:
    model = Config(order=order, estimator=estimator).build(Sizes(V))
    model.estimate(np.array([0, *(w for line in lines_of(seed) for w in [*line, 0])], np.uint16))
    return model


def kenlm_model(path: Path):
    kenlm = oracle("kenlm")
    config = kenlm.Config()
    config.show_progress = False
    return kenlm.Model(str(path), config)


def scores(model: NGram, lines: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """log10 p and the matched order of every word and line end."""
    stream = torch.tensor([[0, *(w for line in lines for w in [*line, 0])]])
    x, y, carry = stream[:, :-1], stream[:, 1:], model.begin(1)
    logp, _ = model.log_prob(x, y, carry)
    return logp[0].numpy() / math.log(10), model.matched(x, y, carry)[0].numpy()


def kenlm_scores(path: Path, sentences: list[str]) -> tuple[np.ndarray, np.ndarray]:
    theirs = kenlm_model(path)
    found = [word[:2] for sentence in sentences for word in theirs.full_scores(sentence)]
    return np.array([p for p, _ in found]), np.array([order for _, order in found])


def spelled(lines: list[list[int]], types: list[str]) -> list[str]:
    return [
        " ".join("never-seen" if w == 1 else escape(types[w - 2]) for w in line) for line in lines
    ]


@pytest.mark.parametrize("estimator", ["additive", "interpolated", "katz", "kneser-ney"])
@pytest.mark.parametrize("order", [2, 3, 5])
def test_kenlm_gives_our_scores_and_matches_our_orders(estimator, order, tmp_path):
    model = model_of(estimator, order)
    write_arpa(tmp_path / "a.arpa", model, TYPES)
    rng = np.random.default_rng(3)
    heldout = [rng.integers(1, V, rng.integers(0, 8)).tolist() for _ in range(50)] + lines_of(2)
    logp, orders = scores(model, heldout)
    kenlm_logp, kenlm_orders = kenlm_scores(tmp_path / "a.arpa", spelled(heldout, TYPES))
    np.testing.assert_allclose(kenlm_logp, logp, atol=1e-5)
    np.testing.assert_array_equal(kenlm_orders, orders)
    assert set(orders) == set(range(1, order + 1))


@pytest.mark.parametrize("estimator", ["additive", "interpolated", "katz", "kneser-ney"])
@pytest.mark.parametrize("order", [1, 2, 4])
def test_what_is_read_is_what_was_written(estimator, order, tmp_path):
    model = model_of(estimator, order)
    write_arpa(tmp_path / "a.arpa", model, TYPES)
    again, types = read_arpa(tmp_path / "a.arpa")
    assert types == TYPES
    assert again.config == Config(order=order, estimator="arpa")
    x = torch.from_numpy(np.random.default_rng(4).integers(0, V, (2, 200)))
    ours, theirs = model(x, model.begin(2))[0], again(x, again.begin(2))[0]
    torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-10)
    assert (theirs.exp().sum(-1) - 1).abs().max() < 1e-9
    assert torch.equal(model.matched(x, x, model.begin(2)), again.matched(x, x, again.begin(2)))
    write_arpa(tmp_path / "b.arpa", again, types)
    assert (tmp_path / "b.arpa").read_bytes() == (tmp_path / "a.arpa").read_bytes()


def test_probability_zero_is_written_as_minus_99(tmp_path):
    model = model_of("mle", 3)
    write_arpa(tmp_path / "a.arpa", model, TYPES)
    kenlm_model(tmp_path / "a.arpa")
    again, _ = read_arpa(tmp_path / "a.arpa")
    x = torch.from_numpy(np.random.default_rng(4).integers(0, V, (2, 200)))
    ours, theirs = model(x, model.begin(2))[0], again(x, again.begin(2))[0]
    torch.testing.assert_close(theirs.exp(), ours.exp(), rtol=1e-9, atol=1e-90)
    assert (ours == -math.inf).any()


def test_a_pruned_file_without_some_endings_is_scored_as_kenlm_scores_it(tmp_path):
    """An n-gram may be there whose ending is not: the histories between cost nothing."""
    write_arpa(tmp_path / "a.arpa", model_of("kneser-ney", 4), TYPES)
    rng = np.random.default_rng(5)
    lines = (tmp_path / "a.arpa").read_text().splitlines()
    kept: list[list[str]] = []
    for line in lines[6:]:
        if line.endswith("-grams:"):
            kept.append([])
        elif "\t" in line:
            gram = line.split("\t")[1].split(" ")
            known = {row.split("\t")[1] for row in kept[-2]} if len(gram) > 1 else set()
            if len(gram) == 1 or (" ".join(gram[:-1]) in known and rng.random() < 0.7):
                kept[-1].append(line)
    head = [f"ngram {k}={len(rows)}" for k, rows in enumerate(kept, 1)]
    body = ["\n".join(["", f"\\{k}-grams:", *rows, ""]) for k, rows in enumerate(kept, 1)]
    text = "\n".join(["\\data\\", *head, *body, "\\end\\", ""])
    (tmp_path / "b.arpa").write_text(text)
    model, types = read_arpa(tmp_path / "b.arpa")
    grams = [{row.split("\t")[1] for row in rows} for rows in kept]
    assert any(" ".join(g.split(" ")[1:]) not in grams[1] for g in grams[2]), "none is missing"
    heldout = lines_of(2, 200)
    logp, orders = scores(model, heldout)
    kenlm_logp, kenlm_orders = kenlm_scores(tmp_path / "b.arpa", spelled(heldout, types))
    np.testing.assert_allclose(kenlm_logp, logp, atol=1e-5)
    assert (kenlm_orders >= orders).all(), "KenLM also counts the endings it puts in itself"


@given(st.text())
@example("")
@example("<unk>")
@example("\\x20")
@example("\\\\")
@example("a\tb\\")
def test_every_spelling_can_be_written_and_taken_back(spelling):
    word = escape(spelling)
    assert unescape(word) == spelling
    assert word not in ("", "<s>", "</s>", "<unk>", "<UNK>")
    assert not any(c <= " " or c == "\x7f" for c in word)


@given(st.text())
def test_what_others_wrote_with_a_backslash_is_left_alone(word):
    assert unescape(word) == word or escape(unescape(word)) == word


QUERY = ["looking", "on", "a", "little", "the", "biarritz", "not_found", "more", ".", "</s>"]
README = [  # kpu/kenlm lm/model_test.cc, from the fixture's README
    (-0.484652, 2),
    (-0.348837, 3),
    (-0.0155266, 4),
    (-0.00306122, 5),
    (-4.04005, 1),
    (-1.9889, 1),
    (-2.29666, 1),
    (-21.20632, 1),
    (-0.51363, 2),
    (-0.0191651, 3),
]


def test_kenlms_own_test_file_gives_the_values_of_its_readme(shared_data):
    model, types = read_arpa(shared_data / "fixture-arpa-kenlm" / "test.arpa")
    assert len(types) == 37 - 3
    ids = {word: i for i, word in enumerate(types, 2)}
    line = [ids.get(word, 1) for word in QUERY[:-1]]
    logp, orders = scores(model, [line])
    np.testing.assert_allclose(logp, [p for p, _ in README], rtol=1e-5)
    assert orders.tolist() == [order for _, order in README]


def test_a_file_without_unk_gives_it_what_kenlm_gives_it(shared_data):
    path = shared_data / "fixture-arpa-kenlm" / "test_nounk.arpa"
    model, types = read_arpa(path)
    ids = {word: i for i, word in enumerate(types, 2)}
    logp, orders = scores(model, [[ids.get(word, 1) for word in QUERY[:-1]]])
    kenlm_logp, kenlm_orders = kenlm_scores(path, [" ".join(QUERY[:-1])])
    assert logp[6] == pytest.approx(-100 - 0.30103)
    np.testing.assert_allclose(logp, kenlm_logp, rtol=1e-6)
    np.testing.assert_array_equal(orders, kenlm_orders)


@pytest.mark.parametrize("name", ["toy0.arpa", "toy1.arpa", "test.arpa"])
def test_files_by_others_are_scored_as_kenlm_scores_them(name, shared_data):
    path = shared_data / "fixture-arpa-kenlm" / name
    model, types = read_arpa(path)
    rng = np.random.default_rng(6)
    heldout = [rng.integers(1, len(types) + 2, 8).tolist() for _ in range(60)]
    logp, orders = scores(model, heldout)
    kenlm_logp, kenlm_orders = kenlm_scores(path, spelled(heldout, types))
    np.testing.assert_allclose(kenlm_logp, logp, atol=1e-5)
    if name != "test.arpa":  # KenLM also counts the endings it puts in itself
        np.testing.assert_array_equal(kenlm_orders, orders)


GOOD = """
\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-1\t<unk>
-99\t<s>\t-0.5
-1 </s>
-0.5\tb\t-0.25

\\2-grams:
-0.1\t<s> b
-0.2\tb </s>

\\end\\
"""


def test_tabs_and_spaces_gzip_and_windows_line_ends_are_read(tmp_path):
    (tmp_path / "a.arpa").write_text(GOOD)
    with gzip.open(tmp_path / "a.arpa.gz", "wb") as file:
        file.write(GOOD.replace("\n", "\r\n").encode())
    for name in ("a.arpa", "a.arpa.gz"):
        model, types = read_arpa(tmp_path / name)
        assert types == ["b"]
        logp, orders = scores(model, [[2], [2, 2]])
        np.testing.assert_allclose(logp, [-0.1, -0.2, -0.1, -0.75, -0.2])
        assert orders.tolist() == [2, 2, 2, 1, 2]


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("\\data\\", "data", 2, "does not begin with"),
        ("ngram 2=2", "ngram 3=2", 4, "ngram 2="),
        ("ngram 1=4\nngram 2=2\n", "", 4, "no 'ngram 1="),
        ("\\2-grams:", "\\3-grams:", 12, "2-grams: should be here"),
        ("ngram 2=2", "ngram 2=3", 15, "2 2-grams, not the 3"),
        ("ngram 2=2", "ngram 2=1", 14, "more n-grams than"),
        ("\\end\\\n", "", 16, "no \\\\end"),
        ("-0.1\t<s> b", "-0.1\tb", 13, "has 3 or 4 fields, not 2"),
        ("-0.1\t<s> b", "x\t<s> b", 13, "number cannot be read"),
        ("-0.1\t<s> b", "nan\t<s> b", 13, "above 0 or not a number"),
        ("-0.5\tb", "0.5\tb", 10, "above 0"),
        ("-0.5\tb", "-0.5\t<unk>", 10, "there twice"),
        ("-0.1\t<s> b", "-0.1\t<s> c", 13, "'c' is not among the 1-grams"),
        ("-0.1\t<s> b", "-0.1\tb <s>", 13, "only begins"),
        ("-0.1\t<s> b", "-0.1\tb </s>", 14, "an n-gram is there twice"),
        ("-1 </s>", "-1 c", 10, "no </s> among"),
        ("-99\t<s>\t-0.5", "-99\tc\t-0.5", 10, "no <s> among"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused_with_its_line(old, new, line, says, tmp_path):
    path = tmp_path / "a.arpa"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(DataError, match="not an ARPA file") as error:
        read_arpa(path)
    assert says.replace("\\\\", "\\") in error.value.what
    assert error.value.where[0].startswith(f"{path}:{line}: ")


def test_an_n_gram_whose_history_is_missing_is_refused_with_its_line(tmp_path):
    text = GOOD.replace("ngram 2=2\n", "ngram 2=2\nngram 3=2\n").replace(
        "\\end\\", "\\3-grams:\n-1\t<s> b </s>\n-1\tb b </s>\n\n\\end\\"
    )
    path = tmp_path / "a.arpa"
    path.write_text(text)
    with pytest.raises(DataError, match="its history is not") as error:
        read_arpa(path)
    assert error.value.where[0] == f"{path}:19: 'b b </s>'"


@pytest.mark.parametrize("cut", [1, 20, 60, 110])
def test_a_file_that_was_cut_short_is_refused(cut, tmp_path):
    (tmp_path / "a.arpa").write_text(GOOD[:cut])
    with pytest.raises(DataError, match="not an ARPA file"):
        read_arpa(tmp_path / "a.arpa")


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "a.arpa"
    path.write_text("old")
    model = model_of("kneser-ney", 3)
    for name in ("fsync", "replace"):
        with monkeypatch.context() as broken:
            broken.setattr(os, name, lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
            with pytest.raises(SaveError, match="no space left"):
                write_arpa(path, model, TYPES)
        assert path.read_text() == "old"
        assert [p.name for p in tmp_path.iterdir()] == ["a.arpa"]
    write_arpa(path, model, TYPES)
    assert [p.name for p in tmp_path.iterdir()] == ["a.arpa"]
    assert read_arpa(path)[1] == TYPES


def test_what_has_no_arpa_form_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no ARPA form"):
        write_arpa(tmp_path / "a.arpa", model_of("stupid-backoff", 3), TYPES)
    with pytest.raises(UsageError, match="not the types"):
        write_arpa(tmp_path / "a.arpa", model_of("kneser-ney", 3), TYPES[1:])
    with pytest.raises(UsageError, match="not estimated"):
        model_of("arpa", 2)
    assert list(tmp_path.iterdir()) == []
