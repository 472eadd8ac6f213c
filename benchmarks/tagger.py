"""Training a tagger, against Flair's SequenceTagger: an epoch of the same sentences in turns.

Both sides: word vectors from random, with or without a BiLSTM over each word's characters, a
BiLSTM over the words, a CRF, dropout at the same two places, AdamW, the gradient's norm shortened;
batches of as many sentences, the same vocabulary, letters and tags, float32, one thread.  Without
characters, copied weights must give the sentences the same loss before anything is measured
(Flair's vector of a word's letters is another: its backward half has read the last letter only).

The peer's epoch is the loop of its ModelTrainer without what that writes and evaluates.  Flair
needs an environment of its own: docs/benchmarks.md.
"""

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor, nn

from benchmarks.harness import Row, interleave, row
from benchmarks.training import endless
from malmoi.data import catalogue
from malmoi.models.tagger import Config, Tagger
from malmoi.tasks.tagging import Tagging, TaggingTask
from malmoi.training.fit import fit
from malmoi.training.state import State

if not hasattr(transformers, "LayoutLMv2FeatureExtractor"):  # Flair 0.15 only asks whether it is it
    transformers.LayoutLMv2FeatureExtractor = type("LayoutLMv2FeatureExtractor", (), {})

import flair
from flair.data import Dictionary, Sentence
from flair.datasets import DataLoader
from flair.embeddings import CharacterEmbeddings, OneHotEmbeddings, StackedEmbeddings
from flair.models import SequenceTagger
from flair.training_utils import store_embeddings

Words = Sequence[tuple[Sequence[str], Sequence[str]]]
DATA, SENTENCES, BATCH = "ud-en-ewt", 128, 32
D, D_WORD, D_SPELLING, LETTER = 128, 100, 50, 32
LR, CLIP, DROPOUT, WORD_DROPOUT = 1e-3, 5.0, 0.3, 0.05
TAGS = "upos"


def sentences(count: int) -> tuple[str, Words]:
    """The first sentences of a treebank; made-up ones where it is not at hand."""
    shelf = catalogue.shelf_folder()
    if shelf is not None and (shelf / DATA).is_dir():
        some = islice(catalogue.find(DATA).sentences("train"), count)
        return f"the training part of {DATA}", [(s.words, s.columns[TAGS]) for s in some]
    chance = np.random.default_rng(0)
    lengths = chance.integers(5, 30, count)
    made = [[f"w{k}" for k in chance.zipf(1.3, n) % 5000] for n in lengths]
    return "made-up text", [(words, [f"T{len(w)}" for w in words]) for words in made]


def task(folder: Path, some: Words, *, spelling: bool) -> TaggingTask:
    """Our side's data: a file a split, all of the same sentences."""
    text = "".join(
        "".join(f"{w}\t{t}\n" for w, t in zip(words, tags, strict=True)) + "\n"
        for words, tags in some
    )
    place = folder / "data"
    place.mkdir()
    for split in ("train", "valid", "test"):
        (place / f"{split}.conll").write_text(text, encoding="utf-8")
    config = Tagging(str(place), spelling="characters" if spelling else "none", batch=BATCH)
    return config.prepare(folder, seed=0)


class Epoch:
    """Each call is an epoch of `malmoi train`."""

    def __init__(self, model: Tagger, data: TaggingTask) -> None:
        training = endless("adamw", lr=LR, clip=CLIP, precision="fp32")
        self.steps = len(data.batches("train", epoch=0))
        self.events = fit(model, data, training, State.begin(model, training, seed=0))

    def __call__(self) -> None:
        for _ in range(self.steps):
            next(self.events)


class PeerEpoch:
    """Each call is an epoch of Flair's ModelTrainer: its loop, and nothing around it."""

    def __init__(self, model: SequenceTagger, some: Sequence[Sentence]) -> None:
        self.model, self.sentences = model, list(some)
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.0)

    def __call__(self) -> None:
        self.model.train()
        for batch in DataLoader(self.sentences, batch_size=BATCH, shuffle=True):
            self.model.zero_grad()
            loss, _ = self.model.forward_loss(batch)
            if not np.isfinite(loss.item()):
                raise FloatingPointError("the peer's loss is not finite")
            loss.backward()
            store_embeddings(batch, "none")
            nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
            self.optimizer.step()


