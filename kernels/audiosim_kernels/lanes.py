# pyright: basic
"""Vectors of the processor as values: what a compiled kernel computes with them happens in all lanes at once.

numba turns loops over numbers into vector instructions where it can prove that it may; a recurrence is where it
cannot. So this module gives numba a type, `Lanes`, that *is* a vector register, and the functions and operators
``+ - *`` on it. Each function stands twice: its body says what it means, in numpy, for one row of an array, and
is what runs without a compiler (NUMBA_DISABLE_JIT); the `_lowers` beside it says which LLVM instruction it becomes.
LLVM fits the vectors to the machine: AVX-512, AVX2, SSE or NEON.

Nothing here is reordered or approximated: the same values go through the same operations on every lane and host.
"""

import operator
from collections.abc import Callable
from typing import Any

import llvmlite.binding
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import lower_builtin, models, register_model, type_callable


def _host_lanes() -> int:
    """Floats in a vector register of this machine: 16 (AVX-512), 8 (AVX) or 4 (SSE, NEON)."""
    try:
        features = llvmlite.binding.get_host_cpu_features()
    except RuntimeError:  # LLVM cannot name the features of some hosts
        return 4
    return 16 if features.get("avx512f") else 8 if features.get("avx") else 4


LANES = _host_lanes()
_CACHE_LINE = 64  # bytes


def aligned(n_vectors: int, dtype: npt.DTypeLike = np.float32) -> npt.NDArray[Any]:
    """Make an array (n_vectors, LANES) whose vectors never straddle two cache lines; not initialised."""
    n_bytes = n_vectors * LANES * np.dtype(dtype).itemsize
    block = np.empty(n_bytes + _CACHE_LINE, dtype=np.uint8)
    begin = -block.ctypes.data % _CACHE_LINE
    return block[begin : begin + n_bytes].view(dtype).reshape(n_vectors, LANES)


class Lanes(types.Type):
    """The numba type of LANES numbers of one scalar type in a register."""

    def __init__(self, scalar: types.Type) -> None:
        self.scalar = scalar
        super().__init__(name=f"Lanes({scalar})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    """As LLVM sees it: <LANES x scalar>."""

    def __init__(self, manager: Any, lanes: Lanes) -> None:  # noqa: ANN401
        super().__init__(manager, lanes, ir.VectorType(manager.lookup(lanes.scalar).get_value_type(), LANES))


def _lowers(function: Callable, *kinds: type, gives: Callable) -> Callable:
    """Compile calls of `function` with arguments of these kinds to what the decorated function emits."""

    def register(emit: Callable) -> Callable:
        typer = {
            1: lambda _context: lambda x: gives(x) if _are(kinds, x) else None,
            2: lambda _context: lambda x, y: gives(x) if _are(kinds, x, y) else None,
            3: lambda _context: lambda x, y, z: gives(x) if _are(kinds, x, y, z) else None,
            4: lambda _context: lambda x, y, u, v: gives(u) if _are(kinds, x, y, u, v) else None,
        }[len(kinds)]
        type_callable(function)(typer)
        lower_builtin(function, *kinds)(emit)
        return emit

    return register


def _are(kinds: tuple[type, ...], *arguments: types.Type) -> bool:
    return all(isinstance(argument, kind) for argument, kind in zip(arguments, kinds, strict=True))


def _same(x: types.Type) -> types.Type:
    return x


# --- between memory and registers


def address(array: npt.NDArray[Any]) -> Any:  # noqa: ANN401
    """Where the vectors of a C-contiguous array (n_vectors, LANES) lie, for `load` and `store`.

    An address keeps no count of references, which would cost more than the arithmetic of an inner loop: whoever
    takes it must hold on to the array.
    """
    return array


def load(vectors: Any, index: int) -> Any:  # noqa: ANN401
    """Vector `index` >= 0 at an address."""
    return vectors[index].copy()


def store(vectors: Any, index: int, x: Any) -> None:  # noqa: ANN401
    """Write vector `index` >= 0 at an address."""
    vectors[index] = x


def splat(x: Any) -> Any:  # noqa: ANN401
    """One number in all lanes."""
    return np.full(LANES, x)


@_lowers(address, types.Array, gives=lambda array: types.CPointer(array.dtype))
def _(context, builder, signature, arguments):  # noqa: ANN001, ANN202
    return context.make_array(signature.args[0])(context, builder, arguments[0]).data


@_lowers(load, types.CPointer, types.Integer, gives=lambda vectors: Lanes(vectors.dtype))
def _(_context, builder, _signature, arguments):  # noqa: ANN001, ANN202
    vector = builder.load(_element(builder, *arguments))
    vector.align = 4  # promises nothing: `aligned` makes it fast, not correct
    return vector


@_lowers(store, types.CPointer, types.Integer, Lanes, gives=lambda _vectors: types.void)
def _(context, builder, _signature, arguments):  # noqa: ANN001, ANN202
    vectors, index, x = arguments
    builder.store(x, _element(builder, vectors, index), align=4)
    return context.get_dummy_value()


def _element(builder, vectors, index):  # noqa: ANN001, ANN202
    """Pointer to a vector."""
    scalar = builder.mul(index, ir.Constant(index.type, LANES))
    return builder.bitcast(builder.gep(vectors, [scalar]), ir.VectorType(vectors.type.pointee, LANES).as_pointer())


@_lowers(splat, types.Number, gives=Lanes)
def _(_context, builder, _signature, arguments):  # noqa: ANN001, ANN202
    (x,) = arguments
    undefined = ir.Constant(ir.VectorType(x.type, LANES), ir.Undefined)
    position = ir.IntType(32)
    first = builder.insert_element(undefined, x, ir.Constant(position, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(position, LANES), [0] * LANES))


# --- arithmetic


def multiply_add(x: Any, y: Any, z: Any) -> Any:  # noqa: ANN401
    """Floats ``x * y + z``, rounded once where the machine can do that at the speed of a product."""
    return x * y + z


def minimum(x: Any, y: Any) -> Any:  # noqa: ANN401
    """The smaller of two floats."""
    return np.minimum(x, y)


def maximum(x: Any, y: Any) -> Any:  # noqa: ANN401
    """The larger of two floats."""
    return np.maximum(x, y)


def sqrt(x: Any) -> Any:  # noqa: ANN401
    """The square root of floats, correctly rounded."""
    return np.sqrt(x)


def _lower_operator(function: Callable, name: str) -> None:
    """Compile an operator between two vectors to LLVM's instruction `name`, with an f before it for floats."""

    @_lowers(function, Lanes, Lanes, gives=_same)
    def _(_context, builder, signature, arguments):  # noqa: ANN001, ANN202
        prefix = "f" if isinstance(signature.return_type.scalar, types.Float) else ""
        return getattr(builder, prefix + name)(*arguments)


for _function, _name in ((operator.add, "add"), (operator.sub, "sub"), (operator.mul, "mul")):
    _lower_operator(_function, _name)


@_lowers(minimum, Lanes, Lanes, gives=_same)
def _(_context, builder, _signature, arguments):  # noqa: ANN001, ANN202
    x, y = arguments
    return builder.select(builder.fcmp_ordered("<", x, y), x, y)


@_lowers(maximum, Lanes, Lanes, gives=_same)
def _(_context, builder, _signature, arguments):  # noqa: ANN001, ANN202
    x, y = arguments
    return builder.select(builder.fcmp_ordered(">", x, y), x, y)


@_lowers(multiply_add, Lanes, Lanes, Lanes, gives=_same)
def _(_context, builder, _signature, arguments):  # noqa: ANN001, ANN202
    return _call(builder, "llvm.fmuladd", arguments)


@_lowers(sqrt, Lanes, gives=_same)
def _(_context, builder, _signature, arguments):  # noqa: ANN001, ANN202
    return _call(builder, "llvm.sqrt", arguments)


def _call(builder, name, arguments):  # noqa: ANN001, ANN202
    """Call LLVM's function of that name for vectors of floats."""
    vector = arguments[0].type
    function_type = ir.FunctionType(vector, [vector] * len(arguments))
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, f"{name}.v{LANES}f32"), arguments)


