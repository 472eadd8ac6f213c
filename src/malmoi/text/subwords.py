"""Pieces of words, learnt: byte-pair encoding and the unigram language model.

Sennrich, Haddow & Birch, ACL 2016, arXiv:1508.07909 (merge the most frequent pair, and again);
Kudo, ACL 2018, arXiv:1804.10959 (a large seed vocabulary, EM, drop what costs the least).

    line → chunks (a word with the space before it) → letters → pieces

Letters are the characters frequent enough to deserve a type; any other character is spelt in its
UTF-8 bytes, each byte a letter of its own.  So there is no unknown piece, and joining gives the
line back, whatever is in it.  Byte letters live in a private plane of Unicode that literal text can
never reach: a literal character of that plane is itself spelt in bytes.

Differs: merges do not cross chunks, as in GPT-2; the space is a letter, not a mark.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from malmoi.text.normalise import marks
from malmoi.text.tokenizer import Piece

BYTE = 0xF0000  # the letter of byte b is chr(BYTE + b)
BYTES = [chr(BYTE + b) for b in range(256) if b not in (0xC0, 0xC1, *range(0xF5, 0x100))]
_SEPARATOR = chr(BYTE + 0x100)
_CACHE = 1 << 18


class Subwords:
    """A trained segmenter.  letters: the characters that are not spelt in bytes."""

    unknown = "\N{REPLACEMENT CHARACTER}"
    package = ""

    def __init__(self, kind: str, letters: str, model: Mapping[str, Any]) -> None:
        from tokenizers import Tokenizer

        self.kind = kind
        self.letters = letters
        self.model = dict(model)
        self._known = frozenset(letters)
        self._segmenter = Tokenizer.from_str(_wrap(self.model))
        self._cache: dict[str, list[str]] = {}

    @classmethod
    def learn(
        cls, chunks: Mapping[str, int], *, kind: str, size: int, min_count: int = 1
    ) -> tuple["Subwords", Counter[str]]:
        """Train on counted chunks: a segmenter of at most size pieces, and how often each is used.

        A piece that only leads to longer ones is used 0 times.
        """
        letters = _letters(chunks, size=size, min_count=min_count)
        known = frozenset(letters)
        spelt: dict[str, int] = {}
        for chunk, count in chunks.items():
            word = _spell(chunk, known)
            spelt[word] = spelt.get(word, 0) + count
        train = _train_bpe if kind == "bpe" else _train_unigram
        made = cls(kind, letters, train(spelt, [*letters, *BYTES], size))
        counts = Counter(dict.fromkeys(made.types(), 0))
        for chunk, count in chunks.items():
            for piece in made._segment(chunk):
                counts[piece] += count
        return made, counts

    def types(self) -> list[str]:
        """Every piece there is."""
        return sorted(self._segmenter.get_vocab())

    def split(self, line: str) -> list[str]:
        cache = self._cache
        out: list[str] = []
        for chunk in chunks_of(line):
            pieces = cache.get(chunk)
            if pieces is None:
                if len(cache) >= _CACHE:
                    cache.clear()
                pieces = cache[chunk] = self._segment(chunk)
            out += pieces
        return out

    def pieces(self, line: str) -> list[Piece]:
        origin = [i for i, c in enumerate(line) for _ in range(len(self._letters_of(c)))]
        out: list[Piece] = []
        at = 0
        for piece in self.split(line):
            last = at + len(piece) - 1
            out.append(Piece(piece, origin[at], origin[last] + 1))
            at = last + 1
        return out

    def join(self, tokens: Sequence[str]) -> str:
        return _BYTES.sub(_read_bytes, "".join(tokens))

    def show(self, token: str) -> str:
        return _BYTES.sub(_show_bytes, token)

    def _segment(self, chunk: str) -> list[str]:
        spelt = _spell(chunk, self._known)
        pieces: list[str] = self._segmenter.encode(spelt).tokens
        assert "".join(pieces) == spelt
        return pieces

    def _letters_of(self, character: str) -> str:
        return _spell(character, self._known)


_BYTES = re.compile(f"[{chr(BYTE)}-{chr(BYTE + 255)}]+")


def _read_bytes(match: re.Match[str]) -> str:
    return bytes(ord(c) - BYTE for c in match.group()).decode(errors="replace")


def _show_bytes(match: re.Match[str]) -> str:
    """A run of bytes as the text it spells, if it does, else as <0xEC><0x98>."""
    raw = bytes(ord(c) - BYTE for c in match.group())
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return "".join(f"<0x{b:02X}>" for b in raw)


def _spell(text: str, known: frozenset[str]) -> str:
    """Text in letters: unknown characters in their bytes."""
    if known.issuperset(text):
        return text
    return "".join(c if c in known else "".join(chr(BYTE + b) for b in c.encode()) for c in text)


def _letters(chunks: Mapping[str, int], *, size: int, min_count: int) -> str:
    """The characters that get a letter: seen min_count times, at most half of what bytes leave."""
    counts: Counter[str] = Counter()
    for chunk, count in chunks.items():
        for c in chunk:
            counts[c] += count
    room = max(0, (size - len(BYTES)) // 2)
    reserved = range(BYTE, BYTE + 0x10000)
    ranked = sorted(
        (c for c, n in counts.items() if n >= min_count and ord(c) not in reserved),
        key=lambda c: (-counts[c], c),
    )
    return "".join(sorted(ranked[:room]))


def _train_bpe(words: Mapping[str, int], letters: list[str], size: int) -> dict[str, Any]:
    """Merge the most frequent pair, ties by the order of letters, until there are size pieces."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Split(_SEPARATOR, "removed")
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        initial_alphabet=letters,
        show_progress=False,
        special_tokens=[],
    )
    tokenizer.train_from_iterator(_repeat(words), trainer=trainer)
    model: dict[str, Any] = json.loads(tokenizer.to_str())["model"]
    return model


def _train_unigram(words: Mapping[str, int], letters: list[str], size: int) -> dict[str, Any]:
    from malmoi.text.unigram import train

    return {
        "type": "Unigram",
        "unk_id": None,
        "vocab": train(words, letters="".join(letters), size=size),
        "byte_fallback": False,
    }


def _repeat(words: Mapping[str, int]) -> Iterator[str]:
    """Every word as often as it was counted, many to a string."""
    for word, count in words.items():
        block, rest = divmod(count, 1000)
        for times in [1000] * block + [rest] * (rest > 0):
            yield _SEPARATOR.join([word] * times)


def _wrap(model: Mapping[str, Any]) -> str:
    """A model as the `tokenizers` package reads it: nothing but the model."""
    empty = ["normalizer", "pre_tokenizer", "post_processor", "decoder", "truncation", "padding"]
    return json.dumps(
        {"version": "1.0", "added_tokens": [], **dict.fromkeys(empty), "model": dict(model)}
    )


def chunks_of(line: str) -> list[str]:
    """The line cut where no piece reaches over.

    Words, numbers and signs, each with one space before it, and other white space.  Joined, they
    are the line.
    """
    return _chunks().findall(line)


@cache
def _chunks() -> re.Pattern[str]:
    letter = rf"[^\W\d_{marks()}]"
    return re.compile(
        rf"""
        [ ]? {letter} [^\W\d_]* (?: [{marks()}\u200c\u200d]+ [^\W\d_]* )*
        | [ ]? \d+
        | [ ]? (?: [^\w\s] | _ )+
        | \s+ (?! \S )
        | \s
        | .
        """,
        re.VERBOSE | re.DOTALL,
    )
