# pyright: basic
"""The innermost loop of the cosine on the CPU: dot products of 6 rows with 8 columns, held in vector registers.

numba does not keep an array of sums in registers, so the loop is written in LLVM's own language. `<8 x double>` becomes
one AVX-512 register, two of AVX2 or four of NEON; 6 x 8 sums and their operands fit the sixteen registers of AVX2.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

N_ROWS = 6
N_COLUMNS = 8  # the lanes of a vector

_DOUBLE = ir.DoubleType()
_VECTOR = ir.VectorType(_DOUBLE, N_COLUMNS)
_INDEX = ir.IntType(64)
_TO_ALL_LANES = ir.Constant(ir.VectorType(ir.IntType(32), N_COLUMNS), [0] * N_COLUMNS)
# A product of two float32 numbers is exact in float64: fused or not, the sum is the same number.
_FUSED = ("contract",)


@intrinsic
def add_products(_typing: Any, _rows: Any, _columns: Any, _n_values: Any, _sums: Any) -> Any:  # noqa: ANN401
    """add_products(rows, columns, n_values, sums): add the products of every row with every column, value by value.

    All but `n_values` are addresses (`array.ctypes.data`) of C-contiguous float64: rows (N_ROWS, n_values), columns
    (n_values, N_COLUMNS) and sums (N_ROWS, N_COLUMNS). Lanes are pairs, so each sum is added up in order.
    """
    return types.void(types.uintp, types.uintp, types.intp, types.uintp), _emit


def _emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
    rows_address, columns_address, n_values, sums_address = arguments
    rows = builder.inttoptr(rows_address, _DOUBLE.as_pointer())
    columns = builder.inttoptr(columns_address, _VECTOR.as_pointer())
    sums = builder.inttoptr(sums_address, _VECTOR.as_pointer())
    totals = [cgutils.alloca_once(builder, _VECTOR) for _ in range(N_ROWS)]  # LLVM makes registers of them
    for row, total in enumerate(totals):
        builder.store(_load(builder, sums, _INDEX(row)), total)
    with cgutils.for_range(builder, n_values) as loop:
        column_values = _load(builder, columns, loop.index)
        for row, total in enumerate(totals):
            place = builder.add(builder.mul(n_values, _INDEX(row)), loop.index)
            row_value = _to_all_lanes(builder, builder.load(builder.gep(rows, [place])))
            product = builder.fmul(row_value, column_values, flags=_FUSED)
            builder.store(builder.fadd(builder.load(total), product, flags=_FUSED), total)
    for row, total in enumerate(totals):
        builder.store(builder.load(total), builder.gep(sums, [_INDEX(row)])).align = 8
    return context.get_dummy_value()


def _load(builder: Any, vectors: Any, index: Any) -> Any:  # noqa: ANN401
    """One vector; numpy aligns to the number, not to the vector."""
    vector = builder.load(builder.gep(vectors, [index]))
    vector.align = 8
    return vector


def _to_all_lanes(builder: Any, number: Any) -> Any:  # noqa: ANN401
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.IntType(32)(0))
    return builder.shuffle_vector(first, undefined, _TO_ALL_LANES)
