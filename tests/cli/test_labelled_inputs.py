"""The table of labelled inputs: whatever comes in, it ends "ok" or "refused well".

Refused well: exit 2, an error that names the place, the value or the way out, no traceback, nothing
on stdout, and no run folder left behind.  Ok: trained, and measured on as many examples as there
are.
"""

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from malmoi.cli import run
from malmoi.data.annotated import kind_of, opened

FAMILY = "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}"


class Case(NamedTuple):
    """A file, what trains on it, and how that ends: the number of examples, or parts of the error
    and whether its place is told.  told: what must be announced."""

    name: str
    content: bytes
    model: str
    ends: int | tuple[str, ...]
    told: tuple[str, ...] = ()
    more: tuple[str, ...] = ()


def table(
    n: int = 30, *, head: str = "text\tlabel\n", text: str = "말 {i}", end: str = "\n"
) -> str:
    rows = (f"{text.format(i=i)}\t{'좋음' if i % 2 else '나쁨'}" for i in range(n))
    return head.replace("\n", end) + "".join(row + end for row in rows)


def columns(n: int = 30, *, word: str = "말{i}", first: str = "B-PER", end: str = "\n") -> str:
    rows = (f"{word.format(i=i)}\t{first}{end}씨{i}\tI-PER{end}간다\tO{end}{end}" for i in range(n))
    return "".join(rows)


def conllu(n: int = 30) -> str:
    rows = (
        f"# text = 말{i}이다\n1\t말{i}\t_\tNOUN\tNN\t_\t_\t_\t_\tSpaceAfter=No\n"
        f"2\t이다\t_\tVERB\tVV\t_\t_\t_\t_\t_\n\n"
        for i in range(n)
    )
    return "".join(rows)


def nfd(text: str) -> bytes:
    return unicodedata.normalize("NFD", text).encode()


