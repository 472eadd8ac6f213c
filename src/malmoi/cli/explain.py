"""`malmoi explain RUN "TEXT" -o why.html`: a picture of why a model answers as it does."""

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from malmoi.cli import looking
from malmoi.cli.options import RUN, announce, lines_of, machine, quiet, say, seed, set_up
from malmoi.errors import UsageError

if TYPE_CHECKING:
    from malmoi.explain.picture import Picture


@click.command("explain")
@RUN
@click.argument("text", metavar="TEXT|FILE|-", required=False)
@click.option("-o", "--out", metavar="FILE", help=".html, .svg, .png or .json [default: JSON]")
@click.option("--label", default="", help="Look for this label [default: the likeliest].")
@click.option("--gradient", is_flag=True, help="Gradient × input, whatever the classifier is.")
@click.option("--gold", default=None, metavar="TAGS", help="True tags, a space between them.")
@click.option(
    "--show",
    type=click.Choice(
        [
            "alignment",
            "heads",
            "beam",
            "surprisal",
            "next",
            "orders",
            "gates",
            "units",
            "gradient",
            "neighbours",
            "analogies",
        ]
    ),
    default=None,
    help="Of a translator: alignment, heads, beam. Of a language model: surprisal, next, beam; "
    "orders (n-gram); gates, units, gradient (recurrent); heads (GPT). Of word vectors: "
    "neighbours, analogies. [default: the first]",
)
@click.option(
    "--beside", multiple=True, metavar="RUN", help="Another language model; again for a third."
)
@click.option(
    "--top", type=click.IntRange(0, 100), default=None, help="How many likelier tokens, neighbours."
)
@click.option("--beam", type=click.IntRange(1, 100), default=5, help="Slots of it [default: 5].")
@click.option("--max-tokens", type=click.IntRange(1, 500), default=12, help="[default: 12]")
@click.option("--units", type=click.IntRange(1, 1000), default=12, help="Drawn [default: 12].")
@click.option(
    "--distance", type=click.IntRange(2, 1000), default=40, help="Of the gradient [default: 40]."
)
@click.option(
    "--scale",
    type=click.FloatRange(0, 1000, min_open=True),
    multiple=True,
    metavar="S",
    help="Of the gradient: as if recurrent weights were S times as large; again for another.",
)
@click.option(
    "--clip", type=click.FloatRange(0), default=None, help="[default: that of each training]"
)
@click.option(
    "--map",
    "mapped",
    type=click.Choice(["words", "phrases"]),
    default=None,
    help="What a translator or word vectors hold to be alike, on a plane; TEXT|FILE: your own.",
)
@click.option("--side", type=click.Choice(["source", "target"]), help="Of words of your own.")
@click.option(
    "--projection", type=click.Choice(["pca", "tsne"]), default="pca", help="[default: pca]"
)
@click.option("--most", type=click.IntRange(4, 2000), default=300, help="Of a map [default: 300].")
@click.option("--word", default=None, help="The attention this word gets, label by label.")
@click.option("--confusion", is_flag=True, help="Which labels are taken for which.")
@click.option(
    "--data", default=None, metavar="NAME|FILE|FOLDER", help="[default: the run's own data]"
)
@click.option("--split", default=None, help="train, valid or test [default: test if there is one]")
@click.option(
    "--width", type=click.IntRange(280, 4000), default=760, help="Of .svg and .png, in pixels."
)
@seed
@machine
@quiet
@click.pass_context
def explain_(
    context: click.Context,
    run: str,
    text: str | None,
    out: str | None,
    label: str,
    gradient: bool,
    gold: str | None,
    show: str | None,
    beside: tuple[str, ...],
    top: int | None,
    beam: int,
    max_tokens: int,
    units: int,
    distance: int,
    scale: tuple[float, ...],
    clip: float | None,
    mapped: str | None,
    side: str | None,
    projection: str,
    most: int,
    seed: int | None,
    word: str | None,
    confusion: bool,
    data: str | None,
    split: str | None,
    width: int,
    threads: int | None,
    device: str | None,
    quiet: bool,
) -> None:
    """A picture of why a model answers as it does.

    Of a text: what a classifier looked at, or which words won; the lattice of a tagger; where a
    translator looked for each word that it wrote; what each token cost a language model, and what
    goes on in it (--show).  Of words: their neighbours, analogies.  Of a labelled data set: the
    attention that one word gets (--word), or what is taken for what (--confusion).  Of a translator
    or word vectors: the map of words or phrases (--map).

    \b
    malmoi explain runs/lstm "The list is long" --beside runs/ngram -o surprisal.html
    malmoi explain runs/lstm --show gradient --beside runs/elman -o gradient.svg
    malmoi explain runs/vectors "king queen" -o neighbours.html
    """
    from malmoi.explain.picture import as_json
    from malmoi.explain.save import check, save

    own = [o for o in looking.OWN if context.get_parameter_source(o) is ParameterSource.COMMANDLINE]
    reads = show in looking.READS
    asked_for = (text is not None and not mapped) + (word is not None) + confusion + bool(mapped)
    if asked_for != 1 and not (show == "gradient" and asked_for == 0):
        raise UsageError("explain one thing: a text, --word WORD, --confusion, or --map")
    if text is not None and (data or split) and not reads:
        raise UsageError("--data and --split go with --word, --confusion, and --map without words")
    if show == "gradient" and text is not None and (data or split):
        raise UsageError("a text of your own, or --data: not both")
    asked = (side, projection, most, seed) != (None, "pca", 300, None)
    if asked and not mapped:
        raise UsageError("--side, --projection, --most and --seed go with --map")
    if side and (text is None or mapped == "phrases"):
        raise UsageError("--side is of words of your own", hint="--map words FILE --side target")
    of_text = label or gradient or gold is not None
    if (mapped or text is None) and (of_text or (show and not reads) or (own and not reads)):
        raise UsageError("--label, --gradient, --gold and --show go with a text")
    looking.check(own, show)
    if out is not None:
        check(out)
    name = set_up(threads, device)
    picture: Picture
    if mapped:
        from malmoi.cli import mapped as maps

        given = (
            None
            if text is None
            else list(lines_of(text) if text == "-" or looking.is_file(text) else [text])
        )
        picture = maps.draw(
            run, mapped, given, side, data, split, projection, most, seed or 0, name, quiet=quiet
        )
    elif text is not None or show == "gradient":
        wish = looking.Wish(
            show or "", text, beside, top, beam, max_tokens, units, distance, scale, clip, data,
            split, name, quiet,
        )  # fmt: skip
        true = None if gold is None else gold.split()
        picture = _of_text(run, wish, label, true, gradient, own)
    else:
        picture = _of_data(run, word, data, split, name, quiet=quiet)
    if out is None:
        click.echo(as_json(picture), nl=False)
    else:
        save(picture, out, width=width)
        say(f"written: {out}", quiet=quiet)


