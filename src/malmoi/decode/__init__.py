"""Writing text with any stepper: greedy, sampling, beam search.  Nothing here knows a model."""

from malmoi.decode.alignment import aligned, kept, path, replace_unknown
from malmoi.decode.beam import BeamStep, beam, beam_steps
from malmoi.decode.coverage import Coverage
from malmoi.decode.hypothesis import Hypothesis, LengthPenalty
from malmoi.decode.sampling import Sampling, greedy, sample
from malmoi.decode.window import Endless, endless

__all__ = [
    "BeamStep",
    "Coverage",
    "Endless",
    "Hypothesis",
    "LengthPenalty",
    "Sampling",
    "aligned",
    "beam",
    "beam_steps",
    "endless",
    "greedy",
    "kept",
    "path",
    "replace_unknown",
    "sample",
]