def peer_of(data: TaggingTask, *, spelling: bool) -> SequenceTagger:
    """Flair's model of our words, letters and tags."""
    words = OneHotEmbeddings(dictionary(data.text.vocabulary.types), embedding_length=D_WORD)
    parts: list[Any] = [words]
    if spelling:
        assert data.lexicon.letters is not None
        letters = dictionary(data.lexicon.letters.types)
        parts.append(CharacterEmbeddings(letters, LETTER, D_SPELLING // 2))
    return SequenceTagger(
        StackedEmbeddings(parts),
        dictionary(data.labels.types, unknown=False),
        TAGS,
        hidden_size=D,
        reproject_embeddings=False,
        dropout=DROPOUT,
        word_dropout=WORD_DROPOUT,
        locked_dropout=0.0,
    )


def dictionary(types: Sequence[str], *, unknown: bool = True) -> Dictionary:
    found = Dictionary(add_unk=unknown)
    for name in types:
        found.add_item(name)
    return found


def tagged(some: Words) -> list[Sentence]:
    """The sentences as Flair has them."""
    found = []
    for words, tags in some:
        sentence = Sentence(list(words))
        for token, tag in zip(sentence, tags, strict=True):
            token.add_label(TAGS, tag)
        found.append(sentence)
    return found


@torch.no_grad()
def copy(ours: Tagger, peer: SequenceTagger) -> None:
    """Give the peer our weights: `<unk>` is its first word, START and STOP are its last tags."""
    weights, K = ours.state_dict(), len(ours.crf.start) if ours.crf else 0
    state: dict[str, Tensor] = {"embeddings.list_embedding_0.embedding_layer.weight": words(ours)}
    for half, suffix in (("forwards", ""), ("backwards", "_reverse")):
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            state[f"rnn.{kind}_l0{suffix}"] = weights[f"encoder.{half}.0.layers.0.{kind}_l0"]
    state["linear.weight"] = nn.functional.pad(weights["out.weight"], (0, 0, 0, 2))
    state["linear.bias"] = nn.functional.pad(weights["out.bias"], (0, 2))
    A = torch.full((K + 2, K + 2), -10_000.0)  # to the row, from the column
    A[:K, :K], A[:K, K], A[K + 1, :K] = (
        weights["crf.transitions"].T,
        weights["crf.start"],
        weights["crf.end"],
    )
    state["crf.transitions"] = A
    known = peer.state_dict()
    assert known.keys() == state.keys(), known.keys() ^ state.keys()
    for name, weight in state.items():
        known[name].copy_(weight)


def words(ours: Tagger) -> Tensor:
    """The vectors of `<unk>` and all words."""
    return ours.words.embed.weight.detach()[1:]


@torch.no_grad()
def losses(
    ours: Tagger, data: TaggingTask, peer: SequenceTagger, some: Sequence[Sentence]
) -> tuple[float, float]:
    """What the sentences cost each side, in nats, without dropout."""
    ours.eval(), peer.eval()
    mine = sum(float(ours.loss(b.x, b.y).sum()) for b in data.batches("valid", epoch=None))
    theirs = 0.0
    for batch in DataLoader(list(some), batch_size=BATCH):
        theirs += float(peer.forward_loss(batch)[0])
        store_embeddings(batch, "none")
    return mine, theirs


def rows(*, tiny: bool = False) -> Iterator[Row]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    logging.getLogger("flair").setLevel(logging.ERROR)
    flair.device = torch.device("cpu")
    try:
        for spelling in (False, True):
            yield one(spelling=spelling, tiny=tiny)
    finally:
        torch.set_num_threads(threads)


def one(*, spelling: bool, tiny: bool) -> Row:
    repeats = 2 if tiny else 5
    where, some = sentences(64 if tiny else SENTENCES)
    amount = sum(len(words) for words, _ in some)
    with tempfile.TemporaryDirectory() as folder:
        data = task(Path(folder), some, spelling=spelling)
        torch.manual_seed(0)
        config = Config(
            d=D,
            d_word=D_WORD,
            speller="lstm" if spelling else "none",
            d_spelling=D_SPELLING,
            dropout=DROPOUT,
            word_dropout=WORD_DROPOUT,
        )
        ours, peer, theirs = (
            config.build(data.sizes),
            peer_of(data, spelling=spelling),
            tagged(some),
        )
        if not spelling:
            for weight in ours.parameters():
                nn.init.normal_(weight, std=0.1)
            copy(ours, peer)
            mine, its = losses(ours, data, peer, theirs)
            assert abs(mine - its) < 1e-4 * mine, (mine, its)
        turns: tuple[Callable[[], None], ...] = (Epoch(ours, data), PeerEpoch(peer, theirs))
        seconds = interleave(*turns, repeats=repeats)
    kind = "BiLSTM over characters, BiLSTM, CRF" if spelling else "BiLSTM, CRF"
    return row(
        f"tagger: {kind}",
        seconds,
        amount=amount,
        unit="words",
        goal=2.0,
        setting=f"an epoch of malmoi's training against one of Flair {flair.__version__}'s "
        f"SequenceTagger; {len(some):,} sentences, {amount:,} words of {where}, "
        f"{len(data.labels)} tags, vocabulary {data.sizes.vocabulary:,}, word vectors of {D_WORD} "
        f"from random{f', characters into {D_SPELLING}' if spelling else ''}, width {D} each way, "
        f"batch {BATCH}, dropout {DROPOUT}, AdamW, clipped at {CLIP:g}, fp32, one thread; median "
        f"of {repeats} epochs",
    )
