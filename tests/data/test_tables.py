"""A table is read as its columns say, and a wrong one says where."""

import gzip
import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest

from malmoi.data.catalogue import find
from malmoi.data.dataset import DataSet
from malmoi.data.examples import Example
from malmoi.data.table import Columns
from malmoi.errors import DataError, EmptyText, MalmoiError, TextError

SPLITS = ("train", "valid", "test")


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def every(data: DataSet) -> list[Example]:
    return [example for split in SPLITS for example in data.examples(split)]


def rows(n: int = 30, line: str = "{text}\t{label}") -> str:
    return "".join(line.format(text=f"말 {i}", label="ab"[i % 2]) + "\n" for i in range(n))


EXPECTED = sorted(Example(f"말 {i}", ("ab"[i % 2],)) for i in range(30))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.tsv", "text\tlabel\n" + rows(), "column 'label', by its name"),
        (
            "a.tsv",
            "label\tid\t리뷰\n" + rows(line="{label}\t7\t{text}"),
            "column '리뷰', by its name",
        ),
        ("a.tsv", rows(), "column '2', which has the fewest values"),
        ("a.tsv", rows(line="{label}\t{text}"), "column '1', which has the fewest values"),
        ("a.tsv", "무엇\t종류\n" + rows(), "column '종류', which has the fewest values"),
        ("a.csv", "text,label\n" + rows(line='"{text}",{label}'), "by its name"),
        ("a.csv", "text;label\n" + rows(line="{text};{label}"), "its cells stand between ';'"),
        ("a.csv", "text,label\n" + rows(line="{text},{label}  "), "by its name"),
        ("a.jsonl", rows(line='{{"label": "{label}", "text": "{text}"}}'), "by its name"),
        ("a.jsonl", rows(line='{{"x": "{label}", "z": "{text}"}}'), "the fewest values"),
        ("ratings.txt", "id\tdocument\tlabel\n" + rows(line="0\t{text}\t{label}"), "by its name"),
    ],
)
def test_columns_are_told_by_their_names_or_their_values_and_announced(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    data = find(written(tmp_path / name, text))
    assert data.form == "labelled"
    assert sorted(every(data)) == EXPECTED
    assert any(said in announcement for announcement in data.announcements), data.announcements
    assert sorted(line for s in SPLITS for line in data.lines(s)) == [e.text for e in EXPECTED]


@pytest.mark.parametrize(
    "asked", [Columns("무엇", ("종류",)), Columns("1", ("2",)), Columns("무엇")]
)
def test_columns_that_are_asked_for_are_read(tmp_path: Path, asked: Columns) -> None:
    text = "무엇\t종류\tlabel\n" + rows(line="{text}\t{label}\t{label}")
    data = find(written(tmp_path / "a.tsv", text), columns=asked)
    assert sorted(every(data)) == EXPECTED
    assert len(data.announcements) == (2 if not asked.labels else 1)


def test_bytes_are_read_as_everywhere(tmp_path: Path) -> None:
    text = "\ufefftext\tlabel\r\n" + rows().replace("\n", "\r\n")
    with gzip.open(tmp_path / "a.tsv.gz", "wb") as file:
        file.write(text.encode())
    assert sorted(every(find(tmp_path / "a.tsv.gz"))) == EXPECTED
    (tmp_path / "b.csv").write_bytes(("text,label\n" + rows(line="{text},{label}")).encode("cp949"))
    with pytest.raises(TextError, match="not UTF-8") as caught:
        find(tmp_path / "b.csv")
    assert "CP949" in caught.value.hint


def test_quotes_are_text_in_tsv_and_quotes_in_csv(tmp_path: Path) -> None:
    tsv = 'text\tlabel\n"그" 영화\ta\n"열고\tb\n' + rows()
    assert Example('"열고', ("b",)) in every(find(written(tmp_path / "a.tsv", tsv)))
    csv = 'text,label\n"한 줄\n두 줄, ""쉼표""",a\n' + rows(line="{text},{label}")
    data = find(written(tmp_path / "a.csv", csv))
    assert Example('한 줄\n두 줄, "쉼표"', ("a",)) in every(data)
    lines = [line for split in SPLITS for line in data.lines(split)]
    assert "한 줄" in lines
    assert '두 줄, "쉼표"' in lines


def test_several_labels_come_from_lists_cells_and_columns(tmp_path: Path) -> None:
    due = sorted(Example(f"t{i}", ("a", "b")[: i % 3]) for i in range(12))
    lists = [json.dumps({"text": e.text, "labels": e.labels}) for e in due]
    data = find(written(tmp_path / "a.jsonl", "\n".join(lists)))
    assert sorted(every(data)) == due
    cells = "text\tlabel\n" + "\n".join(f"{e.text}\t{'| '.join(e.labels)}" for e in due)
    data = find(written(tmp_path / "a.tsv", cells), columns=Columns(separator="|"))
    assert sorted(every(data)) == due
    flags = "text,a,b\n" + "\n".join(f"{t},{int('a' in x)},{int('b' in x)}" for t, x in due)
    data = find(written(tmp_path / "a.csv", flags), columns=Columns(labels=("a", "b")))
    assert sorted(every(data)) == due
    named = "text,1st,2nd\n" + "\n".join(",".join([t, *x, *[""] * (2 - len(x))]) for t, x in due)
    data = find(written(tmp_path / "b.csv", named), columns=Columns(labels=("1st", "2nd")))
    assert sorted(every(data)) == due


def test_numbers_and_truth_values_of_json_are_labels(tmp_path: Path) -> None:
    text = "".join(f'{{"text": "t{i}", "label": {label}}}\n' for i, label in enumerate("0123" * 4))
    labels = {e.labels for e in every(find(written(tmp_path / "a.jsonl", text)))}
    assert labels == {("0",), ("1",), ("2",), ("3",)}
    text = text.replace("0}", "true}").replace("2}", "false}")
    labels = {e.labels for e in every(find(written(tmp_path / "a.jsonl", text)))}
    assert labels == {("0",), ("1",), ("3",)}


@pytest.mark.parametrize(
    ("name", "text", "what", "where"),
    [
        ("a.tsv", "text\tlabel\nx\ta\ny\n", "different numbers of columns", ":3: 1 columns, 2 in"),
        ("a.csv", 'text,label\n"x\ny",a\nz,b,c\n', "different numbers", ":4: 3 columns, 2 in"),
        ("a.csv", 'text,label\nx,a\n"y,b\nz,c\n', "not CSV", ":3: unexpected end"),
        ("a.csv", "text,label\nx,a\n" + "z" * 200_000 + ",b\n", "too long", ":3: field larger"),
        ("a.tsv", "text\tlabel\nx\ta\n\ny\t \n", "a row has no label", ":4: column 'label' is ' '"),
        ("a.jsonl", '{"text": "x", "label": 1}\n{"text": "y"}\n', "no label", ":2: column 'label'"),
        ("a.jsonl", '{"text": "x", "label": 1}\n{"label": 2}\n', "no text", ":2: column 'text'"),
        ("a.jsonl", '{"text": "x", "label": null}\n', "no label", ":1: column 'label' is None"),
        ("a.jsonl", '{"text": "x"\n', "not JSON", ":1: "),
        ("a.jsonl", '["x", "a"]\n', "not a JSON object", ":1: ['x', 'a']"),
        ("a.tsv", "text\tlabel\nx\ta\ny\ta\n", "only one label", "column 'label' says 'a'"),
        ("a.tsv", "text\tlabel\n", "has no rows", "a.tsv"),
        ("a.tsv", "", "the file is empty", "a.tsv"),
        ("a.tsv", "\n\n", "has no rows", "a.tsv"),
        ("a.tsv", "text\tlabel\n \ta\n \tb\n", "no row of this table has a text", "a.tsv"),
        ("a.tsv", "text\tlabel\nx\ta\ny\tb\n", "too little to split", "2 different texts"),
        ("a.jsonl", '{"label": 1}\n{"label": 2}\n', "can be the text", "columns 'label'"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_one_clear_error(
    tmp_path: Path, name: str, text: str, what: str, where: str
) -> None:
    with pytest.raises(MalmoiError, match=what) as caught:
        find(written(tmp_path / name, text))
    assert where in "\n".join(caught.value.where)
    assert str(tmp_path / name) in "\n".join(caught.value.where)


def test_a_column_that_is_not_there_names_its_nearest(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", "text\tlabel\n" + rows())
    with pytest.raises(DataError, match="no column 'lable'") as caught:
        find(path, columns=Columns(labels=("lable",)))
    assert caught.value.hint == "did you mean 'label'?"


def test_a_table_without_labels_is_lines(tmp_path: Path) -> None:
    data = find(written(tmp_path / "a.tsv", "".join(f"말 {i}\n" for i in range(30))))
    assert (data.form, data.labelled) == ("lines", {})
    assert sorted(line for s in SPLITS for line in data.lines(s)) == [e.text for e in EXPECTED]
    data = find(written(tmp_path / "a.jsonl", "".join(f'{{"text": "{i}"}}\n' for i in range(9))))
    assert data.form == "lines"
    assert "no column of it can be a label" in "".join(data.announcements)
    with pytest.raises(DataError, match="has no labelled texts"):
        data.examples("train")


# -- how a file is split -------------------------------------------------------------------------


def test_duplicates_never_straddle_and_a_tenth_is_a_tenth(tmp_path: Path) -> None:
    text = "text\tlabel\n" + "".join(f"말 {i % 200}{' ' * (i % 3)}\t{i % 2}\n" for i in range(1000))
    data = find(written(tmp_path / "a.tsv", text))
    parts = {s: Counter(e.text.strip() for e in data.examples(s)) for s in SPLITS}
    assert [len(parts[s]) for s in SPLITS] == [160, 20, 20]
    assert sum(p.total() for p in parts.values()) == 1000
    assert not (parts["train"] & parts["valid"] | parts["train"] & parts["test"])
    assert not parts["valid"] & parts["test"]
    assert "800 train, 100 valid, 100 test" in data.announcements[-1]


def test_the_seed_chooses_and_the_split_of_seed_0_is_this_one_for_ever(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", "text\tlabel\n" + rows())
    tests = [[e.text for e in find(path, seed=seed).examples("test")] for seed in (0, 0, 1)]
    assert tests[0] == tests[1] != tests[2]
    again = "text\tlabel\n" + "".join(sorted(rows().splitlines(keepends=True), reverse=True))
    moved = find(written(tmp_path / "b.tsv", again))
    assert sorted(e.text for e in moved.examples("test")) == sorted(tests[0]), "order is nothing"
    texts = [f"말 {i}" for i in range(30)]
    order = sorted(texts, key=lambda text: hashlib.sha256(f"0:{text}".encode()).hexdigest())
    assert sorted(tests[0]) == sorted(order[3:6])
    assert tests[0] == ["말 10", "말 23", "말 27"]


def test_every_size_that_can_be_split_has_three_parts(tmp_path: Path) -> None:
    for n in (4, 5, 10, 11, 19, 20):
        data = find(written(tmp_path / "a.tsv", "text\tlabel\n" + rows(n)))
        sizes = [len(list(data.examples(s))) for s in SPLITS]
        assert sum(sizes) == n
        assert sizes[1] == sizes[2] == max(n // 10, 1)


def test_a_folder_has_a_file_a_split_with_the_columns_of_train(tmp_path: Path) -> None:
    head = "topic,text,when\n"
    train = written(tmp_path / "train.csv", head + rows(line="{label},{text},x"))
    written(tmp_path / "dev.csv", head + "b,dev one,x\nzz,dev two,x\n")
    written(tmp_path / "test.csv", head + "a,test one,x\n")
    written(tmp_path / "train.txt", "plain text\n")
    data = find(tmp_path)
    assert [e.text for e in data.examples("valid")] == ["dev one", "dev two"]
    assert list(data.examples("test")) == [Example("test one", ("a",))]
    assert len(list(data.examples("train"))) == 30
    assert any("valid has 1 labels that train has not: 'zz'" in s for s in data.announcements)
    (tmp_path / "dev.csv").unlink()
    data = find(tmp_path)
    assert [len(list(data.examples(s))) for s in SPLITS] == [27, 3, 1]
    written(tmp_path / "test.csv", "text,when\nx,y\n")
    with pytest.raises(DataError, match="no column 'topic'"):
        find(tmp_path)
    train.unlink()
    written(tmp_path / "train.conll", "a\tB-x\nb\tO\n")
    written(tmp_path / "test.conll", "a\tO\n")
    with pytest.raises(EmptyText, match="too little to split"):
        find(tmp_path)


def test_a_folder_without_headers_reads_every_file_without(tmp_path: Path) -> None:
    written(tmp_path / "train.tsv", rows())
    written(tmp_path / "valid.tsv", "새 말\tb\n다른 말\ta\n또 다른 말\ta\n")
    written(tmp_path / "test.tsv", "끝 말\tb\n")
    data = find(tmp_path)
    assert len(list(data.examples("valid"))) == 3
    assert list(data.examples("test")) == [Example("끝 말", ("b",))]