def _of_text(
    run: str,
    wish: looking.Wish,
    label: str,
    gold: list[str] | None,
    gradient: bool,
    own: list[str],
) -> "Picture":
    """A picture of a text.  own: options that only language models and word vectors have."""
    from malmoi.explain import tree
    from malmoi.explain.why import checked, explain
    from malmoi.use import LanguageModel, Translator, WordVectors

    model = looking.opened(run, wish.device)
    if isinstance(model, LanguageModel | WordVectors):
        if label or gradient or gold is not None:
            raise UsageError("--label, --gradient and --gold are for classifiers and taggers")
        if isinstance(model, LanguageModel):
            return looking.of_language(run, model, wish)
        if "beside" in own:
            raise UsageError("--beside is for language models")
        return looking.of_vectors(model, wish)
    show: Any = wish.show
    checked(model, show)
    assert wish.text is not None  # only what reads the run's own text has none
    text = _read(wish.text)
    if isinstance(model, Translator) and own == ["beam"]:
        return tree.beam_tree(model, text, beam=wish.beam)
    if own:
        option = looking.OWN[own[0]][0]
        raise UsageError(f"{option} is for language models and word vectors")
    return explain(model, text, label=label, gold=gold, gradient=gradient, show=show)


def _of_data(
    run: str, word: str | None, data: str | None, split: str | None, device: str, *, quiet: bool
) -> "Picture":
    """A picture of a labelled data set."""
    from malmoi.data import catalogue
    from malmoi.data.asked import remembered
    from malmoi.data.table import TOLD
    from malmoi.explain.confusion import confusion
    from malmoi.explain.distribution import distribution
    from malmoi.use import load_as
    from malmoi.use.classifier import Classifier

    reader = load_as(Classifier, run, device=device)
    name = data or reader.config.data
    columns = remembered(TOLD, reader.config.columns, name)
    source = catalogue.find(name, seed=reader.config.split_seed, columns=columns)
    announce(source.announcements, quiet=quiet)
    split = split or ("test" if "test" in source.labelled else "valid")
    examples, name = source.examples(split), f"{source.name}, {split}"
    say(f"reading {name}", quiet=quiet)
    if word is not None:
        return distribution(reader, word, examples, data=name)
    return confusion(reader, list(examples), data=name)


def _read(text: str) -> str:
    """The text itself, or of a file, or of stdin."""
    if text == "-" or looking.is_file(text):
        return "\n".join(lines_of(text))
    return text
