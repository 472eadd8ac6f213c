import hashlib
import json
import os
import random
import subprocess
import sys
import unicodedata
from functools import cache

import numpy as np
import pytest
from hard_text import HANGUL, LINES
from hypothesis import given, settings

from malmoi.errors import EmptyText, RunError, SaveError, UsageError
from malmoi.text import KINDS, Text, Token, Vocabulary

CORPUS = [
    "오늘은 날씨가 좋다. 오늘도 ㅋㅋㅋ",
    "The cat <unk> sat on </s> the mat, didn't it?",
    "café\u2028naïve\x85x\x0by\x0cz <s> [MASK] 한글",
    "",
    "the the the 오늘은 가각갂",
]
PLAIN = [kind for kind in KINDS if kind != "morphemes"]
EXACT = ["characters", "jamo", "bpe", "unigram"]
kinds = pytest.mark.parametrize("kind", PLAIN)


@cache
def learnt(kind: str) -> Text:
    return Text.learn(CORPUS, kind=kind, size=330 if kind in ("bpe", "unigram") else None)


@kinds
@settings(max_examples=60)
@given(LINES)
def test_there_is_one_token_for_each_id_and_its_place_is_in_the_line_as_given(kind, line):
    text = learnt(kind)
    ids, tokens = text.encode(line), text.tokens(line)
    assert len(ids) == len(tokens) == len(text.split(line))
    for id, token in zip(ids, tokens, strict=True):
        assert 0 <= token.start < token.end <= len(line)
        assert id == Vocabulary.UNK or token.text == text.spell(id)
    assert [token.start for token in tokens] == sorted(token.start for token in tokens)


@kinds
@settings(max_examples=60)
@given(HANGUL | LINES)
def test_composed_and_decomposed_text_are_the_same_text(kind, line):
    text = learnt(kind)
    one, other = (unicodedata.normalize(form, line) for form in ("NFC", "NFD"))
    assert text.encode(one) == text.encode(other) == text.encode(line)
    assert text.characters(one) == text.characters(other) == len(one) + 1
    assert text.octets(one) == text.octets(other) == len(one.encode()) + 1


@kinds
@settings(max_examples=60)
@given(HANGUL | LINES)
def test_a_place_holds_what_its_token_says(kind, line):
    for token in learnt(kind).tokens(line):
        there = line[token.start : token.end]
        forms = there, unicodedata.normalize("NFC", there), unicodedata.normalize("NFD", there)
        assert token.text.startswith("<0x") or any(token.text in form for form in forms)


@pytest.mark.parametrize("kind", EXACT)
@settings(max_examples=60)
@given(LINES)
def test_decoding_gives_back_what_the_vocabulary_holds(kind, line):
    text = learnt(kind)
    ids = text.encode(line)
    if Vocabulary.UNK not in ids:
        assert text.decode(ids) == unicodedata.normalize("NFC", line)
    else:
        assert kind in ("characters", "jamo")
        assert "\ufffd" in text.decode(ids)


@kinds
def test_every_line_that_was_learnt_from_comes_back(kind):
    text = learnt(kind)
    for line in CORPUS:
        assert Vocabulary.UNK not in text.encode(line)
        decoded = text.decode(text.encode(line))
        assert text.encode(decoded) == text.encode(line)
        if kind in EXACT:
            assert decoded == line


def test_a_place_in_decomposed_hangul_is_a_place_in_decomposed_hangul():
    line = unicodedata.normalize("NFD", "한글 좋다")
    assert [(t.text, line[t.start : t.end]) for t in learnt("given").tokens(line)] == [
        ("한글", unicodedata.normalize("NFD", "한글")),
        ("좋다", unicodedata.normalize("NFD", "좋다")),
    ]
    assert learnt("jamo").tokens(line)[:3] == [
        Token("\u1112", 0, 3),
        Token("\u1161", 0, 3),
        Token("\u11ab", 0, 3),
    ]


