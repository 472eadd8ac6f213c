"""Every rung of the ladder: MODELS names every model's configuration."""

from typing import TypeAlias

from malmoi.models import gpt, ngram, rnn

ModelConfig: TypeAlias = (
    ngram.Config | rnn.ElmanConfig | rnn.GRUConfig | rnn.LSTMConfig | gpt.Config
)
Model: TypeAlias = ngram.NGram | rnn.RNN | gpt.GPT

MODELS = {
    "ngram": ngram.Config,  # Kneser & Ney 1995, Chen & Goodman 1998
    "elman": rnn.ElmanConfig,  # Elman 1990
    "gru": rnn.GRUConfig,  # Cho et al. 2014
    "lstm": rnn.LSTMConfig,  # Hochreiter & Schmidhuber 1997, Zaremba et al. 2014
    "gpt": gpt.Config,  # Radford et al. 2018, 2019
}
