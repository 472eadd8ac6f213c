"""The one door of text: a line in, numbers out, and back.

    text = Text.learn(lines, kind="bpe", size=8_000)
    ids = text.encode("오늘은 날씨가 좋다")      no boundaries: who makes a stream puts them
    text.decode(ids)
    text.tokens(line)                           offsets point into the line as it was given

A `Text` is a tokenizer and a vocabulary.  Unicode NFC happens here and nowhere else.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from operator import index
from pathlib import Path
from threading import Lock
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Literal, NamedTuple, SupportsIndex, get_args

import numpy as np
from jaxtyping import Integer

from malmoi.errors import EmptyText, RunError, UsageError, did_you_mean
from malmoi.text import normalise as unicode, spelled, store
from malmoi.text.byte_level import ByteLevel
from malmoi.text.sentencepiece import SentencePiece
from malmoi.text.subwords import Subwords, chunks_of
from malmoi.text.tokenizer import Characters, Given, Jamo, Tokenizer, Words
from malmoi.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from malmoi.kernels.spelling import Spellings

Kind = Literal["given", "words", "characters", "jamo", "bpe", "unigram", "morphemes"]
KINDS: tuple[str, ...] = get_args(Kind)
SUBWORDS = ("bpe", "unigram")
SUBWORD_SIZE = 8_000

NOTHING: Mapping[int, str] = MappingProxyType({})
SPELLING = Lock()  # while one thread gets the types ready, others wait instead of doing it too

FOREIGN: dict[str, type[SentencePiece] | type[ByteLevel]] = {
    SentencePiece.kind: SentencePiece, ByteLevel.kind: ByteLevel,
}  # fmt: skip
"""What is imported, never learnt."""

Lines = Iterable[str] | Callable[[], Iterable[str]]


class Token(NamedTuple):
    """A token as people read it, and where it is in the line as it was given."""

    text: str
    start: int
    end: int


class Text:
    """A tokenizer and a vocabulary.  size and min_count: what `learn` was asked for."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        vocabulary: Vocabulary,
        *,
        size: int | None = None,
        min_count: int = 1,
    ) -> None:
        self.tokenizer = tokenizer
        self.vocabulary = vocabulary
        self.size = size
        self.min_count = min_count
        self._spellings: Spellings | None = None

    @classmethod
    def learn(
        cls, lines: Lines, *, kind: str = "words", size: int | None = None, min_count: int = 1
    ) -> "Text":
        """Read the lines once; keep the types seen min_count times, V at most size.

        For bpe and unigram size is the number of pieces with `</s>` and `<unk>` (8,000 unless
        said), and characters seen less than min_count times are spelt in bytes.
        Raises EmptyText if there is no token, UsageError for an unknown kind or a useless size.
        """
        _check(kind, size, min_count)
        if isinstance(lines, str):
            raise UsageError("a text is many lines, not one string", hint="[line] for one line")
        source = lines() if callable(lines) else lines
        seen = 0
        counts: Counter[str] = Counter()
        tokenizer: Tokenizer
        subwords = kind in SUBWORDS
        split = chunks_of if subwords else (tokenizer := make(kind)).split
        spellings = None
        for some in spelled.blocks(source):
            seen += len(some)
            if kind == Given.kind and (text := spelled.joined(some)) is not None:
                spellings = spellings or _compiled().Spellings()
                spellings.count(text)
                continue
            for line in some:
                counts.update(split(unicode.nfc(line)))
        if spellings:
            spellings.merge(spelled.strays(spellings.words()))
            counts.update(spellings.counts())
        if not counts:
            raise _nothing(seen)
        if subwords:
            size = SUBWORD_SIZE if size is None else size
            tokenizer, counts = Subwords.learn(
                counts,
                kind=kind,
                size=size - Vocabulary.RESERVED,
                min_count=min_count,
            )
        vocabulary = Vocabulary.learn(
            counts, lines=seen, size=size, min_count=0 if subwords else min_count
        )
        return cls(tokenizer, vocabulary, size=size, min_count=min_count)

    @classmethod
    def learn_blocks(
        cls, blocks: Iterable[bytes], *, size: int | None = None, min_count: int = 1
    ) -> tuple["Text", Integer[np.ndarray, "N"]]:
        """`learn` of kind "given", and `stream` of the same lines, which are read once for both.

        blocks: some lines at a time, as UTF-8, each ended by a line feed
        (`malmoi.data.lines.read_blocks`).  Raises what `learn` raises.
        """
        _check(Given.kind, size, min_count)
        spellings = _compiled().Spellings()
        parts = [spellings.count(block) for block in blocks]
        lines = sum(len(part) for part in parts) - int(spellings.seen.sum())
        words = spellings.words()
        same = spellings.merge(spelled.strays(words))
        vocabulary, ids = Vocabulary.ranked(
            words if len(words) == spellings.known else spellings.words(),
            spellings.seen[: spellings.known],
            spellings.ranked(),
            lines=lines,
            size=size,
            min_count=min_count,
        )
        if not len(vocabulary.types) and not vocabulary.counts[Vocabulary.UNK]:
            raise _nothing(lines)
        ids = np.append(Vocabulary.BOUNDARY, ids[same]).astype(np.uint32)
        stream = np.zeros(sum(map(len, parts)) + 1, np.uint32)
        at = 1
        while parts:
            part = parts.pop(0)
            np.take(ids, part, out=stream[at : at + len(part)])
            at += len(part)
        return cls(Given(), vocabulary, size=size, min_count=min_count), stream

    @property
    def kind(self) -> str:
        return self.tokenizer.kind

    def __repr__(self) -> str:
        return f"Text(kind={self.kind!r}, V={len(self.vocabulary):,})"

    def split(self, line: str) -> list[str]:
        """The types of the line, known or not, one for each id."""
        return self.tokenizer.split(unicode.nfc(line))

    def encode(self, line: str) -> list[int]:
        """The ids of the line, without boundaries."""
        return self.vocabulary.ids(self.tokenizer.split(unicode.nfc(line)))

    def encode_lines(self, lines: Iterable[str]) -> Iterator[list[int]]:
        """`encode` for each line, as they come."""
        split, ids, nfc = self.tokenizer.split, self.vocabulary.ids, unicode.nfc
        for line in lines:
            yield ids(split(nfc(line)))

    def stream(self, lines: Sequence[str]) -> Integer[np.ndarray, "N"]:
        """The ids of all lines, with a boundary first and one after each: 0 w w w 0 w w 0 …"""
        if isinstance(self.tokenizer, Given) and (text := spelled.joined(lines)) is not None:
            return self._numbers(text)
        flat = [Vocabulary.BOUNDARY]
        for ids in self.encode_lines(lines):
            flat += [*ids, Vocabulary.BOUNDARY]
        return np.array(flat, np.uint32)

    def stream_of(self, block: bytes) -> Integer[np.ndarray, "N"]:
        """`stream` of lines that each end in a line feed, as UTF-8.  Raises UnicodeDecodeError."""
        if isinstance(self.tokenizer, Given):
            return self._numbers(block)
        return self.stream(block.decode().split("\n")[:-1])

    def _numbers(self, text: bytes) -> Integer[np.ndarray, "N"]:
        with SPELLING:
            if self._spellings is None:
                self._spellings = _compiled().Spellings.of(self.vocabulary.types)
        how = {"base": Vocabulary.RESERVED, "unknown": Vocabulary.UNK, "end": Vocabulary.BOUNDARY}
        ids, places, spelt = self._spellings.numbers(text, **how)
        words = spelt.decode()
        if (composed := spelled.composed(words)) is not words:
            ids[places] = self._spellings.numbers(composed.encode(), **how).ids[1::2]
        return ids

    def decode(self, ids: Iterable[SupportsIndex], *, unknown: Mapping[int, str] = NOTHING) -> str:
        """The line that the ids spell; boundaries are not text and are left out.

        unknown: the word for an `<unk>`, by its place among the ids that are text.
        """
        types = [self.vocabulary.type(i) for i in map(index, ids) if i != Vocabulary.BOUNDARY]
        sign = self.tokenizer.unknown
        line = self.tokenizer.join([sign if t is None else t for t in types])
        if not unknown:
            return line
        # a type of the text itself may be spelt as the sign is
        signs = [unknown.get(k, sign) for k, t in enumerate(types) if t is None or t == sign]
        parts = line.split(sign)
        if len(parts) != len(signs) + 1:
            return line
        return "".join(chain.from_iterable(zip_longest(parts, signs, fillvalue="")))

    def tokens(self, line: str) -> list[Token]:
        """One token for each id of `encode(line)`, with its span in the line as it was given.

        Spans may overlap (two jamo of a syllable, two bytes of a character) and leave gaps.
        """
        normal = unicode.normalise(line)
        return [
            Token(self.tokenizer.show(piece.text), *normal.span(piece.start, piece.end))
            for piece in self.tokenizer.pieces(normal.text)
        ]

    def spell(self, id: int) -> str:
        """An id for people: `</s>` and `<unk>` for the two that no text can spell."""
        token = self.vocabulary.type(id)
        if token is None:
            return "</s>" if id == Vocabulary.BOUNDARY else "<unk>"
        return self.tokenizer.show(token)

    def characters(self, line: str) -> int:
        """How many characters the line counts in bits per character: NFC, and its end is one."""
        return unicode.characters(line)

    def octets(self, line: str) -> int:
        """How many bytes the line counts in bits per byte: UTF-8 of NFC, and its end is one."""
        return unicode.octets(line)

    def save(self, folder: Path | str) -> None:
        """Write `text.json` into the folder: whole, or not at all.  Raises SaveError."""
        subwords = self.tokenizer if isinstance(self.tokenizer, Subwords) else None
        foreign = self.tokenizer if isinstance(self.tokenizer, SentencePiece | ByteLevel) else None
        stored = store.Stored(
            kind=self.kind,
            size=self.size,
            min_count=self.min_count,
            vocabulary=self.vocabulary,
            letters=subwords.letters if subwords else "",
            model=subwords.model if subwords else foreign.stored() if foreign else {},
            package=self.tokenizer.package,
        )
        store.write(Path(folder) / store.NAME, stored)

    @classmethod
    def load(cls, folder: Path | str) -> "Text":
        """Read what `save` wrote.  Raises RunError that names the file if it is not as written."""
        path = Path(folder) / store.NAME
        stored = store.read(path)
        tokenizer: Tokenizer
        if stored.kind in SUBWORDS:
            try:
                tokenizer = Subwords(stored.kind, stored.letters, stored.model)
            except Exception as error:  # `tokenizers` raises nothing narrower
                raise store.damaged(path, error) from None
        elif stored.kind in FOREIGN:
            try:
                tokenizer = FOREIGN[stored.kind].of(stored.model)
            except ValueError as error:
                raise store.damaged(path, error) from None
        elif stored.kind in KINDS:
            tokenizer = make(stored.kind)
        else:
            raise store.damaged(path, f"its kind {stored.kind!r} is none of {', '.join(KINDS)}")
        if tokenizer.package != stored.package:
            raise RunError(
                "this text was split by another version of a package",
                where=f"{path}: {stored.package}, installed here: {tokenizer.package}",
                hint=f"pip install '{stored.package}.*'",
            )
        return cls(tokenizer, stored.vocabulary, size=stored.size, min_count=stored.min_count)


