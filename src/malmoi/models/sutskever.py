"""Sequence to sequence learning with neural networks
(Sutskever, Vinyals & Le, NIPS 2014, arXiv:1409.3215).

    (h^l, c^l)_S = LSTM^l over x_S … x_1          the source, read backwards      §2, §3.3
    (h'^l, c'^l)_0 = (h^l, c^l)_S                 its last states, of every layer
    (h'^l, c'^l)_t = LSTM'^l(h'^{l−1}_t, (h'^l, c'^l)_{t−1})        h'^0_t = e(y_{t−1})
    p(y_t | y_1 … y_{t−1}, v) = softmax(W h'^L_t + b)                               eq. 1

paper                here                  paper       here
LSTM, LSTM'          encoder, decoder      v           carry: h, c of every layer
x_S … x_1            `reverse`             W           out.softmax

The source's `</s>` is a word of it: backwards it is read first, and the sentence's first word last,
next to the first word that is written.

Differs: no gate of the paper's LSTM (Graves 2013) sees c.  Biases begin at 0, forget gates open
(1); the paper draws them like weights.  Dropout on what each layer reads from below and on what the
output layer reads (Zaremba et al. 2014), where the paper has none.
"""

from typing import Annotated

from jaxtyping import Float, Int
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from malmoi.config import CONFIG, Depth, Share, Size, Sizes
from malmoi.layers.bidirectional import backward, leftward
from malmoi.layers.dropout import Dropout
from malmoi.layers.initialise import uniform_
from malmoi.layers.lstm_encoder import LSTMEncoder
from malmoi.layers.recurrent import LSTM, HiddenCell
from malmoi.layers.sides import Readout, Tables
from malmoi.sentences import Sentences


@dataclass(frozen=True, config=CONFIG)
class Config:
    """d: width of the states (the paper: 1,000).  d_word: of the word vectors, d unless given.

    layers: of each LSTM (4).  reverse: read the source backwards.  init: weights begin uniform in
    ±init.  smoothing: of the labels.  tied: the output layer's table is the target's word vectors.
    shared: both sides have one table of word vectors, which wants a joint vocabulary.
    """

    d: Size = 256
    d_word: Size | None = None
    layers: Depth = 2
    reverse: bool = True
    dropout: Share = 0.2
    smoothing: Share = 0.0
    tied: bool = False
    shared: bool = False
    init: Annotated[float, Field(gt=0.0, le=1e3)] = 0.08

    def build(self, sizes: Sizes) -> "Sutskever":
        return Sutskever(self, sizes)


class Sutskever(nn.Module):
    context: int | None = None

    def __init__(self, config: Config, sizes: Sizes) -> None:
        super().__init__()
        self.config = config
        d, d_word, p = config.d, config.d_word or config.d, config.dropout
        self.words = Tables(sizes, d_word, shared=config.shared)
        self.encoder = LSTMEncoder(d_word, d, config.layers, bidirectional=False, dropout=p)
        self.decoder = LSTM(d_word, d, config.layers, dropout=p)
        self.drop = Dropout(p)
        self.out = Readout(
            d,
            sizes.vocabulary,
            tied=self.words.target if config.tied else None,
            smoothing=config.smoothing,
        )
        uniform_(self, config.init, forget_bias=1.0)

    def begin(self, source: Sentences) -> HiddenCell:
        ids, mask = source.ids, source.mask
        if self.config.reverse:
            if (order := leftward(mask)) is not None:
                ids, mask = ids.gather(1, order), mask.gather(1, order)
            ids = ids.gather(1, backward(mask))
        _, ends = self.encoder(self.drop(self.words.read(ids)), mask)
        v: HiddenCell = ends
        return v

    def _read(
        self, x: Int[Tensor, "R T"], carry: HiddenCell
    ) -> tuple[Float[Tensor, "R T d"], HiddenCell]:
        h, carry = self.decoder(self.drop(self.words.write(x)), carry)
        return self.drop(h), carry

    def forward(
        self, x: Int[Tensor, "R T"], carry: HiddenCell
    ) -> tuple[Float[Tensor, "R T V"], HiddenCell]:
        h, carry = self._read(x, carry)
        return self.out(h), carry

    def log_prob(
        self, x: Int[Tensor, "R T"], y: Int[Tensor, "R T"], carry: HiddenCell
    ) -> tuple[Float[Tensor, "R T"], HiddenCell]:
        h, carry = self._read(x, carry)
        return self.out.log_prob(h, y), carry
