"""A language model in the hand: strings in, strings and numbers out.

    lm.generate("오늘은", beam=5)      write on from a prompt
    lm.score(sentences)                log p of each, `</s>` included
    lm.tokens(sentence)                the surprisal of each token, and where it stands
    lm.tokens_of(sentences)            of each of many
    lm.next("오늘은")                  the likeliest next tokens
    lm.choose(sentences)               which of them is the likeliest
    lm.perplexity(lines)               of a whole text: a Report
    lm.costs(lines)                    what each of its tokens adds to that

A sentence is read as `<s> w_1 … w_T` and asked for `w_1 … w_T </s>`.  Every number is a natural
logarithm, summed in float64, and none depends on what else was scored in the same call.  Where the
model's context is finite, it slides (`malmoi.decode.window`), for reading and writing alike.
"""

import itertools
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, overload

import numpy as np
import torch
from jaxtyping import Float64

from malmoi.carry import LanguageModel as Model
from malmoi.data.lines import read_blocks, read_lines
from malmoi.decode.beam import beam as beam_search
from malmoi.decode.hypothesis import Hypothesis, LengthPenalty
from malmoi.decode.reading import POSITIONS, log_softmax, read, top
from malmoi.decode.sampling import Sampling, sample
from malmoi.decode.window import endless
from malmoi.errors import EmptyText, UsageError
from malmoi.metrics.perplexity import Report
from malmoi.models.ngram import NGram
from malmoi.text import Text, Vocabulary
from malmoi.text.spelled import blocks as in_blocks
from malmoi.use.scoring import Ids, Scorer, blocks, streamed

BOUNDARY, UNK = Vocabulary.BOUNDARY, Vocabulary.UNK


class Generation(NamedTuple):
    """text: the prompt and what was written.  continuation: what was written.

    tokens: it, token by token, as people read them.  log_prob: of those tokens, and of `</s>` if
    `finished`, under the model as it is.  score: log_prob over the length penalty.
    """

    text: str
    continuation: str
    tokens: tuple[str, ...]
    log_prob: float
    score: float
    finished: bool


class TokenScore(NamedTuple):
    """surprisal: -log p(token | what came before), in nats.  start, end: where the token stands in
    the sentence as it was given; `</s>` is the empty place at its end."""

    text: str
    start: int
    end: int
    surprisal: float
    oov: bool

    @property
    def bits(self) -> float:
        return self.surprisal / math.log(2)


class Next(NamedTuple):
    token: str
    probability: float


class Choice(NamedTuple):
    """log_prob: of the whole sentence.  mean: of one of its tokens, `</s>` counted.  score: what
    it was ranked by."""

    text: str
    log_prob: float
    mean: float
    score: float