def _nothing(lines: int) -> EmptyText:
    return EmptyText(
        "there is nothing to learn from",
        where=f"{lines:,} lines, none with a token in it",
        hint="give a text with at least one line that is not blank",
    )


def _compiled() -> ModuleType:
    """What takes a second to load, for who has much to read."""
    from malmoi.kernels import spelling

    return spelling


def make(kind: str) -> Tokenizer:
    """The tokenizer of a kind that needs no training."""
    if kind == "morphemes":
        from malmoi.text.morphemes import Morphemes

        return Morphemes()
    plain: dict[str, type[Given | Words | Characters | Jamo]] = {
        "given": Given,
        "words": Words,
        "characters": Characters,
        "jamo": Jamo,
    }
    return plain[kind]()


def _check(kind: str, size: int | None, min_count: int) -> None:
    if kind not in KINDS:
        raise UsageError(
            "there is no such kind of token",
            where=f"kind = {kind!r}",
            hint=did_you_mean(kind, KINDS),
        )
    least = 300 if kind in SUBWORDS else 3
    if size is not None and size < least:
        raise UsageError(
            "the vocabulary is too small to hold anything",
            where=f"size = {size}, at least {least} for {kind}",
            hint="leave size out to keep every type"
            if least == 3
            else f"try size = {SUBWORD_SIZE}",
        )
    if min_count < 1:
        raise UsageError("a type must be seen at least once", where=f"min_count = {min_count}")
