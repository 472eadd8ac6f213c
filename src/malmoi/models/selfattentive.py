"""A structured self-attentive sentence embedding (Lin et al., ICLR 2017, arXiv:1703.03130).

    H = (h_1 … h_T)                 h_t = [→h_t ; ←h_t], a bidirectional LSTM            eq. 1–4
    A = softmax(W_s2 tanh(W_s1 Hᵀ))           r rows, each over the tokens                 eq. 6
    M = A H                                   r vectors for a sentence                     eq. 7
    P = ‖A Aᵀ − I‖²_F                         hops that look at the same are fined         eq. 8

    loss = −log p(y | MLP(M)) + λ P

paper       here           paper    here
u           d              A        tap `alpha`  [B, r, T]
d_a, r      d_alpha, hops  λ        penalty
W_s1, W_s2  W_1, W_2       MLP      mlp, out

Differs: the paper's own sizes (u = 300, d_a = 350, r = 30, an MLP of 2000) are for texts of
hundreds of words; the defaults here are for a sentence.
"""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from malmoi.config import CONFIG, Depth, Share, Size, Sizes
from malmoi.layers.bidirectional import Encoder
from malmoi.layers.distributions import Categorical, Several
from malmoi.layers.dropout import Dropout
from malmoi.layers.embedding import Words
from malmoi.layers.pooling import masked_softmax
from malmoi.layers.tap import Tap
from malmoi.sentences import Sentences


@dataclass(frozen=True, config=CONFIG)
class Config:
    """d: width of the LSTM, each way.  hops: rows of A.  penalty: λ.  d_mlp: of the hidden layer.

    dropout: of word vectors, between layers and into the MLP.  word_dropout: the share of words
    read as `<unk>` in training.  frozen: word vectors that the task brings
    stay as they are.
    """

    d: Size = 128
    d_word: Size = 128
    layers: Depth = 1
    d_alpha: Size = 64
    hops: Size = 4
    penalty: Annotated[float, Field(ge=0.0)] = 0.1
    d_mlp: Size = 128
    dropout: Share = 0.3
    word_dropout: Share = 0.0
    frozen: bool = False

    def build(self, sizes: Sizes) -> "SelfAttentive":
        return SelfAttentive(self, sizes)


class SelfAttentive(nn.Module):
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
            "lstm", config.d_word, config.d, config.layers, dropout=config.dropout
        )
        self.W_1 = nn.Linear(self.encoder.width, config.d_alpha, bias=False)
        self.W_2 = nn.Linear(config.d_alpha, config.hops, bias=False)
        self.alpha = Tap()
        self.drop = Dropout(config.dropout)
        self.mlp = nn.Linear(config.hops * self.encoder.width, config.d_mlp)
        self.out = nn.Linear(config.d_mlp, sizes.labels)

    def _read(self, x: Sentences) -> tuple[Categorical | Several, Float[Tensor, "B r T"]]:
        H = self.encoder(self.words(x), x.mask)
        e = self.W_2(torch.tanh(self.W_1(H))).transpose(1, 2)  # [B, r, T]
        A = self.alpha(masked_softmax(e, x.mask[:, None].expand(e.shape)))
        M = A.to(H) @ H  # [B, r, 2d]
        logits = self.out(torch.relu(self.mlp(self.drop(M).flatten(1))))
        return Several(logits) if self.several else Categorical(logits), A

    def forward(self, x: Sentences) -> Categorical | Several:
        return self._read(x)[0]

    def loss(self, x: Sentences, y: Tensor) -> Float[Tensor, " B"]:
        """What each text costs: nats, and the fine for hops that look at the same."""
        said, A = self._read(x)
        return -said.log_prob(y) + self.config.penalty * penalty(A)


def penalty(A: Float[Tensor, "B r T"]) -> Float[Tensor, " B"]:
    """‖A Aᵀ − I‖²_F, of each text (eq. 8)."""
    eye = torch.eye(A.size(1), dtype=A.dtype, device=A.device)
    return (A @ A.mT - eye).square().sum((1, 2))
