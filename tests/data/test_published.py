"""The labelled and tagged sets on the shelf hold what their README counts in the files."""

import csv
import gzip
import json
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from malmoi.data.catalogue import PUBLISHED, available, find, get
from malmoi.data.conll import Sentences
from malmoi.data.overview import overview
from malmoi.errors import TextError
from malmoi.metrics.schemes import check, sniff, spans

SPLITS = ("train", "valid", "test")
LABELLED = {  # texts by split, and all labels, from the READMEs and from counting in the files
    "nsmc": ((134_933, 15_062, 49_997), {"0": 99_996, "1": 99_996}),
    "petitions-ko": (
        (2_442, 610, 639),
        {
            "기타": 419,
            "육아/교육": 413,
            "교통/건축/국토": 368,
            "보건복지": 333,
            "인권/성평등": 302,
            "안전/환경": 298,
            "정치개혁": 298,
            "행정": 263,
            "외교/통일/국방": 224,
            "일자리": 204,
            "문화/예술/체육/언론": 182,
            "경제민주화": 130,
            "반려동물": 73,
            "미래": 58,
            "농산어촌": 51,
            "성장동력": 41,
            "저출산/고령화대책": 34,
        },
    ),
    "3i4k": (
        (49_622, 5_512, 6_121),
        {
            "fragment": 6_009,
            "statement": 18_300,
            "question": 17_869,
            "command": 12_968,
            "rhetorical question": 1_745,
            "rhetorical command": 1_087,
            "intonation-dependent": 3_277,
        },
    ),
    "clinc150": ((15_100, 3_100, 5_500), 151),
    "banking77": ((8_987, 1_016, 3_080), 77),
    "sib200-ko": ((701, 99, 204), 7),
    "sib200-en": ((701, 99, 204), 7),
    "chatbot-ko": ((9_470, 1_120, 1_233), {"daily life": 5_290, "parting": 3_570, "love": 2_963}),
    "masc-tagged": (
        (283, 35, 35),
        {
            "blog": 21,
            "court-transcript": 2,
            "debate-transcript": 2,
            "email": 80,
            "essays": 8,
            "face-to-face": 6,
            "ficlets": 5,
            "fiction": 5,
            "govt-docs": 5,
            "jokes": 16,
            "journal": 9,
            "letters": 49,
            "movie-script": 6,
            "newspaper": 16,
            "non-fiction": 5,
            "spam": 96,
            "technical": 8,
            "telephone": 5,
            "travel-guides": 7,
            "twitter": 2,
        },
    ),
}
TAGGED = {  # sentences and words by split
    "ud-ko-kaist": ((23_010, 296_446), (2_066, 25_278), (2_287, 28_366)),
    "ud-ko-gsd": ((4_400, 56_687), (950, 11_958), (989, 11_677)),
    "ud-en-ewt": ((12_544, 204_577), (2_001, 25_147), (2_077, 25_094)),
    "wnut17": ((3_394, 62_730), (1_009, 15_733), (1_287, 23_394)),
    "klue-ner-dev": ((4_025, 229_152), (491, 28_794), (484, 27_983)),
}
READ = [(name, split) for name in TAGGED for split in SPLITS]
READ = [one for one in READ if one[1] != "train" or one[0] in ("ud-ko-gsd", "wnut17")]  # quick


def test_every_set_with_labels_or_tags_is_counted_here() -> None:
    for name, about in PUBLISHED.items():
        if about.form != "pairs":  # those are counted in test_pairs
            assert (
                about.form
                == {True: "lines", name in LABELLED: "labelled", name in TAGGED: "tagged"}[True]
            )


@pytest.mark.parametrize("name", LABELLED)
def test_a_labelled_set_has_the_texts_and_labels_of_its_readme(
    name: str, shared_data: Path
) -> None:
    sizes, labels = LABELLED[name]
    data = find(name, folder=shared_data)
    assert data.form == "labelled"
    if name == "nsmc":  # the rest is counted in test_catalogue
        found = Counter(e.labels[0] for e in data.examples("test"))
        assert found == {"1": 25_171, "0": 24_826}  # 50,000 without the three that are empty
        return
    seen = overview(data)
    assert tuple(seen.splits[s].texts for s in SPLITS) == sizes
    found: Counter[str] = Counter()
    for part in seen.splits.values():
        found.update(part.labels or {})
    assert found == labels if isinstance(labels, dict) else len(found) == labels
    assert set(found) == set(seen.splits["train"].labels or {}), "train has them all"
    assert all(e.text.strip() and len(e.labels) == 1 for e in data.examples("valid"))


@pytest.mark.parametrize(("name", "split"), READ)
def test_a_tagged_set_has_the_sentences_and_words_of_its_readme_each_where_it_stands(
    name: str, split: str, shared_data: Path
) -> None:
    data = find(name, folder=shared_data)
    assert data.form == "tagged"
    n = words = 0
    for n, sentence in enumerate(data.sentences(split), start=1):  # noqa: B007
        words += len(sentence.words)
        assert data.column in sentence.columns
        assert {len(column) for column in sentence.columns.values()} == {len(sentence.words)}
        there = zip(sentence.words, sentence.spans, strict=True)
        assert all(sentence.text[a:b] == word for word, (a, b) in there)
    assert (n, words) == TAGGED[name][SPLITS.index(split)]


def test_the_files_are_the_published_ones(shared_data: Path) -> None:
    for name in (*LABELLED, *TAGGED):  # a digest is quick
        assert "as published (SHA-256)" in get(name, folder=shared_data)
    rows = {row.name: row for row in available(shared_data)}
    assert rows["nsmc"].here
    assert (rows["nsmc"].form, rows["wnut17"].form, rows["toy-ko"].form) == (
        "labelled",
        "tagged",
        "lines",
    )


