"""The ladder: every rung by name, in the order it was climbed.  `malmoi models` prints it.

`models.MODELS` says which class a name builds; this page says why one would want it.
"""

from typing import NamedTuple


class Rung(NamedTuple):
    name: str
    paper: str
    purpose: str


LADDER = (
    Rung(
        "ngram",
        "Kneser & Ney 1995; Chen & Goodman 1998",
        "counts; trains in seconds; the baseline to beat",
    ),
    Rung(
        "elman",
        "Elman 1990; Mikolov et al. 2010",
        "the plain recurrent network; shows why gates were invented",
    ),
    Rung("gru", "Cho et al. 2014", "two gates; nearly an LSTM, a quarter cheaper"),
    Rung(
        "lstm",
        "Hochreiter & Schmidhuber 1997; Zaremba et al. 2014",
        "the strongest small model on little text",
    ),
    Rung(
        "gpt",
        "Radford et al. 2018, 2019",
        "the Transformer that writes; wins when text and time are plenty",
    ),
)
