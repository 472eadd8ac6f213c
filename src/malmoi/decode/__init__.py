"""Writing text with any stepper: greedy, sampling, beam search.  Nothing here knows a model."""

from malmoi.decode.beam import BeamStep, beam, beam_steps
from malmoi.decode.hypothesis import Hypothesis, LengthPenalty
from malmoi.decode.sampling import Sampling, greedy, sample
from malmoi.decode.window import Endless, endless

__all__ = [
    "BeamStep",
    "Endless",
    "Hypothesis",
    "LengthPenalty",
    "Sampling",
    "beam",
    "beam_steps",
    "endless",
    "greedy",
    "sample",
]
