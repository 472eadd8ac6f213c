"""Translation: write one text from another.

    loss = −Σ_i log p(y_i | y_1 … y_{i−1}, x)          over the target's tokens and its `</s>`

Batches are of pairs of like length within a budget of tokens, shuffled anew in every epoch.
Evaluation reads every pair once, with the right words as history (teacher forcing), in full
precision and without label smoothing, and does not depend on how it is batched.  At the end of a
training the model writes for itself, and is compared with what people wrote: BLEU and chrF.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from malmoi.carry import Carry
from malmoi.config import CONFIG, Size, Sizes
from malmoi.data import bucketed, catalogue
from malmoi.data.batches import PairBatch
from malmoi.data.bucketed import PairBuckets
from malmoi.data.examples import Pair
from malmoi.data.ragged import Made, digest
from malmoi.errors import DataError
from malmoi.metrics.bleu import Bleu
from malmoi.objective import Loss
from malmoi.tasks.paired import Paired, forced, turned, written
from malmoi.text import Bitext, Kind, Vocabulary

UNK = Vocabulary.UNK
MOST = 2**13  # tokens of a side of a held-out pair: what attention could still hold


@dataclass(frozen=True, config=CONFIG)
class Translation:
    """data: a name, a file, two files (`train.en:train.fr`) or a folder.  tokens: what a token is;
    source_tokens: of the source, if something else.  vocabulary: at most so many types a side
    (0: no limit); source_vocabulary: of the source, if not as many.  min_count: rarer types become
    `<unk>`.  joint: one vocabulary for both sides.
    swapped: translate the other way.

    batch: tokens in a batch, of both sides, padding counted.  longest: training pairs with more
    tokens on a side are left out (0: none).  beam: slots of the search by which BLEU is measured
    (1: greedy).  split_seed: which pairs of a single file are held out.
    """

    data: str
    tokens: Kind | Literal["sentencepiece"] = "bpe"  # the latter: imported, never learnt
    source_tokens: Kind | Literal[""] = ""
    vocabulary: Annotated[int, Field(ge=0)] = 8_000
    source_vocabulary: Annotated[int, Field(ge=0)] = 0
    min_count: Annotated[int, Field(ge=1)] = 1
    joint: bool = False
    swapped: bool = False
    batch: Size = 4_096
    longest: Annotated[int, Field(ge=0)] = 100
    beam: Annotated[int, Field(ge=1, le=100)] = 1
    split_seed: Annotated[int, Field(ge=0)] = 0

    def __post_init__(self) -> None:
        if self.joint and self.source_tokens not in ("", self.tokens):
            raise ValueError(
                f"a joint vocabulary has one kind of token, not {self.source_tokens!r} for the "
                f"source and {self.tokens!r} for the target"
            )
        if self.joint and self.source_vocabulary:
            raise ValueError("a joint vocabulary has one size: leave source_vocabulary out")

    def prepare(self, folder: Path, seed: int, *, write: bool = True) -> "TranslationTask":
        """Find the pairs, learn the tokens of both sides; they are kept in `folder`."""
        data = catalogue.find(self.data, seed=self.split_seed, pairs=True)
        examples = {split: list(data.paired(split)) for split in data.pairs or ("train",)}
        if "train" not in examples:
            raise DataError(
                f"{data.name} has no pairs to learn from, only to measure with",
                hint="malmoi evaluate RUN --data " + data.name,
            )
        if self.swapped:
            examples = {split: turned(some, split) for split, some in examples.items()}
        for split, some in examples.items():
            if not some:
                raise DataError("there is no pair", where=f"{data.name}, {split}")
        place = folder / "text"
        if Bitext.saved(place):
            bitext = Bitext.load(place)
        else:
            train = examples["train"]
            bitext = Bitext.learn(
                lambda: (pair.source for pair in train),
                lambda: (pair.target for pair in train),
                kind=self.tokens,
                source_kind=self.source_tokens,
                size=self.vocabulary or None,
                source_size=self.source_vocabulary or None,
                min_count=self.min_count,
                joint=self.joint,
            )
            bitext.save(place)
        return TranslationTask(self, bitext, examples, seed, data.announcements)


class TranslationTask:
    """Pairs, batches, loss and measures of one translation recipe."""

    unit = "tokens"
    better: tuple[str, Literal["lower", "higher"]] = ("perplexity", "lower")

    def __init__(
        self,
        config: Translation,
        bitext: Bitext,
        examples: Mapping[str, Sequence[Pair]],
        seed: int,
        announcements: Sequence[str] = (),
    ) -> None:
        self.config, self.bitext, self.seed = config, bitext, seed
        train, left = self._short(Paired.of(bitext, examples["train"]), examples["train"])
        held_out = {
            split: Paired.of(bitext, some) for split, some in examples.items() if split != "train"
        }
        self.paired = {"train": train, **held_out}
        for split, some in held_out.items():
            if some.longest > MOST:
                raise DataError(
                    "a held-out pair is too long to be measured",
                    where=f"{config.data}, {split}: {some.longest:,} tokens, at most {MOST:,}",
                    hint="is the file cut into sentences?  delete the pair",
                )
        self.announcements = (*announcements, *left, *self._seen(examples))

    def _short(self, some: Paired, pairs: Sequence[Pair]) -> tuple[Paired, list[str]]:
        """Those of the training pairs that are not too long."""
        longest = self.config.longest
        if not longest:
            return some, []
        fits = (some.source.lengths <= longest + 1) & (some.target.lengths <= longest + 1)
        if fits.all():
            return some, []
        kept = [pair for pair, good in zip(pairs, fits.tolist(), strict=True) if good]
        if not kept:
            raise DataError(
                f"every training pair has more than {longest} tokens on a side",
                where=f"{self.config.data}: {len(pairs):,} pairs",
                hint="task.longest = 0 leaves none out",
            )
        said = f"{len(pairs) - len(kept):,} of {len(pairs):,} training pairs left out: more than "
        return Paired.of(self.bitext, kept), [said + f"{longest} tokens on a side"]

    def _seen(self, examples: Mapping[str, Sequence[Pair]]) -> list[str]:
        """What a person should know of held-out sources that are also learnt from."""
        train = {pair.source for pair in examples["train"]}
        shared = {
            split: sum(pair.source in train for pair in some)
            for split, some in examples.items()
            if split != "train"
        }
        return [
            f"{split}: {n:,} of {len(examples[split]):,} sources are among the training sources too"
            for split, n in shared.items()
            if n
        ]

    @property
    def sizes(self) -> Sizes:
        return Sizes(
            vocabulary=len(self.bitext.target.vocabulary),
            source=len(self.bitext.source.vocabulary),
            joint=self.bitext.joint,
        )

    @property
    def events(self) -> dict[str, int]:
        """Tokens to be written, `</s>` counted, by split."""
        return {split: len(some.target.flat) for split, some in self.paired.items()}

    @property
    def fingerprint(self) -> dict[str, str]:
        """What a resumed training compares: SHA-256 of both sides of each split."""
        return {
            split: digest(some.source.digest, some.target.digest, repr(some.references))
            for split, some in self.paired.items()
        }

    @property
    def facts(self) -> dict[str, Any]:
        """What the report of a run says of its data."""
        test = self.paired.get("test", self.paired["valid"])
        return {
            **{f"{split}_events": n for split, n in self.events.items()},
            **{f"{split}_pairs": len(some) for split, some in self.paired.items()},
            "unknown": int((test.target.flat == UNK).sum()),
            "vocabulary": self.sizes.vocabulary,
            "source_vocabulary": self.sizes.source,
        }

    def batches(self, split: str, *, epoch: int) -> Sequence[PairBatch]:
        """Pairs of like length, in an order that (seed, epoch) decides."""
        some = self.paired[split]
        order = PairBuckets(
            some.source.lengths, some.target.lengths, self.config.batch, self.seed, epoch
        )
        return Made(order, partial(bucketed.pairs, some.source, some.target))

    def loss(self, model: Any, batch: PairBatch, carry: Carry) -> tuple[Loss, Carry]:
        """−log p of the targets, or of their smoothed labels while the model trains on those."""
        logp, _ = model.log_prob(batch.x, batch.y, model.begin(batch.source))
        return Loss(-(logp * batch.mask).sum(), batch.events), None

    def measure(self, model: Any, split: str) -> dict[str, float]:
        """What targets cost with the right words as history."""
        return forced(model, self.paired[split]).measures()

    def final(self, model: Any, split: str) -> dict[str, float | str]:
        """What the model's own translations are worth: BLEU and chrF, with their signatures."""
        some = self.paired[split]
        said = written(model, self.bitext, some, beam=self.config.beam)
        return {**Bleu.of(said, some.references).measures(), "beam": self.config.beam}
