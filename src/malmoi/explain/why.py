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

language models                      Surprisal      what each token cost, and what was likelier
  show="next"                        Following      the likeliest next tokens
  show="beam"                        BeamTree       what a search for a continuation tried
  show="orders", n-gram models       Orders         which order fired, what was backed off
  show="heads", GPT                  Heads          attention by layer and head
  show="gates", GRU, LSTM            Inside         i, f, o, g or z, r over a sentence
  show="units", recurrent networks   Inside         h and c over a sentence
  show="gradient", the same          Distances      gradient norm against distance
word vectors                         Neighbours     of each word
  show="analogies"                   Analogies      a line a question, drawn as arrows
"""

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError

from malmoi.errors import DataError, EmptyText, UsageError, did_you_mean
from malmoi.explain.alignment import Alignment, aligned_by
from malmoi.explain.atlas import Atlas
from malmoi.explain.attention import Attention, attention
from malmoi.explain.company import Analogies, Neighbours, analogies, neighbours
from malmoi.explain.complexity import Complexity
from malmoi.explain.confusion import Confusion
from malmoi.explain.copies import Copies
from malmoi.explain.distance import Distances, flow
from malmoi.explain.distribution import Distribution
from malmoi.explain.document import Document, document
from malmoi.explain.features import Features, features
from malmoi.explain.gates import Inside, inside
from malmoi.explain.heads import Heads, heads, self_attention
from malmoi.explain.lattice import Lattice, lattice
from malmoi.explain.orders import Orders, orders
from malmoi.explain.pooling import Influence, Winners, influence, winners
from malmoi.explain.surprisal import Following, Surprisal, following, surprisal
from malmoi.explain.tree import BeamTree, beam_tree, continuations
from malmoi.models import MODELS
from malmoi.use import KINDS, Usable
from malmoi.use.classifier import Classifier
from malmoi.use.language_model import LanguageModel
from malmoi.use.tagger import Tagger
from malmoi.use.translator import Translator
from malmoi.vectors.words import WordVectors

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
    | Surprisal
    | Following
    | Orders
    | Distances
    | Inside
    | Neighbours
    | Analogies
    | Copies
)
Show: TypeAlias = Literal[
    "", "alignment", "heads", "beam", "surprisal", "next", "orders", "gates", "units", "gradient",
    "neighbours", "analogies",
]  # fmt: skip
SHOWS: dict[type[Usable], tuple[Show, ...]] = {
    Translator: ("alignment", "heads", "beam"),
    LanguageModel: (
        "surprisal", "next", "beam", "orders", "heads", "gates", "units", "gradient",
    ),
    WordVectors: ("neighbours", "analogies"),
}  # fmt: skip
"""What may be shown, the one first that is shown unless another is asked for."""
_ADAPTER: TypeAdapter[AnyPicture] = TypeAdapter(Annotated[AnyPicture, Field(discriminator="kind")])


def explain(
    model: Classifier | Tagger | Translator | LanguageModel | WordVectors | object,
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
    show: of what has several pictures; `SHOWS` has their names.
    Raises UsageError for a model that has no picture, EmptyText for a text without a token.
    """
    show = checked(model, show)
    if isinstance(model, LanguageModel | WordVectors) and (label or gradient or gold is not None):
        raise UsageError(
            "labels and tags are of classifiers and taggers", where="label, gold, gradient"
        )
    if isinstance(model, WordVectors):
        if show == "analogies":
            return analogies(model, text.split("\n"))
        return neighbours(model, text.split())
    if isinstance(model, LanguageModel):
        return _of_language(model, text, show)
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
            case _:
                return aligned_by(model, text)
    if not isinstance(model, Classifier):
        raise UsageError(
            f"there is no picture of {model!r}"[:200],
            hint="of what malmoi.load(RUN) gives there is",
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


def checked(model: object, show: Show) -> Show:
    """What is shown of a model.  Raises UsageError if it has no such picture."""
    kind, known = next((row for row in SHOWS.items() if isinstance(model, row[0])), (None, ()))
    if show and show not in known:
        if kind is None:
            owners = [KINDS[one][0] for one, names in SHOWS.items() if show in names]
            raise UsageError(f"{show} is shown of {' or '.join(owners)} only")
        raise UsageError(
            f"there is no {show} to show of {KINDS[kind][0]}", hint=f"--show {', '.join(known)}"
        )
    return show or (known[0] if known else "")


def _of_language(lm: LanguageModel, text: str, show: Show) -> AnyPicture:
    name = kind_of(lm)
    match show:
        case "next":
            return following({name: lm}, text)
        case "beam":
            return continuations(lm, text)
        case "orders":
            return orders(lm, text)
        case "heads":
            return self_attention(lm, text)
        case "gates" | "units":
            return inside(lm, text, of=show)
        case "gradient":
            found, windows = flow(name, lm, text.split("\n"))
            return Distances(windows, (found,))
    return surprisal({name: lm}, text.split("\n"))


def kind_of(lm: LanguageModel) -> str:
    """The rung that a language model stands on."""
    config = getattr(lm.model, "config", None)
    return next((name for name, kind in MODELS.items() if type(config) is kind), "the model")


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