@pytest.mark.parametrize("kind", [*EXACT, "given"])
def test_literal_specials_are_ordinary_types(kind):
    line = "<s> </s> <unk> [MASK] </s>"
    text = Text.learn([line] * 3, kind=kind, size=320 if kind in ("bpe", "unigram") else None)
    ids = text.encode(line)
    assert min(ids) >= Vocabulary.RESERVED
    assert text.decode(ids) == line
    if kind == "given":
        assert len(set(ids)) == 4
        assert [text.spell(i) for i in (0, 1)] == ["</s>", "<unk>"]
        assert {"</s>", "<unk>"} <= {text.spell(i) for i in ids}


@kinds
def test_what_only_ends_lines_elsewhere_is_inside_the_line(kind):
    line = "a\u2028b\x85c\x0bd\x0ce\rf\x1cg"
    text = Text.learn([line, "a b"], kind=kind, size=300 if kind in ("bpe", "unigram") else None)
    words = {"given": [line], "words": list("abcdefg")}
    assert text.split(line) == words.get(kind, list(line))
    assert text.vocabulary.counts[0] == 2


def test_boundaries_are_not_text_and_any_whole_numbers_are_ids():
    text = learnt("given")
    ids = text.encode("the cat")
    assert text.decode([0, *ids, 0]) == "the cat"
    assert text.decode(np.array(ids, dtype=np.uint16)) == "the cat"
    assert text.decode([]) == ""
    with pytest.raises(IndexError):
        text.decode([len(text.vocabulary)])
    with pytest.raises(IndexError):
        text.decode([-1])


@kinds
def test_a_batch_is_its_lines_alone_and_lines_may_come_from_anywhere(kind):
    text = learnt(kind)
    assert list(text.encode_lines(iter(CORPUS))) == [text.encode(line) for line in CORPUS]
    size = text.size
    for source in (iter(CORPUS), lambda: iter(CORPUS), tuple(CORPUS)):
        again = Text.learn(source, kind=kind, size=size)
        assert again.vocabulary == text.vocabulary


def test_size_and_min_count_cap_the_vocabulary_and_are_remembered():
    text = Text.learn(["a a a b b c"], kind="given", size=3)
    assert (len(text.vocabulary), text.size, text.min_count) == (3, 3, 1)
    assert text.encode("a b c") == [2, 1, 1]
    assert text.vocabulary.counts == (1, 3, 3)
    text = Text.learn(["a a a b b c"], kind="given", min_count=2)
    assert (text.encode("a b c"), text.min_count) == ([2, 3, 1], 2)
    assert text.decode([2, 1, 3]) == "a <unk> b"


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_pieces_are_at_most_as_many_as_asked_for_and_rare_characters_are_bytes(kind):
    text = Text.learn([*CORPUS, "쀍"], kind=kind, size=350, min_count=2)
    assert len(text.vocabulary) <= 350
    assert [t.text for t in text.tokens("쀍")] == ["<0xEC>", "<0x80>", "<0x8D>"]
    assert text.decode(text.encode("쀍")) == "쀍"


@kinds
@pytest.mark.parametrize(
    "lines",
    [[], [""], iter([]), lambda: [""]],
    ids=["no lines", "a blank line", "a spent iterator", "a callable"],
)
def test_an_empty_text_teaches_nothing(kind, lines):
    with pytest.raises(EmptyText, match="nothing to learn from"):
        Text.learn(lines, kind=kind)


def test_what_cannot_be_learnt_is_refused_with_what_can():
    with pytest.raises(UsageError, match="did you mean 'words'"):
        Text.learn(["a"], kind="word")
    with pytest.raises(UsageError, match="size = 100, at least 300"):
        Text.learn(["a"], kind="bpe", size=100)
    with pytest.raises(UsageError, match="size = 2, at least 3"):
        Text.learn(["a"], kind="given", size=2)
    with pytest.raises(UsageError, match="min_count = 0"):
        Text.learn(["a"], min_count=0)
    with pytest.raises(UsageError, match="not one string"):
        Text.learn("a line, not a text")


