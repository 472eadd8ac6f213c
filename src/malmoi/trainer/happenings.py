"""What a training tells, beside what `fit` tells of its steps."""

from typing import NamedTuple, TypeAlias

from malmoi.run import Run
from malmoi.training.events import Event as Happening


class Announced(NamedTuple):
    """Something a person should be told."""

    text: str


class Prepared(NamedTuple):
    """The data is read: so many of a unit (tokens, texts, words) to learn from, types of tokens,
    and how many numbers gradients will move."""

    events: int
    unit: str
    vocabulary: int
    parameters: int


class Resumed(NamedTuple):
    """The training goes on after this step."""

    step: int


class Planned(NamedTuple):
    """The training will end at this step, if nothing ends it before."""

    steps: int


class Counted(NamedTuple):
    """A count table is estimated, after so many seconds."""

    seconds: float


class Measuring(NamedTuple):
    """The model is read against a split, for the report."""

    split: str


class Trained(NamedTuple):
    """The run folder is sealed."""

    run: Run


Event: TypeAlias = (
    Happening | Announced | Prepared | Resumed | Planned | Counted | Measuring | Trained
)
