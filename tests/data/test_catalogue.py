"""Every name leads to lines, and every wrong name to the way out."""

import dataclasses
import gzip
import hashlib
import itertools
import re
from pathlib import Path

import pytest

from malmoi.data import catalogue, python_docs
from malmoi.data.catalogue import available, find, get
from malmoi.errors import DataError, TextError

SIZES = {  # lines and words by split, counted with wc, grep and awk on the files themselves
    "wikitext-2": {
        "train": (23_767, 2_051_910),
        "valid": (2_461, 213_886),
        "test": (2_891, 241_211),
    },
    "petitions-ko": {"train": (2_425, 727_011), "valid": (605, 202_199), "test": (638, 211_736)},
}


@pytest.mark.parametrize("name", SIZES)
def test_a_published_set_has_the_lines_and_words_that_were_counted_in_its_files(
    name: str, shared_data: Path
) -> None:
    data = find(name, folder=shared_data)
    for split, (lines, words) in SIZES[name].items():
        found = list(data.lines(split))
        assert (len(found), sum(len(line.split()) for line in found)) == (lines, words)
        assert all(found)
        assert list(data.lines(split)) == found, "it can be read again"


def test_wikitext_is_its_words_as_given(shared_data: Path) -> None:
    lines = list(find("wikitext-2", folder=shared_data).lines("valid"))
    raw = (shared_data / "wikitext-2" / "valid.txt").read_text(encoding="utf-8")
    assert " ".join(lines).split() == raw.split()
    assert lines[0] == "= Homarus gammarus ="


def test_shakespeare_is_cut_where_nanogpt_cuts_it_and_every_character_is_an_event(
    shared_data: Path,
) -> None:
    text = (shared_data / "tiny-shakespeare" / "input.txt").read_text(encoding="utf-8")
    data = find("tiny-shakespeare", folder=shared_data)
    train, valid = list(data.lines("train")), list(data.lines("valid"))
    cut = int(len(text) * 0.9)
    assert (cut, len(text) - cut) == (1_003_854, 111_540)
    assert "\n".join(train) == text[:cut]
    assert "\n".join(valid) + "\n" == text[cut:]
    assert sum(len(line) + 1 for line in valid) == 111_540
    assert list(data.lines("test")) == valid
    assert "test is valid" in data.announcements[0]


def test_war_and_peace_is_cut_at_line_ends_and_nothing_is_lost(shared_data: Path) -> None:
    path = shared_data / "war-and-peace" / "warpeace_input.txt.gz"
    text = gzip.decompress(path.read_bytes()).decode("utf-8-sig")
    data = find("war-and-peace", folder=shared_data)
    parts = {s: "".join(line + "\n" for line in data.lines(s)) for s in ("train", "valid", "test")}
    assert "".join(parts.values()) == text
    assert [round(len(p) / len(text), 3) for p in parts.values()] == [0.8, 0.1, 0.1]


def test_nsmc_is_every_review_once_and_a_tenth_is_held_out(shared_data: Path) -> None:
    documents: dict[str, list[str]] = {}
    for name in ("train", "test"):
        path = shared_data / "nsmc" / f"ratings_{name}.txt.gz"
        rows = gzip.decompress(path.read_bytes()).decode().split("\n")[1:-1]
        documents[name] = [row.split("\t")[1] for row in rows]
    data = find("nsmc", folder=shared_data)
    found = {split: list(data.lines(split)) for split in data.splits}
    assert sorted(found["train"] + found["valid"]) == sorted(filter(None, documents["train"]))
    assert found["test"] == list(filter(None, documents["test"]))
    assert len(found["train"]) + len(found["valid"]) == 149_995
    assert len(found["valid"]) == 15_062
    assert any('""' in line for line in found["train"]), "quoting is off: quotes are text"


def test_petitions_are_split_by_month(shared_data: Path) -> None:
    data = find("petitions-ko", folder=shared_data)
    path = shared_data / "petitions-ko" / "petitions_2019-07.jsonl.gz"
    july = gzip.decompress(path.read_bytes()).decode()
    assert all(line.replace('"', '\\"') in july for line in list(data.lines("valid"))[::50])


def shelf_of(tmp_path: Path, name: str, rows: dict[str, str]) -> Path:
    (tmp_path / name).mkdir()
    for file, text in rows.items():
        (tmp_path / name / file).write_text(text, encoding="utf-8")
    return tmp_path


