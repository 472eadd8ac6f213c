"""The table of inputs: whatever comes in, the command line ends "ok" or "refused well".

Refused well: exit 2, an error that names the place, the value or the way out, no traceback, nothing
on stdout, and not one file more, less or other than before.
"""

import contextlib
import gzip
import hashlib
import io
import json
import math
import os
import pickle
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import unicodedata
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from malmoi import files
from malmoi.cli import run
from malmoi.defaults import recommend
from malmoi.text import Text
from malmoi.trainer import training
from malmoi.training.events import Step

GOOD = "the cat sees the moon today .\na dog draws the red ball at home .\n"
KOREAN = "말모이 사전"
NFD = unicodedata.normalize("NFD", KOREAN)
JAMO = "".join(c for c in NFD if c != " ")
CLOSE = {"rel": 1e-6, "abs": 1e-6}


class Spoken(io.StringIO):
    """A stream that stands for a terminal's or a pipe's, whatever `run` does to it."""

    def reconfigure(self, **how: object) -> None: ...


def spoken(*arguments: object, stdin: bytes = b"") -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a call; a traceback is a failure."""
    out, err, before = Spoken(), Spoken(), sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run([str(a) for a in arguments])
    finally:
        sys.stdin = before
    assert "Traceback" not in err.getvalue()
    return code, out.getvalue(), err.getvalue()


def ok(*arguments: object, stdin: bytes = b"") -> str:
    code, out, err = spoken(*arguments, stdin=stdin)
    assert code == 0, err
    return out


def tree(folder: Path) -> dict[str, bytes]:
    found = sorted(folder.rglob("*"))
    return {str(p.relative_to(folder)): b"" if p.is_dir() else p.read_bytes() for p in found}


def refused(place: Path, parts: tuple[str, ...], *arguments: object, stdin: bytes = b"") -> str:
    before = tree(place)
    code, out, err = spoken(*arguments, stdin=stdin)
    assert (code, out) == (2, ""), err
    error = err[err.index("error: ") :]
    for part in parts:
        assert part in error
    assert tree(place) == before, "a refused call leaves nothing behind"
    return error


def zipped(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, content)
    return out.getvalue()


# ---------------------------------------------------------------- bytes that are not text

NOT_TEXT: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "bad UTF-8": (GOOD.encode() + b"a dog \xff home\n", ("not UTF-8", ":3, byte 71: 0xFF")),
    "cut in a character": ((GOOD + "말").encode()[:-1], ("middle of a character", "byte 65")),
    "CP949": ("고양이가 달을 본다\n".encode("cp949") * 9, ("probably CP949: iconv -f CP949",)),
    "UTF-16": (GOOD.encode("utf-16"), ("UTF-16", "iconv -f UTF-16")),
    "lone CR": (GOOD.replace("\n", "\r").encode(), ("CR alone", "tr '\\r' '\\n'")),
    "NUL": (GOOD.encode() + b"a\0b\n", ("NUL bytes", ":3")),
    "empty": (b"", ("empty",)),
    "only a BOM": (b"\xef\xbb\xbf", ("empty",)),
    "truncated gzip": (
        gzip.compress(random.Random(1).randbytes(999).hex().encode())[:-99],
        ("cut short", "gzip -t"),
    ),
    "an archive with ../": (zipped("../../etc/passwd", b"x\n"), ("a zip archive", "unzip")),
    "a pickle": (pickle.dumps({"a": 1}), ("a pickle", "reads no pickles")),
}


@pytest.mark.parametrize("where", ["file", "train part", "test part", "compare"])
@pytest.mark.parametrize("case", NOT_TEXT)
def test_bytes_that_are_not_text_are_refused_before_anything_is_trained(case, where, tmp_path):
    content, parts = NOT_TEXT[case]
    data = tmp_path / "data"
    data.mkdir()
    for name in ("train.txt", "valid.txt", "test.txt"):
        (data / name).write_text(GOOD * 3, encoding="utf-8")
    bad = data / ("test.txt" if where == "test part" else "train.txt")
    bad.write_bytes(content)
    given = data if where.endswith("part") else bad
    verb = ["compare", "--models", "ngram"] if where == "compare" else ["train", "ngram"]
    said = refused(tmp_path, parts, *verb, "--data", given, "--to", tmp_path / "a" / "run")
    assert str(bad) in said


@pytest.mark.parametrize("case", NOT_TEXT)
def test_bytes_that_are_not_text_are_not_read_by_a_model_either(case, ngram, tmp_path):
    content, parts = NOT_TEXT[case]
    bad = tmp_path / "bad.txt"
    bad.write_bytes(content)
    for verb in (["evaluate", ngram, "--data"], ["score", ngram], ["data", "inspect"]):
        assert str(bad) in refused(tmp_path, parts, *verb, bad)
    for verb in (["evaluate", ngram, "--data", "-"], ["score", ngram]):
        assert "stdin" in refused(tmp_path, parts, *verb, stdin=content)


@pytest.mark.parametrize("content", [b"\n", b"\n \n\t\n", b"one\n", b"one\n\ntwo\n\n"])
def test_too_little_text_to_split_is_refused(content, tmp_path):
    (tmp_path / "few.txt").write_bytes(content)
    call = ["train", "ngram", "--data", tmp_path / "few.txt", "--to", tmp_path / "run"]
    refused(tmp_path, ("too little text to split", "lines that are not blank"), *call)


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_a_part_of_blank_lines_is_named(part, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for name in ("train", "valid", "test"):
        (data / f"{name}.txt").write_text("\n \n" if name == part else GOOD, encoding="utf-8")
    call = ["train", "lstm", "--data", data, "--to", tmp_path / "run"]
    refused(tmp_path, (f"no line to read in the {part} part", str(data)), *call)


# ---------------------------------------------------------------- bytes that are text

CHAIN = "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}"
TEXT: dict[str, tuple[bytes, list[str]]] = {
    "plain": (GOOD.encode(), GOOD.split("\n")[:-1]),
    "BOM": (b"\xef\xbb\xbf" + GOOD.encode(), GOOD.split("\n")[:-1]),
    "CR LF": (GOOD.replace("\n", "\r\n").encode(), GOOD.split("\n")[:-1]),
    "a CR inside": (b"the cat\rsees\nthe moon\n", ["the cat\rsees", "the moon"]),
    "U+2028, U+0085, VT and FF": (
        "the\u2028cat\x85sees\x0bthe\x0cmoon\n".encode(),
        ["the\u2028cat\x85sees\x0bthe\x0cmoon"],
    ),
    "an empty line": (b"the cat\n\nthe moon\n", ["the cat", "", "the moon"]),
    "only an empty line": (b"\n", [""]),
    "white lines": (b" \n\t\n", [" ", "\t"]),
    "no final newline": (GOOD.rstrip("\n").encode(), GOOD.split("\n")[:-1]),
    "one token": (b"moon\n", ["moon"]),
    "gzip": (gzip.compress(GOOD.encode()), GOOD.split("\n")[:-1]),
    "specials, spelt": (b"<s> the </s> <unk> [MASK]\n", ["<s> the </s> <unk> [MASK]"]),
    "NFC": (f"{KOREAN} \u00e9\n".encode(), [f"{KOREAN} \u00e9"]),
    "NFD": (f"{NFD} e\u0301\n".encode(), [f"{NFD} e\u0301"]),
    "jamo that compose nothing": ("ㅋㅋㅋ \u11ab\u1112\n".encode(), ["ㅋㅋㅋ \u11ab\u1112"]),
    "emoji": (f"the {CHAIN} moon 👍🏽 🇰🇷\n".encode(), [f"the {CHAIN} moon 👍🏽 🇰🇷"]),
    "zero width": (
        "the\u200bcat \u200b moon\ufeff\n".encode(),
        ["the\u200bcat \u200b moon\ufeff"],
    ),
    "right to left": ("\u202eabc\u202c שלום\n".encode(), ["\u202eabc\u202c שלום"]),
}


@pytest.mark.parametrize("model", ["ngram", "lstm"])
@pytest.mark.parametrize("case", TEXT)
def test_text_is_read_as_its_lines_and_scored_as_its_clean_form(case, model, runs, tmp_path):
    content, lines = TEXT[case]
    path, clean = tmp_path / "text.txt", tmp_path / "clean.txt"
    path.write_bytes(content)
    clean.write_text("".join(unicodedata.normalize("NFC", s) + "\n" for s in lines), newline="\n")
    scores = [float(s) for s in ok("score", runs[model], path).splitlines()]
    assert len(scores) == len(lines)
    assert ok("score", runs[model], stdin=content) == ok("score", runs[model], path)
    assert [float(s) for s in ok("score", runs[model], clean).splitlines()] == scores

    events = 0
    told = json.loads(ok("score", runs[model], path, "--tokens", "--json"))
    for row, line, score in zip(told, lines, scores, strict=True):
        assert row["line"] == line
        *tokens, end = row["tokens"]
        assert end == {**end, "text": "</s>", "start": len(line), "end": len(line), "oov": False}
        for token in tokens:
            place = unicodedata.normalize("NFC", line[token["start"] : token["end"]])
            assert place == token["text"]
        assert sum(t["surprisal"] for t in row["tokens"]) == pytest.approx(-score, **CLOSE)
        events += len(row["tokens"])

    measures = json.loads(ok("evaluate", runs[model], "--data", path, "--json"))
    assert measures["events"] == events
    assert measures["characters"] == sum(len(unicodedata.normalize("NFC", s)) + 1 for s in lines)
    found = json.loads(ok("data", "inspect", path, "--json"))
    assert (found["lines"], found["characters"]) == (len(lines), measures["characters"])


@pytest.mark.parametrize("tokens", ["given", "words", "characters", "jamo", "bpe"])
def test_text_of_every_kind_is_trained_on(tokens, tmp_path):
    """All the cases in one text, beside lines enough to split; a stream has one </s> a line."""
    lines = [s for _, lines in TEXT.values() for s in lines if s.strip()]
    (tmp_path / "all.txt").write_bytes("".join(f"{s}\r\n" for s in lines * 3).encode())
    place = tmp_path / "run"
    call = ["--to", place, "-q", "--json", "--set", "model.order=3", "--set", "task.min_count=1"]
    if tokens == "bpe":
        call += ["--set", "task.vocabulary=400"]
    report = json.loads(
        ok("train", "ngram", "--data", tmp_path / "all.txt", "--tokens", tokens, *call)
    )
    text = Text.load(place / "text")
    expected = sum(len(text.encode(s)) + 1 for s in lines * 3)
    assert sum(report[f"{part}_events"] for part in ("train", "valid", "test")) == expected
    assert list(text.vocabulary.types).count("<unk>") == (tokens == "given")


def test_the_same_sentence_in_three_spellings_has_the_same_predictions(trained, tmp_path):
    forms = [f"the {form} sees" for form in (KOREAN, NFD, KOREAN[:1] + NFD[3:])]
    assert len(set(forms)) == 3
    path = tmp_path / "forms.txt"
    path.write_text("\n".join(forms) + "\n", encoding="utf-8")
    assert len(set(ok("score", trained, path).splitlines())) == 1
    assert len({ok("next", trained, form) for form in forms}) == 1
    rows = json.loads(ok("score", trained, path, "--tokens", "--json"))
    for form, row in zip(forms, rows, strict=True):
        spans = [(t["start"], t["end"]) for t in row["tokens"][:-1]]
        assert [form[a:b] for a, b in spans] == form.split(" ")
    for form in forms:
        written = ok("generate", trained, "--prompt", form, "--max-tokens", "2").rstrip("\n")
        assert written.startswith(form), "the prompt keeps its own spelling"


def test_what_is_spelt_like_a_special_is_a_word_like_any_other(tmp_path):
    lines = [f"w{i % 7} <s> </s> <unk> [MASK] <pad>" for i in range(40)]
    (tmp_path / "text.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    place = tmp_path / "run"
    ok("train", "ngram", "--data", tmp_path / "text.txt", "--tokens", "given", "--to", place)
    (tmp_path / "line.txt").write_text("w1 <s> </s> <unk> [MASK] zzz\n", encoding="utf-8")
    ((row),) = json.loads(ok("score", place, tmp_path / "line.txt", "--tokens", "--json"))
    assert [t["oov"] for t in row["tokens"]] == [False] * 5 + [True, False]
    measures = json.loads(ok("evaluate", place, "--data", tmp_path / "line.txt", "--json"))
    assert (measures["events"], measures["oov"]) == (7, 1)
    likeliest = json.loads(ok("next", place, "w1 <s> </s>", "--json"))[0]
    assert likeliest["token"] == "<unk>"  # the word: the other one is never seen
    assert likeliest["probability"] > 0.5


def test_a_line_of_a_million_tokens_is_counted_and_scored(runs, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "train.txt").write_text("the cat sees a moon " * 200_000 + "\n", encoding="utf-8")
    for name in ("valid.txt", "test.txt"):
        (data / name).write_text(GOOD, encoding="utf-8")
    call = ["train", "ngram", "--data", data, "--to", tmp_path / "run", "--json"]
    report = json.loads(ok(*call, "--set", "model.order=3"))
    assert report["train_events"] == 1_000_001
    (score,) = ok("score", runs["ngram"], data / "train.txt").split()
    assert -1e7 < float(score) < -1e5
    for model in ("lstm", "gpt"):  # read in pieces, as a line of any length is
        size = 20_000
        line = "the cat sees a moon " * (size // 5)
        (score,) = ok("score", runs[model], stdin=line.encode()).split()
        measures = json.loads(
            ok("evaluate", runs[model], "--data", "-", "--json", stdin=line.encode())
        )
        assert measures["events"] == size + 1
        nats = measures["events"] * math.log(measures["perplexity"])
        assert nats == pytest.approx(-float(score), rel=1e-6)


# ---------------------------------------------------------------- recipes

RECIPE = '[task]\nkind = "language-modelling"\ndata = "toy-en"\n[model]\nkind = "lstm"\n'
RECIPES: dict[str, tuple[str, tuple[str, ...]]] = {
    "wrong in many places": (
        'sed = 1\nseed = -1\n[task]\nkind = "language-modelling"\ndata = 3\nbatsh = 4\n'
        '[model]\nkind = "lstm"\nlayer = 3\nd = "wide"\n[training]\nlr = -1\nclip = nan\n',
        (
            *("sed: unknown; did you mean 'seed'?", "seed: wants a whole number from 0, not -1"),
            *("task.data: ", "not 3", "task.batsh: unknown; did you mean 'batch'?"),
            *("model.layer: unknown; did you mean 'layers'?", "model.d: ", "not 'wide'"),
            *("training.lr: input should be greater than 0, not -1", "training.clip: "),
        ),
    ),
    "another kind": (RECIPE.replace("lstm", "lstn"), ("model.kind", "did you mean 'lstm'?")),
    "kinds that are no names": (
        '[task]\nkind = ["x"]\n[model]\nkind = 2020-01-01\n',
        ("task.kind: ['x'] is unknown", "model.kind: datetime.date"),
    ),
    "no sections": ("seed = 1\n", ("task: missing", "model: missing")),
    "sections that are values": ("task = 1\nmodel = []\ntraining = 2\n", ("task", "training")),
    "true for a number": (RECIPE + "layers = true\n", ("model.layers", "not True")),
    "a decimal for a number": (RECIPE + "layers = 2.0\n", ("model.layers", "not 2.0")),
    "infinity": (RECIPE + "init = inf\n", ("model.init", "not inf")),
    "not a number": (RECIPE + "forget_bias = nan\n", ("model.forget_bias", "not nan")),
    "an absurd width": (RECIPE + "d = 1_000_000_000\n", ("model.d", "less than or equal")),
    "an absurd depth": (RECIPE + "layers = 100_000\n", ("model.layers", "less than or equal")),
    "beyond 64 bits": (RECIPE + f"d = {10**40}\n", ("model.d: a number of 133 bits",)),
    "digits without end": (RECIPE + f"d = {'1' * 9_999}\n", ("is not valid TOML", "digits")),
    "brackets without end": ("a = " + "[" * 100_000, ("is not valid TOML",)),
    "no TOML": ("seed = = 1\n", ("is not valid TOML", "line 1")),
    "a NUL in a name": (RECIPE.replace("toy-en", "a\\u0000b"), ("not UTF-8 text",)),
    "no name": (RECIPE.replace("toy-en", ""), ("which text",)),
    "a near name": (RECIPE.replace("toy-en", "toy-eng"), ("did you mean 'toy-en'?",)),
}


@pytest.mark.parametrize("case", RECIPES)
def test_a_wrong_recipe_is_refused_with_all_that_is_wrong_in_it(case, tmp_path):
    content, parts = RECIPES[case]
    path = tmp_path / "recipe.toml"
    path.write_text(content, encoding="utf-8")
    refused(tmp_path, parts, "train", path, "--to", tmp_path / "run")


def test_a_recipe_that_no_memory_holds_is_refused(words, tmp_path):
    """The widest network that a recipe may ask for: 16 TiB, of which nothing is touched."""
    call = ["train", "elman", "--data", words, "--to", tmp_path / "run"]
    parts = ("there is not enough memory", "hint: a smaller model")
    refused(tmp_path, parts, *call, "--set", f"model.d={2**20}", "--set", "model.layers=4")


def test_a_file_named_with_quotes_and_backslashes_is_found(words, tmp_path):
    odd = tmp_path / 'a "b" \\t.txt'
    shutil.copy(words, odd)
    (tmp_path / "r.toml").write_text(RECIPE.replace('kind = "lstm"', 'kind = "ngram"'), "utf-8")
    ok("train", tmp_path / "r.toml", "--data", odd, "--to", tmp_path / "run", "-q")
    assert json.loads(ok("evaluate", tmp_path / "run", "--json"))["events"] > 0


def test_a_file_whose_name_is_not_text_is_refused_where_it_must_be_written_down(words, tmp_path):
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xc7\xd1.txt")
    shutil.copy(words, odd)
    parts = ("not UTF-8 text", "\\udcc7\\udcd1.txt", "rename")
    for verb in (["train", "ngram"], ["compare", "--models", "ngram"]):
        refused(tmp_path, parts, *verb, "--data", odd, "--to", tmp_path / "run")
    refused(tmp_path, ("surrogate",), "compare", "--prompt", "\udcff", "--to", tmp_path / "run")


# ---------------------------------------------------------------- run folders


def sealed(folder: Path, **changes: object) -> None:
    """Make the manifest true again, so that only what was changed is wrong."""
    path = folder / files.MANIFEST
    body = json.loads(path.read_text("utf-8"))
    del body["manifest"]
    body["files"] = {name: files.entry(folder / name)._asdict() for name in body["files"]}
    body |= changes
    digest = hashlib.sha256(files.dumps(body).encode()).hexdigest()
    path.write_text(files.dumps({**body, "manifest": digest}), encoding="utf-8")


def weights(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / "model.safetensors"
        with safe_open(path, framework="pt") as file:
            aliases = file.metadata()  # which weights are tied
            found = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        change(found)
        save_file(found, path, aliases)

    return damage


def other_text(folder: Path) -> None:
    Text.learn(["a b c"], kind="words").save(folder / "text")


def replaced(name: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        content = (folder / name).read_bytes()
        assert old in content
        (folder / name).write_bytes(content.replace(old, new, 1))

    return damage


def appended(name: str, more: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes() + more)


def written(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def far(name: str) -> Callable[[Path], None]:
    """Let a pointer of the table lead far out of it."""
    return weights(lambda found: found[name][-1:].fill_(2**30))


def nothing(folder: Path) -> None:
    pass


UNSEALED: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "no manifest": (lambda f: (f / "MANIFEST.json").unlink(), ("not a run folder", "MANIFEST")),
    "a manifest of nothing": (written("MANIFEST.json", b"{}"), ("MANIFEST.json is not what",)),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), ("model.safetensors is missing",)),
    "weights cut short": (
        lambda f: os.truncate(f / "model.safetensors", 999),
        ("model.safetensors has the wrong length", "999 bytes of"),
    ),
    "a changed header": (
        replaced("model.safetensors", b"__metadata__", b"__metadatb__"),
        ("model.safetensors is not what was written", "sha256"),
    ),
    "a changed recipe": (replaced("recipe.toml", b"seed = 1", b"seed = 2"), ("recipe.toml",)),
    "a changed vocabulary": (replaced("text/text.json", b"moon", b"noon"), ("text/text.json",)),
    "a file too many": (written("text/more.json", b"{}"), ("a file too many: text/more.json",)),
}
SEALED: dict[str, tuple[str, Callable[[Path], object], dict[str, object], tuple[str, ...]]] = {
    "another version": (
        "lstm",
        nothing,
        {"format": 2},
        ("another version of malmoi", "format 2; this version reads format 1", "train again"),
    ),
    "a text of another version": (
        "lstm",
        replaced("text/text.json", b'"version": 1', b'"version": 7'),
        {},
        ("version 7, this malmoi reads 1", "text.json"),
    ),
    "a file outside": (
        "lstm",
        nothing,
        {"files": {"../../secret": {"bytes": 1, "sha256": "0"}}},
        ("outside of its folder", "../../secret"),
    ),
    "a pickle named .safetensors": (
        "lstm",
        lambda f: torch.save({"a": torch.ones(1)}, f / "model.safetensors"),
        {},
        ("not a safetensors file", "a pickle inside, which malmoi never reads"),
    ),
    "a bare pickle": (
        "ngram",
        written("model.safetensors", pickle.dumps([1])),
        {},
        ("not a safetensors file", "a pickle can run code"),
    ),
    "a recipe of a later version": (
        "lstm",
        appended("recipe.toml", b"fuse = 1\n"),
        {},
        ("recipe.toml cannot be read", "training.fuse: unknown"),
    ),
    "a recipe of another model": (
        "lstm",
        replaced("recipe.toml", b"d = 16", b"d = 24"),
        {},
        ("not those of the model the recipe describes", "model.safetensors"),
    ),
    "a recipe in bytes": ("lstm", written("recipe.toml", b"\xff"), {}, ("recipe.toml", "byte 0")),
    "a model.json of nothing": (
        "ngram",
        written("model.json", b"{}"),
        {},
        ("how large its vocabulary is", "model.json", "None"),
    ),
    "a vocabulary in words": (
        "lstm",
        written("model.json", b'{"vocabulary": "many"}'),
        {},
        ("how large its vocabulary is", "'many'"),
    ),
    "another vocabulary": (
        "ngram",
        written("model.json", b'{"vocabulary": 99}'),
        {},
        ("another n-gram model", "expected order 5, vocabulary 99"),
    ),
    "a model.json of no JSON": ("lstm", written("model.json", b"\xff{"), {}, ("model.json",)),
    "another text": (
        "lstm",
        other_text,
        {},
        ("not the one that this run was trained with", "5 types; the model has"),
    ),
    "another text beside a table": ("ngram", other_text, {}, ("not the one", "5 types")),
    "a table that leads out: first": ("ngram", far("first"), {}, ("leads out of itself", "first")),
    "a table that leads out: link": ("ngram", far("link"), {}, ("leads out of itself", "link")),
    "a table that leads out: word": ("ngram", far("word"), {}, ("leads out of itself", "word")),
    "a table cut short": (
        "ngram",
        weights(lambda found: found.update(logp=found["logp"][:3].clone())),
        {},
        ("leads out of itself", "logp: (3,)"),
    ),
    "a table of another type": (
        "ngram",
        weights(lambda found: found.update(beta=found["beta"].to(torch.bfloat16))),
        {},
        ("not those of the model",),
    ),
}
READERS = (["next", "RUN"], ["evaluate", "RUN", "--data", "toy-en"], ["check", "RUN"])


def read_by_all(place: Path, parts: tuple[str, ...], readers=READERS) -> None:
    for reader in readers:
        refused(place, parts, *(place / "run" if a == "RUN" else a for a in reader))


@pytest.mark.parametrize("case", UNSEALED)
def test_a_damaged_run_is_refused_before_anything_is_computed(case, runs, tmp_path):
    damage, parts = UNSEALED[case]
    shutil.copytree(runs["lstm"], tmp_path / "run")
    damage(tmp_path / "run")
    read_by_all(tmp_path, parts)


@pytest.mark.parametrize("case", SEALED)
def test_a_run_that_is_not_what_it_says_is_refused(case, runs, tmp_path):
    model, damage, changes, parts = SEALED[case]
    shutil.copytree(runs[model], tmp_path / "run")
    damage(tmp_path / "run")
    sealed(tmp_path / "run", **changes)
    read_by_all(tmp_path, parts)


def test_weights_that_are_not_numbers_are_told_not_computed_with(runs, tmp_path):
    shutil.copytree(runs["gpt"], tmp_path / "run")
    weights(lambda found: [t.fill_(float("nan")) for t in found.values()])(tmp_path / "run")
    sealed(tmp_path / "run")
    for verb in (["score", "-q"], ["next"], ["evaluate", "--data", "-"]):
        code, out, err = spoken(verb[0], tmp_path / "run", *verb[1:], stdin=b"the cat\n")
        assert (code, out) == (1, "")  # our fault: a training should not have saved it
        assert err.startswith("error: the model gives")
        assert "not numbers" in err


@pytest.fixture(scope="module")
def stopped(words, tmp_path_factory) -> Path:
    """A training that was killed after a checkpoint."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
    recipe = recommend("elman", data=str(words), tokens="words", characters=999).replace(
        ["model.d=8", "training.save_every=0", "training.steps=6", "training.warmup=0"]
    )
    for event in training(recipe, folder):
        if isinstance(event, Step) and event.step == 4:
            break
    return folder


