"""`malmoi classify`, `tag`, `evaluate` and `check` of readers, and which model a file fits."""

import io
import json
import sys
from itertools import islice
from pathlib import Path

import pytest

import malmoi
from malmoi.cli import GROUPS, VERBS, run
from malmoi.data.conll import read_conll, read_conllu
from malmoi.data.examples import Example
from malmoi.errors import RunError, UsageError
from malmoi.ladder import LADDER
from malmoi.use import LanguageModel, load_as

GOOD, BAD = ("좋다", "great", "재밌다"), ("나쁘다", "awful", "지루하다")
REST = ("영화", "the", "film", "정말", "was", "이")
SMALL = ("--set", "training.warmup=0", "--set", "task.min_count=1")
WARY = [(who, where) for who in ("Jane Doe", "김철수", "Bob") for where in ("New York", "서울")]


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    code = run([str(a) for a in arguments])
    out, err = capsys.readouterr()
    assert code == 0, err
    return out


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    code = run([str(a) for a in arguments])
    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), err
    assert err.startswith("error: ") or "\nerror: " in err
    assert "Traceback" not in err
    return err


def rows_of_reviews() -> list[tuple[str, str]]:
    found = []
    for i in range(90):
        words = [REST[(i * k + k) % len(REST)] for k in range(1, 4)]
        words.insert(i % 4, (GOOD if i % 2 else BAD)[i // 2 % 3])
        found.append((f"{' '.join(words)} {i}", "good" if i % 2 else "bad"))
    return found


def columns_of_names() -> str:
    def marked(text: str, label: str) -> str:
        words = text.split()
        tags = [f"{'I' if k else 'B'}-{label}" for k in range(len(words))]
        return "".join(f"{w}\t{t}\n" for w, t in zip(words, tags, strict=True))

    some = [
        f"{marked(who, 'PER')}went\tO\nto\tO\n{marked(where, 'LOC')}{day}\tO\n\n"
        for who, where in WARY
        for day in ("today", "again", "오늘", "soon")
    ]
    return "".join(some)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled data, and runs trained on it."""
    place = tmp_path_factory.mktemp("reading")
    table = "text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows_of_reviews())
    (place / "reviews.tsv").write_text(table, encoding="utf-8")
    (place / "names.conll").write_text(columns_of_names(), encoding="utf-8")
    several = [
        {"text": text, "label": [label, "odd"] if i % 3 else []}
        for i, (text, label) in enumerate(rows_of_reviews())
    ]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in several)
    (place / "several.jsonl").write_text(lines, encoding="utf-8")
    plans = {
        "bow": ("bow", "reviews.tsv", ("--set", "training.epochs=3")),
        "several": ("bow", "several.jsonl", ("--set", "training.epochs=2")),
        "crf": (
            "bilstm-crf",
            "names.conll",
            (
                "--set",
                "training.epochs=12",
                "--set",
                "training.lr=0.02",
                "--set",
                "model.dropout=0",
            ),
        ),
    }
    for to, (name, data, more) in plans.items():
        call = ["train", name, "--data", place / data, "--to", place / to, "-q", *SMALL, *more]
        assert run([str(a) for a in call]) == 0
    return place


def pipe(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stdin)


# ---------------------------------------------------------------- classify


def test_a_run_is_opened_as_what_its_task_made_it(place):
    assert type(malmoi.load(place / "bow")).__name__ == "Classifier"
    assert type(malmoi.load(place / "crf")).__name__ == "Tagger"


def test_each_text_has_its_label_its_probability_and_itself(capsys, place):
    texts = ["영화 좋다", "the film was awful"]
    lines = said(capsys, "classify", place / "bow", *texts).splitlines()
    answers = malmoi.load(place / "bow").classify(texts)
    assert [answer.label for answer in answers] == ["good", "bad"]
    assert lines == [f"{a.label}\t{a.probability:.6f}\t{a.text}" for a in answers]


def test_lines_are_classified_from_a_file_from_stdin_and_from_a_table(capsys, place, monkeypatch):
    texts = [text for text, _ in rows_of_reviews()]
    (place / "lines.txt").write_text("\r\n".join(texts), encoding="utf-8")
    from_file = said(capsys, "classify", place / "bow", place / "lines.txt")
    assert [line.split("\t")[2] for line in from_file.splitlines()] == texts
    pipe(monkeypatch, "\n".join(texts))
    assert said(capsys, "classify", place / "bow", "-q") == from_file
    pipe(monkeypatch, "\n".join(texts))
    assert said(capsys, "classify", place / "bow", "-") == from_file
    assert said(capsys, "classify", place / "bow", place / "reviews.tsv") == from_file


def test_probabilities_are_columns_or_json(capsys, place):
    call = ("classify", place / "bow", "영화 좋다", "", "--probabilities")
    head, *rows = [line.split("\t") for line in said(capsys, *call).splitlines()]
    assert head == ["label", "probability", "bad", "good", "text"]
    assert all(float(row[2]) + float(row[3]) == pytest.approx(1, abs=1e-5) for row in rows)
    found = json.loads(said(capsys, *call, "--json"))
    assert [one["text"] for one in found] == ["영화 좋다", ""]
    for one, row in zip(found, rows, strict=True):
        assert one["label"] == row[0]
        assert one["probabilities"]["good"] == pytest.approx(float(row[3]), abs=1e-6)
    assert json.loads(said(capsys, "classify", place / "bow", "a", "--json"))[0].keys() == {
        "text", "label", "probability",
    }  # fmt: skip


def test_a_cell_of_the_answer_is_one_line(capsys, place):
    assert said(capsys, "classify", place / "bow", "a\tb\r\nc", "d").count("\n") == 2


def test_several_labels_are_those_over_the_threshold(capsys, place):
    call = ("classify", place / "several", "영화 좋다", "--json", "--probabilities")
    for threshold in ("0", "0.4", "1"):
        (one,) = json.loads(said(capsys, *call, "--threshold", threshold))
        due = {k for k, p in one["probabilities"].items() if p >= float(threshold)}
        assert set(one["labels"]) == due
    assert "threshold" in refused(capsys, "classify", place / "bow", "a", "--threshold", ".3")


def test_a_file_that_is_not_there_is_not_taken_for_a_text(capsys, place):
    assert "there is no file nowhere.txt" in refused(
        capsys, "classify", place / "bow", "nowhere.txt"
    )
    assert "columns" in refused(capsys, "classify", place / "bow", place / "names.conll")
    assert said(capsys, "classify", place / "bow", "3.14").endswith("\t3.14\n")


def test_a_run_of_another_kind_is_refused_with_what_it_can_do(capsys, place, ngram):
    assert "is a tagger, and this asks for a classifier" in refused(
        capsys, "classify", place / "crf", "a"
    )
    for verb in ("generate", "score", "next"):
        assert "classify" in refused(capsys, verb, place / "bow")
    assert "is a language model" in refused(capsys, "tag", ngram)
    assert "not an n-gram model" in refused(capsys, "export", place / "bow", "--to", "arpa")


# ---------------------------------------------------------------- tag

RAW = "Bob went to New York today.  김철수 went to 서울\r\n\r\nJane Doe"


def test_tags_as_conll_are_read_back(capsys, place, monkeypatch):
    pipe(monkeypatch, RAW)
    out = said(capsys, "tag", place / "crf")
    answers = malmoi.load(place / "crf").tag(RAW.split("\r\n"))
    lines = out.split("\n")
    found = [sentence for _, sentence in read_conll(lines, "out")]
    assert [t for s in found for t in s.words] == [t.text for a in answers for t in a.tokens]
    assert [t for s in found for t in s.columns["-1"]] == [t for a in answers for t in a.tags]
    assert len(found) == 3


def test_tags_as_conllu_are_read_back_with_the_text(capsys, place, monkeypatch):
    pipe(monkeypatch, RAW)
    out = said(capsys, "tag", place / "crf", "--format", "conllu")
    found = [sentence for _, sentence in read_conllu(out.split("\n"), "out")]
    assert [s.text for s in found] == [
        "Bob went to New York today.", "김철수 went to 서울", "Jane Doe",
    ]  # fmt: skip
    assert "NER=B-LOC" in out


def test_json_and_spans_tell_places_of_the_line_as_it_was_given(capsys, place, monkeypatch):
    pipe(monkeypatch, RAW)
    found = json.loads(said(capsys, "tag", place / "crf", "--json"))
    assert [one["text"] for one in found] == RAW.split("\r\n")
    there = [
        (one["text"][e["start"] : e["end"]], e["label"]) for one in found for e in one["entities"]
    ]
    assert ("New York", "LOC") in there
    assert ("Jane Doe", "PER") in there
    pipe(monkeypatch, RAW)
    shown = said(capsys, "tag", place / "crf", "--format", "spans")
    rows = [line.split("\t") for line in shown.splitlines()]
    lines = RAW.split("\r\n")
    assert [(lines[int(r[0]) - 1][int(r[1]) : int(r[2])], r[3]) for r in rows] == there
    assert [row[5] for row in rows] == [text for text, _ in there]


def test_words_that_are_cut_stay_as_they_are(capsys, place, monkeypatch):
    pipe(monkeypatch, "New-York's don't\n\nBob , went")
    out = said(capsys, "tag", place / "crf", "--words")
    assert [line.split("\t")[0] for line in out.splitlines() if line] == [
        "New-York's", "don't", "Bob", ",", "went",
    ]  # fmt: skip
    out = said(capsys, "tag", place / "crf", place / "names.conll", "-q")
    words = [w for _, s in read_conll(out.split("\n"), "") for w in s.words]
    due = [line.split("\t")[0] for line in columns_of_names().splitlines() if line]
    assert words == due
    assert "already" in refused(capsys, "tag", place / "crf", place / "names.conll", "--whole")


def test_a_line_may_be_read_as_one_sentence(capsys, place, monkeypatch):
    for more, sentences in (((), 2), (("--whole",), 1)):
        pipe(monkeypatch, "Bob went. 김철수 went.")
        out = said(capsys, "tag", place / "crf", *more)
        assert out.count("\n\n") == sentences


def test_nothing_is_tagged_as_nothing(capsys, place, monkeypatch):
    pipe(monkeypatch, "\n\n")
    assert said(capsys, "tag", place / "crf") == ""
    pipe(monkeypatch, "\n\n")
    assert [one["tokens"] for one in json.loads(said(capsys, "tag", place / "crf", "--json"))] == [
        [], [],
    ]  # fmt: skip
    assert "--format json" in refused(capsys, "tag", place / "crf", "--json", "--format", "conll")


# ---------------------------------------------------------------- evaluate


@pytest.mark.parametrize("name", ["bow", "several", "crf"])
def test_a_reader_is_evaluated_on_its_own_test_split_as_it_was_after_training(capsys, place, name):
    report = json.loads((place / name / "report.json").read_text("utf-8"))
    found = json.loads(said(capsys, "evaluate", place / name, "--json", "-q"))
    for key, value in report["test"].items():
        if isinstance(value, int | float):  # infinity is spelt
            assert found[key] == pytest.approx(value, rel=1e-5)
    found = json.loads(said(capsys, "evaluate", place / name, "--split", "valid", "--json", "-q"))
    counted = "words" if name == "crf" else "examples"
    assert found[counted] == report["valid"][counted]


def test_a_labelled_file_is_evaluated_whole_by_label_and_with_its_confusion(capsys, place):
    call = ("evaluate", place / "bow", "--data", place / "reviews.tsv")
    found = json.loads(said(capsys, *call, "--json", "--predictions", place / "p.tsv"))
    assert found["examples"] == 90
    gold, answer, p, texts = zip(
        *(line.split("\t") for line in (place / "p.tsv").read_text("utf-8").splitlines()),
        strict=True,
    )
    assert list(zip(texts, gold, strict=True)) == rows_of_reviews()
    right = sum(a == b for a, b in zip(gold, answer, strict=True))
    assert found["right"] == right > 80
    assert all(0.5 <= float(each) <= 1 for each in p)
    pairs, names = list(zip(gold, answer, strict=True)), found["names"]
    count = [[sum(pair == (a, b) for pair in pairs) for b in names] for a in names]
    assert found["confusion"] == count
    shown = said(capsys, *call)
    assert shown.startswith(f"accuracy {100 * right / 90:.2f} %")
    assert "true ↓" in shown
    assert "support" in shown


def test_tagged_sentences_are_evaluated_in_the_models_scheme(capsys, place):
    bioes = place / "bioes.conll"
    rows = columns_of_names().replace("I-PER", "E-PER").replace("I-LOC", "E-LOC").splitlines()
    alone = [
        row.replace("B-", "S-") if "\tB-" in row and "\tE-" not in after else row
        for row, after in zip(rows, [*rows[1:], ""], strict=True)
    ]
    bioes.write_text("\n".join(alone) + "\n", encoding="utf-8")
    results = [
        json.loads(said(capsys, "evaluate", place / "crf", "--data", data, "--json", "-q"))
        for data in (place / "names.conll", bioes)
    ]
    assert results[0] == results[1]
    assert results[0]["f1"] > 0.9
    predictions = place / "p.jsonl"
    said(capsys, "evaluate", place / "crf", "--data", bioes, "--predictions", predictions)
    lines = [json.loads(line) for line in predictions.read_text("utf-8").splitlines()]
    assert len(lines) == results[0]["sentences"]
    assert set(lines[0]) == {"words", "gold", "said"}


@pytest.mark.parametrize("name", ["bow", "crf"])
def test_readers_keep_the_laws_by_the_command_line(capsys, place, name):
    findings = json.loads(said(capsys, "check", place / name, "--json"))
    assert len(findings) == 10
    assert all(finding["ok"] for finding in findings)


def test_what_cannot_be_measured_is_refused(capsys, place, tmp_path):
    (tmp_path / "x.txt").write_text("one\ntwo\n")
    bow = ("evaluate", place / "bow", "--data")
    assert "no labels to compare" in refused(capsys, *bow, tmp_path / "x.txt")
    assert "no labelled texts" in refused(capsys, *bow, place / "names.conll")
    assert "not from stdin" in refused(capsys, *bow, "-")
    assert "no folder" in refused(
        capsys, *bow, place / "reviews.tsv", "--predictions", tmp_path / "a" / "b"
    )
    (tmp_path / "other.tsv").write_text("text\tlabel\na\tred\nb\tblue\n")
    assert "none of these labels" in refused(capsys, *bow, tmp_path / "other.tsv")
    (tmp_path / "pos.conll").write_text("a\tDET\nb\tNOUN\n\nc\tVERB\n")
    error = refused(capsys, "evaluate", place / "crf", "--data", tmp_path / "pos.conll")
    assert "these tags write none" in error
    assert "--column is for taggers" in refused(
        capsys, *bow, place / "reviews.tsv", "--column", "x"
    )


# ---------------------------------------------------------------- which model fits


@pytest.mark.parametrize(
    ("name", "data", "fits"),
    [
        ("bilstm-crf", "reviews.tsv", "rnn-max"),
        ("bow", "names.conll", "bilstm-crf"),
        ("selfattentive", "plain.txt", "lstm"),
        ("rnn", "plain.txt", "lstm"),
    ],
)
def test_a_name_that_does_not_fit_the_data_is_refused_with_names_that_do(
    capsys, place, name, data, fits, tmp_path
):
    (place / "plain.txt").write_text("one\ntwo\nthree\nfour\n")
    error = refused(capsys, "train", name, "--data", place / data, "--to", tmp_path / "run")
    assert f"{name} learns from" in error
    assert fits in error
    assert not (tmp_path / "run").exists()


def test_data_in_the_place_of_a_model_is_refused_with_a_model(capsys, place):
    error = refused(capsys, "train", place / "names.conll")
    assert "which model shall learn from it?" in error
    assert f"malmoi train bilstm-crf --data {place / 'names.conll'}" in error
    assert "malmoi train lstm --data python-docs" in refused(capsys, "train", "python-docs")


def test_the_ladder_is_shown_task_by_task(capsys):
    shown = said(capsys, "models")
    places = [shown.index(f"\n{rung.name} ") for rung in LADDER]
    assert places == sorted(places)
    assert shown.index("tagging:") > shown.index("classification:") > places[0]


def test_every_verb_is_in_one_group_of_the_help(capsys):
    assert sorted(v for verbs in GROUPS.values() for v in verbs) == sorted(VERBS)
    shown = said(capsys, "--help")
    assert all(f"\n  {verb} " in shown for verb in VERBS)


# ---------------------------------------------------------------- damaged runs


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("bow", "labels", 0),
        ("bow", "labels", "two"),
        ("bow", "labels", 3),
        ("bow", "several", 1),
        ("bow", "several", True),
        ("bow", "vocabulary", True),
        ("crf", "characters", 0),
        ("crf", "characters", 2**40),
        ("crf", "labels", None),
    ],
)
def test_sizes_that_cannot_be_are_refused(place, tmp_path, name, key, value):
    import shutil

    from malmoi import files

    copy = tmp_path / "copy"
    shutil.copytree(place / name, copy)
    model = json.loads((copy / "model.json").read_text())
    (copy / "model.json").write_text(files.dumps({**model, key: value}))
    manifest = json.loads((copy / files.MANIFEST).read_text())
    entries = {n: files.entry(copy / n) for n in manifest["files"]}
    (copy / files.MANIFEST).write_text(files.manifest_of(entries))
    with pytest.raises(RunError):
        malmoi.load(copy)


def test_labelled_data_are_what_python_reads_too(place):
    reader = malmoi.load(place / "bow")
    examples = [Example(text, (label,)) for text, label in islice(rows_of_reviews(), 10)]
    report, answers = reader.evaluate(examples)
    assert report.examples == len(answers) == 10
    with pytest.raises(UsageError, match="language model"):
        load_as(LanguageModel, place / "bow")