class LanguageModel:
    """A model and the text it was trained on.  positions: how many tokens are read in one go,
    which bounds the memory and changes no result."""

    def __init__(self, model: Model[Any], text: Text, *, positions: int = POSITIONS) -> None:
        self.model = model
        self.text = text
        self.positions = positions
        if isinstance(model, torch.nn.Module):
            model.eval()
        self._endless = endless(model)
        self._scorer = Scorer(self._endless, self.device, positions)

    @property
    def normalised(self) -> bool:
        """Whether the model's probabilities sum to 1; without that there is no perplexity."""
        return bool(getattr(self.model, "normalised", True))

    @property
    def device(self) -> torch.device:
        if isinstance(self.model, torch.nn.Module):
            for weight in self.model.parameters():
                return weight.device
        return torch.device("cpu")

    # ------------------------------------------------------------------ writing

    def generate(
        self,
        prompt: str = "",
        *,
        n: int = 1,
        beam: int = 0,
        temperature: float | int = 1.0,
        top_k: int = 0,
        top_p: float | int = 1.0,
        repetition_penalty: float | int = 1.0,
        length_penalty: float | int | LengthPenalty = 0.0,
        max_tokens: int = 100,
        min_tokens: int = 0,
        unknown: bool = False,
        seed: int = 0,
    ) -> list[Generation]:
        """n texts that go on from the prompt, until the end of the sentence or max_tokens tokens.

        beam 0: drawn by chance, text i by (seed, i) alone; temperature 0 is greedy.  beam ≥ 1:
        the n best of a search with so many slots, best first; a number as length_penalty is the
        exponent α of |y|^α.  `<unk>` is written only if `unknown`.
        """
        how = Sampling(temperature, top_k, top_p, repetition_penalty)
        _check_generate(n, beam, how, seed)
        x = self._tensor([[BOUNDARY, *self.text.encode(prompt)]])
        carry, forbid = self._endless.begin(1), () if unknown else (UNK,)
        found: list[Hypothesis]
        if beam:
            penalty = (
                length_penalty
                if isinstance(length_penalty, LengthPenalty)
                else LengthPenalty("power", length_penalty)
            )
            found = beam_search(
                self._endless, carry, x, width=beam, n=n, penalty=penalty,
                limit=max_tokens, minimum=min_tokens, forbid=forbid,
            )[0]  # fmt: skip
        else:
            found = sample(
                self._endless, carry, x, how, generators=[_chance(seed, i) for i in range(n)],
                limit=max_tokens, minimum=min_tokens, forbid=forbid,
            )  # fmt: skip
        return [self._generation(prompt, x[0, 1:].tolist(), h) for h in found]

    def _generation(self, prompt: str, ids: list[int], written: Hypothesis) -> Generation:
        """The prompt as it was given, and what the ids add to it.

        What is written may complete the prompt's last character (jamo, bytes) or join it
        without a space, so the two are decoded together; the prompt's own spelling is kept up
        to where they part.
        """
        before = self.text.decode(ids)
        whole = self.text.decode([*ids, *written.tokens])
        same = _common(before, whole)
        changed = len(before) - same
        kept = prompt
        if changed and prompt.endswith(before[same:]):
            kept = prompt[: len(prompt) - changed]
        return Generation(
            kept + whole[same:],
            whole[same:],
            tuple(self.text.spell(i) for i in written.tokens),
            written.log_prob,
            written.score,
            written.finished,
        )

    def next(self, prompt: str = "", *, k: int = 10) -> list[Next]:
        """The k likeliest tokens after the prompt, `</s>` and `<unk>` among them; never one of
        probability 0, so there may be fewer."""
        if k < 1:
            raise UsageError(f"at least one token must be asked for, not {k}")
        x = self._tensor([[BOUNDARY, *self.text.encode(prompt)]])
        logits, _ = read(self._endless, x, self._endless.begin(1), positions=self.positions)
        logp, ids = top(log_softmax(logits), k)
        return [
            Next(self.text.spell(i), math.exp(s))
            for i, s in zip(ids[0].tolist(), logp[0].tolist(), strict=True)
            if s > -math.inf
        ]

    # ------------------------------------------------------------------ reading

    @overload
    def score(self, sentences: str) -> float: ...  # type: ignore[overload-overlap]  # a str is itself an Iterable[str]
    @overload
    def score(self, sentences: Iterable[str]) -> list[float]: ...
    def score(self, sentences: str | Iterable[str]) -> float | list[float]:
        """log p of a sentence, or of each of several: words and `</s>`; an empty one is `</s>`."""
        if isinstance(sentences, str):
            return self.score([sentences])[0]
        if isinstance(self.model, NGram):
            found = streamed(
                self.model, self.text.stream, in_blocks(sentences), threads=torch.get_num_threads()
            )
            return [logp for some in found for logp in some.tolist()]
        return [-math.fsum(nats) for nats in self._scorer.lines(self.text.encode_lines(sentences))]

    def score_file(self, path: Path | str) -> Float64[np.ndarray, "lines"]:
        """`score` of the lines of a file, in their order."""
        if not isinstance(self.model, NGram):
            return np.array(self.score(read_lines(path)))
        blocks, threads = read_blocks(path, check=False), torch.get_num_threads()
        try:
            return np.concatenate(
                [*streamed(self.model, self.text.stream_of, blocks, threads=threads)]
            )
        except UnicodeDecodeError:
            for _ in read_lines(path):  # says which bytes are no text, and where they stand
                pass
            raise

    def tokens(self, sentence: str) -> list[TokenScore]:
        """What each token and the end of the sentence cost: they add up to -score(sentence)."""
        return next(self.tokens_of([sentence]))

    def tokens_of(self, sentences: Iterable[str]) -> Iterator[list[TokenScore]]:
        """`tokens` of each of many, read side by side."""
        lines, again = itertools.tee(sentences)
        read = self._scorer.lines(self.text.encode_lines(lines))
        for sentence, costs in zip(again, read, strict=True):
            nats, ids, end = costs.tolist(), self.text.encode(sentence), len(sentence)
            yield [
                *(
                    TokenScore(*token, cost, i == UNK)
                    for token, cost, i in zip(
                        self.text.tokens(sentence), nats[:-1], ids, strict=True
                    )
                ),
                TokenScore(self.text.spell(BOUNDARY), end, end, nats[-1], False),
            ]

    def choose(
        self,
        alternatives: Iterable[str],
        *,
        by: Literal["sentence", "token", "character"] = "sentence",
    ) -> list[Choice]:
        """The alternatives from the likeliest to the least; equals stay in the order given.

        by "sentence": log p, which favours short ones.  by "token": its mean.  by "character": log
        p for one character of the sentence, its end counted, whatever the tokens are.
        """
        if by not in ("sentence", "token", "character"):
            raise UsageError(
                f"alternatives are not ranked by {by!r}", hint="sentence, token or character"
            )
        texts = list(alternatives)
        if not texts:
            raise EmptyText("there is nothing to choose from", hint="give at least one sentence")
        costs = [
            (-math.fsum(nats), len(nats))
            for nats in self._scorer.lines(self.text.encode_lines(texts))
        ]
        ranked = []
        for text, (log_prob, size) in zip(texts, costs, strict=True):
            over = {"sentence": 1, "token": size, "character": self.text.characters(text)}[by]
            ranked.append(Choice(text, log_prob, log_prob / size, log_prob / over))
        return sorted(ranked, key=lambda choice: -choice.score)

    def perplexity(
        self, lines: Path | Iterable[str], *, context: Literal["line", "text"] = "text"
    ) -> Report:
        """What the lines cost; a Path is read as a file of lines.

        context "text": one stream, each line read after all the lines before it.
        context "line": each line alone, as `score` does.  Raises EmptyText if there is no
        line, UsageError for a model whose probabilities do not sum to 1.
        """
        if not self.normalised:
            raise UsageError(
                "this model has no perplexity: its scores do not sum to 1 over the vocabulary",
                where="stupid back-off uses the longest count as it is",
                hint="use it to generate and to rank, or train one of the other estimators",
            )
        sizes, report = Report(), Report()
        for nats, ids, characters, octets in self._read(lines, context):
            sizes += Report(characters=characters, bytes=octets)
            oov = [i == UNK for line in ids for i in (*line, BOUNDARY)]
            report += Report.of(nats.tolist(), oov)
        if not report.events:
            raise EmptyText("there is no line to score", hint="give at least one line")
        return report + sizes

    def costs(
        self, lines: Path | Iterable[str], *, context: Literal["line", "text"] = "text"
    ) -> Float64[np.ndarray, "N"]:
        """-log p, in nats, of every token and of the end of every line, read as in `perplexity`."""
        found = [nats for nats, *_ in self._read(lines, context)]
        return np.concatenate(found) if found else np.empty(0)

    def _read(
        self, lines: Path | Iterable[str], context: str
    ) -> Iterator[tuple[Float64[np.ndarray, "N"], list[Ids], int, int]]:
        """A block of lines at a time: what its tokens cost, their ids, characters and bytes."""
        if context not in ("line", "text"):
            raise UsageError(f"there is no context {context!r}", hint="line or text")
        carry = None
        for ids, characters, octets in blocks(self._encoded(lines)):
            if context == "line":
                nats = np.concatenate(list(self._scorer.lines(ids)))
            else:
                nats, carry = self._scorer.stream(ids, carry)
            yield nats, ids, characters, octets

    def _encoded(self, lines: Path | Iterable[str]) -> Iterator[tuple[list[int], int, int]]:
        if isinstance(lines, str):
            raise UsageError(
                "a string is not a text of several lines",
                where=f"perplexity({lines[:40]!r})",
                hint="perplexity([sentence]) for one line, perplexity(Path(…)) for a file",
            )
        if isinstance(lines, Path):
            from malmoi.data.formats import read_lines

            lines = read_lines(lines)
        for line in lines:
            yield self.text.encode(line), self.text.characters(line), self.text.octets(line)

    def _tensor(self, ids: list[list[int]]) -> torch.Tensor:
        return torch.tensor(ids, dtype=torch.long, device=self.device)