# --- decisions


def where_above(x: Any, y: Any, u: Any, v: Any) -> Any:  # noqa: ANN401
    """Choose `u` in lanes where x > y, else `v`; NaN is above nothing, and integers count as unsigned."""
    return np.where(x > y, u, v)


def all_above(x: Any, y: Any) -> Any:  # noqa: ANN401
    """Whether x > y in all lanes; NaN is above nothing."""
    return np.all(x > y)


@_lowers(where_above, Lanes, Lanes, Lanes, Lanes, gives=_same)
def _(_context, builder, signature, arguments):  # noqa: ANN001, ANN202
    x, y, u, v = arguments
    return builder.select(_above(builder, signature.args[0], x, y), u, v)


@_lowers(all_above, Lanes, Lanes, gives=lambda _x: types.boolean)
def _(_context, builder, signature, arguments):  # noqa: ANN001, ANN202
    mask = builder.bitcast(_above(builder, signature.args[0], *arguments), ir.IntType(LANES))
    return builder.icmp_unsigned("==", mask, ir.Constant(mask.type, -1))


def _above(builder, lanes, x, y):  # noqa: ANN001, ANN202
    """Compare two vectors: one bit a lane."""
    if isinstance(lanes.scalar, types.Float):
        return builder.fcmp_ordered(">", x, y)
    return builder.icmp_unsigned(">", x, y)


def rarely(condition: Any) -> Any:  # noqa: ANN401
    """Tell the compiler that a condition almost never holds, to keep its consequences out of the registers' way."""
    return condition


@_lowers(rarely, types.Boolean, gives=_same)
def _(_context, builder, _signature, arguments):  # noqa: ANN001, ANN202
    bit = ir.IntType(1)
    expect = cgutils.get_or_insert_function(builder.module, ir.FunctionType(bit, [bit, bit]), "llvm.expect.i1")
    return builder.call(expect, [*arguments, ir.Constant(bit, 0)])


def anew(vectors: Any) -> Any:  # noqa: ANN401
    """The same address, unknown to the compiler: it loads from there anew rather than keep registers occupied."""
    return vectors


@_lowers(anew, types.CPointer, gives=_same)
def _(_context, builder, _signature, arguments):  # noqa: ANN001, ANN202
    (pointer,) = arguments
    nothing = ir.InlineAsm(ir.FunctionType(pointer.type, [pointer.type]), "", "=r,0")
    return builder.call(nothing, arguments)
