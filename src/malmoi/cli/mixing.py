"""`malmoi evaluate RUN --mix OTHER`: several runs as one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from malmoi.cli.options import say

if TYPE_CHECKING:
    from malmoi.tasks.language_modelling import LanguageModelling
    from malmoi.use import LanguageModel


def mixed(
    lm: "LanguageModel",
    run: str,
    others: Sequence[str],
    task: "LanguageModelling",
    context: Literal["line", "text"],
    *,
    device: str,
    quiet: bool,
) -> tuple["LanguageModel", list[dict[str, Any]]]:
    """The mixture of a run and others, weighed on the valid split of its data; and the weights."""
    from malmoi.data import catalogue
    from malmoi.use import LanguageModel, load_as
    from malmoi.use.mixture import Mixture, mix

    parts = [lm, *(load_as(LanguageModel, other, device=device) for other in others)]
    source = catalogue.find(task.data, seed=task.split_seed)
    say(f"fitting the weights on {source.name}, valid", quiet=quiet)
    whole = mix(parts, heldout=list(source.lines("valid")), context=context)
    assert isinstance(whole.model, Mixture)
    shares = zip([run, *others], whole.model.weights, strict=True)
    return whole, [{"run": name, "weight": weight} for name, weight in shares]
