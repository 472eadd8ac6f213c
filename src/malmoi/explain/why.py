"""`explain(model, text)`: the picture that fits what the model is.

bag of words                         Features       weights of the words and n-grams
rnn-attention, selfattentive         Attention      hop by hop, and all together
han with attention                   Document       sentences, and words in them
rnn-max                              Winners        which words won the maximum
rnn-last, rnn-mean, han of others    Influence      gradient × input
taggers                              Lattice        tags, paths, transitions
translators with attention           Alignment      word beside word, layer by layer
Transformers, show="heads"           Heads          every head of encoder, decoder and between them
translators, show="beam"             BeamTree       what the search tried, dropped and found
"""

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError

from malmoi.errors import DataError, EmptyText, UsageError, did_you_mean
from malmoi.explain.alignment import Alignment, aligned_by
from malmoi.explain.atlas import Atlas
from malmoi.explain.attention import Attention, attention
from malmoi.explain.complexity import Complexity
from malmoi.explain.confusion import Confusion
from malmoi.explain.distribution import Distribution
from malmoi.explain.document import Document, document
from malmoi.explain.features import Features, features
from malmoi.explain.heads import Heads, heads
from malmoi.explain.lattice import Lattice, lattice
from malmoi.explain.pooling import Influence, Winners, influence, winners
from malmoi.explain.tree import BeamTree, beam_tree
from malmoi.use.classifier import Classifier
from malmoi.use.tagger import Tagger
from malmoi.use.translator import Translator

AnyPicture: TypeAlias = (
    Attention
    | Alignment
    | Heads
    | BeamTree
    | Document
    | Winners
    | Influence
    | Features
    | Lattice
    | Distribution
    | Confusion
    | Atlas
    | Complexity
)
Show: TypeAlias = Literal["", "heads", "beam"]
_ADAPTER: TypeAdapter[AnyPicture] = TypeAdapter(Annotated[AnyPicture, Field(discriminator="kind")])


def explain(
    model: Classifier | Tagger | Translator | object,
    text: str,
    *,
    label: str = "",
    gold: Sequence[str] | None = None,
    gradient: bool = False,
    show: Show = "",
) -> AnyPicture:
    """Why a model answers as it does to a text.

    label: for which to look, where the picture is about one; the likeliest if none is given.
    gold: the true tags of the words, for a tagger.  gradient: gradient × input, whatever the model.
    show: of a translator, instead of its alignment.
    Raises UsageError for a model that has no picture, EmptyText for a text without a token.
    """
    if show and not isinstance(model, Translator):
        raise UsageError(f"only a translator has its {show} shown", where="show")
    if isinstance(model, Tagger):
        if label or gradient:
            hint = "classifiers have them"
            raise UsageError(
                "a tagger is explained by its lattice", where="label, gradient", hint=hint
            )
        return lattice(model, text, gold=gold)
    if isinstance(model, Translator):
        if label or gradient or gold is not None:
            raise UsageError(
                "a translator is explained by its alignment", where="label, gold, gradient"
            )
        match show:
            case "heads":
                return heads(model, text)
            case "beam":
                return beam_tree(model, text)
            case "":
                return aligned_by(model, text)
    if not isinstance(model, Classifier):
        raise UsageError(
            "only classifiers, taggers and translators are explained",
            hint="of a language model: malmoi score RUN FILE --tokens",
        )
    if gold is not None:
        raise UsageError("true tags are for a tagger, and this is a classifier")
    types = model.labels.types
    if label and label not in types:
        raise UsageError(f"the model has no label {label!r}", hint=did_you_mean(label, types))
    if not model.tokens(text):
        raise EmptyText("there is no token in this text to look at")
    chosen = label or next(iter(model.classify(text).probabilities))
    if gradient:
        if hasattr(model.model, "words"):
            return influence(model, text, chosen)
        raise UsageError(
            "a bag of words is explained by its weights, exactly", hint="no --gradient"
        )
    return (
        features(model, text, chosen)
        or attention(model, text)
        or document(model, text)
        or winners(model, text)
        or influence(model, text, chosen)
    )


def from_json(text: str, *, where: str = "picture") -> AnyPicture:
    """Read what `as_json` wrote.  Raises DataError, naming `where` and every fault."""
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        faults = [
            f"{where}: {'.'.join(map(str, fault['loc'])) or 'the whole'}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        ]
        raise DataError("this is not a picture that malmoi wrote", where=faults[:5]) from None
