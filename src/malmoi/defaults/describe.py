"""A configuration in a few words."""

from malmoi.models import (
    ModelConfig,
    bow,
    charcnn,
    classifier,
    convs2s,
    gpt,
    han,
    ngram,
    nplm,
    selfattentive,
    tagger,
    transformer,
    word2vec,
)

ESTIMATORS = {
    "kneser-ney": "modified Kneser–Ney",
    "katz": "Katz back-off",
    "interpolated": "Jelinek–Mercer",
    "additive": "additive smoothing",
    "mle": "maximum likelihood",
    "stupid-backoff": "stupid back-off",
}


def describe(model: ModelConfig) -> str:
    """A configuration in a few words, for a table: `2 × 256, dropout 0.3`."""
    match model:
        case ngram.Config():
            return f"{model.order}-gram, {ESTIMATORS[model.estimator]}"
        case bow.Config():
            return f"up to {model.order} words in a row" if model.order > 1 else "single words"
        case classifier.Config():
            shape = f"{_cell(model)}, {model.layers} × {model.d}, {model.pooling}"
        case selfattentive.Config():
            shape = f"bidirectional lstm, {model.layers} × {model.d}, {model.hops} hops"
        case han.Config():
            shape = f"words and sentences, 2 × {model.d}, {model.pooling}"
        case tagger.Config():
            spelt = f", spelling by {model.speller}" if model.speller != "none" else ""
            shape = f"{_cell(model)}, {model.layers} × {model.d}, {model.head}{spelt}"
        case charcnn.Config():
            shape = f"letters in windows of {min(model.widths)} to {max(model.widths)}, "
            shape += f"{model.layers} × {model.d}"
        case gpt.Config():
            shape = f"{model.layers} × {model.d}, {model.heads} heads, context {model.context}"
        case nplm.Config():
            joined = ", direct" if model.direct else ""
            shape = f"{model.order}-gram, {model.d_word} → {model.d}{joined}"
        case convs2s.Config():
            shape = f"{model.layers} + {model.layers_decoder or model.layers} × {model.d}, "
            shape += f"windows of {model.kernel}"
        case transformer.Config():
            shape = f"{model.layers} + {model.layers_decoder or model.layers} × {model.d}, "
            shape += f"{model.heads} heads"
        case word2vec.Config():
            letters = f", n-grams {model.shortest}–{model.longest}" if model.longest else ""
            return f"{model.architecture}, {model.d}, {model.loss}{letters}"
        case _:
            shape = f"{model.layers} × {model.d}" + (", tied" if model.tied else "")
    return shape + (f", dropout {model.dropout:g}" if model.dropout else "")


def _cell(model: classifier.Config | tagger.Config) -> str:
    return f"bidirectional {model.cell}" if model.bidirectional else model.cell
