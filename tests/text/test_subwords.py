"""Byte-pair encoding against the algorithm of its paper, the unigram model against enumeration."""

import math
import unicodedata
from collections import Counter
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hard_text import LINES
from hypothesis import given, settings, strategies as st

from malmoi.text.subwords import BYTES, Subwords, chunks_of
from malmoi.text.unigram import Corpus, Lattice, find, train

LINE = "오늘은 날씨가 좋다. 오늘도 날씨가 좋았다! the cat sat on the mat; the cats sat there."
TEXT = [LINE, "내일은 비가 온다. 오늘은 비가 안 온다.", "ab abc abcd abcde", "<0xEA> 〈▁〉"] * 3 + [
    "once xyxy"
]


def chunks(lines):
    return Counter(chunk for line in lines for chunk in chunks_of(line))


@cache
def learnt(kind, size=380):
    return Subwords.learn(chunks(TEXT), kind=kind, size=size)


kinds = pytest.mark.parametrize("kind", ["bpe", "unigram"])


@kinds
@settings(max_examples=100)
@given(LINES)
def test_joining_the_pieces_gives_any_line_back(kind, line):
    line = unicodedata.normalize("NFC", line)
    tokenizer, _ = learnt(kind)
    assert tokenizer.join(tokenizer.split(line)) == line


@kinds
@settings(max_examples=100)
@given(LINES)
def test_every_piece_is_known_and_stands_where_it_says(kind, line):
    line = unicodedata.normalize("NFC", line)
    tokenizer, counts = learnt(kind)
    pieces = tokenizer.pieces(line)
    assert [piece.text for piece in pieces] == tokenizer.split(line)
    covered = 0
    for text, start, end in pieces:
        assert text in counts
        assert start <= covered <= end
        if not set(text) & set(BYTES):
            assert line[start:end] == text
        covered = end
    assert covered == len(line)


@kinds
def test_the_letters_of_bytes_in_a_text_are_not_bytes(kind):
    tokenizer, _ = learnt(kind)
    line = "".join(BYTES) + "\U000f0100"
    assert tokenizer.join(tokenizer.split(line)) == line


@kinds
def test_characters_never_seen_are_spelt_in_their_bytes_and_shown_as_such(kind):
    tokenizer, _ = learnt(kind)
    shown = [tokenizer.show(piece) for piece in tokenizer.split("쀍")]
    assert shown == ["<0xEC>", "<0x80>", "<0x8D>"]
    assert tokenizer.show("".join(tokenizer.split("쀍"))) == "쀍"


@kinds
def test_bytes_that_spell_no_character_are_shown_as_a_replacement(kind):
    tokenizer, _ = learnt(kind)
    assert tokenizer.join(["오늘", *tokenizer.split("쀍")[:2], "은"]) == "오늘\ufffd은"


@kinds
def test_counts_are_those_of_the_training_text_and_no_piece_is_left_out(kind):
    tokenizer, counts = learnt(kind)
    again = Counter(piece for line in TEXT for piece in tokenizer.split(line))
    assert +counts == again
    assert set(counts) == set(tokenizer.types())
    assert len(counts) <= 380


@kinds
def test_a_long_word_and_a_long_line_come_back(kind):
    tokenizer, _ = learnt(kind)
    for line in ["가" * 30_000, "오늘은 " * 100_000]:
        assert tokenizer.join(tokenizer.split(line)) == line


def merged(words, letters, size):
    """Sennrich et al.'s algorithm 1, to the letter: count all pairs, merge the best, again."""
    ids = {letter: i for i, letter in enumerate(letters)}
    split = {word: list(word) for word in words}
    merges = []
    while len(ids) < size:
        pairs = Counter()
        for word, parts in split.items():
            for pair in pairwise(parts):
                pairs[pair] += words[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], ids[pair[0]], ids[pair[1]]))
        if pairs[best] < 2:
            break
        merges.append(best)
        ids.setdefault("".join(best), len(ids))
        split = {word: apply(best, parts) for word, parts in split.items()}
    return merges, split


def apply(pair, parts):
    out = []
    for part in parts:
        if out and (out[-1], part) == pair:
            out[-1:] = ["".join(pair), None]  # what has just been merged is merged no further
        else:
            out.append(part)
    return [part for part in out if part is not None]


@kinds
def test_letters_of_bytes_in_the_training_text_are_not_letters(kind):
    line = f"{BYTES[65]} {BYTES[200]}가{BYTES[65]}"
    tokenizer, _ = Subwords.learn(chunks([line] * 9), kind=kind, size=400)
    assert set(tokenizer.letters) == set(" 가")
    assert tokenizer.join(tokenizer.split(line + "A")) == line + "A"