def test_a_row_that_is_not_of_the_format_is_named(tmp_path: Path) -> None:
    rows = {"ratings_train.txt": "id\tdocument\tlabel\n1\tgood\t1\n2\tbad\n"}
    folder = shelf_of(tmp_path, "nsmc", {**rows, "ratings_test.txt": "id\tdocument\tlabel\n"})
    with pytest.raises(TextError, match=r"ratings_train\.txt:3: 2 columns"):
        list(find("nsmc", folder=folder).lines("train"))
    months = [f"petitions_{m}.jsonl" for group in catalogue.shelf.MONTHS.values() for m in group]
    folder = shelf_of(tmp_path, "petitions-ko", {**dict.fromkeys(months, '{"title": "x"}\n')})
    with pytest.raises(TextError, match=r"petitions_2017-08\.jsonl:1"):
        list(find("petitions-ko", folder=folder).lines("train"))


def test_a_whole_text_has_lines_only_where_it_has_newlines(tmp_path: Path) -> None:
    text = "".join(f"{i} a\u2028b\x0bc\x85d\n\n" for i in range(50))
    folder = shelf_of(tmp_path, "war-and-peace", {"warpeace_input.txt": text})
    data = find("war-and-peace", folder=folder)
    lines = [line for split in ("train", "valid", "test") for line in data.lines(split)]
    assert len(lines) == 100
    assert "".join(line + "\n" for line in lines) == text


def test_ptb_is_found_by_its_usual_names(tmp_path: Path) -> None:
    files = {f"ptb.{s}.txt": f" {s} <unk> N \n" for s in ("train", "valid", "test")}
    folder = shelf_of(tmp_path, "ptb", files)
    data = find("ptb", folder=folder)
    assert list(data.lines("valid")) == ["valid <unk> N"]
    assert data.tokens == "given"
    assert "no published SHA-256" in get("ptb", folder=folder)


def test_a_wrong_name_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data set, file or folder 'wikitext2'") as caught:
        find("wikitext2")
    assert caught.value.hint == "did you mean 'wikitext-2'?"
    (tmp_path / "letters.txt").write_text("a\n")
    with pytest.raises(DataError) as caught:
        find(tmp_path / "leters.txt")
    assert caught.value.hint == f"did you mean {str(tmp_path / 'letters.txt')!r}?"
    with pytest.raises(DataError) as caught:
        find("qqqqqqqqqqqq")
    assert caught.value.hint == "malmoi data list"
    with pytest.raises(DataError, match="which text"):
        find("")
    with pytest.raises(DataError, match="no split 'dev'"):
        find("toy-ko").lines("dev")


def test_a_known_set_that_is_not_here_says_what_to_set_and_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MALMOI_DATA", raising=False)
    with pytest.raises(DataError) as caught:
        find("nsmc")
    assert "MALMOI_DATA is not set" in str(caught.value)
    assert "ratings_train.txt" in str(caught.value)
    assert "set MALMOI_DATA" in caught.value.hint
    monkeypatch.setenv("MALMOI_DATA", str(tmp_path))
    with pytest.raises(DataError) as caught:
        find("nsmc")
    assert str(tmp_path / "nsmc") in str(caught.value)
    assert {e.name: e.here for e in available()} == {
        "python-docs": True,
        "toy-ko": True,
        "toy-en": True,
        **dict.fromkeys(catalogue.PUBLISHED, False),
    }


def test_what_is_listed_as_here_can_be_read(shared_data: Path) -> None:
    for entry in available(shared_data):
        assert dataclasses.asdict(entry)["description"]
        if entry.here:
            data = find(entry.name, folder=shared_data)
            assert data.name == entry.name
            learnt = set() if entry.name == "korean-parallel-corpora" else {"train"}
            assert set(data.splits) == learnt | {"valid", "test"}
            assert all(next(data.lines(split)) for split in data.splits)


