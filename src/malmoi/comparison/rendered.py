"""What is shown of translators: sources of the test split, and what each model made of them."""

from typing import NamedTuple

from malmoi.comparison.measures import Share


class Original(NamedTuple):
    """A source, and what people wrote for it."""

    source: str
    references: tuple[str, ...]


class Aligned(NamedTuple):
    """weights[i][j]: how much the i-th token that was written looked at the j-th that was read; of
    several layers or heads the mean.  source, target: tokens, `</s>` too."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    weights: tuple[tuple[Share, ...], ...]


class Rendering(NamedTuple):
    """A translation.  aligned: of a few, by a model that looks at its source."""

    text: str
    aligned: Aligned | None = None