def test_byte_pairs_are_merged_as_in_the_paper():
    tokenizer, _ = learnt("bpe", 900)
    letters = [*tokenizer.letters, *BYTES]
    words = {}
    for chunk, count in chunks(TEXT).items():
        if set(chunk) <= set(tokenizer.letters):
            words[chunk] = count
    merges, split = merged(words, sorted(letters), 900)
    assert [tuple(pair) for pair in tokenizer.model["merges"]] == merges
    assert len(merges) > 30
    for word, parts in split.items():
        assert tokenizer.split(word) == parts


def segmentations(word, logp):
    """Every way to spell a word in pieces, with its log-probability."""
    if not word:
        yield [], 0.0
    for end in range(1, len(word) + 1):
        if word[:end] in logp:
            for rest, score in segmentations(word[end:], logp):
                yield [word[:end], *rest], logp[word[:end]] + score


WORDS = {"abab": 5, "ababc": 3, "bc": 4, "cab": 2, "c": 1, "abcabc": 1, "acc": 2}


def test_substrings_are_counted_and_those_always_inside_a_longer_one_left_out():
    corpus = Corpus.of(WORDS, "abc")
    seeds = find(corpus, 3, limit=1000)
    found = {seeds.spell(corpus, "abc", i): score for i, score in enumerate(seeds.scores)}
    counts = Counter()
    for word, times in WORDS.items():
        for i in range(len(word)):
            for j in range(i + 1, len(word) + 1):
                counts[word[i:j]] += times
    expected = {
        s: n * len(s)
        for s, n in counts.items()
        if len(s) == 1
        or (n >= 2 and not any(counts[c + s] == n or counts[s + c] == n for c in "abc"))
    }
    assert found == expected
    for i in range(3, len(found)):
        begin = seeds.first[i]
        assert seeds.table[seeds.lengths[i] - 1, begin] == i


def test_expected_counts_likelihood_and_losses_are_those_of_enumeration():
    corpus = Corpus.of(WORDS, "abc")
    seeds = find(corpus, 3, limit=1000)
    names = [seeds.spell(corpus, "abc", i) for i in range(len(seeds.scores))]
    weights = np.random.default_rng(1).random(len(names))
    logp = np.log(weights / weights.sum())
    scores = dict(zip(names, logp, strict=True))
    expected, total = Counter(), 0.0
    for word, count in WORDS.items():
        ways = list(segmentations(word, scores))
        Z = math.fsum(math.exp(score) for _, score in ways)
        total += count * math.log(Z)
        for parts, score in ways:
            for part in parts:
                expected[part] += count * math.exp(score) / Z
    lattice = Lattice(corpus, seeds.table)
    np.testing.assert_allclose(lattice.expect(logp), [expected[n] for n in names], rtol=1e-12)
    assert lattice.likelihood(logp) == pytest.approx(total, rel=1e-12)
    longer = np.arange(3, len(names))
    others = [
        max(s for _, s in segmentations(n, {k: v for k, v in scores.items() if k != n}))
        for n in names[3:]
    ]
    np.testing.assert_allclose(seeds.otherwise(longer, logp), others, rtol=1e-12)


@settings(max_examples=30)
@given(st.dictionaries(st.text("abc", min_size=1, max_size=7), st.integers(1, 9), min_size=1))
def test_no_step_of_em_lowers_the_likelihood(words):
    corpus = Corpus.of(words, "abc")
    seeds = find(corpus, 3, limit=1000)
    lattice = Lattice(corpus, seeds.table)
    logp = np.log(seeds.scores / seeds.scores.sum())
    before = lattice.likelihood(logp)
    for _ in range(4):
        counts = lattice.expect(logp)
        logp = np.log(np.maximum(counts, 1e-300) / counts.sum())
        after = lattice.likelihood(logp)
        assert after >= before - 1e-9 * abs(before)
        before = after


def test_the_best_segmentation_is_the_one_that_enumeration_finds():
    tokenizer, _ = learnt("unigram")
    scores = dict(tokenizer.model["vocab"])
    for word in [" 날씨가", " 좋았다", "abcde", " there", " cats", " 오늘도", "오온늘"]:
        best = max(score for _, score in segmentations(word, scores))
        assert math.fsum(scores[p] for p in tokenizer.split(word)) == pytest.approx(best, abs=1e-9)


def test_pieces_are_probabilities_and_as_many_as_asked_for():
    for size in (5, 6, 9, 50):
        pieces = train(WORDS, letters="abcd", size=size)
        assert len(pieces) <= size
        assert math.fsum(math.exp(score) for _, score in pieces) == pytest.approx(1, abs=1e-9)
        assert {"a", "b", "c", "d"} <= {piece for piece, _ in pieces}
    assert len(train(WORDS, letters="abcd", size=6)) == 6