JSONL = "".join(
    json.dumps({"text": f"a\tb\nc {i} {FAMILY}", "label": "xy"[i % 2]}) + "\n" for i in range(30)
)
NUMBERS = "text\tlabel\n" + "".join(f"말 {i}\t{i % 3}\n" for i in range(30))
QUOTES = "text,label\n" + "".join(f'"a, ""{i}""\nb",{"xy"[i % 2]}\n' for i in range(30))
IDS = "text\tid\n" + "".join(f"말 {i}\t{i}\n" for i in range(30))
MIXED = columns(20) + columns(10).replace("I-PER", "E-PER") + "a\tI-PER\nb\tO\n\n"
OUTSIDE = columns().replace("B-PER", "O").replace("I-PER", "O")
CASES = [
    # texts with labels
    Case("plain.tsv", table().encode(), "bow", 30, ("the label is column 'label', by its name",)),
    Case("headless.tsv", table(head="").encode(), "bow", 30, ("which has the fewest values",)),
    Case("crlf.tsv", table(end="\r\n").encode(), "bow", 30),
    Case("bom.tsv", b"\xef\xbb\xbf" + table().encode(), "bow", 30),
    Case("nfd.tsv", nfd(table(text="한국어 {i}")), "bow", 30),
    Case("emoji.tsv", table(text=f"{FAMILY} 👍🏽 {{i}}").encode(), "bow", 30),
    Case("specials.tsv", table(text="<s> </s> <unk> [MASK] {i}").encode(), "bow", 30),
    Case("quotes.csv", QUOTES.encode(), "bow", 30),
    Case("lines.jsonl", JSONL.encode(), "bow", 30),
    Case("empty-text.tsv", (table() + "\t좋음\n").encode(), "bow", 30, ("1 rows without a text",)),
    Case("numbers.tsv", NUMBERS.encode(), "bow", 30),
    Case("cp949.tsv", table().encode("cp949"), "bow", ("CP949", "iconv", ":2, byte 11")),
    Case("utf16.tsv", table().encode("utf-16"), "bow", ("UTF-16", "iconv")),
    Case("empty.tsv", b"", "bow", ("empty",)),
    Case("head.tsv", b"text\tlabel\n", "bow", ("no rows",)),
    Case("one.tsv", "text\tlabel\n말\t좋음\n".encode(), "bow", ("only one label", "좋음")),
    Case(
        "one-label.tsv", table().replace("나쁨", "좋음").encode(), "bow", ("only one label", "좋음")
    ),
    Case("few.tsv", table(2).encode(), "bow", ("too little to split", "2 different")),
    Case(
        "no-label-column.tsv",
        IDS.encode(),
        "bow",
        ("bow learns from texts with labels", "no column of it can be a label", "lstm"),
    ),
    Case("missing-label.tsv", (table() + "말\t\n").encode(), "bow", (":32", "no label", "'label'")),
    Case("ragged.tsv", (table() + "말 하나\n").encode(), "bow", (":32: 1 columns, 2",)),
    Case(
        "tab-in-text.tsv", (table() + "말\t하나\t좋음\n").encode(), "bow", (":32: 3 columns", "CSV")
    ),
    Case("quote.csv", b'text,label\n"a,x\nb,y\n', "bow", ("not CSV", "quote.csv:")),
    Case("broken.jsonl", (JSONL + "{\n").encode(), "bow", ("broken.jsonl:31", "not JSON")),
    Case("list.jsonl", (JSONL + "[1]\n").encode(), "bow", ("list.jsonl:31", "not a JSON object")),
    Case(
        "no-text.jsonl",
        (JSONL + '{"label": "x"}\n').encode(),
        "bow",
        ("no-text.jsonl:31", "no text"),
    ),
    Case("deep.jsonl", (JSONL + "[" * 100_000 + "\n").encode(), "bow", ("deep.jsonl:31",)),
    # sentences with tags
    Case("plain.conll", columns().encode(), "bilstm-crf", 30, ("entities in BIO",)),
    Case("crlf.conll", columns(end="\r\n").encode(), "bilstm", 30),
    Case("bom.conll", b"\xef\xbb\xbf" + columns().encode(), "bilstm", 30),
    Case("nfd.conll", nfd(columns(word="한국어{i}")), "bilstm-crf", 30),
    Case("emoji.conll", columns(word=FAMILY + "{i}").encode(), "bilstm", 30),
    Case("iob1.conll", columns(first="I-PER").encode(), "bilstm-crf", 30, ("IOB1",)),
    Case("bioes.conll", columns().replace("I-PER", "E-PER").encode(), "bilstm-crf", 30),
    Case("plain.conllu", conllu().encode(), "bilstm", 30),
    Case("xpos.conllu", conllu().encode(), "rnn", 30, (), ("--set", "task.column=xpos")),
    Case(
        "column.conllu",
        conllu().encode(),
        "bilstm",
        ("no column 'xposs'", "did you mean 'xpos'"),
        (),
        ("--set", "task.column=xposs"),
    ),
    Case(
        "scheme.conllu",
        conllu().encode(),
        "bilstm",
        ("cannot be written in bio", 'task.scheme = "auto"'),
        (),
        ("--set", "task.scheme=bio"),
    ),
    Case("mixed.conll", MIXED.encode(), "bilstm-crf", ("mixed.conll:", "BIOES")),
    Case("bilou.conll", columns().replace("I-PER", "L-PER").encode(), "bilstm-crf", ("BILOU",)),
    Case(
        "ragged.conll", (columns() + "말\tNN\tO\n\n").encode(), "bilstm", ("ragged.conll:121", "3")
    ),
    Case("empty.conll", b"", "bilstm", ("empty",)),
    Case("blank.conllu", b"\n\n\n", "bilstm", ("no sentence",)),
    Case("one-label.conll", OUTSIDE.encode(), "bilstm", ("only one label", "'O'")),
    Case("cp949.conll", columns().encode("cp949"), "bilstm", ("CP949", ":1")),
    Case("few.conll", columns(2).encode(), "bilstm", ("too little to split", "2 different")),
]