WNUT = {
    "train": "person 660, location 548, group 264, corporation 221, product 142, creative-work 140",
    "valid": "person 470, product 114, creative-work 105, location 74, group 39, corporation 34",
    "test": "person 429, group 165, location 150, creative-work 142, product 127, corporation 66",
}
KLUE = "PS 4418, QT 3151, DT 2312, OG 2182, LC 1649, TI 545"


@pytest.mark.parametrize("split", WNUT)
def test_entities_of_wnut_are_bio_without_a_slip_and_as_many_as_counted(
    split: str, shared_data: Path
) -> None:
    tags = [s.columns["-1"] for s in find("wnut17", folder=shared_data).sentences(split)]
    assert sniff(tags) == "bio"
    assert not any(check(of, "bio") for of in tags)
    found = Counter(span.label for of in tags for span in spans(of, "bio"))
    assert ", ".join(f"{label} {n}" for label, n in found.most_common()) == WNUT[split]


def test_entities_of_klue_are_as_many_as_counted(shared_data: Path) -> None:
    path = shared_data / "klue-ner-dev" / "klue-ner-v1.1_dev.tsv.gz"
    tags = [s.columns["-1"] for s in Sentences(path, "conll", glue="")()]
    assert len(tags) == 5_000
    found = Counter(tag[2:] for of in tags for tag in of if tag.startswith("B-"))
    assert ", ".join(f"{label} {n}" for label, n in found.most_common()) == KLUE


def test_splits_that_malmoi_makes_share_no_text(shared_data: Path) -> None:
    for name in ("chatbot-ko", "banking77"):
        data = find(name, folder=shared_data)
        parts = {s: {item.text.strip() for item in data.examples(s)} for s in SPLITS}
        assert not parts["train"] & parts["valid"]
        assert name == "banking77" or not parts["test"] & (parts["train"] | parts["valid"])
    titles = [e.text for s in SPLITS for e in find("masc-tagged", folder=shared_data).examples(s)]
    assert len(set(titles)) == 353


def test_labels_stand_beside_their_own_texts(shared_data: Path) -> None:
    with (shared_data / "banking77" / "test.csv").open(newline="", encoding="utf-8") as file:
        rows = [(row["text"], (row["category"],)) for row in csv.DictReader(file)]
    found = list(find("banking77", folder=shared_data).examples("test"))
    assert [(e.text.replace("\r\n", "\n"), e.labels) for e in found] == [
        (text.replace("\r\n", "\n"), labels) for text, labels in rows
    ]
    with gzip.open(shared_data / "clinc150" / "data_full.json.gz") as file:
        full = json.load(file)
    found = list(find("clinc150", folder=shared_data).examples("valid"))
    assert [[e.text, *e.labels] for e in found] == full["val"] + full["oos_val"]
    path = shared_data / "petitions-ko" / "petitions_2019-08.jsonl.gz"
    petitions = [json.loads(row) for row in gzip.decompress(path.read_bytes()).splitlines()]
    august = list(find("petitions-ko", folder=shared_data).examples("test"))
    assert [e.labels for e in august] == [(p["category"],) for p in petitions]
    assert all(
        e.text.startswith(p["title"].strip()) for e, p in zip(august, petitions, strict=True)
    )
    path = shared_data / "3i4k" / "fci_test.txt"
    raw = path.read_bytes().decode().replace("\r\n", "\n").removesuffix("\n").split("\n")
    kinds = find("3i4k", folder=shared_data).examples("test")
    assert [e.text for e in kinds] == [line.split("\t", 1)[1] for line in raw]


def test_a_document_of_masc_is_its_words_without_their_tags(shared_data: Path) -> None:
    archive = zipfile.ZipFile(shared_data / "masc-tagged" / "masc_tagged_no_wsj.zip")
    tagged = archive.read("masc_tagged/written/chZ.txt").decode().split()
    words = " ".join(token[: token.rindex("_")] for token in tagged)
    data = find("masc-tagged", folder=shared_data)
    documents = {" ".join(e.text.split()): e.labels for s in SPLITS for e in data.examples(s)}
    assert documents[words] == ("journal",) or documents[words]
    assert all("\n\n" not in e.text for e in data.examples("valid"))


def test_every_genre_of_masc_has_its_share(shared_data: Path) -> None:
    seen = overview(find("masc-tagged", folder=shared_data)).splits
    train, valid, test = (seen[s].labels or {} for s in SPLITS)
    for genre, documents in LABELLED["masc-tagged"][1].items():  # type: ignore[union-attr]
        assert abs(valid.get(genre, 0) - documents / 10) < 1
        assert abs(test.get(genre, 0) - documents / 10) < 1
        assert train[genre] > documents / 2 - 1


def test_a_damaged_copy_says_where(tmp_path: Path) -> None:
    for name, file, text, match in (
        ("nsmc", "ratings_train.txt", "id\tdocument\tlabel\n1\t영화\n", "id, document and label"),
        ("3i4k", "fci_train_val.txt", "0\t말\n9\t말\n", "a label and a text"),
        ("clinc150", "data_full.json", '{"train": []}', "not CLINC150"),
    ):
        (tmp_path / name).mkdir()
        for other in PUBLISHED[name].files:
            (tmp_path / name / other).write_text(text, encoding="utf-8")
        with pytest.raises(TextError, match=match) as caught:
            list(find(name, folder=tmp_path).examples("train"))
        assert file in caught.value.where[0]
