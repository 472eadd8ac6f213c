"""Every rung of the ladder: MODELS names every model's configuration."""

from typing import TypeAlias

from malmoi.models import bow, classifier, gpt, han, ngram, rnn, selfattentive, tagger, word2vec

Writer: TypeAlias = rnn.ElmanConfig | rnn.GRUConfig | rnn.LSTMConfig | gpt.Config
Reader: TypeAlias = (
    bow.Config | classifier.Config | selfattentive.Config | han.Config | tagger.Config
)
ModelConfig: TypeAlias = ngram.Config | Writer | Reader | word2vec.Config
Network: TypeAlias = (
    rnn.RNN
    | gpt.GPT
    | bow.BagOfWords
    | classifier.Classifier
    | selfattentive.SelfAttentive
    | han.HAN
    | tagger.Tagger
)
Model: TypeAlias = ngram.NGram | word2vec.Word2Vec | Network

MODELS = {
    "ngram": ngram.Config,  # Kneser & Ney 1995, Chen & Goodman 1998
    "elman": rnn.ElmanConfig,  # Elman 1990
    "gru": rnn.GRUConfig,  # Cho et al. 2014
    "lstm": rnn.LSTMConfig,  # Hochreiter & Schmidhuber 1997, Zaremba et al. 2014
    "gpt": gpt.Config,  # Radford et al. 2018, 2019
    "bow": bow.Config,  # Wang & Manning 2012, Joulin et al. 2017
    "classifier": classifier.Config,  # Elman 1990, Conneau et al. 2017
    "selfattentive": selfattentive.Config,  # Lin et al. 2017
    "han": han.Config,  # Yang et al. 2016
    "tagger": tagger.Config,  # Huang et al. 2015, Lample et al. 2016, Ma & Hovy 2016
    "word2vec": word2vec.Config,  # Mikolov et al. 2013a, b, Bojanowski et al. 2017
}
