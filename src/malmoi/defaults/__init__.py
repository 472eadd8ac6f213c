"""A sensible recipe for a model's name, from the size and the form of the data alone."""

from malmoi.data import catalogue
from malmoi.data.dataset import DataSet
from malmoi.data.table import TOLD, Columns
from malmoi.defaults.describe import describe
from malmoi.defaults.reading import recommend_classifier, recommend_tagger
from malmoi.defaults.translating import recommend_translator
from malmoi.defaults.vectors import recommend_vectors
from malmoi.defaults.writing import recommend
from malmoi.errors import DataError, UsageError, did_you_mean
from malmoi.ladder import LADDER, NAMES, Learns, Rung, names_of
from malmoi.recipe import Recipe
from malmoi.text import KINDS

__all__ = ["describe", "learns_from", "recipe_for", "recommend"]


def recipe_for(
    name: str,
    source: DataSet,
    *,
    data: str,
    tokens: str | None = None,
    columns: Columns = TOLD,
    seed: int = 1,
) -> Recipe:
    """The recipe for the model `name` on a data set, found under the name or path `data`.

    tokens: None is the kind that the data set is usually read in.  columns: of a table, which the
    source was found with.
    Raises UsageError for a name that is not on the ladder, and for columns where the model is no
    classifier, DataError for data without what the
    model learns from.
    """
    found = next((rung for rung in LADDER if rung.name == name), None)
    if found is None:
        raise UsageError(f"there is no model {name!r}", hint=did_you_mean(name, NAMES))
    kind = tokens or source.tokens
    if kind not in KINDS:
        raise UsageError(f"there is no kind of token {kind!r}", hint=did_you_mean(kind, KINDS))
    if columns != TOLD and found.task != "classification":
        raise UsageError(
            f"columns of text and label are for classifiers, and {name} is none",
            hint=f"classifiers: {', '.join(names_of('classification'))}",
        )
    _fits(found, source)
    match found.task:
        case "language-modelling":
            characters = sum(len(line) + 1 for line in source.lines("train"))
            return recommend(name, data=data, tokens=kind, characters=characters, seed=seed)
        case "classification":
            lengths = [len(example.text.split()) for example in source.examples("train")]
            words = sum(lengths) / max(1, len(lengths))
            return recommend_classifier(
                name,
                data=data,
                columns=columns,
                tokens=kind,
                examples=len(lengths),
                words=words,
                seed=seed,
            )
        case "tagging":
            sentences = sum(1 for _ in source.sentences("train"))
            return recommend_tagger(name, data=data, tokens=kind, sentences=sentences, seed=seed)
        case "translation":
            # in a table of pairs there may seem to be labels
            source = source if source.pairs else catalogue.find(data, pairs=True)
            return recommend_translator(
                name,
                data=data,
                tokens=tokens or source.tokens,
                source_tokens="" if tokens else source.source_tokens,
                pairs=sum(1 for _ in source.paired("train")),
                seed=seed,
            )
        case "word-vectors":
            characters = sum(len(line) + 1 for line in source.lines("train"))
            return recommend_vectors(name, data=data, tokens=kind, characters=characters, seed=seed)


def learns_from(source: DataSet) -> Learns:
    """What a data set was made for."""
    by_form: dict[str, Learns] = {
        "tagged": "tagging",
        "labelled": "classification",
        "pairs": "translation",
    }
    return by_form.get(source.form, "language-modelling")


def _fits(rung: Rung, source: DataSet) -> None:
    """Raises DataError where the data has not what a model learns from, naming models that fit."""
    if rung.task == "translation":
        return  # any table may be one of pairs: who reads it says if it is none
    there = {"classification": source.labelled, "tagging": source.tagged}
    if there.get(rung.task, source.splits):
        return
    wanted = {"classification": "texts with labels", "tagging": "sentences with a tag at each word"}
    is_ = {
        "tagged": "tagged sentences",
        "labelled": "labelled texts",
        "pairs": "pairs of texts",
        "lines": "lines of text",
    }
    columns = [said for said in source.announcements if "column" in said]
    raise DataError(
        f"{rung.name} learns from {wanted[rung.task]}, and {source.name} has none",
        where=(f"it is read as {is_[source.form]}", *columns),
        hint=f"models that fit it: {', '.join(names_of(learns_from(source)))}",
    )
