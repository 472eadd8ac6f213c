"""The errors malmoi raises.

    MalmoiError
    ├── TextError          bytes that are not the text they claim to be          exit 2
    │   └── EmptyText      nothing to read, count or score
    ├── DataError          a data set, a column, a split that is not there       exit 2
    ├── RecipeError        a recipe that cannot be read or cannot work           exit 2
    ├── RunError           a run folder that is missing, damaged, or in use      exit 2
    │   └── SaveError      a checkpoint that could not be written
    ├── UsageError         a call that asks for what a model does not have       exit 2
    ├── Diverged           a loss or a gradient that is not a number             exit 1
    └── Interrupted        SIGINT or SIGTERM, after saving                       exit 130, 143

Every error names the place, the value and the way out, so a person can act on it:

    error: source and target have different numbers of lines
      train.ko: 160,239 lines    train.en: 160,240 lines
    hint: malmoi data align train.ko train.en
"""

import difflib
from collections.abc import Iterable, Sequence


class MalmoiError(Exception):
    """what: one line that stands alone.  where: places and values, a line each.
    hint: one thing to do, runnable if possible.  safe: what is intact, if that is in doubt."""

    exit_code = 2

    def __init__(
        self, what: str, *, where: str | Sequence[str] = (), hint: str = "", safe: str = ""
    ) -> None:
        self.what = what
        self.where = (where,) if isinstance(where, str) else tuple(where)
        self.hint = hint
        self.safe = safe
        super().__init__(what)

    def __str__(self) -> str:
        lines = [self.what, *(f"  {place}" for place in self.where)]
        lines += [f"safe: {self.safe}"] if self.safe else []
        lines += [f"hint: {self.hint}"] if self.hint else []
        return "\n".join(lines)


class TextError(MalmoiError):
    """Bytes that are not the text they claim to be."""


class EmptyText(TextError):
    """Nothing to read, count or score."""


class DataError(MalmoiError):
    """A data set, a column or a split that is not there."""


class RecipeError(MalmoiError):
    """A recipe that cannot be read or cannot work; `where` lists every fault, not the first."""


class RunError(MalmoiError):
    """A run folder that is missing, damaged, or in use."""


class SaveError(RunError):
    """A checkpoint that could not be written."""


class UsageError(MalmoiError):
    """A call that asks for what a model or a command does not have."""


class Diverged(MalmoiError):
    """A loss or a gradient that is not a number."""

    exit_code = 1


class Interrupted(MalmoiError):
    """Stopped by a signal, after saving."""

    def __init__(self, what: str, *, signal: int, hint: str = "", safe: str = "") -> None:
        super().__init__(what, hint=hint, safe=safe)
        self.exit_code = 128 + signal


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """What to add to an error about an unknown name: the nearest known one, or all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, 1)
    return f"did you mean {close[0]!r}?" if close else f"choose from {', '.join(names)}"
