"""A person's own text: nothing lost, nothing in two splits, and everything announced."""

import gzip
from pathlib import Path

import pytest

from malmoi.data.catalogue import find
from malmoi.errors import DataError, EmptyText

SPLITS = ("train", "valid", "test")


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("n", [3, 4, 9, 10, 19, 20, 99, 100, 101, 155, 1000, 1234])
def test_every_line_of_a_file_is_in_one_split_and_in_its_order(tmp_path: Path, n: int) -> None:
    path = write(tmp_path / "my.txt", [f"line {i}" for i in range(n)])
    for seed in (0, 1):
        data = find(path, seed=seed)
        parts = {s: [int(line.split()[1]) for line in data.lines(s)] for s in SPLITS}
        assert sorted(i for part in parts.values() for i in part) == list(range(n))
        assert all(part == sorted(part) for part in parts.values())
        assert all(parts.values()), "no split is empty"
        if n >= 100:
            least, most = 10 * (n // 100), 10 * -(-n // 100)  # ten blocks of a hundred
            assert all(least <= len(parts[s]) <= most for s in ("valid", "test"))


def test_the_seed_chooses_the_split_and_the_same_seed_the_same_one(tmp_path: Path) -> None:
    path = write(tmp_path / "my.txt", [f"line {i}" for i in range(1000)])
    tests = [tuple(find(path, seed=seed).lines("test")) for seed in (0, 0, 1, 2)]
    assert tests[0] == tests[1]
    assert len(set(tests)) == 3
    first = [int(line.split()[1]) for line in tests[0]]
    assert first[:10] == list(range(first[0], first[0] + 10)), "neighbours stay together"


def test_the_split_of_seed_0_is_this_one_for_ever(tmp_path: Path) -> None:
    path = write(tmp_path / "my.txt", [str(i) for i in range(20)])
    assert {s: list(find(path, seed=0).lines(s)) for s in ("valid", "test")} == {
        "valid": ["15", "18"],
        "test": ["4", "7"],
    }


def test_blank_lines_are_dropped_and_counted_aloud(tmp_path: Path) -> None:
    path = write(tmp_path / "my.txt", ["a", "", "b", "  ", "c\u2028d", "", "e"])
    data = find(path)
    lines = sorted(line for s in SPLITS for line in data.lines(s))
    assert lines == ["a", "b", "c\u2028d", "e"]
    assert "3 blank lines dropped" in data.announcements[1]
    assert "4 lines split by malmoi into 2 train, 1 valid, 1 test" in data.announcements[0]
    assert "seed 0" in data.announcements[0]


def test_too_little_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmptyText, match="too little text to split"):
        find(write(tmp_path / "two.txt", ["a", "", "b"]))
    with pytest.raises(EmptyText):
        find(write(tmp_path / "none.txt", []))


def gz(path: Path, text: str) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write(text)


@pytest.mark.parametrize(
    "names",
    [
        ("train.txt", "valid.txt", "test.txt"),
        ("train.txt.gz", "dev.txt.gz", "test.gz"),
        ("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"),
        ("wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"),
        ("Training.txt", "val", "my-test.TXT"),
        ("train", "corpus_validation.txt", "corpus.test"),
    ],
)
def test_a_folder_says_its_splits_in_many_spellings(
    tmp_path: Path, names: tuple[str, str, str]
) -> None:
    for split, name in zip(SPLITS, names, strict=True):
        text = f"{split} one\n\n{split} two\n"
        gz(tmp_path / name, text) if name.endswith(".gz") else (tmp_path / name).write_text(text)
    (tmp_path / "README.md").write_text("about the test and the train")
    (tmp_path / "train.py").write_text("print()")
    (tmp_path / "test").mkdir(exist_ok=True) if "test" not in names else None
    data = find(tmp_path)
    for split in SPLITS:
        assert list(data.lines(split)) == [f"{split} one", f"{split} two"]


def test_what_a_folder_lacks_is_taken_from_its_training_text(tmp_path: Path) -> None:
    write(tmp_path / "train.txt", [f"train {i}" for i in range(100)])
    write(tmp_path / "test.txt", ["test a", "test b"])
    data = find(tmp_path, seed=3)
    parts = {split: list(data.lines(split)) for split in SPLITS}
    assert list(parts) == list(data.splits)
    assert parts["test"] == ["test a", "test b"]
    assert len(parts["valid"]) == 10
    assert sorted(parts["train"] + parts["valid"]) == sorted(f"train {i}" for i in range(100))
    assert any("90 train, 10 valid" in said for said in data.announcements)
    (tmp_path / "test.txt").unlink()
    data = find(tmp_path, seed=3)
    assert [len(list(data.lines(split))) for split in SPLITS] == [80, 10, 10]


def test_a_folder_that_cannot_be_understood_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no training text"):
        find(tmp_path)
    write(tmp_path / "train.txt", ["a", "b"])
    write(tmp_path / "train.txt.old.txt", ["a", "b"])
    with pytest.raises(DataError, match="two files claim to be the train split"):
        find(tmp_path)


def test_a_name_wins_over_a_file_and_a_path_over_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "toy-ko", ["a", "b", "c"])
    assert find("toy-ko").language == "Korean"
    assert sorted(line for s in SPLITS for line in find("./toy-ko").lines(s)) == ["a", "b", "c"]
