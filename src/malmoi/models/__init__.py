"""Every rung of the ladder: MODELS names every model's configuration."""

from typing import TypeAlias

from malmoi.models import (
    bahdanau,
    bow,
    charcnn,
    cho,
    classifier,
    convs2s,
    gpt,
    han,
    luong,
    ngram,
    nplm,
    rnn,
    selfattentive,
    sutskever,
    tagger,
    transformer,
    word2vec,
)

Writer: TypeAlias = (
    nplm.Config | rnn.ElmanConfig | rnn.GRUConfig | rnn.LSTMConfig | charcnn.Config | gpt.Config
)
Reader: TypeAlias = (
    bow.Config | classifier.Config | selfattentive.Config | han.Config | tagger.Config
)
Translator: TypeAlias = (
    sutskever.Config
    | cho.Config
    | bahdanau.Config
    | luong.Config
    | convs2s.Config
    | transformer.Config
)
ModelConfig: TypeAlias = ngram.Config | Writer | Reader | Translator | word2vec.Config
Network: TypeAlias = (
    nplm.NPLM
    | rnn.RNN
    | charcnn.CharCNN
    | gpt.GPT
    | bow.BagOfWords
    | classifier.Classifier
    | selfattentive.SelfAttentive
    | han.HAN
    | tagger.Tagger
    | sutskever.Sutskever
    | cho.Cho
    | bahdanau.Bahdanau
    | luong.Luong
    | convs2s.ConvS2S
    | transformer.Transformer
)
Model: TypeAlias = ngram.NGram | word2vec.Word2Vec | Network

MODELS = {
    "ngram": ngram.Config,  # Kneser & Ney 1995, Chen & Goodman 1998
    "nplm": nplm.Config,  # Bengio et al. 2003
    "elman": rnn.ElmanConfig,  # Elman 1990
    "gru": rnn.GRUConfig,  # Cho et al. 2014
    "lstm": rnn.LSTMConfig,  # Hochreiter & Schmidhuber 1997, Zaremba et al. 2014
    "charcnn": charcnn.Config,  # Kim et al. 2016
    "gpt": gpt.Config,  # Radford et al. 2018, 2019
    "bow": bow.Config,  # Wang & Manning 2012, Joulin et al. 2017
    "classifier": classifier.Config,  # Elman 1990, Conneau et al. 2017
    "selfattentive": selfattentive.Config,  # Lin et al. 2017
    "han": han.Config,  # Yang et al. 2016
    "tagger": tagger.Config,  # Huang et al. 2015, Lample et al. 2016, Ma & Hovy 2016
    "sutskever": sutskever.Config,  # Sutskever et al. 2014
    "cho": cho.Config,  # Cho et al. 2014
    "bahdanau": bahdanau.Config,  # Bahdanau et al. 2015
    "luong": luong.Config,  # Luong et al. 2015
    "convs2s": convs2s.Config,  # Gehring et al. 2017
    "transformer": transformer.Config,  # Vaswani et al. 2017
    "word2vec": word2vec.Config,  # Mikolov et al. 2013a, b, Bojanowski et al. 2017
}
