"""A neural probabilistic language model (Bengio, Ducharme, Vincent & Jauvin, JMLR 3, 2003).

    e = [C(w_{t-n+1}) ; … ; C(w_{t-1})]                                          §2
    h = tanh(d + H e)                                                            §2
    p(w_t | w_{t-n+1} … w_{t-1}) = softmax(b + U h + W e)_{w_t}                  eq. 1

An n-gram model whose words have vectors: what is learnt of one history serves those that are like
it.  W, the direct connections, may be left out, as in the best mixture of the paper's Table 1.

paper    here                                paper    here
C        embed                               b        out.bias
H, d     H                                   U, W     the columns of out.W, U first
m, h     config.d_word, config.d             n        config.order

It reads as the n-gram does (`models.ngram`): the carry is the last n − 1 words, and a history stops
at a boundary; the places before a sentence hold the boundary.  All windows of a batch are read at
once.

Differs: e and h may be dropped out; `tied` reads U and W through C, of rank d_word: the output
layer's table is C, and `project` takes [h ; e] to it.  The paper's mixture with an n-gram model is
`malmoi.use.mixture`.
"""

from typing import Annotated

import torch
from jaxtyping import Float, Int
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from malmoi.config import CONFIG, Share, Size, Sizes
from malmoi.layers.adaptive import Cutoffs, check_cutoffs, output
from malmoi.layers.dropout import Dropout
from malmoi.layers.initialise import uniform_

BOUNDARY = 0


@dataclass(frozen=True, config=CONFIG)
class Config:
    """order: n, a word is predicted from the n − 1 before it.  d_word: m, of the word vectors.

    d: width of the hidden layer.  direct: the words are joined to the output too, W.
    dropout: of the words that are read.  dropout_out: of the hidden layer.
    tied: the output layer's table is that of the word vectors.  init: weights begin uniform in
    ±init.  samples: train the softmax on so many words of V (`layers.softmax`), 0: on all of them.
    adaptive: or one with clusters of rarer words that begin at these ids (`layers.adaptive`).
    """

    order: Annotated[int, Field(ge=2, le=64)] = 5
    d_word: Size = 100
    d: Size = 200
    direct: bool = False
    dropout: Share = 0.0
    dropout_out: Share = 0.0
    tied: bool = False
    init: Annotated[float, Field(gt=0.0, le=1e3)] = 0.1
    samples: Annotated[int, Field(ge=0)] = 0
    adaptive: Cutoffs = ()

    def __post_init__(self) -> None:
        check_cutoffs(self.adaptive, samples=self.samples, tied=self.tied)

    def build(self, sizes: Sizes) -> "NPLM":
        return NPLM(self, sizes)


class NPLM(nn.Module):
    context: int | None = None

    def __init__(self, config: Config, sizes: Sizes) -> None:
        super().__init__()
        self.config = config
        V, n, m = sizes.vocabulary, config.order, config.d_word
        width = config.d + (n - 1) * m if config.direct else config.d
        self.embed = nn.Embedding(V, m)
        self.drop = Dropout(config.dropout)
        self.H = nn.Linear((n - 1) * m, config.d)
        self.drop_out = Dropout(config.dropout_out)
        through = config.tied and width != m
        self.project = nn.Linear(width, m) if through else nn.Identity()
        self.out = output(
            m if through else width,
            V,
            tied=self.embed if config.tied else None,
            samples=config.samples,
            adaptive=config.adaptive,
        )
        uniform_(self, config.init)

    def begin(self, batch: int) -> Int[Tensor, "B context"]:
        size = batch, self.config.order - 1
        return torch.zeros(size, dtype=torch.long, device=self.embed.weight.device)

    def windows(self, seen: Int[Tensor, "B S"]) -> Int[Tensor, "B T context"]:
        """The last n - 1 words at every place but the first n - 1, which hold what came before;
        the boundary where a window reaches back beyond the beginning of its sentence."""
        words = seen[:, 1:].unfold(1, self.config.order - 1, 1)
        ended = (words == BOUNDARY).flip(-1).cumsum(-1).flip(-1)  # here or later in the window
        return words.masked_fill(ended > 0, BOUNDARY)

    def _read(
        self, x: Int[Tensor, "B T"], carry: Int[Tensor, "B context"]
    ) -> tuple[Float[Tensor, "B T _"], Int[Tensor, "B context"]]:
        seen = torch.cat([carry, x], 1)
        e = self.drop(self.embed(self.windows(seen)).flatten(2))  # [B, T, (n - 1) m]
        h = self.drop_out(torch.tanh(self.H(e)))
        if self.config.direct:
            h = torch.cat([h, e.to(h)], -1)
        return self.project(h), seen[:, seen.size(1) - carry.size(1) :]

    def forward(
        self, x: Int[Tensor, "B T"], carry: Int[Tensor, "B context"]
    ) -> tuple[Float[Tensor, "B T V"], Int[Tensor, "B context"]]:
        h, carry = self._read(x, carry)
        return self.out(h), carry

    def log_prob(
        self, x: Int[Tensor, "B T"], y: Int[Tensor, "B T"], carry: Int[Tensor, "B context"]
    ) -> tuple[Float[Tensor, "B T"], Int[Tensor, "B context"]]:
        h, carry = self._read(x, carry)
        return self.out.log_prob(h, y), carry
