"""malmoi (말모이): the sequence models of natural language processing, from the n-gram to BERT.

    run = malmoi.train(recipe, "runs/lstm")
    lm = malmoi.load("runs/lstm")
    lm.generate("…");  lm.score("…")
    malmoi.compare("my.txt", to="runs/mine")

Names are imported when they are first used: `import malmoi` costs nothing.
"""

from typing import TYPE_CHECKING

from malmoi.version import __version__

__all__ = ["Recipe", "__version__", "compare", "load", "train"]

if TYPE_CHECKING:
    from malmoi.comparison.run import compare
    from malmoi.recipe import Recipe
    from malmoi.trainer import train
    from malmoi.use import load


def __getattr__(name: str) -> object:
    match name:
        case "Recipe":
            from malmoi.recipe import Recipe

            return Recipe
        case "train":
            from malmoi.trainer import train

            return train
        case "compare":
            from malmoi.comparison.run import compare

            return compare
        case "load":
            from malmoi.use import load

            return load
    raise AttributeError(f"module 'malmoi' has no attribute {name!r}")