def test_get_knows_the_published_bytes_gzipped_or_not(shared_data: Path, tmp_path: Path) -> None:
    for name in ("wikitext-2", "tiny-shakespeare", "war-and-peace", "nsmc", "petitions-ko"):
        assert "as published (SHA-256)" in get(name, folder=shared_data)
    text = (shared_data / "tiny-shakespeare" / "input.txt").read_bytes()
    (tmp_path / "tiny-shakespeare").mkdir()
    with gzip.open(tmp_path / "tiny-shakespeare" / "input.txt.gz", "wb") as file:
        file.write(text)
    assert "as published" in get("tiny-shakespeare", folder=tmp_path)
    with gzip.open(tmp_path / "tiny-shakespeare" / "input.txt.gz", "wb") as file:
        file.write(text[:-1] + b" ")
    with pytest.raises(DataError, match="is not as published"):
        get("tiny-shakespeare", folder=tmp_path)


def test_get_names_what_is_missing_and_what_needs_no_getting(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not on this machine") as caught:
        get("nsmc", folder=tmp_path)
    assert "e9t/nsmc" in caught.value.hint
    with pytest.raises(DataError, match="no data set named 'nsmk'"):
        get("nsmk")
    assert "nothing to get" in get("python-docs")


def test_the_digest_of_the_contents_is_not_of_the_gzip_file(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.gz", "wb") as file:
        file.write(b"words\n" * 300_000)
    due = hashlib.sha256(b"words\n" * 300_000).hexdigest()
    assert catalogue.contents_digest(tmp_path / "a.gz") == due


# -- python-docs: the same everywhere a Python is, so no fixture ---------------------------------


def test_python_docs_is_prose_in_sentences() -> None:
    data = find("python-docs")
    lines = [line for split in data.splits for line in data.lines(split)]
    words = sum(len(line.split()) for line in lines)
    assert 1_500 < len(lines) < 6_000
    assert 25_000 < words < 80_000
    letters = sum(c.isalpha() or c == " " for line in lines for c in line)
    assert letters / sum(map(len, lines)) > 0.9
    assert not [line for line in lines if re.search(r"::=|>>>|\*\*\*|===|^\s|\s$|  |\n", line)]


def test_python_docs_says_nothing_twice_and_so_nothing_of_the_test_in_training() -> None:
    data = find("python-docs")
    lines = [line for split in data.splits for line in data.lines(split)]
    assert len(lines) == len(set(lines))
    sizes = {split: len(list(data.lines(split))) for split in data.splits}
    for split in ("valid", "test"):
        assert 0.07 < sizes[split] / len(lines) <= 0.1


def test_a_topic_goes_to_one_split_whole() -> None:
    topics = {f"topic{i}": [f"{i} {j}" for j in range(10)] for i in range(30)}
    parts = python_docs.split(topics)
    assert sorted(itertools.chain(*parts.values())) == sorted(itertools.chain(*topics.values()))
    owner = {line.split()[0]: split for split, lines in parts.items() for line in lines}
    assert all(owner[line.split()[0]] == s for s, lines in parts.items() for line in lines)
    assert [len(parts[s]) for s in ("train", "valid", "test")] == [240, 30, 30]


def test_markup_is_taken_away_and_program_text_left_out() -> None:
    topic = """The "with" statement
********************

The *context manager* **must** know how to unroll- ing, see "x[i]" and
zero-
argument forms.  It was added in e.g. Python 2 [1].  "None" is fine. (So
they say.)

   with_stmt ::= "with" with_item

   with A() as a:
       SUITE

* The first item goes on
  over two rows.

* The second one is here.

object.__del__(self)

   Called when the instance is about to be destroyed.

term
   What a term means is told here.

+----+----+
| a  | b is a cell of a table. |
+----+----+
"""
    found = [s for p in python_docs.paragraphs(topic) for s in python_docs.sentences(p)]
    assert found == [
        'The "with" statement',
        'The context manager must know how to unroll- ing, see "x[i]" and zero-argument forms.',
        "It was added in e.g. Python 2.",
        '"None" is fine.',
        "(So they say.)",
        "The first item goes on over two rows.",
        "The second one is here.",
        "Called when the instance is about to be destroyed.",
        "What a term means is told here.",
    ]


def test_a_sentence_quoted_by_a_longer_topic_is_kept_there_only() -> None:
    shared = "This sentence stands in both of them."
    kept = python_docs.distinct(
        {"short": shared, "long": f"{shared}\n\nAnd this one is only here.", "none": "x = 1"}
    )
    assert kept == {"long": [shared, "And this one is only here."]}
