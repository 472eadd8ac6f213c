"""Pairs of texts are read from every format as they were written, or refused with the place."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from malmoi.data.catalogue import find
from malmoi.data.dataset import DataSet
from malmoi.data.examples import Pair
from malmoi.data.moses import Parallel, languages_of, parting
from malmoi.data.pairs import grouped, swapped
from malmoi.errors import DataError, EmptyText, MalmoiError, TextError

N = 40
PAIRS = [Pair(f"the word {i} is red", f"낱말 {i} 은 빨갛다") for i in range(N)]


def every(data: DataSet) -> list[Pair]:
    found = [pair for split in data.pairs for pair in data.paired(split)]
    return sorted(Pair(p.source, t) for p in found for t in (p.target, *p.others))


def rows(line: str = "{s}\t{t}", pairs: list[Pair] = PAIRS) -> str:
    return "".join(line.format(s=p.source, t=p.target) + "\n" for p in pairs)


def tmx(head: str = "", seg: str = "{}", target: str = "ko-KR") -> str:
    units = "".join(
        f'<tu><tuv xml:lang="en"><seg>{seg.format(p.source)}</seg></tuv>\n'
        f'<tuv xml:lang="{target}"><seg>{p.target}</seg></tuv></tu>\n'
        for p in PAIRS
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n{head}<tmx version="1.4">'
        f'<header srclang="en"/><body>{units}</body></tmx>'
    )


FORMATS = {
    "plain.tsv": rows(),
    "named.tsv": "source\ttarget\n" + rows(),
    "turned.tsv": "target\tsource\n" + rows("{t}\t{s}"),
    "spoken.tsv": "ko\ten\n" + rows("{t}\t{s}"),
    "more.tsv": rows("{s}\t{t}\tsomeone, CC BY\t7"),
    "pairs.txt": rows(),
    "pairs.csv": "src,tgt\n" + rows('"{s}","{t}"'),
    "pairs.jsonl": "".join(
        json.dumps({"id": i, "source": p.source, "target": p.target}) + "\n"
        for i, p in enumerate(PAIRS)
    ),
    "spoken.jsonl": "".join(json.dumps({"en": p.source, "ko": p.target}) + "\n" for p in PAIRS),
    "nested.jsonl": "".join(
        json.dumps({"translation": {"en": p.source, "ko": p.target}}) + "\n" for p in PAIRS
    ),
    "memory.tmx": tmx(),
    "doctype.tmx": tmx('<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n'),
    "marked-up.tmx": tmx(seg='<bpt i="1">\\b </bpt>{}<ept i="1">\\b0</ept>'),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("zipped", [False, True])
def test_every_format_gives_the_same_pairs(tmp_path: Path, name: str, zipped: bool) -> None:
    path = tmp_path / (name + ".gz" * zipped)
    content = FORMATS[name].encode()
    path.write_bytes(gzip.compress(content) if zipped else content)
    turned = name in ("spoken.tsv",)  # the first of two languages is the source
    wanted = [Pair(p.target, p.source) for p in PAIRS] if turned else PAIRS
    data = find(path, pairs=True)
    assert every(data) == sorted(wanted)
    assert list(data.pairs) == ["train", "valid", "test"]
    assert [sum(1 for _ in data.paired(s)) for s in data.pairs] == [32, 4, 4]
    assert data.form == "pairs"


@pytest.mark.parametrize("name", [n for n in FORMATS if n not in ("pairs.txt",)])
def test_what_says_that_it_holds_pairs_is_read_as_such_unasked(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FORMATS[name], encoding="utf-8")
    assert find(tmp_path / name).form == "pairs"


def test_columns_that_are_not_used_are_announced(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(FORMATS["more.tsv"], encoding="utf-8")
    assert any("2 more not used (3, 4)" in s for s in find(tmp_path / "a.tsv").announcements)


def test_labels_are_still_labels(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(
        "question\tanswer\tlabel\n" + "".join(f"q{i}\ta{i}\t{i % 2}\n" for i in range(30)), "utf-8"
    )
    assert find(tmp_path / "a.tsv").form == "labelled"
    assert len(every(find(tmp_path / "a.tsv", pairs=True))) == 30


# -- parallel files ------------------------------------------------------------------------------


def parallel(folder: Path, stem: str, pairs: list[Pair], more: str = "") -> str:
    (folder / f"{stem}.en").write_text(rows("{s}", pairs), encoding="utf-8")
    (folder / f"{stem}.ko").write_text(rows("{t}", pairs) + more, encoding="utf-8")
    return f"{folder / stem}.en:{folder / stem}.ko"


def test_two_parallel_files_are_pairs_line_by_line(tmp_path: Path) -> None:
    assert every(find(parallel(tmp_path, "a", PAIRS))) == sorted(PAIRS)


def test_a_folder_of_parallel_files_has_its_own_splits(tmp_path: Path) -> None:
    for split, part in (("train", PAIRS[:20]), ("val", PAIRS[20:30]), ("test_2016", PAIRS[30:])):
        parallel(tmp_path, split, part)
    (tmp_path / "test_2016_more.en").write_text("x\n")
    data = find(tmp_path)
    assert [list(data.paired(s)) for s in ("train", "valid", "test")] == [
        PAIRS[:20],
        PAIRS[20:30],
        PAIRS[30:],
    ]
    assert any("not read: test_2016_more.en" in s for s in data.announcements)
    turned = find(f"{tmp_path}:ko-en")
    assert next(turned.paired("test")) == Pair(PAIRS[30].target, PAIRS[30].source)


def test_a_folder_without_held_out_pairs_gives_some_of_its_own(tmp_path: Path) -> None:
    parallel(tmp_path, "train", PAIRS)
    data = find(tmp_path)
    assert every(data) == sorted(PAIRS)
    assert set(data.pairs) == {"train", "valid", "test"}


def test_several_languages_must_be_chosen_from(tmp_path: Path) -> None:
    parallel(tmp_path, "train", PAIRS)
    (tmp_path / "train.fr").write_text(rows("x {s}"), encoding="utf-8")
    with pytest.raises(DataError, match="more than two languages") as caught:
        find(tmp_path)
    assert f"{tmp_path}:en-fr" in caught.value.hint
    found = every(find(f"{tmp_path}:fr-en"))
    assert found == sorted(Pair(f"x {p.source}", p.source) for p in PAIRS)


def test_files_of_different_lengths_are_refused_with_both_counts_and_the_place(
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 120, 400)
    source = ["a" * n for n in lengths]
    target = ["b" * int(n * 1.2 + 2) for n in lengths]
    del target[250]
    (tmp_path / "a.en").write_text("\n".join(source) + "\n")
    (tmp_path / "a.fr").write_text("\n".join(target) + "\n")
    with pytest.raises(DataError, match="different numbers of lines") as caught:
        find(f"{tmp_path}/a.en:{tmp_path}/a.fr")
    assert "400 lines" in caught.value.where[0]
    assert "399 lines" in caught.value.where[1]
    assert "line 251" in caught.value.where[2]


def test_the_place_where_files_part_is_the_best_of_all_places() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        n, d = int(rng.integers(5, 30)), int(rng.integers(1, 4))
        s = rng.integers(0, 50, n)
        t = np.r_[s, rng.integers(0, 50, d)] + rng.integers(0, 3, n + d)
        a, b = np.log(s + 1.0), np.log(t + 1.0)
        r = np.median(np.r_[b[:n] - a, b[d:] - a])
        costs = [
            sum(abs(b[i + (d if i >= k else 0)] - a[i] - r) for i in range(n)) for k in range(n + 1)
        ]
        assert costs[parting(s, t)] == pytest.approx(min(costs))


def test_a_side_that_is_not_there_is_missed(tmp_path: Path) -> None:
    parallel(tmp_path, "train", PAIRS)
    (tmp_path / "test.en").write_text("x\n")
    with pytest.raises(DataError, match="the test split has no ko side"):
        find(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        find(f"{tmp_path}/train.en:{tmp_path}/train.de")


def test_names_say_languages_only_after_the_last_colon() -> None:
    assert languages_of("a:b/c:en-fr") == ("a:b/c", ("en", "fr"))
    assert languages_of("train.en:train.fr") == ("train.en:train.fr", None)
    assert languages_of("multi:xx-yy") == ("multi:xx-yy", None)


# -- what is done with them ----------------------------------------------------------------------


def test_no_source_is_in_two_parts_and_held_out_ones_have_all_their_targets(
    tmp_path: Path,
) -> None:
    pairs = [Pair(f"word {i}", f"낱말 {i} {k}") for i in range(N) for k in range(1 + i % 3)]
    (tmp_path / "a.tsv").write_text(rows(pairs=pairs), encoding="utf-8")
    data = find(tmp_path / "a.tsv", pairs=True)
    sources = {s: [p.source for p in data.paired(s)] for s in data.pairs}
    assert not set(sources["train"]) & set(sources["test"] + sources["valid"])
    assert not set(sources["valid"]) & set(sources["test"])
    for split in ("valid", "test"):
        assert len(set(sources[split])) == len(sources[split]) == N // 10
        for pair in data.paired(split):
            wanted = tuple(p.target for p in pairs if p.source == pair.source)
            assert (pair.target, *pair.others) == wanted
    assert every(data) == sorted(pairs)


def test_grouping_knows_a_source_in_any_normal_form() -> None:
    pairs = [Pair("가", "a"), Pair("\u1100\u1161 ", "b"), Pair("가", "a"), Pair("나", "c")]
    assert list(grouped(lambda: iter(pairs))) == [Pair("가", "a", ("b",)), Pair("나", "c")]


def test_the_other_way_round_every_right_answer_is_a_source() -> None:
    pairs = [Pair("a", "x", ("y",)), Pair("b", "y")]
    turned = list(grouped(lambda: swapped(lambda: iter(pairs))))
    assert turned == [Pair("x", "a"), Pair("y", "a", ("b",))]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_bytes_are_read_as_everywhere(tmp_path: Path, line_end: str) -> None:
    odd = [Pair("a\u2028b\x85c", "가\x0b나"), *PAIRS]
    text = "\ufeff" + rows(pairs=odd).replace("\n", line_end)
    (tmp_path / "a.tsv").write_bytes(text.encode())
    assert every(find(tmp_path / "a.tsv", pairs=True)) == sorted(odd)


def test_blank_sides_are_left_out_and_told(tmp_path: Path) -> None:
    text = rows() + "\t말\n" + "word\t \n" + "other\t\n"
    (tmp_path / "a.tsv").write_text(text, encoding="utf-8")
    data = find(tmp_path / "a.tsv", pairs=True)
    assert every(data) == sorted(PAIRS)
    assert any("3 of 43 pairs left out" in s for s in data.announcements)
    assert any("(1 source, 2 target)" in s for s in data.announcements)


BOMB = '<!DOCTYPE tmx [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>\n'
BAD: dict[str, tuple[str, bytes, type[MalmoiError], str]] = {
    "empty": ("a.tsv", b"", EmptyText, "the file is empty"),
    "blank": ("a.tsv", b"\n\n", EmptyText, "no row in it"),
    "all sides blank": ("a.tsv", b"a\t\nb\t \n", EmptyText, "2 without a target"),
    "one column": ("a.tsv", b"only this\n", DataError, "one column, 'only this'"),
    "a tab too many": ("a.tsv", b"a\tb\nc\td\te\n", TextError, "a.tsv:2: 3 columns"),
    "cp949": ("a.tsv", rows().encode("cp949"), TextError, "probably CP949"),
    "utf-16": ("a.tsv", rows().encode("utf-16"), TextError, "UTF-16"),
    "too few": ("a.tsv", b"a\tb\n", EmptyText, "1 different texts"),
    "no fields": ("a.jsonl", b'{"x": "a", "y": "b"}\n', DataError, "source and target"),
    "null": (
        "a.jsonl",
        b'{"source": "a", "target": "b"}\n{"source": "a", "target": null}\n',
        TextError,
        "a.jsonl:2: 'target' is None",
    ),
    "three languages": (
        "a.jsonl",
        b'{"en": "a", "ko": "b", "fr": "c"}\n',
        DataError,
        "more than two languages",
    ),
    "not xml": ("a.tmx", b"<tmx><tu></tmx>", TextError, "not well-formed"),
    "not tmx": ("a.tmx", b"<html></html>", EmptyText, "no translation unit"),
    "one language": ("a.tmx", tmx(target="en").encode(), DataError, "two languages"),
    "entities": ("a.tmx", tmx(BOMB).encode(), TextError, "declares the entity 'a'"),
    "unknown entity": (
        "a.tmx",
        tmx('<!DOCTYPE tmx SYSTEM "t.dtd">\n', seg="{} &x;").encode(),
        TextError,
        "&x;",
    ),
    "cut gzip": ("a.tsv.gz", gzip.compress(rows().encode())[:-20], TextError, "cut short"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_is_refused_with_the_place(tmp_path: Path, case: str) -> None:
    name, content, kind, said = BAD[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(kind) as caught:
        every(find(tmp_path / name, pairs=True))
    assert said in str(caught.value)


def test_a_unit_with_several_translations_is_several_pairs(tmp_path: Path) -> None:
    content = tmx().replace("</tu>", '<tuv lang="KO"><seg>또</seg></tuv></tu>', 1)
    (tmp_path / "a.tmx").write_text(content, encoding="utf-8")
    assert every(find(tmp_path / "a.tmx")) == sorted([*PAIRS, Pair(PAIRS[0].source, "또")])


def test_parallel_files_that_grow_apart_while_they_are_read_are_not_zipped(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1\n2\n3\n")
    (tmp_path / "b").write_text("1\n2\n")
    with pytest.raises(DataError, match="different numbers"):
        list(Parallel(tmp_path / "a", tmp_path / "b")())


def test_a_named_set_that_is_missing_says_where_it_is_to_be_had(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="multi30k is not on this machine") as caught:
        find("multi30k", folder=tmp_path)
    assert "train.de" in str(caught.value)
    assert "multi30k/dataset" in caught.value.hint
    place = tmp_path / "multi30k"
    place.mkdir()
    for language in ("en", "de", "fr"):
        for stem in ("train", "val", "test_2016_flickr", "test_2017_flickr"):
            (place / f"{stem}.{language}").write_text(f"{stem} {language}\n" * 3)
    data = find("multi30k", folder=tmp_path)
    assert [next(data.paired(s)) for s in ("train", "test")] == [
        Pair("train en", "train de"),
        Pair("test_2016_flickr en", "test_2016_flickr de"),
    ]


def test_published_pairs_are_as_their_makers_counted_them(shared_data: Path) -> None:
    sizes = {
        "tatoeba-eng-fra": (139_898, 1_469, 1_420),
        "sigmorphon2020-g2p": (3_600, 450, 450),
    }
    for name, wanted in sizes.items():
        data = find(name, folder=shared_data)
        parts = [list(data.paired(s)) for s in ("train", "valid", "test")]
        assert tuple(sum(1 + len(p.others) for p in part) for part in parts) == wanted
        sources = [{p.source for p in part} for part in parts]
        assert not sources[0] & sources[2]
        assert not sources[1] & sources[2]
