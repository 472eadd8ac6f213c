"""Looking inside: listen to a model while it runs, and draw why it answers as it does.

    picture = explain(malmoi.load("runs/nsmc"), "…")       → Attention, Document, Lattice, …
    save.save(picture, "why.html")                         or .svg, .png, .json

Names are imported when they are first used: a report needs no torch.
"""

from typing import TYPE_CHECKING

__all__ = ["as_json", "explain", "from_json"]

if TYPE_CHECKING:
    from malmoi.explain.picture import as_json
    from malmoi.explain.why import explain, from_json


def __getattr__(name: str) -> object:
    match name:
        case "explain" | "from_json":
            from malmoi.explain import why

            return getattr(why, name)
        case "as_json":
            from malmoi.explain.picture import as_json

            return as_json
    raise AttributeError(f"module 'malmoi.explain' has no attribute {name!r}")
