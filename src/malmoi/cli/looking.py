"""`malmoi explain` of a language model and of word vectors."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from malmoi.cli.options import announce, lines_of, say
from malmoi.errors import MalmoiError, UsageError

if TYPE_CHECKING:
    from malmoi.explain.picture import Picture
    from malmoi.tasks.language_modelling import LanguageModelling
    from malmoi.use import Usable
    from malmoi.use.language_model import LanguageModel
    from malmoi.vectors.words import WordVectors

OWN = {
    "beside": ("--beside", ("surprisal", "next", "gradient")),
    "top": ("--top", ("surprisal", "next", "neighbours", "analogies")),
    "beam": ("--beam", ("beam",)),
    "max_tokens": ("--max-tokens", ("beam",)),
    "units": ("--units", ("gates", "units")),
    "distance": ("--distance", ("gradient",)),
    "scale": ("--scale", ("gradient",)),
    "clip": ("--clip", ("gradient",)),
}
"""The options that go with some pictures only."""
DEFAULTS = ("surprisal", "neighbours")
READS = ("gradient", "orders")  # what reads the run's own text, or --data


@dataclass(frozen=True)
class Wish:
    """What was asked for; text: None where the run's own is to be read."""

    show: str
    text: str | None
    beside: tuple[str, ...]
    top: int | None
    beam: int
    max_tokens: int
    units: int
    distance: int
    scale: tuple[float, ...]
    clip: float | None
    data: str | None
    split: str | None
    device: str
    quiet: bool


def check(given: Iterable[str], show: str | None) -> None:
    """Raises UsageError for an option that says nothing of what is shown."""
    for name in given:
        option, shows = OWN[name]
        if show not in shows and (show is not None or not set(shows) & set(DEFAULTS)):
            raise UsageError(f"{option} goes with --show {' or '.join(shows)}")


def of_language(run: str, lm: "LanguageModel", wish: Wish) -> "Picture":
    from malmoi.explain import gates, heads, orders, surprisal, tree
    from malmoi.explain.why import checked

    show = checked(lm, wish.show)  # type: ignore[arg-type]  # click knows which
    if show == "gradient":
        return _gradient(run, lm, wish)
    assert wish.text is not None
    lines = lines_given(wish.text)
    if show == "surprisal":
        models = {name: model for _, name, model in _beside(run, lm, wish)}
        return surprisal.surprisal(models, lines, k=5 if wish.top is None else wish.top)
    if len(lines) > 1:
        raise UsageError(
            f"--show {show} is of one line, not of {len(lines):,}", hint="--show surprisal"
        )
    text = lines[0] if lines else ""
    match show:
        case "next":
            models = {name: model for _, name, model in _beside(run, lm, wish)}
            return surprisal.following(models, text, k=10 if wish.top is None else wish.top or 1)
        case "beam":
            return tree.continuations(lm, text, beam=wish.beam, max_tokens=wish.max_tokens)
        case "heads":
            return heads.self_attention(lm, text)
        case "gates" | "units":
            return gates.inside(lm, text, of=show, units=wish.units)
        case _:
            if not hasattr(lm.model, "matched"):
                return orders.orders(lm, text)  # which says why not
            found = _text(run, "train", wish)
            if found is None:
                return orders.orders(lm, text)
            name, some = found
            say(f"counting in {name}", quiet=wish.quiet)
            return orders.orders(lm, text, lines=some, counted=name)


def of_vectors(vectors: "WordVectors", wish: Wish) -> "Picture":
    from malmoi.explain import company
    from malmoi.explain.why import checked

    show = checked(vectors, wish.show)  # type: ignore[arg-type]  # click knows which
    assert wish.text is not None
    lines = lines_given(wish.text)
    if show == "analogies":
        return company.analogies(vectors, lines, k=5 if wish.top is None else wish.top)
    words = [word for line in lines for word in line.split()]
    return company.neighbours(vectors, words, k=10 if wish.top is None else wish.top)


def opened(run: str, device: str) -> "Usable":
    """A run, or a file of word vectors."""
    from malmoi.use import load
    from malmoi.vectors import read_vectors

    return read_vectors(run) if is_file(run) else load(run, device=device)


def lines_given(text: str) -> list[str]:
    """The lines of a file or of stdin, or those of the text itself."""
    if text == "-" or is_file(text):
        return list(lines_of(text))
    return text.split("\n")


def is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or no name at all
        return False


def _beside(run: str, lm: "LanguageModel", wish: Wish) -> list[tuple[str, str, "LanguageModel"]]:
    """The runs, each with a name of its own and its model."""
    from malmoi.use import LanguageModel, load_as

    runs = list(dict.fromkeys([run, *wish.beside]))
    names = [Path(one).resolve().name for one in runs]
    if len(set(names)) < len(names):
        names = [str(Path(one)) for one in runs]
    models = [lm, *(load_as(LanguageModel, one, device=wish.device) for one in runs[1:])]
    return list(zip(runs, names, models, strict=True))


def _gradient(run: str, lm: "LanguageModel", wish: Wish) -> "Picture":
    from malmoi.explain.distance import Distances, flow
    from malmoi.recipe import Recipe
    from malmoi.run import open_run

    own: tuple[str, Iterable[str]] | None
    own = _text(run, None, wish, needed=True) if wish.text is None else ("", ())
    assert own is not None
    lines = list(own[1]) if wish.text is None else lines_given(wish.text)
    flows, windows = [], 0
    for folder, name, model in _beside(run, lm, wish):
        training: Any = Recipe.from_toml(open_run(folder).recipe).training
        clip = float(getattr(training, "clip", 0.0)) if wish.clip is None else wish.clip
        for scale in wish.scale or (1.0,):
            found, windows = flow(
                name, model, lines, distance=wish.distance, scale=scale, clip=clip
            )
            flows.append(found)
    return Distances(windows, tuple(flows))


def _text(
    run: str, split: str | None, wish: Wish, *, needed: bool = False
) -> tuple[str, Iterable[str]] | None:
    """A run's own text, or --data; its name and lines.  None, and a note, if it is not there."""
    from malmoi.data import catalogue
    from malmoi.recipe import Recipe
    from malmoi.run import open_run

    task: LanguageModelling = Recipe.from_toml(open_run(run).recipe).task  # type: ignore[assignment]  # of a language model
    name = wish.data or task.data
    try:
        if wish.data is not None and wish.split is None and is_file(name):
            return name, lines_of(name)
        source = catalogue.find(name, seed=task.split_seed)
        part = wish.split or split or ("test" if "test" in source.splits else "valid")
        return f"{source.name}, {part}", source.lines(part)
    except MalmoiError as error:
        if needed or wish.data is not None:
            raise
        announce([f"the text of this run is not here: {error.what}"], quiet=wish.quiet)
        return None
