"""The learning rate as a function of the step, and of nothing that cannot be saved.

    constant   1
    linear     1 − (1 − floor) p                  p = (t − warmup) / (horizon − warmup)
    cosine     floor + (1 − floor) (1 + cos π p) / 2           (Loshchilov & Hutter 2017)
    noam       min(t / warmup, √(warmup / t))               (Vaswani et al. 2017, eq. 3)
    plateau    decay^k, k the number of decays so far          (Zaremba et al. 2014, §4.1)

Zaremba's gradient is of a loss summed over 35 words, ours of their mean: his lr = 1 and clip = 5
are lr = 35 and clip = 1/7 here.

Each is a factor of `lr`, the highest rate.  t counts updates from 1.  All but noam, which has its
own, are preceded by `warmup` steps of t / warmup.  Noam's d^-½ is in `lr`: the paper's schedule is
lr = (d · warmup)^-½.
"""

import math


def warmup(step: int, steps: int) -> float:
    """From 1/steps up to 1 at `steps`; 1 from there on, and always if there is no warm-up."""
    return min(1.0, step / steps) if steps else 1.0


def progress(step: int, steps: int, horizon: int) -> float:
    """How far step t is from the end of the warm-up (0) to the last step (1)."""
    return min(1.0, max(0.0, (step - steps) / max(1, horizon - steps)))


def linear(p: float, floor: float) -> float:
    return 1.0 - (1.0 - floor) * p


def cosine(p: float, floor: float) -> float:
    return floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * p))


def noam(step: int, steps: int) -> float:
    """Up in proportion to the step, down in proportion to its inverse square root."""
    return min(step / steps, math.sqrt(steps / step))


def plateau(decays: int, decay: float) -> float:
    return float(decay**decays)


def decays_by_epoch(epoch: int, after: int) -> int:
    """Decays so far in the epoch of this index (from 0): one an epoch once `after` are over."""
    return max(0, epoch + 1 - after)
