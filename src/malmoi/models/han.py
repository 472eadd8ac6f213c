"""Hierarchical attention networks for document classification (Yang et al., NAACL 2016).

    h_it = [→h_it ; ←h_it]       a GRU over the words of sentence i              eq. 1–4
    u_it = tanh(W_w h_it + b_w)    α_it = softmax_t(u_itᵀ u_w)    s_i = Σ_t α_it h_it    eq. 5–7
    h_i  = [→h_i ; ←h_i]         a GRU over s_1 … s_L
    u_i  = tanh(W_s h_i + b_s)     α_i = softmax_i(u_iᵀ u_s)      v = Σ_i α_i h_i        eq. 8–10
    p = softmax(W_c v + b_c)                                                            eq. 11

paper    here                             paper       here
α_it     tap `pool_words.alpha` [N, T]    u_w, W_w    pool_words
α_i      tap `pool_sentences.alpha` [B, L]    u_s, W_s    pool_sentences

N counts the sentences of all the documents of a batch, one after another.  HN-AVE and HN-MAX of
§3.2 are pooling = "mean" and "max", HN-ATT is "attention".  Words that are not there and sentences
that are not there have exactly the weight 0.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from malmoi.config import CONFIG, Share, Size, Sizes
from malmoi.layers.bidirectional import Encoder
from malmoi.layers.distributions import Categorical, Several
from malmoi.layers.dropout import Dropout
from malmoi.layers.embedding import Words
from malmoi.layers.pooling import pooler
from malmoi.layers.tap import Tap
from malmoi.sentences import Sentences


@dataclass(frozen=True, config=CONFIG)
class Config:
    """d: width of both GRUs, each way (the paper: 50).  d_word: of the word vectors (200).
    frozen: word vectors that the task brings stay as they are."""

    d: Size = 50
    d_word: Size = 100
    pooling: Literal["max", "mean", "attention"] = "attention"
    dropout: Share = 0.3
    word_dropout: Share = 0.0
    frozen: bool = False

    def build(self, sizes: Sizes) -> "HAN":
        return HAN(self, sizes)


class HAN(nn.Module):
    def __init__(self, config: Config, sizes: Sizes) -> None:
        super().__init__()
        self.config = config
        self.several = sizes.several
        self.words = Words(
            sizes,
            config.d_word,
            dropout=config.dropout,
            word_dropout=config.word_dropout,
            frozen=config.frozen,
        )
        self.encode_words = Encoder("gru", config.d_word, config.d, 1)
        self.encode_sentences = Encoder("gru", 2 * config.d, config.d, 1)
        self.pool_words = pooler(config.pooling, config.d, 2 * config.d)
        self.pool_sentences = pooler(config.pooling, config.d, 2 * config.d)
        self.drop = Dropout(config.dropout)
        self.out = nn.Linear(2 * config.d, sizes.labels)

    def forward(self, x: Sentences) -> Categorical | Several:
        grid, there = grid_of(x)  # [B, L, T]
        real = there.any(2)  # [B, L]
        s = self.read(self.words(x).flatten(0, 1), grid[real], there[real])
        sentences = s.new_zeros(*real.shape, s.size(-1))
        sentences[real] = s
        v = self.pool_sentences(self.encode_sentences(self.drop(sentences), real), real)
        logits = self.out(self.drop(v[:, None])[:, 0])
        return Several(logits) if self.several else Categorical(logits)

    def read(
        self, words: Float[Tensor, "W d"], grid: Int[Tensor, "N T"], there: Bool[Tensor, "N T"]
    ) -> Float[Tensor, "N w"]:
        """s_i of each sentence.  Those of like length are read together, lest one long sentence
        make all of them as long; all at once where somebody listens."""
        heard = any(isinstance(m, Tap) and m.heard for m in self.pool_words.modules())
        lengths = there.sum(1)
        bounds = torch.full_like(lengths, grid.size(1))
        if not heard:  # the power of two that is long enough
            bounds = 1 << lengths.clamp(min=8).sub(1).double().log2().floor().long() + 1
        s = words.new_zeros(len(grid), 2 * self.config.d)
        for T in sorted(set(bounds.tolist())):
            rows = (bounds == T).nonzero()[:, 0]
            some, mask = words[grid[rows, :T]], there[rows, :T]
            s = s.index_copy(0, rows, self.pool_words(self.encode_words(some, mask), mask).to(s))
        return s

    def loss(self, x: Sentences, y: Tensor) -> Float[Tensor, " B"]:
        """What each text costs, in nats."""
        nats: Tensor = -self(x).log_prob(y)
        return nats


def grid_of(x: Sentences) -> tuple[Int[Tensor, "B L T"], Bool[Tensor, "B L T"]]:
    """The words of each sentence of each document: where they stand in `x.ids.flatten()`, and
    where there are some.  Without `ends` a document is one sentence."""
    ends = torch.zeros_like(x.mask) if x.ends is None else x.ends & x.mask
    sentence = ends.cumsum(1) - ends.long()  # a sentence's last word belongs to it
    row, place = x.mask.nonzero(as_tuple=True)
    L = int((sentence * x.mask).max()) + 1 if sentence.numel() else 1
    group = row * L + sentence[row, place]
    _, sizes = torch.unique_consecutive(group, return_counts=True)
    start = (sizes.cumsum(0) - sizes).repeat_interleave(sizes)
    at = torch.arange(len(group), device=group.device) - start
    T = int(sizes.max()) if len(sizes) else 1
    grid = x.ids.new_zeros(len(x) * L, T)
    there = torch.zeros_like(grid, dtype=torch.bool)
    grid[group, at] = row * x.ids.size(1) + place
    there[group, at] = True
    return grid.view(len(x), L, T), there.view(len(x), L, T)
