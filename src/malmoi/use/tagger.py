"""A tagger in the hand: texts in, tags and entities out, with their places in the text.

    tagger = malmoi.load("runs/ner")
    tagger.tag("김 교수는 서울에 산다.")      one TaggedText: tokens, and entities if there are any
    tagger.tag(texts)                         a list of them
    tagger.tag_words([["Jane", "left", "."]]) where someone else has cut the words
    tagger.nbest(text, 5)                     the five likeliest ways to tag it
    tagger.read(texts)                        what the model sees

A text is read sentence by sentence (`malmoi.text.sentences`) unless told not to.  Places are
offsets into the string as it was given, whatever its Unicode form.  No answer depends on what else
was read in the same call.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import nlargest
from itertools import islice
from typing import Any, NamedTuple, overload

import numpy as np
import torch

from malmoi.data.examples import Tagged, joined
from malmoi.data.ragged import Buckets
from malmoi.errors import EmptyText, UsageError
from malmoi.layers.crf import LinearChain, Moves
from malmoi.layers.distributions import Independent
from malmoi.metrics import schemes
from malmoi.metrics.labels import Labels as Report
from malmoi.metrics.spans import Spans
from malmoi.sentences import Sentences
from malmoi.tasks.answers import AREA, READ, reported, tagged
from malmoi.tasks.labels import Labels
from malmoi.tasks.lexicon import Lexicon, Words
from malmoi.tasks.tagging import Tagging
from malmoi.text.door import Token
from malmoi.text.normalise import nfc
from malmoi.text.sentences import sentences
from malmoi.use.entities import probabilities

CHUNK = 2048
"""Texts that are held and sorted by length together."""
CELLS = 2**22
"""Numbers of one batch: words × tags."""


class TaggedToken(NamedTuple):
    """text: `text[start:end]` of the text it stands in.  probability: of this tag at this place."""

    text: str
    start: int
    end: int
    tag: str
    probability: float


class Entity(NamedTuple):
    """probability: that exactly these words are an entity of this label."""

    label: str
    start: int
    end: int
    text: str
    probability: float


class TaggedText(NamedTuple):
    """text: as it was given.  sentences: how many tokens each of its sentences has."""

    text: str
    tokens: tuple[TaggedToken, ...]
    entities: tuple[Entity, ...]
    sentences: tuple[int, ...]

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(token.tag for token in self.tokens)


class Alternative(NamedTuple):
    """One way to tag a text.  log_prob: of all its tags together, in nats."""

    tags: tuple[str, ...]
    log_prob: float


class _Sentence(NamedTuple):
    """A sentence that is to be tagged: its words as the model reads them."""

    words: Words
    tokens: Sequence[Token]


class _Answer(NamedTuple):
    """spans: entities, in words of the sentence, and the probability of each."""

    tags: list[str]
    probabilities: list[float]
    spans: list[tuple[schemes.Span, float]]


class Tagger:
    """A model, and the words, letters and tags it was trained on."""

    def __init__(self, model: Any, lexicon: Lexicon, config: Tagging) -> None:
        self.model = model.eval()
        self.lexicon = lexicon
        self.config = config

    @property
    def labels(self) -> Labels:
        return self.lexicon.labels

    @property
    def device(self) -> torch.device:
        weight: torch.Tensor = next(self.model.parameters())
        return weight.device

    @property
    def column(self) -> str:
        """Of the data it learnt from, the column of its tags, if that was said."""
        return self.config.column or ("upos" if self.labels.scheme == "none" else "")

    @property
    def moves(self) -> Moves | None:
        """The legal moves that answers are held to, if they are held to any."""
        held = self.config.constrained and self.labels.scheme != "none"
        return Moves(*(m.to(self.device) for m in self.lexicon.moves)) if held else None

    # ------------------------------------------------------------------ answering

    @overload
    def tag(self, texts: str, *, split: bool = ...) -> TaggedText: ...  # type: ignore[overload-overlap]  # a str is itself an Iterable[str]
    @overload
    def tag(self, texts: Iterable[str], *, split: bool = ...) -> list[TaggedText]: ...
    def tag(
        self, texts: str | Iterable[str], *, split: bool = True
    ) -> TaggedText | list[TaggedText]:
        """Every token of a text with its tag.  split: into sentences first, each read alone."""
        if isinstance(texts, str):
            return self.tag([texts], split=split)[0]
        return list(self.stream(texts, split=split))

    def stream(self, texts: Iterable[str], *, split: bool = True) -> Iterator[TaggedText]:
        """`tag` for each text, as they come."""
        source = iter(texts)
        while chunk := list(islice(source, CHUNK)):
            yield from self._tagged([(text, self._sentences(text, split)) for text in chunk])

    def tag_words(self, given: Iterable[Sequence[str] | Tagged]) -> list[TaggedText]:
        """The same for sentences that are cut into words; their text is the words side by side, or
        as they were written if that is known."""
        return list(self.stream_words(given))

    def stream_words(self, given: Iterable[Sequence[str] | Tagged]) -> Iterator[TaggedText]:
        """`tag_words` for each sentence, as they come."""
        source = iter(given)
        while chunk := list(islice(source, CHUNK)):
            yield from self._tagged([self._given(words) for words in chunk])

    def nbest(self, text: str | Sequence[str], k: int, *, split: bool = True) -> list[Alternative]:
        """The k likeliest ways to tag a text, or a list of words: falling, all different.

        There may be fewer.  The probability of a text is the product of those of its sentences.
        """
        if k < 1:
            raise UsageError("a list of the best holds one at least", where=f"k = {k}")
        parts = self._sentences(text, split) if isinstance(text, str) else self._given(text)[1]
        best = [Alternative((), 0.0)]
        for part in parts:
            found = self._nbest(part.words, k)
            best = nlargest(
                k,
                (
                    Alternative(a.tags + b.tags, a.log_prob + b.log_prob)
                    for a in best
                    for b in found
                ),
                key=lambda one: one.log_prob,
            )
        return best

    @torch.no_grad()
    def _nbest(self, words: Words, k: int) -> list[Alternative]:
        x = self.lexicon.read([words])(np.arange(1)).to(self.device)
        tags, log_prob = self._said(x).nbest(k)
        types = self.labels.types
        return [
            Alternative(tuple(types[y] for y in row), score)
            for row, score in zip(tags[0].tolist(), log_prob[0].tolist(), strict=True)
            if score > -np.inf
        ]

    def _tagged(self, texts: Sequence[tuple[str, list[_Sentence]]]) -> Iterator[TaggedText]:
        answers = iter(self._answers([part.words for _, parts in texts for part in parts]))
        for text, parts in texts:
            tokens: list[TaggedToken] = []
            entities: list[Entity] = []
            for part in parts:
                answer = next(answers)
                tokens += [
                    TaggedToken(text[t.start : t.end], t.start, t.end, tag, p)
                    for t, tag, p in zip(
                        part.tokens, answer.tags, answer.probabilities, strict=True
                    )
                ]
                for span, p in answer.spans:
                    start, end = part.tokens[span.start].start, part.tokens[span.end - 1].end
                    entities.append(Entity(span.label, start, end, text[start:end], p))
            lengths = tuple(len(part.tokens) for part in parts)
            yield TaggedText(text, tuple(tokens), tuple(entities), lengths)

    @torch.no_grad()
    def _answers(self, sentences: Sequence[Words]) -> list[_Answer]:
        """Sentences of one word at least, in batches of like length."""
        read = self.lexicon.read(sentences)
        found: list[_Answer] = [_Answer([], [], [])] * len(sentences)
        area = max(1, min(AREA, CELLS // len(self.labels)))
        for rows in Buckets(read.forms.lengths, READ, area=area):
            said = self._said(read(rows).to(self.device))
            best, p = said.best().cpu(), said.marginals().cpu()
            sure = p.gather(2, best[..., None])[..., 0].tolist()
            for i, y, row in zip(rows.tolist(), best.tolist(), sure, strict=True):
                n = len(sentences[i])
                found[i] = _Answer([self.labels.types[k] for k in y[:n]], row[:n], [])
            if (scheme := self.labels.scheme) == "none":
                continue
            spans = [schemes.spans(found[i].tags, scheme) for i in rows.tolist()]
            chances = probabilities(said, spans, best, self.labels.types)
            for i, there, ps in zip(rows.tolist(), spans, chances, strict=True):
                found[i] = found[i]._replace(spans=list(zip(there, ps, strict=True)))
        return found

    def _said(self, x: Sentences) -> Independent | LinearChain:
        said: Independent | LinearChain = self.model(x)
        moves = self.moves
        return said if moves is None else said.constrained(moves)

    # ------------------------------------------------------------------ reading

    def read(self, texts: Sequence[str | Sequence[str]]) -> tuple[Sentences, list[list[Token]]]:
        """Texts, or sentences cut into words, side by side as the model sees them, and the tokens
        of each.  A text is read as one sentence."""
        rows = [
            self._sentences(text, False) if isinstance(text, str) else self._given(text)[1]
            for text in texts
        ]
        words = [row[0].words if row else () for row in rows]
        x = self.lexicon.read(words)(np.arange(len(rows))).to(self.device)
        return x, [list(row[0].tokens) if row else [] for row in rows]

    def _sentences(self, text: str, split: bool) -> list[_Sentence]:
        found = []
        for start, end in sentences(text) if split else [(0, len(text))]:
            tokens = self.lexicon.text.tokens(text[start:end])
            if tokens:
                places = [Token(t, start + a, start + b) for t, a, b in tokens]
                found.append(_Sentence(tuple(t for t, *_ in tokens), places))
        return found

    def _given(self, words: Sequence[str] | Tagged) -> tuple[str, list[_Sentence]]:
        if isinstance(words, Tagged):
            places = [Token(w, *span) for w, span in zip(words.words, words.spans, strict=True)]
            return words.text, [_Sentence(tuple(map(nfc, words.words)), places)]
        if isinstance(words, str):
            raise UsageError(
                "a sentence cut into words is a list of words, not one string",
                where=f"tag_words([{words[:40]!r}])",
                hint="tag(text) cuts a text itself",
            )
        text, spans = joined(tuple(words), "" if self.config.words == "characters" else " ")
        tokens = [Token(word, *span) for word, span in zip(words, spans, strict=True)]
        return text, [_Sentence(tuple(map(nfc, words)), tokens)] if tokens else []

    # ------------------------------------------------------------------ measuring

    def evaluate(
        self,
        given: Sequence[Sequence[str]],
        tags: Sequence[Sequence[str]],
        *,
        read: Callable[[int], object] | None = None,
    ) -> tuple[Report | Spans, list[list[str]]]:
        """How good it is on tagged sentences, and what it said of each.

        read: told how many more sentences are done.  tags: in any scheme of entities if the
        model knows one.  Tags that training has not seen are wrong.
        """
        if not given:
            hint = "give it at least one tagged sentence"
            raise EmptyText("there is nothing to measure", hint=hint)
        words = self.lexicon.read([tuple(map(nfc, sentence)) for sentence in given])
        said = tagged(self.model, words, self.labels, self.moves, done=read)
        return reported(tags, said, self.labels), said
