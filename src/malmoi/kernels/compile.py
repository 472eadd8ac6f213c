"""How the loops that Python is too slow for become machine code."""

import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

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


@intrinsic  # type: ignore[untyped-decorator]  # numba's
def prefetch(typing: Any, matrix: Any, row: Any, column: Any) -> Any:
    """Have the cache line of matrix[row, column] fetched; the loop does not wait for it.

    Within compiled loops only.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind, (whole, *place) = signature.args[0], args
        array = context.make_array(kind)(context, builder, whole)
        number = cgutils.get_item_pointer(context, builder, kind, array, place)
        pointer, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        shape = ir.FunctionType(ir.VoidType(), [pointer, i32, i32, i32])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", (pointer,), shape)
        write, every_cache, data = i32(1), i32(3), i32(1)
        builder.call(fetch, [builder.bitcast(number, pointer), write, every_cache, data])
        return context.get_dummy_value()

    return types.void(matrix, types.intp, types.intp), emit
