"""The options of a search for translations, for every verb that has one."""

import functools
from typing import TYPE_CHECKING, Any, cast

import click
from click.core import ParameterSource

from malmoi.cli.options import F

if TYPE_CHECKING:
    from malmoi.use.search import Search

OPTIONS = (
    click.option("--beam", type=click.IntRange(1, 1_000), default=5, show_default=True,
                 help="Slots of the search for translations; 1 is greedy."),
    click.option("--length-penalty", type=click.Choice(("none", "power", "gnmt")), default="power",
                 show_default=True, help="What a log-probability is divided by."),
    click.option("--alpha", type=click.FloatRange(0, 10), default=1.0, show_default=True,
                 help="The exponent of the length penalty."),
    click.option("--coverage", type=click.FloatRange(0, 100), default=0.0, metavar="β",
                 help="Penalty for source words that nothing looked at; 0.2 is usual."),
    click.option("--max-ratio", type=click.FloatRange(0, 1_000, min_open=True), default=None,
                 help="The most tokens for one of the source; the ends of both count."),
    click.option("--replace-unknown", is_flag=True,
                 help="For <unk> the word of the source that was looked at most."),
    click.option("--precision", type=click.Choice(("fp32", "bf16")), default="fp32",
                 show_default=True, help="bf16: rounded weights, faster on new machines."),
)  # fmt: skip
NAMES = {
    "beam": "--beam",
    "length_penalty": "--length-penalty",
    "alpha": "--alpha",
    "coverage": "--coverage",
    "max_ratio": "--max-ratio",
    "replace_unknown": "--replace-unknown",
    "precision": "--precision",
}


def searching(command: F) -> F:
    """Give a verb the options; it takes them as one value, `search`."""

    @functools.wraps(command)
    def told(**given: Any) -> Any:
        own = {name: given.pop(name) for name in NAMES}
        return command(search=_search(own), **given)

    wrapped = cast(F, told)
    for option in reversed(OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def _search(own: dict[str, Any]) -> "Search":
    from malmoi.decode.hypothesis import LengthPenalty
    from malmoi.use.search import Search

    return Search(length_penalty=LengthPenalty(own.pop("length_penalty"), own.pop("alpha")), **own)


def asked(context: click.Context) -> list[str]:
    """Those that were given."""
    given = ParameterSource.COMMANDLINE
    return [o for name, o in NAMES.items() if context.get_parameter_source(name) is given]
