"""How the loops that Python is too slow for become machine code."""

import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")

ANY_ORDER = {"reassoc", "contract", "nsz"}


def compiled(loop: Callable[P, R]) -> Callable[P, R]:
    """Compile at the first call, keep the result on disk, let other threads run meanwhile.

    A checker of types or shapes that was wrapped around `loop` is taken off again: numba reads the
    source of the loop itself, and nothing of it runs in Python.
    """
    return cast(Callable[P, R], numba.njit(cache=True, nogil=True)(inspect.unwrap(loop)))


def reordered(loop: Callable[P, R]) -> Callable[P, R]:
    """`compiled`, and sums may be taken in any order: many numbers at a time.

    The last bit of a sum then depends on the machine; on one machine it is always the same.
    """
    fast = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=ANY_ORDER)
    return cast(Callable[P, R], fast(inspect.unwrap(loop)))


def inlined(loop: Callable[P, R]) -> Callable[P, R]:
    """`reordered`, and written into each loop that calls it.

    A call hands over an array as seven numbers: of some arrays that costs as much as a short loop.
    """
    fast = numba.njit(nogil=True, error_model="numpy", fastmath=ANY_ORDER, forceinline=True)
    return cast(Callable[P, R], fast(inspect.unwrap(loop)))
