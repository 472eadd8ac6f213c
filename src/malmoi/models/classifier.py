"""Classifying a sentence with a recurrent network.

    h_1 … h_T = encoder(x_1 … x_T)       one direction, or both and concatenated
    v = pool(h_1 … h_T)                  last, max, mean, attention      (layers/pooling.py)
    p(y | x) = softmax(W v + b)

The last state is the oldest way (Elman 1990); element-wise max and mean: Collobert & Weston (2008),
Conneau et al. (2017, arXiv:1705.02364, §3.2); attention: Yang et al. (2016), eq. 5–7.

paper      here                     paper    here
x_t        words                    pool     pool
h_t        encoder                  W, b     out

Where a text may have several labels, each is decided for itself: p(y_k | x) = σ(W_k v + b_k).
"""

from typing import Literal

from jaxtyping import Float
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from malmoi.config import CONFIG, Depth, Share, Size, Sizes
from malmoi.layers.bidirectional import Encoder
from malmoi.layers.distributions import Categorical, Several
from malmoi.layers.dropout import Dropout
from malmoi.layers.embedding import Words
from malmoi.layers.pooling import pooler
from malmoi.sentences import Sentences


@dataclass(frozen=True, config=CONFIG)
class Config:
    """cell: what an encoder's layer is.  d: its width, each way.  d_word: of the word vectors.

    pooling: how a sentence becomes one vector.  dropout: of word vectors, between layers and of
    the pooled vector.  word_dropout: the share of words read as `<unk>` in training.
    frozen: word vectors that the task brings stay as they are.
    """

    cell: Literal["elman", "gru", "lstm"] = "lstm"
    d: Size = 128
    d_word: Size = 128
    layers: Depth = 1
    bidirectional: bool = True
    pooling: Literal["last", "max", "mean", "attention"] = "max"
    dropout: Share = 0.3
    word_dropout: Share = 0.0
    frozen: bool = False

    def build(self, sizes: Sizes) -> "Classifier":
        return Classifier(self, sizes)


class Classifier(nn.Module):
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
        self.encoder = Encoder(
            config.cell,
            config.d_word,
            config.d,
            config.layers,
            bidirectional=config.bidirectional,
            dropout=config.dropout,
        )
        self.pool = pooler(config.pooling, config.d, self.encoder.width)
        self.drop = Dropout(config.dropout)
        self.out = nn.Linear(self.encoder.width, sizes.labels)

    def forward(self, x: Sentences) -> Categorical | Several:
        v = self.pool(self.encoder(self.words(x), x.mask), x.mask)
        logits = self.out(self.drop(v[:, None])[:, 0])
        return Several(logits) if self.several else Categorical(logits)

    def loss(self, x: Sentences, y: Tensor) -> Float[Tensor, " B"]:
        """What each text costs, in nats."""
        nats: Tensor = -self(x).log_prob(y)
        return nats
