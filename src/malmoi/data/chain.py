"""A hidden Markov chain in arrays, and what a bounded memory of its words leaves undecided.

States are what is left to say, moves say a word of some class and lead to another state.  Expected
counts are exact: sums over all the paths there are, not over samples.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float, Int

IntArray: TypeAlias = Int[np.ndarray, "n"]
FloatArray: TypeAlias = Float[np.ndarray, "n"]


@dataclass(frozen=True)
class Chain:
    """Stacks by number: 0 is the start, `end` is the empty one.  Move i leads from source[i] to
    target[i] and says a word of word_class[i], with probability p[i]."""

    states: int
    end: int
    source: Int[np.ndarray, "M"]
    word_class: Int[np.ndarray, "M"]
    target: Int[np.ndarray, "M"]
    p: Float[np.ndarray, "M"]

    @cached_property
    def visits(self) -> Float[np.ndarray, "states"]:
        """How often each stack is met in a sentence, on average: v = e_0 + Pᵀ v."""
        now = np.eye(1, self.states)[0]
        v = np.zeros(self.states)
        while now.sum() > 1e-18:  # the share of sentences that are longer than that
            v += now
            now = np.bincount(self.target, now[self.source] * self.p, self.states)
        return v

    def histories(self, begin: Float[np.ndarray, "states"], length: int) -> "Histories":
        """E[h, s]: how often the last `length` words were h and s is left, begun from `begin`."""
        at = np.flatnonzero(begin)
        found = Histories(np.zeros_like(at), at, begin[at])
        for _ in range(length):
            history, word_class, target, count = self._following(found)
            _, history = np.unique(history * self._classes + word_class, return_inverse=True)
            both, which = np.unique(history * self.states + target, return_inverse=True)
            history, target = np.divmod(both, self.states)
            found = Histories(history, target, np.bincount(which, count))
        return found

    def undecided(self, known: "Histories") -> float:
        """−Σ_h Σ_a E[h a] ln (E[h a] / E[h]) over the class a of the next word, or the end."""
        history, word_class, _, count = self._following(known)
        ended = known.state == self.end
        history = np.concatenate([history, known.history[ended]])
        word_class = np.concatenate([word_class, np.full(ended.sum(), self._classes)])
        count = np.concatenate([count, known.expected[ended]])
        if not len(count):
            return 0.0
        pair, which = np.unique(history * (self._classes + 1) + word_class, return_inverse=True)
        joint = np.bincount(which, count)
        total = np.bincount(history, count)[pair // (self._classes + 1)]
        return float(-(joint * np.log(joint / total)).sum())

    @cached_property
    def _classes(self) -> int:
        return int(self.word_class.max()) + 1

    def _following(self, known: "Histories") -> tuple[IntArray, IntArray, IntArray, FloatArray]:
        """Each history and state, with each of the moves from there."""
        first = np.searchsorted(self.source, np.arange(self.states + 1))  # moves lie by source
        many = np.diff(first)[known.state]
        i = np.repeat(np.arange(len(many)), many)
        move = first[known.state][i] + np.arange(len(i)) - (np.cumsum(many) - many)[i]
        count = known.expected[i] * self.p[move]
        return known.history[i], self.word_class[move], self.target[move], count


class Histories(NamedTuple):
    """Expected counts of (what was just said, what is left to say)."""

    history: IntArray
    state: IntArray
    expected: FloatArray
