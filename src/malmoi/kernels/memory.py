"""Three instructions of the processor that neither Python nor numba has a word for.

    prefetch(rows, i, j)   ask the memory for rows[i, j], and do not wait for it
    eight(letters, i)      letters[i:i + 8] as one number, the first letter its lowest byte
    lowest(x)              which bit of x is the lowest that is 1

A loop that looks things up in a table larger than the caches spends its time on waiting.  If it
first asks for all that it is going to need, the memory answers many questions at once.

Within compiled loops only.  None of them looks whether i is inside the array: that is the caller's
to know.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

BYTE, LONG = ir.IntType(8).as_pointer(), ir.IntType(64).as_pointer()


@intrinsic  # type: ignore[untyped-decorator]  # numba's
def prefetch(typing: Any, matrix: Any, row: Any, column: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        i32 = ir.IntType(32)
        shape = ir.FunctionType(ir.VoidType(), [BYTE, i32, i32, i32])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", (BYTE,), shape)
        # as for writing: vectors that are changed arrive sooner, tables that are read no later
        write, every_cache, data = i32(1), i32(3), i32(1)
        builder.call(
            fetch, [place(context, builder, signature, args, BYTE), write, every_cache, data]
        )
        return context.get_dummy_value()

    return types.void(matrix, types.intp, types.intp), emit


@intrinsic  # type: ignore[untyped-decorator]  # numba's
def eight(typing: Any, letters: Any, i: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(place(context, builder, signature, args, LONG), align=1)

    return types.uint64(letters, types.intp), emit


@intrinsic  # type: ignore[untyped-decorator]  # numba's
def lowest(typing: Any, x: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.IntType(1)(0))

    return types.uint64(types.uint64), emit


def place(context: Any, builder: Any, signature: Any, args: Any, kind: Any) -> Any:
    """Where the element of an array lies: args are the array and its indices."""
    whole, *indices = args
    array = context.make_array(signature.args[0])(context, builder, whole)
    pointer = cgutils.get_item_pointer(context, builder, signature.args[0], array, indices)
    return builder.bitcast(pointer, kind)
