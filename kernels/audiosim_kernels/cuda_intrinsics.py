# pyright: basic
"""The instructions of an NVIDIA GPU that numba has no name for; nothing else here knows PTX.

Each is one line of assembly behind a typed function. numba's simulator cannot run them: the tests put plain Python in
their place (`tests/warp_shims.py`), so kernels call them through this module, `cuda_intrinsics.minimum(...)`.
"""

from typing import Any

import numba.cuda
from llvmlite import ir
from numba.cuda import extending

cuda: Any = numba.cuda  # numba-cuda replaces the module whose types a checker sees
types = cuda.types
intrinsic: Any = extending.intrinsic

_INT32, _INT64, _FLOAT32 = ir.IntType(32), ir.IntType(64), ir.FloatType()
_SHARED = 3  # its number in LLVM
_ADDRESSES = {"shared": (_INT32, "r"), "global": (_INT64, "l"), "global.nc": (_INT64, "l")}
_LLVM_TYPES = {types.uint32: (_INT32, "r"), types.float32: (_FLOAT32, "f")}


@intrinsic
def minimum(_typing: Any, a: Any, b: Any, c: Any) -> Any:  # noqa: ANN401, ARG001
    """Least of three float32 that are >= 0, infinity included: such floats are ordered as their bits are as integers.

    On compute capability 9.0 and 10.0 the two comparisons are one instruction; there is none for three floats.
    """

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        assembly = ir.InlineAsm(
            ir.FunctionType(_INT32, [_INT32] * 3),
            "{ .reg .s32 least; min.s32 least, $1, $2; min.s32 $0, least, $3; }",
            "=r,r,r,r",
        )
        bits = builder.call(assembly, [builder.bitcast(argument, _INT32) for argument in arguments])
        return builder.bitcast(bits, _FLOAT32)

    return types.float32(types.float32, types.float32, types.float32), generate


@intrinsic
def multiply_add(_typing: Any, a: Any, b: Any, c: Any) -> Any:  # noqa: ANN401, ARG001
    """One warp's 16 x 8 product sums `c + a @ b` over 16 float16 values each, accumulated in float32.

    Lane = 4 group + member holds, as pairs of float16 in uint32 (PTX ISA, `mma.m16n8k16`): `a` (4), rows group and
    group + 8, values 2 member ... and 2 member + 8 ...; `b` (2), column group; and of `c` and the result (4 float32)
    rows group and group + 8, columns 2 member and 2 member + 1.
    """
    signature = types.UniTuple(types.float32, 4)(
        types.UniTuple(types.uint32, 4), types.UniTuple(types.uint32, 2), types.UniTuple(types.float32, 4)
    )

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        values = [
            builder.extract_value(argument, index)
            for argument, kind in zip(arguments, signature.args, strict=True)
            for index in range(kind.count)
        ]
        sums = ir.LiteralStructType([_FLOAT32] * 4)
        assembly = ir.InlineAsm(
            ir.FunctionType(sums, [_INT32] * 6 + [_FLOAT32] * 4),
            "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
            "{$0,$1,$2,$3}, {$4,$5,$6,$7}, {$8,$9}, {$10,$11,$12,$13};",
            "=f,=f,=f,=f,r,r,r,r,r,r,f,f,f,f",
        )
        return _tuple(context, builder, signature, builder.call(assembly, values))

    return signature, generate


def _load(space: str, suffix: str) -> Any:  # noqa: ANN401
    """Build a 128-bit load of four values at `index` of a contiguous array; `index` is a multiple of 4."""
    address_type, address_register = _ADDRESSES[space]

    @intrinsic
    def load(_typing: Any, array: Any, index: Any) -> Any:  # noqa: ANN401, ARG001
        signature = types.UniTuple(array.dtype, 4)(array, types.int32 if space == "shared" else types.int64)
        llvm, register = _LLVM_TYPES[array.dtype]

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
            assembly = ir.InlineAsm(
                ir.FunctionType(ir.LiteralStructType([llvm] * 4), [address_type]),
                f"ld.{space}.v4.{suffix} {{$0,$1,$2,$3}}, [$4];",
                ",".join([f"={register}"] * 4 + [address_register]),
                side_effect=True,
            )
            loaded = builder.call(assembly, [_address(space, context, builder, signature, arguments)])
            return _tuple(context, builder, signature, loaded)

        return signature, generate

    return load


def _store(space: str) -> Any:  # noqa: ANN401
    """Build a 128-bit store of four float32 at `index` of a contiguous array; `index` is a multiple of 4."""
    address_type, address_register = _ADDRESSES[space]

    @intrinsic
    def store(_typing: Any, array: Any, index: Any, values: Any) -> Any:  # noqa: ANN401, ARG001
        at = types.int32 if space == "shared" else types.int64
        signature = types.void(array, at, types.UniTuple(types.float32, 4))

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
            assembly = ir.InlineAsm(
                ir.FunctionType(ir.VoidType(), [address_type] + [_FLOAT32] * 4),
                f"st.{space}.v4.f32 [$0], {{$1,$2,$3,$4}};",
                f"{address_register},f,f,f,f",
                side_effect=True,
            )
            values = [builder.extract_value(arguments[2], index) for index in range(4)]
            builder.call(assembly, [_address(space, context, builder, signature, arguments), *values])
            return context.get_dummy_value()

        return signature, generate

    return store


load_shared = _load("shared", "f32")
load_global = _load("global", "f32")
load_constant = _load("global.nc", "b32")  # what no thread of this launch writes
store_shared = _store("shared")
store_global = _store("global")


def _address(space: str, context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
    """Address of element arguments[1] of array arguments[0], as an integer."""
    first = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    if space == "shared":  # within this space, where addresses have 32 bits
        first = builder.addrspacecast(first, ir.PointerType(first.type.pointee, addrspace=_SHARED))
    return builder.ptrtoint(builder.gep(first, [arguments[1]]), _ADDRESSES[space][0])


def _tuple(context: Any, builder: Any, signature: Any, struct: Any) -> Any:  # noqa: ANN401
    """Turn an LLVM struct of four into numba's tuple."""
    return context.make_tuple(
        builder, signature.return_type, [builder.extract_value(struct, index) for index in range(4)]
    )
