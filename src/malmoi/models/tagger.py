"""Tagging the words of a sentence: a recurrent encoder, and a softmax or a CRF over it.

Huang, Xu & Yu, "Bidirectional LSTM-CRF models for sequence tagging" (2015, arXiv:1508.01991)
Lample et al., "Neural architectures for named entity recognition" (2016, arXiv:1603.01360)
Ma & Hovy, "End-to-end sequence labeling via bi-directional LSTM-CNNs-CRF" (2016)

    h_1 … h_T = encoder([C(w_t) ; spelling of w_t])
    f_t = W h_t + b                                        how well each tag suits word t

    softmax   p(y | x) = Π_t softmax(f_t)_{y_t}
    crf       p(y | x) = exp s(x, y) / Σ_y' exp s(x, y')
              s(x, y) = Σ_t f_t[y_t] + Σ_t A[y_{t-1}, y_t]     Lample eq. 1: a sum, also over
                                                                the start and the end of y

paper    here                 paper    here
C, w     words                A        crf.transitions, crf.start, crf.end
f        out                  P(i, j)  emissions

Both return a distribution with the same verbs (`log_prob`, `best`, `nbest`, `marginals`).
"""

from typing import Literal

from jaxtyping import Float
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from malmoi.config import CONFIG, Depth, Share, Size, Sizes
from malmoi.layers.bidirectional import Encoder
from malmoi.layers.crf import CRF, LinearChain
from malmoi.layers.distributions import Independent
from malmoi.layers.dropout import Dropout
from malmoi.layers.embedding import Words
from malmoi.sentences import Sentences


@dataclass(frozen=True, config=CONFIG)
class Config:
    """cell: what an encoder's layer is.  d: its width, each way.  d_word: of the word vectors.

    speller: how a word's characters are read, d_spelling: into a vector how wide.
    head: what turns scores into a sequence of tags.  dropout: of words, between layers and of h.
    word_dropout: the share of words read as `<unk>` in training.  frozen: word vectors that the
    task brings stay as they are.
    """

    cell: Literal["elman", "gru", "lstm"] = "lstm"
    d: Size = 128
    d_word: Size = 100
    layers: Depth = 1
    bidirectional: bool = True
    speller: Literal["none", "cnn", "lstm"] = "cnn"
    d_spelling: Size = 50
    head: Literal["softmax", "crf"] = "crf"
    dropout: Share = 0.3
    word_dropout: Share = 0.05
    frozen: bool = False

    def build(self, sizes: Sizes) -> "Tagger":
        return Tagger(self, sizes)


class Tagger(nn.Module):
    def __init__(self, config: Config, sizes: Sizes) -> None:
        super().__init__()
        self.config = config
        self.words = Words(
            sizes,
            config.d_word,
            speller=config.speller,
            d_spelling=config.d_spelling,
            dropout=config.dropout,
            word_dropout=config.word_dropout,
            frozen=config.frozen,
        )
        self.encoder = Encoder(
            config.cell,
            self.words.width,
            config.d,
            config.layers,
            bidirectional=config.bidirectional,
            dropout=config.dropout,
        )
        self.drop = Dropout(config.dropout)
        self.out = nn.Linear(self.encoder.width, sizes.labels)
        self.crf = CRF(sizes.labels) if config.head == "crf" else None

    def emissions(self, x: Sentences) -> Float[Tensor, "B T K"]:
        """f: how well each tag suits each word."""
        f: Tensor = self.out(self.drop(self.encoder(self.words(x), x.mask)))
        return f

    def forward(self, x: Sentences) -> Independent | LinearChain:
        f = self.emissions(x)
        return self.crf(f, x.mask) if self.crf else Independent(f, x.mask)

    def loss(self, x: Sentences, y: Tensor) -> Float[Tensor, " B"]:
        """What the tags of each sentence cost, in nats."""
        nats: Tensor = -self(x).log_prob(y)
        return nats