@kinds
def test_a_loaded_text_is_the_text(kind, tmp_path):
    text = learnt(kind)
    text.save(tmp_path / "run" / "text")
    loaded = Text.load(tmp_path / "run" / "text")
    assert (loaded.kind, loaded.size, loaded.min_count) == (kind, text.size, text.min_count)
    assert loaded.vocabulary == text.vocabulary
    for line in [*CORPUS, "처음 보는 unseen 🙂", "e\u0301"]:
        assert loaded.encode(line) == text.encode(line)
        assert loaded.tokens(line) == text.tokens(line)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again/text.json").read_bytes() == (
        tmp_path / "run/text/text.json"
    ).read_bytes()
    assert os.listdir(tmp_path / "again") == ["text.json"]


def test_the_file_is_json_with_a_type_a_line_whatever_the_types_hold(tmp_path):
    types = ['"', "\\", "\u2028", "\x85", "\x1b[31m", "한", "\U000f0041", "</s>", "a\rb"]
    Text.learn([" ".join(types)], kind="given").save(tmp_path)
    content = (tmp_path / "text.json").read_text(encoding="utf-8")
    assert sorted(t for t, _ in json.loads(content)["types"]) == sorted(types)
    assert len(content.splitlines()) == len(content.split("\n")) - 1 == len(types) + 4
    assert all(line.isprintable() for line in content.split("\n"))


def test_any_flipped_bit_is_found_before_anything_is_read(tmp_path):
    Text.learn(["가 b"], kind="given").save(tmp_path)
    path = tmp_path / "text.json"
    good = path.read_bytes()
    for at in range(len(good)):
        for bit in {at % 8, (at * 5 + 3) % 8}:
            path.write_bytes(good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1 :])
            with pytest.raises(RunError, match=r"text\.json"):
                Text.load(tmp_path)


def test_a_file_cut_short_anywhere_is_found(tmp_path):
    Text.learn(["가 b"], kind="given").save(tmp_path)
    path = tmp_path / "text.json"
    good = path.read_bytes()
    for length in range(len(good)):
        path.write_bytes(good[:length])
        with pytest.raises(RunError, match=r"damaged(?s:.*)text\.json"):
            Text.load(tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("kind", "spaces", "its kind 'spaces' is none of given, words"),
        ("kind", "bpe", ""),
        ("kind", 3, "kind is not a string"),
        ("types", [["a", 1], ["a", 1]], "the type 'a' is there twice"),
        ("types", [["a", -1]], "a count is not a whole number"),
        ("types", [["a", True]], "a count is not a whole number"),
        ("types", [[1, 1]], "a type is not a string"),
        ("types", [["a"]], ""),
        ("types", 7, ""),
        ("size", "big", "size is not a whole number"),
        ("model", [], "its model is not an object"),
        ("lines", None, "a count is not a whole number"),
    ],
)
def test_a_file_that_fits_its_checksum_but_makes_no_sense_is_refused(tmp_path, key, value, reason):
    Text.learn(["a b"], kind="given").save(tmp_path)
    path = tmp_path / "text.json"
    first, body = path.read_text(encoding="utf-8").split("\n", 1)
    body = json.dumps({**json.loads("{" + body), key: value})[1:]
    head = json.loads(first.rstrip(",") + "}")
    head["sha256"] = hashlib.sha256(body.encode()).hexdigest()
    path.write_text(json.dumps(head)[:-1] + ",\n" + body, encoding="utf-8")
    with pytest.raises(RunError, match=rf"(?s)damaged.*text\.json: .*{reason}"):
        Text.load(tmp_path)