def _common(a: str, b: str) -> int:
    """How long the longest common beginning is."""
    return next(
        (i for i, (p, q) in enumerate(zip(a, b, strict=False)) if p != q), min(len(a), len(b))
    )


def _chance(seed: int, i: int) -> torch.Generator:
    """The source of chance of text i: another for every (seed, i), the same wherever it runs."""
    state = np.random.SeedSequence((seed, i)).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) >> 1)


def _check_generate(n: int, beam: int, how: Sampling, seed: int) -> None:
    if n < 1:
        raise UsageError(f"at least one text must be asked for, not {n}")
    if seed < 0:
        raise UsageError(f"a seed is 0 or more, not {seed}")
    if beam < 0:
        raise UsageError(f"a beam has 0 slots (none) or more, not {beam}")
    if beam and how != Sampling():
        raise UsageError(
            "a beam searches for the likeliest text; nothing is drawn by chance",
            where=f"beam = {beam} together with {how}",
            hint="leave out the beam, or temperature, top_k, top_p and repetition_penalty",
        )
    if beam and n > beam:
        raise UsageError(f"a beam of {beam} has no {n} best texts", hint=f"beam = {n}")
    if not beam and how.temperature == 0 and n > 1:
        raise UsageError(
            f"greedy search has one answer, not {n}", hint=f"beam = {n}, or a temperature above 0"
        )
