"""A vector for every word: looked up, and, where its letters are given, read from its spelling.

    x_t = [C(w_t) ; s(c_1 … c_n)]

    cnn     s = max_i tanh(W [c_{i-1} ; c_i ; c_{i+1}] + b)      Ma & Hovy (2016), §2.1; Kim (2014)
    lstm    s = [→h_n ; ←h_1] of a bidirectional LSTM            Lample et al. (2016), §4.1

Each different word of a batch is spelt once.  Word dropout (Dai & Le 2015; Iyyer et al. 2015): in
training a word is read as `<unk>` at a probability of p, so that a model learns what to make of
words it has never seen.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from malmoi.config import Sizes
from malmoi.errors import UsageError
from malmoi.layers.bidirectional import Encoder
from malmoi.layers.dropout import Dropout
from malmoi.layers.pooling import Last
from malmoi.sentences import Sentences, Spelling

UNK = 1
Speller = Literal["none", "cnn", "lstm"]
LETTER = 32  # width of a character's vector


@torch.no_grad()
def start(embed: nn.Embedding, vectors: Float[Tensor, "V d"], *, width: str = "d_word") -> None:
    """Begin with these vectors.  width: the setting that a model has for theirs.

    Raises UsageError if they are of another width.
    """
    if vectors.shape != embed.weight.shape:
        d = vectors.size(1)
        raise UsageError(
            f"the word vectors are {d} wide, and the model's {embed.embedding_dim}",
            hint=f"--set model.{width}={d}",
        )
    embed.weight.copy_(vectors)


class Words(nn.Module):
    """width: of what comes out.  speller: how spelling is read; d_spelling: the width of that.
    frozen: the vectors of words stay as they begin."""

    def __init__(
        self,
        sizes: Sizes,
        d: int,
        *,
        speller: Speller = "none",
        d_spelling: int = 0,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        frozen: bool = False,
    ) -> None:
        super().__init__()
        self.word_dropout = word_dropout
        self.embed = nn.Embedding(sizes.vocabulary, d)
        bound = (3 / d) ** 0.5
        nn.init.uniform_(self.embed.weight, -bound, bound)  # variance 1/d
        self.embed.weight.requires_grad_(not frozen)
        self.spell: CNN | BiLSTM | None = None
        if speller != "none":
            if not sizes.characters:
                raise UsageError(
                    f"the model reads spelling (speller = {speller!r}) and the task gives none",
                    hint='task.spelling = "characters" or "jamo"; or model.speller = "none"',
                )
            kind = CNN if speller == "cnn" else BiLSTM
            self.spell = kind(sizes.characters, d_spelling)
        self.width = d + (d_spelling if self.spell else 0)
        self.drop = Dropout(dropout)

    def forward(self, x: Sentences) -> Float[Tensor, "B T width"]:
        ids = x.ids
        if self.training and self.word_dropout:
            missed = torch.rand(ids.shape, device=ids.device) < self.word_dropout
            ids = ids.masked_fill(missed, UNK)
        h = self.embed(ids)
        if self.spell:
            if x.spelling is None:
                raise ValueError("a model that reads spelling was given none")
            h = torch.cat([h, self.spell(x.spelling)[x.spelling.index]], -1)
        dropped: Tensor = self.drop(h)
        return dropped


class CNN(nn.Module):
    """Filters of three characters, the largest answer of each."""

    def __init__(self, characters: int, d: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(characters, LETTER)
        self.W = nn.Conv1d(LETTER, d, 3, padding=1)

    def forward(self, x: Spelling) -> Float[Tensor, "U d"]:
        c = self.embed(x.ids) * x.mask[..., None]
        h = torch.tanh(self.W(c.transpose(1, 2)))  # [U, d, C]
        # tanh is above −1: what is masked never wins, and a word of no letters is zero
        best = h.masked_fill(~x.mask[:, None], -1.0).amax(2)
        return best * x.mask.any(1)[:, None]


class BiLSTM(nn.Module):
    """Where a bidirectional LSTM over the characters ends."""

    def __init__(self, characters: int, d: int) -> None:
        super().__init__()
        if d % 2:
            raise UsageError(f"d_spelling = {d} cannot be halved between two directions")
        self.embed = nn.Embedding(characters, LETTER)
        self.encoder = Encoder("lstm", LETTER, d // 2, 1)
        self.last = Last(d // 2)

    def forward(self, x: Spelling) -> Float[Tensor, "U d"]:
        h: Tensor = self.last(self.encoder(self.embed(x.ids), x.mask), x.mask)
        return h