def test_files_that_are_not_a_text_are_refused_by_name(tmp_path):
    with pytest.raises(RunError, match=r"(?s)no text model here.*text\.json"):
        Text.load(tmp_path)
    path = tmp_path / "text.json"
    for content in [b"", b"{}", b"[]", b"\x80\x04\x95", b"[" * 100_000, b'{"malmoi": "run"}']:
        path.write_bytes(content)
        with pytest.raises(RunError, match=r"damaged(?s:.*)text\.json"):
            Text.load(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(RunError, match=r"cannot be read(?s:.*)text\.json"):
        Text.load(tmp_path)


def test_a_text_of_another_version_is_refused(tmp_path):
    Text.learn(["a"], kind="given").save(tmp_path)
    path = tmp_path / "text.json"
    path.write_bytes(path.read_bytes().replace(b'"version": 1', b'"version": 2'))
    with pytest.raises(RunError, match="it has version 2, this malmoi reads 1"):
        Text.load(tmp_path)


STEPS = ["open", "write", "fsync", "replace", "open", "fsync"]


@pytest.mark.parametrize("fail_at", range(len(STEPS)))
def test_a_save_that_fails_anywhere_leaves_the_old_text_or_the_new(tmp_path, monkeypatch, fail_at):
    old, new = Text.learn(["old"], kind="given"), Text.learn(["new"], kind="given")
    old.save(tmp_path)
    calls = []

    def failing(name, real):
        def call(*args, **kwargs):
            calls.append(name)
            if len(calls) == fail_at + 1:
                raise OSError(28, "No space left on device")
            return real(*args, **kwargs)

        return call

    for name in set(STEPS):
        monkeypatch.setattr(os, name, failing(name, getattr(os, name)))
    with pytest.raises(SaveError, match=r"(?s)text model.*no space left.*intact"):
        new.save(tmp_path)
    monkeypatch.undo()
    assert calls[: fail_at + 1] == STEPS[: fail_at + 1]
    assert Text.load(tmp_path).vocabulary == (new if fail_at >= 4 else old).vocabulary
    assert os.listdir(tmp_path) == ["text.json"]


def test_learning_is_the_same_whatever_the_hash_seed_and_the_threads(tmp_path):
    chance = random.Random(1)
    sizes = [chance.randint(1, 6) for _ in range(300)]
    words = ["".join(chance.choices("가나다라마바사abcdef", k=size)) for size in sizes]
    corpus = [" ".join(chance.choices(words, k=9)) for _ in range(300)]
    (tmp_path / "corpus.txt").write_text("\n".join(corpus), encoding="utf-8")
    program = (
        "import sys; from pathlib import Path; from malmoi.text import KINDS, Text\n"
        "lines = Path(sys.argv[1], 'corpus.txt').read_text(encoding='utf-8').split('\\n')\n"
        "for kind in KINDS[:-1]:\n"
        "    Text.learn(lines, kind=kind, size=400).save(Path(sys.argv[1], sys.argv[2], kind))\n"
        "assert 'torch' not in sys.modules\n"
    )
    for seed, threads, locale in [("0", "1", "C"), ("1", "2", "C.UTF-8"), ("77", "2", "POSIX")]:
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "RAYON_NUM_THREADS": threads,
            "LC_ALL": locale,
        }
        command = [sys.executable, "-c", program, str(tmp_path), seed]
        subprocess.run(command, env=environment, check=True, timeout=120)
    for kind in PLAIN:
        made = {(tmp_path / seed / kind / "text.json").read_bytes() for seed in ("0", "1", "77")}
        assert len(made) == 1, kind


def test_the_words_of_wikitext_2_are_the_ones_it_says_it_has(shared_data):
    from malmoi.data.formats import read_lines

    text = Text.learn(read_lines(shared_data / "wikitext-2/train.txt.gz"), kind="given")
    assert len(text.vocabulary) == 33_278 + 1  # its <eos> is our </s>; its <unk> is not ours
    assert text.vocabulary.counts[:2] == (36_718, 0)
    assert sum(text.vocabulary.counts) == 2_088_628
