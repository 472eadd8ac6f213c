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

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import islice
from typing import Any, NamedTuple, overload

import torch
from jaxtyping import Float
from torch import Tensor

from malmoi.data import bucketed
from malmoi.data.bucketed import PairBuckets
from malmoi.data.examples import Pair
from malmoi.decode import alignment
from malmoi.decode.hypothesis import Hypothesis, LengthPenalty
from malmoi.decode.translation import translations
from malmoi.errors import Diverged, EmptyText, UsageError
from malmoi.layers.packed import packed
from malmoi.metrics.bleu import Bleu
from malmoi.sentences import Sentences
from malmoi.tasks.paired import PENALTY, Forced, Paired, forced
from malmoi.tasks.translation import MOST, Translation
from malmoi.text import Bitext, Vocabulary
from malmoi.use.looking import look_of, looking
from malmoi.use.search import LONGEST, Precision, Search

BOUNDARY, UNK = Vocabulary.BOUNDARY, Vocabulary.UNK
CHUNK = 2_048
"""Lines that are held and sorted by length together."""
PLAIN = Search()
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
        length_penalty: float | int | LengthPenalty = ..., coverage: float | int = ...,
        minimum: int = ..., maximum: int | None = ..., max_ratio: float | int | None = ...,
        longest: int = ..., unknown: bool = ..., replace_unknown: bool = ..., prefix: str = ...,
        precision: Precision = ...,
    ) -> Translated: ...  # fmt: skip
    @overload
    def translate(
        self, lines: Iterable[str], *, beam: int = ..., n: int = ...,
        length_penalty: float | int | LengthPenalty = ..., coverage: float | int = ...,
        minimum: int = ..., maximum: int | None = ..., max_ratio: float | int | None = ...,
        longest: int = ..., unknown: bool = ..., replace_unknown: bool = ..., prefix: str = ...,
        precision: Precision = ...,
    ) -> list[Translated]: ...  # fmt: skip
    def translate(
        self, lines: str | Iterable[str], *, beam: int = 5, n: int = 1,
        length_penalty: float | int | LengthPenalty = PENALTY, coverage: float | int = 0.0,
        minimum: int = 0, maximum: int | None = None, max_ratio: float | int | None = None,
        longest: int = LONGEST, unknown: bool = False, replace_unknown: bool = False,
        prefix: str = "", precision: Precision = "fp32",
    ) -> Translated | list[Translated]:  # fmt: skip
        """The n best translations of a line, or of each of several; `Search` says what each choice
        means.  Raises UsageError for one that makes no sense, or that this model cannot have."""
        search = Search(
            beam=beam, n=n, length_penalty=length_penalty, coverage=coverage, minimum=minimum,
            maximum=maximum, max_ratio=max_ratio, longest=longest, unknown=unknown,
            replace_unknown=replace_unknown, prefix=prefix, precision=precision,
        )  # fmt: skip
        if isinstance(lines, str):
            (found,) = self.search([lines], search)
            return found
        return list(self.search(lines, search))

    def stream(
        self, lines: Iterable[str], *, beam: int = 5, n: int = 1,
        length_penalty: float | int | LengthPenalty = PENALTY, coverage: float | int = 0.0,
        minimum: int = 0, maximum: int | None = None, max_ratio: float | int | None = None,
        longest: int = LONGEST, unknown: bool = False, replace_unknown: bool = False,
        prefix: str = "", precision: Precision = "fp32",
        done: Callable[[int], object] | None = None,
    ) -> Iterator[Translated]:  # fmt: skip
        """`translate` for each line, as they come.  done: told how many more are."""
        search = Search(
            beam=beam, n=n, length_penalty=length_penalty, coverage=coverage, minimum=minimum,
            maximum=maximum, max_ratio=max_ratio, longest=longest, unknown=unknown,
            replace_unknown=replace_unknown, prefix=prefix, precision=precision,
        )  # fmt: skip
        return self.search(lines, search, done=done)

    def search(
        self,
        lines: Iterable[str],
        search: Search,
        *,
        done: Callable[[int], object] | None = None,
    ) -> Iterator[Translated]:
        """`stream`, its choices in one value."""
        reader, writer = self.bitext.source, self.bitext.target
        prefix = writer.encode(search.prefix)
        limit = search.limit(self.bitext, len(prefix))
        if search.replace_unknown or search.coverage:
            with looking(self.model):  # it can
                pass
        model = self.model
        if search.precision == "bf16":
            model = copy.deepcopy(model).bfloat16()
        source = iter(lines)
        while chunk := list(islice(source, CHUNK)):
            read = [reader.encode(line) if line.strip() else [] for line in chunk]
            asked = [i for i, ids in enumerate(read) if ids]
            looks = looking(model) if search.coverage else nullcontext()
            with packed(model), looks as look:
                found = translations(
                    model,
                    [[*read[i][: search.longest], BOUNDARY] for i in asked],
                    limit=limit, rounded=search.max_ratio is None,
                    width=search.beam, n=search.n, penalty=search.penalty, done=done,
                    coverage=search.coverage, attention=last_of(look) if look else None,
                    minimum=search.minimum, prefix=prefix,
                    forbid=() if search.writes_unknown else (UNK,),
                )  # fmt: skip
            best: list[list[Hypothesis]] = [[] for _ in chunk]
            for i, some in zip(asked, found, strict=True):
                best[i] = some
            for line, ids, some in zip(chunk, read, best, strict=True):
                kept = ids[: search.longest]
                written = [self._written(h, self._known(h, line, kept, search)) for h in some]
                yield Translated(line, tuple(written) or (NOTHING,), len(ids) - len(kept))

    def _known(
        self, h: Hypothesis, line: str, ids: Sequence[int], search: Search
    ) -> dict[int, str]:
        """The words for its `<unk>`, by their places: those of the prefix are known, for the others
        stands what was looked at most."""
        if UNK not in h.tokens:
            return {}
        known: dict[int, str] = {}
        if search.replace_unknown:
            row = torch.tensor([[*ids, BOUNDARY]], device=self.device)
            source = Sentences(row, torch.ones_like(row, dtype=torch.bool))
            words = [line[t.start : t.end] for t in self.bitext.source.tokens(line)][: len(ids)]
            known = alignment.replace_unknown(h, look_of(self.model, source, h), words)
        given = self.bitext.target.tokens(search.prefix)
        said = (search.prefix[token.start : token.end] for token in given)
        own = zip(h.tokens, said, strict=False)
        return known | {t: word for t, (i, word) in enumerate(own) if i == UNK}

    def _written(self, h: Hypothesis, known: Mapping[int, str]) -> Written:
        target = self.bitext.target
        # a line is answered by a line
        text = target.decode(h.tokens, unknown=known).replace("\n", " ")
        tokens = tuple(known.get(t) or target.spell(i) for t, i in enumerate(h.tokens))
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
        search: Search = PLAIN,
        done: Callable[[int], object] | None = None,
    ) -> tuple[Forced, Bleu, list[Translated]]:
        """What the targets cost, what its own translations are worth, and those.

        done: told how many more pairs are done, twice for each.  Raises EmptyText for no pairs.
        """
        if not pairs:
            raise EmptyText("there is nothing to measure", hint="give it at least one pair")
        cost = forced(self.model, self.paired(pairs), done=done)
        said = list(self.search((pair.source for pair in pairs), search, done=done))
        references = [(pair.target, *pair.others) for pair in pairs]
        return cost, Bleu.of([answer.text for answer in said], references), said


NOTHING = Written("", (), 0.0, 0.0, True)


def last_of(look: Callable[[], Float[Tensor, "R T S"]]) -> Callable[[], Float[Tensor, "R S"]]:
    """The look of the last place alone."""
    return lambda: look()[:, -1]