def inside(pattern: str, change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    def damage(folder: Path) -> None:
        (path,) = folder.glob(pattern)
        path.write_bytes(change(path.read_bytes()))

    return damage


CHECKPOINTS: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "state": (inside("state/check*/state.json", lambda b: b[:-9]), ("state.json has the wrong",)),
    "weights": (
        inside("state/check*/model.safetensors", lambda b: b[:-1] + b"\x7f"),
        ("model.safetensors is not what was written",),
    ),
    "its manifest": (
        lambda f: next(f.glob("state/check*/MANIFEST.json")).unlink(),
        ("has no MANIFEST.json",),
    ),
    "what was fixed": (lambda f: (f / "state/BEGUN.json").unlink(), ("has no BEGUN.json",)),
    "the recipe": (inside("recipe.toml", lambda b: b.replace(b"d = 8", b"d = 9")), ("recipe",)),
    "the recipe, in bytes": (inside("recipe.toml", lambda b: b"\xff" + b), ("no run in",)),
    "the text": (inside("text/text.json", lambda b: b[:-1]), ("text/text.json",)),
    "the metrics": (inside("metrics.jsonl", lambda b: b[3:]), ("metrics.jsonl is not what",)),
}


@pytest.mark.parametrize("case", CHECKPOINTS)
def test_a_damaged_checkpoint_is_not_resumed(case, stopped, tmp_path):
    damage, parts = CHECKPOINTS[case]
    shutil.copytree(stopped, tmp_path / "run")
    damage(tmp_path / "run")
    before = tree(tmp_path / "run" / "state")
    code, out, err = spoken("train", "--resume", tmp_path / "run")
    assert (code, out) == (2, ""), err
    for part in parts:
        assert part in err
    assert tree(tmp_path / "run" / "state") == before, "the checkpoint is left as it was"


