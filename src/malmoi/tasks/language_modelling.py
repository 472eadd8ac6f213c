"""Language modelling: say what comes next.

    p(w_1 … w_T) = Π_t p(w_t | w_1 … w_{t-1})

The text is one stream of tokens with a boundary after each line.  `order` says how it is read:

    lanes     contiguous lanes, the carry handed on from batch to batch (truncated BPTT)
    windows   shuffled windows, each begun anew (models with a finite context)
    lines     every line for itself, in buckets of like length

Evaluation reads every token once: lines for themselves under `lines`; otherwise as one stream, the
carry never dropped, or, where the context is finite, in windows that overlap by half
(`malmoi.decode.window`).  It is always in full precision, over the full vocabulary, and does not
depend on how it is batched.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Float32
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from malmoi import files
from malmoi.carry import Carry, LanguageModel
from malmoi.config import CONFIG, Size, Sizes
from malmoi.data import catalogue
from malmoi.data.batches import LanguageBatch
from malmoi.data.corpus import TOKENS, UNK, Corpus, encoded
from malmoi.data.order import Lanes, Lines, Windows
from malmoi.decode.window import endless
from malmoi.errors import EmptyText, UsageError
from malmoi.metrics.perplexity import Report
from malmoi.objective import Loss
from malmoi.tasks.evaluating import evaluating
from malmoi.tasks.pretrained import Pretrained
from malmoi.tasks.spelling import Letters, Spellings
from malmoi.text import Kind, Text

READ = 4096  # tokens read at once when evaluating: bounds memory, changes no result


@dataclass(frozen=True, config=CONFIG)
class LanguageModelling:
    """data: a name, a file or a folder.  tokens: what a token is.  vocabulary: at most so many
    types (0: no limit).  min_count: rarer types become `<unk>`.  spelling: the letters that words
    have for a model that reads them.  batch: lanes, windows or, under `lines`, batch × length
    tokens in a batch.  length: tokens back-propagated through.
    split_seed: which lines of a single file are held out, the same whatever the recipe's seed.
    vectors: a file or a run of word vectors to begin with, its first vectors_limit words (0: all);
    oov: what a word without one begins with (`tasks.pretrained`); the vocabulary is the text's own.
    """

    data: str
    tokens: Kind | Literal["byte-level"] = "words"  # the latter: imported, never learnt
    vocabulary: Annotated[int, Field(ge=0)] = 0
    min_count: Annotated[int, Field(ge=1)] = 1
    spelling: Letters = "none"
    order: Literal["lanes", "windows", "lines"] = "lanes"
    batch: Size = 20
    length: Size = 35
    split_seed: Annotated[int, Field(ge=0)] = 0
    vectors: str = ""
    vectors_limit: Annotated[int, Field(ge=0)] = 0
    oov: Literal["random", "subword"] = "random"

    def prepare(self, folder: Path, seed: int, *, write: bool = True) -> "LanguageModellingTask":
        """Find the data, learn the text's tokens, write the token streams into `folder`.

        The tokens of a run that was stopped are its own; the streams are always written anew,
        unless another process has just done that (write = False).
        """
        data = catalogue.find(self.data, seed=self.split_seed)
        for split, lines in data.splits.items():
            if next(iter(lines()), None) is None:
                raise EmptyText(
                    f"there is no line to read in the {split} part of {data.name}",
                    hint="blank lines do not count; a part without a file is cut from train",
                )
        notes, pretrained = list(data.announcements), None
        if (folder / "text" / "text.json").is_file():  # it is written in one step
            text = Text.load(folder / "text")
        else:
            text = Text.learn(
                data.splits["train"],
                kind=self.tokens,
                size=self.vocabulary or None,
                min_count=self.min_count,
            )
            pretrained = self.pretrained()
            if pretrained:
                notes.append(pretrained.coverage(text.vocabulary))
            text.save(folder / "text")
        V = len(text.vocabulary)
        corpora = {
            split: Corpus.write(place, encoded(lines(), text.encode), V)
            if write
            else Corpus.open(place)
            for split, lines in data.splits.items()
            for place in [folder / "corpus" / split]
        }
        return LanguageModellingTask(self, text, corpora, seed, notes, pretrained)

    def pretrained(self) -> Pretrained | None:
        """The vectors to begin with, if there are any."""
        if not self.vectors:
            return None
        return Pretrained(self.vectors, limit=self.vectors_limit, policy=self.oov)


class LanguageModellingTask:
    """Examples, batches, loss and measures of one language-modelling recipe."""

    unit = "tokens"
    better: tuple[str, Literal["lower", "higher"]] = ("perplexity", "lower")

    def __init__(
        self,
        config: LanguageModelling,
        text: Text,
        corpora: Mapping[str, Corpus],
        seed: int,
        announcements: Sequence[str] = (),
        pretrained: Pretrained | None = None,
    ) -> None:
        self.pretrained = pretrained
        self.config = config
        self.text = text
        self.corpora = corpora
        self.seed = seed
        self.announcements = tuple(announcements)
        self.spellings = (
            None if config.spelling == "none" else Spellings(text.vocabulary, config.spelling)
        )

    def start(self) -> Float32[np.ndarray, "V d"] | None:
        """The word vectors that a model begins with; None: its own."""
        found = self.pretrained or self.config.pretrained()
        return found.matrix(self.text.vocabulary, self.seed) if found else None

    @property
    def sizes(self) -> Sizes:
        V = len(self.text.vocabulary)
        if self.spellings is None:
            return Sizes(vocabulary=V)
        return Sizes(
            vocabulary=V,
            characters=self.spellings.characters,
            longest=self.spellings.longest,
        )

    @property
    def events(self) -> dict[str, int]:
        """Tokens that are scored, by split."""
        return {split: corpus.events for split, corpus in self.corpora.items()}

    @property
    def fingerprint(self) -> dict[str, str]:
        """What a resumed training compares: SHA-256 of the tokens of each split."""
        return {split: files.sha256(c.folder / TOKENS) for split, c in self.corpora.items()}

    @property
    def facts(self) -> dict[str, Any]:
        """What the report of a run says of its data."""
        return {
            **{f"{split}_events": n for split, n in self.events.items()},
            "unknown": self.corpora["test"].unknown,
            "vocabulary": self.sizes.vocabulary,
        }

    def batches(self, split: str, *, epoch: int) -> Sequence[LanguageBatch]:
        """The training batches of one epoch: a pure function of the seed and the epoch."""
        c, tokens = self.config, self.corpora[split].tokens
        match c.order:
            case "lanes":
                return Lanes(tokens, lanes=c.batch, length=c.length)
            case "windows":
                return Windows(tokens, batch=c.batch, length=c.length, seed=self.seed, epoch=epoch)
            case "lines":
                return Lines(tokens, budget=c.batch * c.length, seed=self.seed, epoch=epoch)

    def loss(self, model: Any, batch: LanguageBatch, carry: Carry) -> tuple[Loss, Carry]:
        """−Σ log p of the tokens that count, and how many they are."""
        if carry is None or batch.fresh or model.context is not None:
            carry = model.begin(len(batch.x))
        logp, carry = model.log_prob(batch.x, batch.y, carry)
        return Loss(-(logp * batch.mask).sum(), batch.events), carry

    def measure(self, model: Any, split: str) -> dict[str, float]:
        """What `malmoi evaluate` reports, on a split of the recipe's own data."""
        return self.report(model, self.corpora[split]).measures()

    def report(self, model: Any, corpus: Corpus) -> Report:
        """Perplexity and what belongs to it, on any corpus written in this text."""
        return report(model, corpus, by_line=self.config.order == "lines")