def call(*arguments: object) -> int:
    return run([str(a) for a in arguments])


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_labelled_file_is_learnt_from_or_refused_well(case, tmp_path, capsys):
    path, to = tmp_path / case.name, tmp_path / "run"
    path.write_bytes(case.content)
    small = ["--set", "training.steps=2", "--set", "training.warmup=0"]
    small += ["--set", "model.d=4"] if case.model != "bow" else ["--set", "model.buckets=50"]
    code = call("train", case.model, "--data", path, "--to", to, *small, *case.more)
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    if isinstance(case.ends, tuple):
        assert (code, out) == (2, ""), err
        error = err[err.index("error: ") :]
        for part in (case.name, *case.ends):
            assert part in error
        assert sorted(tmp_path.iterdir()) == [path], "a refused training leaves nothing behind"
        return
    assert code == 0, err
    for part in case.told:
        assert part in err
    assert call("evaluate", to, "--data", path, "--json", "-q") == 0
    found = json.loads(capsys.readouterr().out)
    counted = "sentences" if "f1" in found else "examples"  # of a tagger: words
    words = 2 if case.name.endswith("conllu") else 1
    assert found[counted] == case.ends * words


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A classifier of 좋음 and 나쁨, a tagger of people."""
    place = tmp_path_factory.mktemp("labelled")
    (place / "a.tsv").write_text(table(), encoding="utf-8")
    (place / "a.conll").write_text(columns(), encoding="utf-8")
    for to, name, data in (("bow", "bow", "a.tsv"), ("crf", "bilstm-crf", "a.conll")):
        more = ["--set", "training.steps=4", "--set", "training.warmup=0"]
        more += ["--set", "model.d=8"] if to == "crf" else []
        assert call("train", name, "--data", place / data, "--to", place / to, "-q", *more) == 0
    return {to: place / to for to in ("bow", "crf")}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_labelled_file_is_measured_or_refused_well(case, runs, tmp_path, capsys):
    """By a model that knows other labels, or the same: the error is told, or it is counted."""
    path = tmp_path / case.name
    path.write_bytes(case.content)
    kind = "bow" if case.model == "bow" else "crf"
    code = call("evaluate", runs[kind], "--data", path, "--json")
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert code in (0, 2), err
    assert (code == 2) == (not out)
    if code == 2:
        assert "error: " in err
        assert case.name in err[err.index("error: ") :]
    else:
        found = json.loads(out)
        items: Any = opened(path, kind_of(path)).items()
        assert found["examples" if kind == "bow" else "sentences"] == len(list(items))


def test_labels_that_training_has_not_seen_are_announced_and_wrong(runs, tmp_path, capsys):
    (tmp_path / "test.tsv").write_text(
        "text\tlabel\n" + "말 1\t좋음\n말 2\t새것\n말 3\t새것\n", encoding="utf-8"
    )
    assert call("evaluate", runs["bow"], "--data", tmp_path / "test.tsv", "--json") == 0
    out, err = capsys.readouterr()
    assert "training has not seen 새것: 2 texts so labelled count as wrong" in err
    found = json.loads(out)
    assert found["examples"] == 3
    assert found["by_label"]["새것"] == {"precision": 0, "recall": 0, "f1": 0, "support": 2}
    assert found["right"] <= 1
    (tmp_path / "test.conll").write_text("말1\tB-PER\n씨1\tB-ORG\n\n", encoding="utf-8")
    assert call("evaluate", runs["crf"], "--data", tmp_path / "test.conll", "--json") == 0
    out, err = capsys.readouterr()
    assert "training has not seen B-ORG: 1 words so labelled count as wrong" in err
    assert json.loads(out)["by_label"]["ORG"]["support"] == 1


def test_labels_that_only_the_test_file_of_a_folder_has_are_announced(tmp_path, capsys):
    data = tmp_path / "data"
    data.mkdir()
    for split, text in (("train", table()), ("dev", table(4)), ("test", table(4))):
        text = text.replace("나쁨", "새것") if split == "test" else text
        (data / f"{split}.tsv").write_text(text, encoding="utf-8")
    more = ("--set", "training.steps=2", "--set", "training.warmup=0")
    assert call("train", "bow", "--data", data, "--to", tmp_path / "run", *more) == 0
    err = capsys.readouterr().err
    assert "test has 1 labels that train has not: '새것'" in err
    assert "training has not seen 새것: texts so labelled count as wrong" in err


Same = Callable[[str], str]


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("NFD", lambda s: unicodedata.normalize("NFD", s)),
        ("CR LF", lambda s: s.replace("\n", "\r\n")),
        ("BOM", lambda s: "\ufeff" + s),
    ],
)
def test_a_file_in_another_spelling_is_the_same_file(name, form: Same, runs, tmp_path, capsys):
    for kind, text, suffix in (("bow", table(), "tsv"), ("crf", columns(), "conll")):
        results = []
        for spelling, written in (("plain", text), ("other", form(text))):
            path = tmp_path / f"{spelling}.{suffix}"
            path.write_bytes(written.encode())
            assert call("evaluate", runs[kind], "--data", path, "--json", "-q") == 0
            results.append(json.loads(capsys.readouterr().out))
        assert results[0] == results[1]


def decoyed(kind: str, n: int = 30) -> str:
    """A table whose usual names hold something else than is meant: `comment` and `mood` are."""
    rows = [
        {"text": f"줄 {i}", "label": "xyz"[i % 3], "comment": f"말 {i}", "mood": "+-"[i % 2]}
        for i in range(n)
    ]
    if kind == "jsonl":
        return "".join(json.dumps(row) + "\n" for row in rows)
    between = "\t" if kind == "tsv" else ","
    return "".join(between.join(row) + "\n" for row in [list(rows[0]), *(r.values() for r in rows)])


SEVERAL = [("a", "b")[: i % 3] for i in range(30)]
LISTS = "".join(
    json.dumps({"text": "줄", "comment": f"말 {i}", "mood": some}) + "\n"
    for i, some in enumerate(SEVERAL)
)
CELLS = "text,comment,mood\n" + "".join(
    f"줄,말 {i},{'; '.join(s)}\n" for i, s in enumerate(SEVERAL)
)
FLAGGED = "text,label,comment,a,b\n" + "".join(
    f"줄,x,말 {i},{int('a' in some)},{int('b' in some)}\n" for i, some in enumerate(SEVERAL)
)
BOTH = ("--text-column", "comment", "--label-column", "mood")
CHOSEN = [
    ("a.tsv", decoyed("tsv"), BOTH, "+-"),
    ("a.csv", decoyed("csv"), BOTH, "+-"),
    ("a.jsonl", decoyed("jsonl"), BOTH, "+-"),
    ("case.tsv", decoyed("tsv"), ("--text-column", "Comment", "--label-column", "MOOD"), "+-"),
    ("headless.tsv", decoyed("tsv").partition("\n")[2],
     ("--text-column", "3", "--label-column", "4"), "+-"),
    ("lists.jsonl", LISTS, BOTH, "ab"),
    ("cells.csv", CELLS, (*BOTH, "--labels-separator", ";"), "ab"),
    ("flags.csv", FLAGGED,
     ("--text-column", "comment", "--label-column", "a", "--label-column", "b"), "ab"),
]  # fmt: skip
QUICK = ("--set", "training.steps=2", "--set", "training.warmup=0")


@pytest.mark.parametrize(("name", "content", "asked", "labels"), CHOSEN, ids=[c[0] for c in CHOSEN])
def test_columns_that_are_chosen_are_learnt_from_and_remembered(
    name, content, asked, labels, tmp_path, capsys
):
    path, to = tmp_path / name, tmp_path / "run"
    path.write_text(content, encoding="utf-8")
    assert call("train", "bow", "--data", path, "--to", to, *asked, *QUICK) == 0
    assert "the text is column" not in capsys.readouterr().err
    assert sorted(json.loads((to / "report.json").read_text("utf-8"))["labels"]) == sorted(labels)
    measured = []
    for more in ((), asked):
        assert call("evaluate", to, "--data", path, "--json", "-q", *more) == 0
        measured.append(json.loads(capsys.readouterr().out))
    assert measured[0] == measured[1]
    assert measured[0]["examples"] == 30
    assert call("evaluate", to, "--json", "-q") == 0  # its own test split
    capsys.readouterr()
    assert call("classify", to, path, "-q") == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[-1] for line in out] == [f"말 {i}" for i in range(30)]


def test_another_column_than_the_remembered_one_can_be_chosen(tmp_path, capsys):
    path, to = tmp_path / "a.tsv", tmp_path / "run"
    path.write_text(decoyed("tsv"), encoding="utf-8")
    assert call("train", "bow", "--data", path, "--to", to, *BOTH, *QUICK) == 0
    capsys.readouterr()
    assert call("classify", to, path, "--text-column", "text", "-q") == 0
    assert capsys.readouterr().out.splitlines()[3].endswith("\t줄 3")
    assert call("evaluate", to, "--data", path, "--label-column", "label", "-q") == 2
    assert "knows none of these labels" in capsys.readouterr().err
    other = tmp_path / "other.tsv"
    other.write_text(decoyed("tsv").replace("comment", "comments", 1), encoding="utf-8")
    for verb in (("classify", to, other), ("evaluate", to, "--data", other)):
        assert call(*verb, "-q") == 2, "it was learnt from a column that this table has not"
        err = capsys.readouterr().err
        assert "no column 'comment'" in err
        assert "did you mean 'comments'?" in err


def test_columns_are_chosen_for_every_model_that_is_compared(tmp_path, capsys):
    path, to = tmp_path / "a.tsv", tmp_path / "both"
    path.write_text(decoyed("tsv"), encoding="utf-8")
    sizes = ("--set", "task.min_count=1")
    given = ("--data", path, "--models", "bow", "--budget", "none", "--to", to)
    assert call("compare", *given, *BOTH, *QUICK, *sizes, "-q") == 0
    found = json.loads((to / "comparison.json").read_text("utf-8"))
    assert " ".join(BOTH) in found["commands"][0]
    recipe = (to / "bow" / "recipe.toml").read_text("utf-8")
    assert 'text_column = "comment"\nlabel_columns = ["mood"]\n' in recipe


REFUSED = [
    ("a.tsv", ("--text-column", "coment"), ("no column 'coment'", "did you mean 'comment'?")),
    ("a.csv", ("--label-column", "moood"), ("no column 'moood'", "did you mean 'mood'?")),
    ("a.jsonl", ("--label-column", "moood"), ("no column 'moood'", "did you mean 'mood'?")),
    ("a.tsv", ("--text-column", "5"), ("no column '5'", "'comment', 'mood'")),
    ("a.tsv", ("--text-column", "mood", "--label-column", "mood"), ("as text and as label",)),
    ("a.conllu", BOTH, ("this is none", "tagged sentences", "task.column")),
    ("a.txt", BOTH, ("this is none", "read as lines", ".tsv")),
]


@pytest.mark.parametrize(
    ("verb", "name", "asked", "parts"),
    [
        (verb, *case)
        for verb in ("train", "compare", "evaluate", "classify")
        for case in REFUSED
        if verb != "classify" or ("--label-column" not in case[1] or case[0].endswith("txt"))
    ],
)
def test_a_column_that_cannot_be_had_is_refused_well(
    verb, name, asked, parts, runs, tmp_path, capsys
):
    path, to = tmp_path / name, tmp_path / "run"
    kind = path.suffix[1:]
    content = {"conllu": conllu(), "txt": "말\n" * 30}.get(kind) or decoyed(kind)
    path.write_text(content, encoding="utf-8")
    if verb == "classify":
        code = call("classify", runs["bow"], path, *asked[:2])
    elif verb == "evaluate":
        code = call("evaluate", runs["bow"], "--data", path, *asked)
    else:
        names = ("--models",) if verb == "compare" else ()
        code = call(verb, *names, "bow", "--data", path, "--to", to, *asked)
    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), err
    assert "Traceback" not in err
    for part in (name, *parts):
        assert part in err[err.index("error: ") :]
    assert sorted(tmp_path.iterdir()) == [path]


def test_columns_are_refused_where_nothing_has_any(runs, tmp_path, capsys):
    path = tmp_path / "a.tsv"
    path.write_text(decoyed("tsv"), encoding="utf-8")
    calls: list[tuple[tuple[object, ...], str]] = [
        (("train", "lstm", "--data", path, "--to", tmp_path / "r"), "lstm is none"),
        (("train", "bow", "--data", "toy-ko", "--to", tmp_path / "r"), "has its own columns"),
        (("train", "--resume", runs["bow"]), "a resumed run keeps its recipe"),
        (("classify", runs["bow"], "말 하나"), "--text-column is of a table"),
        (("evaluate", runs["crf"], "--data", path), "--text-column is for classifiers"),
    ]
    for words, told in calls:
        assert call(*words, "--text-column", "comment") == 2
        out, err = capsys.readouterr()
        assert told in err
        assert (out, "Traceback" in err) == ("", False)
    assert sorted(tmp_path.iterdir()) == [path]