def test_a_stopped_run_that_is_whole_is_resumed(stopped, tmp_path):
    shutil.copytree(stopped, tmp_path / "run")
    refused(tmp_path, ("not finished", "malmoi train --resume"), "next", tmp_path / "run")
    again = ["train", "elman", "--data", "toy-en", "--to", tmp_path / "run"]
    refused(tmp_path, ("a run that was stopped", "malmoi train --resume"), *again)
    for option in (["--threads", "1"], ["--device", "cpu"], ["--budget", "1m"]):
        parts = ("a resumed run keeps its recipe", f"given beside --resume: {option[0]}")
        refused(tmp_path, parts, "train", "--resume", tmp_path / "run", *option)
    ok("train", "--resume", tmp_path / "run")
    assert json.loads(ok("evaluate", tmp_path / "run", "--json"))["events"] > 0


def test_a_place_that_cannot_hold_a_run_is_refused(words, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("mine")
    call = ["train", "ngram", "--data", words, "--to"]
    refused(tmp_path, ("is a file: a run is a folder", "--to"), *call, tmp_path / "file")
    refused(tmp_path, ("not empty and not a run", "thesis.tex"), *call, tmp_path / "thesis")
    refused(tmp_path, ("could not be saved: not a directory",), *call, tmp_path / "file" / "run")


# ---------------------------------------------------------------- options and prompts


@pytest.mark.parametrize("device", ["", "meta", "mps", "xpu", "cuda:99", "cuda:x", "tpu"])
def test_a_device_that_is_not_there_is_refused(device, ngram, tmp_path):
    refused(tmp_path, ("there is no device", "--device cpu"), "next", ngram, "--device", device)


@pytest.mark.parametrize("prompt", ["", " ", "\n", "🙂\u200d", "\x1b[31m", "없는 낱말", "a " * 99])
def test_any_prompt_is_written_on_from(prompt, trained):
    call = ["generate", trained, "--prompt", prompt, "--max-tokens", "3"]
    assert ok(*call).startswith(prompt)
    assert len(json.loads(ok("next", trained, prompt, "--json"))) == 10


def test_a_prompt_that_is_no_text_is_refused(ngram, tmp_path):
    for verb in (["next", ngram, "\udcff"], ["generate", ngram, "--prompt", "\udcff"]):
        refused(tmp_path, ("half a surrogate pair", "character 0: U+DCFF"), *verb)
    refused(tmp_path, ("stdin", "empty"), "generate", ngram, "--prompt", "-")


def test_stdin_has_no_splits(ngram, tmp_path):
    call = ["evaluate", ngram, "--data", "-", "--split", "test"]
    refused(tmp_path, ("stdin is read whole", "--split"), *call, stdin=b"a\n")


def test_a_name_is_the_data_set_even_beside_a_file_of_that_name(ngram, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy-en").write_text("the cat\n")
    (tmp_path / "ngram").write_text("no recipe")
    named = json.loads(ok("evaluate", ngram, "--data", "toy-en", "--json"))
    assert named["events"] > 1000
    assert json.loads(ok("evaluate", ngram, "--data", "./toy-en", "--json"))["events"] == 3
    (tmp_path / "my.txt").write_text(GOOD * 3)
    ok("train", "ngram", "--data", "my.txt", "--to", "run")


def test_a_shelf_with_a_damaged_copy_says_so(tmp_path, monkeypatch):
    place = tmp_path / "wikitext-2"
    place.mkdir()
    monkeypatch.setenv("MALMOI_DATA", str(tmp_path))
    for content in (gzip.compress(GOOD.encode())[:-9], b"no gzip", gzip.compress(b"other")):
        for name in ("train", "valid", "test"):
            (place / f"{name}.txt.gz").write_bytes(content)
        parts = ("not as published" if content.endswith(b"\0") else "gzip", "train.txt.gz")
        refused(tmp_path, parts, "data", "get", "wikitext-2")


def test_nothing_reaches_for_the_network(words, tmp_path, monkeypatch):
    def closed(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", closed)
    monkeypatch.setattr(socket, "create_connection", closed)
    monkeypatch.delenv("MALMOI_DATA", raising=False)
    ok("train", "ngram", "--data", words, "--to", tmp_path / "run")
    ok("evaluate", tmp_path / "run")
    parts = ("wikitext-2 is not on this machine", "MALMOI_DATA is not set", "get it from")
    refused(tmp_path, parts, "data", "get", "wikitext-2")
    refused(tmp_path, parts, "train", "ngram", "--data", "wikitext-2", "--to", tmp_path / "no")


# ---------------------------------------------------------------- the world outside


def called(script: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """A line of shell in which `malmoi` is the program itself."""
    line = f'malmoi() {{ "{sys.executable}" -m malmoi "$@"; }}; {script}'
    made = subprocess.run(
        ["bash", "-c", line],
        env={**os.environ, **environment},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert b"Traceback" not in made.stderr, made.stderr.decode()
    return made


def test_closed_and_full_streams_end_without_a_traceback(words):
    inspect = f"malmoi data inspect {words}"
    assert called(f"{inspect} >&-").returncode == 0
    assert called(f"{inspect} 2>&- >/dev/null").returncode == 0
    assert called(f"{inspect} <&- >&- 2>&-").returncode == 0
    full = called(f"{inspect} > /dev/full")
    assert (full.returncode, full.stderr.startswith(b"error: No space left")) == (2, True)
    early = called(f"{inspect} | head -c 1; exit ${{PIPESTATUS[0]}}")
    assert (early.returncode, early.stdout, early.stderr) == (0, b"f", b"")
    table = called("malmoi models | head -c 0; exit ${PIPESTATUS[0]}")
    assert (table.returncode, table.stderr) == (0, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_what_has_nothing_to_save(number, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = subprocess.Popen(
        [sys.executable, "-m", "malmoi", "data", "inspect", str(pipe)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),
    )
    with pipe.open("w"):  # opened when the other end is: now it waits for a line
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (128 + number, b"")
    assert b"stopped" in err
    assert b"Traceback" not in err


def test_an_end_of_input_that_is_our_fault_is_not_taken_for_a_persons(monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise EOFError("ours")

    monkeypatch.setattr("malmoi.data.formats.sniff", broken)
    with pytest.raises(EOFError, match="ours"):
        run(["data", "inspect", "x"])


def test_a_closed_stdin_is_an_empty_one(ngram):
    made = called(f"malmoi score {ngram} <&-")
    assert (made.returncode, made.stdout) == (2, b"")
    assert b"error: the file is empty\n  stdin" in made.stderr


def test_the_locale_changes_nothing(words, tmp_path):
    path = tmp_path / "말모이.txt"
    shutil.copy(words, path)
    said = set()
    for locale in ("C", "POSIX", "C.UTF-8"):
        made = called(
            f"malmoi data inspect '{path}'; malmoi data inspect '없다.txt'", LC_ALL=locale
        )
        assert made.returncode == 2
        said.add((made.stdout, made.stderr))
    ((out, err),) = said
    assert str(path) in out.decode()
    assert "없다.txt" in err.decode()


def test_no_color_means_no_colour(words, tmp_path, monkeypatch):
    call = ["compare", "--data", words, "--models", "ngram", "--to", tmp_path / "runs", "-q"]
    colour = re.compile(r"\x1b\[(\d+;)*(3[0-8]|4[0-8]|9[0-7])[;m]")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = ok(*call)
    assert colour.search(coloured)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = ok(*call)
    assert not colour.search(plain)
    without = re.compile(r"\x1b\[[0-9;]*m")
    assert without.sub("", plain) == without.sub("", coloured), "colour says nothing of its own"