@torch.no_grad()
def report(model: LanguageModel[Any], corpus: Corpus, *, by_line: bool) -> Report:
    """Read a corpus once and count what it cost.  Raises UsageError for a model whose
    conditionals do not sum to 1: it has scores, but no perplexity.
    """
    if not getattr(model, "normalised", True):
        raise UsageError(
            "stupid back-off has no perplexity: its scores do not sum to 1 over the vocabulary",
            hint='use it to generate and to rank, or train with estimator = "kneser-ney"',
        )
    reader = endless(model)
    order = (
        Lines(corpus.tokens, budget=READ) if by_line else Lanes(corpus.tokens, lanes=1, length=READ)
    )
    total = Report(characters=corpus.characters, bytes=corpus.bytes)
    carry: Any = None
    device = next((p.device for p in getattr(model, "parameters", list)()), torch.device("cpu"))
    with evaluating(model):
        for batch in order:
            batch = batch.to(device)
            carry = reader.begin(len(batch)) if batch.fresh or carry is None else carry
            logp, carry = reader.log_prob(batch.x, batch.y, carry)
            total += scored(logp, batch)
    return total


def scored(logp: Float[Tensor, "B T"], batch: LanguageBatch) -> Report:
    """What one batch cost, known tokens and `<unk>` apart."""
    nll = -logp.double()
    oov = batch.mask & (batch.y == UNK)
    known = batch.mask & ~oov
    return Report(
        known_nats=nll[known].sum().item(),
        known_events=int(known.sum()),
        oov_nats=nll[oov].sum().item(),
        oov_events=int(oov.sum()),
        impossible=int((nll[batch.mask] == math.inf).sum()),
    )
