"""A translator in the hand: a text in, another text out.

    translator = malmoi.load("runs/en-fr")
    translator.translate("I am tired.", beam=5)       one Translated
    translator.translate(lines)                       a list of them, a line for a line
    for answer in translator.stream(lines): ...       of a text of any length, some at a time
    translator.score(pairs)                           log p(target | source) of each
    translator.evaluate(pairs)                        perplexity, BLEU, chrF

A blank line is translated by an empty one, and the model is not asked.  No answer depends on what
else was translated in the same call.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, overload

import torch

from malmoi.data import bucketed
from malmoi.data.bucketed import PairBuckets
from malmoi.data.examples import Pair
from malmoi.decode.hypothesis import Hypothesis, LengthPenalty
from malmoi.decode.translation import translations
from malmoi.errors import Diverged, EmptyText, UsageError
from malmoi.metrics.bleu import Bleu
from malmoi.tasks.paired import PENALTY, Forced, Paired, forced
from malmoi.tasks.translation import MOST, Translation
from malmoi.text import Bitext, Vocabulary

UNK = Vocabulary.UNK
CHUNK = 2_048
"""Lines that are held and sorted by length together."""
LONGEST = 1_024
"""Tokens that are read of a source, if nothing else is asked for."""
TOKENS = 4_096
"""Tokens of pairs that are scored at once: bounds memory, changes no result."""


class Written(NamedTuple):
    """One translation.  tokens: of it, as people read them.  log_prob: of those and of `</s>` if
    `finished`, under the model as it is.  score: log_prob over the length penalty."""

    text: str
    tokens: tuple[str, ...]
    log_prob: float
    score: float
    finished: bool


class Translated(NamedTuple):
    """source: as it was given.  best: its translations, the best first; never none.

    cut: how many tokens of the source were not read, because it is too long.
    """

    source: str
    best: tuple[Written, ...]
    cut: int = 0

    @property
    def text(self) -> str:
        return self.best[0].text


class Translator:
    """A model, and the texts of both sides that it was trained on."""

    def __init__(self, model: Any, bitext: Bitext, config: Translation) -> None:
        self.model = model.eval()
        self.bitext = bitext
        self.config = config

    @property
    def device(self) -> torch.device:
        weight: torch.Tensor = next(self.model.parameters())
        return weight.device

    # ------------------------------------------------------------------ writing

    @overload
    def translate(  # type: ignore[overload-overlap]  # a str is itself an Iterable[str]
        self, lines: str, *, beam: int = ..., n: int = ...,
        length_penalty: float | int | LengthPenalty = ..., minimum: int = ...,
        maximum: int | None = ..., longest: int = ..., unknown: bool = ...,
    ) -> Translated: ...  # fmt: skip
    @overload
    def translate(
        self, lines: Iterable[str], *, beam: int = ..., n: int = ...,
        length_penalty: float | int | LengthPenalty = ..., minimum: int = ...,
        maximum: int | None = ..., longest: int = ..., unknown: bool = ...,
    ) -> list[Translated]: ...  # fmt: skip
    def translate(
        self,
        lines: str | Iterable[str],
        *,
        beam: int = 5,
        n: int = 1,
        length_penalty: float | int | LengthPenalty = PENALTY,
        minimum: int = 0,
        maximum: int | None = None,
        longest: int = LONGEST,
        unknown: bool = False,
    ) -> Translated | list[Translated]:
        """The n best translations of a line, or of each of several.

        beam: slots of the search; 1 is greedy.  length_penalty: a number is the exponent α of
        |y|^α.  minimum, maximum: tokens of a translation, `</s>` counted in the latter; None: as
        the length of its source allows.  longest: tokens of a source that are read.  `<unk>` is
        written only if `unknown`.
        """
        one = isinstance(lines, str)
        found = list(
            self.stream(
                [lines] if isinstance(lines, str) else lines,
                beam=beam, n=n, length_penalty=length_penalty, minimum=minimum, maximum=maximum,
                longest=longest, unknown=unknown,
            )
        )  # fmt: skip
        return found[0] if one else found

    def stream(
        self,
        lines: Iterable[str],
        *,
        beam: int = 5,
        n: int = 1,
        length_penalty: float | int | LengthPenalty = PENALTY,
        minimum: int = 0,
        maximum: int | None = None,
        longest: int = LONGEST,
        unknown: bool = False,
        done: Callable[[int], object] | None = None,
    ) -> Iterator[Translated]:
        """`translate` for each line, as they come.  done: told how many more are."""
        if not isinstance(length_penalty, LengthPenalty):
            length_penalty = LengthPenalty("power", length_penalty)
        _check(beam, n, minimum, maximum, longest)
        source = iter(lines)
        while chunk := list(islice(source, CHUNK)):
            read = [self.bitext.source.encode(line) if line.strip() else [] for line in chunk]
            asked = [i for i, ids in enumerate(read) if ids]
            found = translations(
                self.model,
                [[*read[i][:longest], Vocabulary.BOUNDARY] for i in asked],
                limit=self.bitext.limit if maximum is None else lambda size: maximum,
                width=beam, n=n, penalty=length_penalty, minimum=minimum, done=done,
                forbid=() if unknown else (UNK,),
            )  # fmt: skip
            best: list[list[Hypothesis]] = [[] for _ in chunk]
            for i, some in zip(asked, found, strict=True):
                best[i] = some
            for line, ids, some in zip(chunk, read, best, strict=True):
                written = tuple(map(self._written, some)) or (NOTHING,)
                yield Translated(line, written, max(0, len(ids) - longest))

    def _written(self, h: Hypothesis) -> Written:
        target = self.bitext.target
        text = target.decode(h.tokens).replace("\n", " ")  # a line is answered by a line
        tokens = tuple(map(target.spell, h.tokens))
        return Written(text, tokens, h.log_prob, h.score, h.finished)

    # ------------------------------------------------------------------ reading

    def score(
        self,
        pairs: Iterable[Pair | tuple[str, str]],
        *,
        done: Callable[[int], object] | None = None,
    ) -> list[float]:
        """log p(target | source) of each pair, natural logarithm: its tokens and `</s>`.

        Raises UsageError for a text of more tokens than can be held.
        """
        some = self.paired(Pair(*pair) for pair in pairs)
        found = [0.0] * len(some)
        for rows in PairBuckets(some.source.lengths, some.target.lengths, TOKENS):
            batch = bucketed.pairs(some.source, some.target, rows).to(self.device)
            with torch.no_grad():
                carry = self.model.begin(batch.source)
                logp, _ = self.model.log_prob(batch.x, batch.y, carry)
            sums = (logp.double() * batch.mask).sum(1)
            if bool(sums.isnan().any()):
                raise Diverged("the model gives log-probabilities that are not numbers")
            for i, total in zip(rows.tolist(), sums.tolist(), strict=True):
                found[i] = total
            if done:
                done(len(rows))
        return found

    def paired(self, pairs: Iterable[Pair]) -> Paired:
        """Pairs as numbers.  Raises UsageError if one is too long to be held."""
        some = Paired.of(self.bitext, list(pairs))
        if some.longest > MOST:
            raise UsageError(
                "a pair is too long to be read at once",
                where=f"{some.longest:,} tokens on a side, at most {MOST:,}",
                hint="cut it into sentences",
            )
        return some

    # ------------------------------------------------------------------ measuring

    def evaluate(
        self,
        pairs: Sequence[Pair],
        *,
        beam: int = 5,
        length_penalty: float | int | LengthPenalty = PENALTY,
        done: Callable[[int], object] | None = None,
    ) -> tuple[Forced, Bleu, list[Translated]]:
        """What the targets cost, what its own translations are worth, and those.

        done: told how many more pairs are done, twice for each.  Raises EmptyText for no pairs.
        """
        if not pairs:
            raise EmptyText("there is nothing to measure", hint="give it at least one pair")
        cost = forced(self.model, self.paired(pairs), done=done)
        said = list(
            self.stream(
                (pair.source for pair in pairs), beam=beam, length_penalty=length_penalty, done=done
            )
        )
        references = [(pair.target, *pair.others) for pair in pairs]
        return cost, Bleu.of([answer.text for answer in said], references), said


NOTHING = Written("", (), 0.0, 0.0, True)


def _check(beam: int, n: int, minimum: int, maximum: int | None, longest: int) -> None:
    if beam < 1:
        raise UsageError(f"a beam has at least 1 slot, not {beam}", hint="1 is greedy")
    if not 1 <= n <= beam:
        raise UsageError(f"a beam of {beam} has no {n} best translations", hint=f"beam = {n}")
    if longest < 1:
        raise UsageError(f"at least 1 token of a source must be read, not {longest}")
    if minimum < 0 or (maximum is not None and maximum <= minimum):
        raise UsageError(
            f"at least {minimum} words and at most {maximum} tokens cannot both hold",
            hint="the end of the sentence counts as one of the tokens",
        )
