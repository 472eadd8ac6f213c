"""The ladder: every rung by name, in the order it was climbed.  `malmoi models` prints it.

`models.MODELS` says which class a kind builds; this page says why one would want it.  Several rungs
may be one kind of model with other settings: a name goes wherever a model is asked for.
"""

from typing import Literal, NamedTuple, TypeAlias

Learns: TypeAlias = Literal[
    "language-modelling", "classification", "tagging", "translation", "word-vectors"
]


class Rung(NamedTuple):
    """kind: of `models.MODELS`.  task: of `tasks.TASKS`."""

    name: str
    kind: str
    task: Learns
    paper: str
    purpose: str


LADDER = (
    Rung(
        "ngram",
        "ngram",
        "language-modelling",
        "Kneser & Ney 1995; Chen & Goodman 1998",
        "counts; trains in seconds; the baseline to beat",
    ),
    Rung(
        "nplm",
        "nplm",
        "language-modelling",
        "Bengio et al. 2003",
        "a window of words as vectors; shows what likeness is worth to an n-gram",
    ),
    Rung(
        "elman",
        "elman",
        "language-modelling",
        "Elman 1990; Mikolov et al. 2010",
        "the plain recurrent network; shows why gates were invented",
    ),
    Rung(
        "gru",
        "gru",
        "language-modelling",
        "Cho et al. 2014",
        "two gates; nearly an LSTM, a quarter cheaper",
    ),
    Rung(
        "lstm",
        "lstm",
        "language-modelling",
        "Hochreiter & Schmidhuber 1997; Zaremba et al. 2014",
        "the strongest small model on little text",
    ),
    Rung(
        "charcnn",
        "charcnn",
        "language-modelling",
        "Kim et al. 2016",
        "an LSTM that reads words by their letters; for rare words and endings, with few weights",
    ),
    Rung(
        "gpt",
        "gpt",
        "language-modelling",
        "Radford et al. 2018, 2019",
        "the Transformer that writes; wins when text and time are plenty",
    ),
    Rung(
        "bow",
        "bow",
        "classification",
        "Wang & Manning 2012; Joulin et al. 2017",
        "words and pairs of words, no order; trains in seconds; the baseline to beat",
    ),
    Rung(
        "rnn-last",
        "classifier",
        "classification",
        "Elman 1990",
        "a sentence is where the network ends",
    ),
    Rung(
        "rnn-mean",
        "classifier",
        "classification",
        "Conneau et al. 2017",
        "a sentence is the mean of its words in context",
    ),
    Rung(
        "rnn-max",
        "classifier",
        "classification",
        "Collobert & Weston 2008; Conneau et al. 2017",
        "each feature by the word that has most of it; shows which words won",
    ),
    Rung(
        "rnn-attention",
        "classifier",
        "classification",
        "Yang et al. 2016",
        "a sentence is the words it looks at",
    ),
    Rung(
        "selfattentive",
        "selfattentive",
        "classification",
        "Lin et al. 2017",
        "several looks at a sentence, and a picture of each",
    ),
    Rung(
        "han",
        "han",
        "classification",
        "Yang et al. 2016",
        "documents: which sentences matter, and which words in them",
    ),
    Rung(
        "rnn",
        "tagger",
        "tagging",
        "Elman 1990",
        "reads one way and tags as it goes; shows what the rest of the sentence is worth",
    ),
    Rung(
        "bilstm",
        "tagger",
        "tagging",
        "Graves & Schmidhuber 2005; Ma & Hovy 2016",
        "reads both ways, and the letters of each word; a tag at a time",
    ),
    Rung(
        "bilstm-crf",
        "tagger",
        "tagging",
        "Huang et al. 2015; Lample et al. 2016",
        "the same with tags that know their neighbours; for entities",
    ),
    Rung(
        "sutskever",
        "sutskever",
        "translation",
        "Sutskever et al. 2014",
        "reads a text into one state and writes from it; the source backwards",
    ),
    Rung(
        "cho",
        "cho",
        "translation",
        "Cho et al. 2014",
        "the same with GRUs, and the state of the source in sight at every word; scores phrases",
    ),
    Rung(
        "bahdanau",
        "bahdanau",
        "translation",
        "Bahdanau et al. 2015",
        "looks back at the source for each word, and shows where; sound on small data",
    ),
    Rung(
        "luong",
        "luong",
        "translation",
        "Luong et al. 2015",
        "attention as a product, after the step; LSTMs, input feeding",
    ),
    Rung(
        "convs2s",
        "convs2s",
        "translation",
        "Gehring et al. 2017",
        "windows instead of states, and a look at the source in every layer; trains in parallel",
    ),
    Rung(
        "transformer",
        "transformer",
        "translation",
        "Vaswani et al. 2017",
        "attention all the way; the best where there are many pairs",
    ),
    Rung(
        "word2vec",
        "word2vec",
        "word-vectors",
        "Mikolov et al. 2013a, b",
        "skip-gram: a vector for every word, from text that nobody labelled",
    ),
    Rung(
        "cbow",
        "word2vec",
        "word-vectors",
        "Mikolov et al. 2013a",
        "the same the other way round: a word from those around it; several times faster",
    ),
    Rung(
        "fasttext",
        "word2vec",
        "word-vectors",
        "Bojanowski et al. 2017",
        "vectors of words and of their letters: a word never seen has one too; for Korean",
    ),
)
NAMES = tuple(rung.name for rung in LADDER)


def of_kind(kind: str) -> Rung:
    """The first rung that is of this kind of model."""
    return next(rung for rung in LADDER if rung.kind == kind)


def names_of(task: Learns) -> tuple[str, ...]:
    """The rungs that learn this."""
    return tuple(rung.name for rung in LADDER if rung.task == task)


def kinds_of(task: str) -> tuple[str, ...]:
    """The kinds of model that learn this."""
    return tuple(dict.fromkeys(rung.kind for rung in LADDER if rung.task == task))
