"""`malmoi explain RUN "TEXT" -o why.html`: a picture of why a model answers as it does."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

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
    type=click.Choice(["alignment", "heads", "beam"]),
    default="alignment",
    help="Of a translator [default: alignment]: every head of a Transformer; what a beam tried.",
)
@click.option(
    "--map",
    "mapped",
    type=click.Choice(["words", "phrases"]),
    default=None,
    help="What a translator holds to be alike, on a plane; TEXT|FILE: your own, one a line.",
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
def explain_(
    run: str,
    text: str | None,
    out: str | None,
    label: str,
    gradient: bool,
    gold: str | None,
    show: str,
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
    """A picture of why a classifier, a tagger or a translator answers as it does.

    Of a text: what the model looked at, or which words won, or the lattice of its tags; of a
    translator with attention, where it looked for each word that it wrote (or --show).  Of a
    labelled data set: the attention that one word gets (--word), or what is taken for what
    (--confusion).  Of a translator: the map of its words or phrases (--map).
    """
    from malmoi.explain.picture import as_json
    from malmoi.explain.save import check, save

    if (text is not None and not mapped) + (word is not None) + confusion + bool(mapped) != 1:
        raise UsageError("explain one thing: a text, --word WORD, --confusion, or --map")
    if text is not None and (data or split):
        raise UsageError("--data and --split go with --word, --confusion, and --map without words")
    asked = (side, projection, most, seed) != (None, "pca", 300, None)
    if asked and not mapped:
        raise UsageError("--side, --projection, --most and --seed go with --map")
    if side and (text is None or mapped == "phrases"):
        raise UsageError("--side is of words of your own", hint="--map words FILE --side target")
    if mapped and (label or gradient or gold is not None or show != "alignment"):
        raise UsageError("--label, --gradient, --gold and --show go with a text")
    if text is None and (label or gradient or gold is not None or show != "alignment"):
        raise UsageError("--label, --gradient, --gold and --show go with a text")
    if out is not None:
        check(out)
    name = set_up(threads, device)
    if mapped:
        from malmoi.cli import mapped as maps

        given = (
            None
            if text is None
            else list(lines_of(text) if text == "-" or _is_file(text) else [text])
        )
        picture: Picture = maps.draw(
            run, mapped, given, side, data, split, projection, most, seed or 0, name, quiet=quiet
        )
    elif text is not None:
        from malmoi.explain.why import explain
        from malmoi.use import load

        true = None if gold is None else gold.split()
        of: Any = "" if show == "alignment" else show
        model = load(run, device=name)
        picture = explain(model, _read(text), label=label, gold=true, gradient=gradient, show=of)
    else:
        picture = _of_data(run, word, data, split, name, quiet=quiet)
    if out is None:
        click.echo(as_json(picture), nl=False)
    else:
        save(picture, out, width=width)
        say(f"written: {out}", quiet=quiet)


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
    if text == "-" or _is_file(text):
        return "\n".join(lines_of(text))
    return text


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or no name at all
        return False
