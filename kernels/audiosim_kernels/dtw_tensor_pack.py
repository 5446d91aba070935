# pyright: basic
"""Frames in the form in which tensor cores multiply them: float16 operands, ordered as the lanes of a warp load them.

The squared distance of two frames is one product sum, with their norms in it::

    |a - b|^2 = [ |a|^2   1   a ] . [ 1   |b|^2   -2 b ]

A float16 has 11 bits, so with precision "split" a value stands as high + low, 22 bits together, and a . b as
high . high + high . low + low . high; the norm is that of the same products, so that equal frames cancel. A norm
stands as high + low in both precisions. Slots, the terms of the sum, are ordered so that exchanging a and b exchanges
terms within aligned groups of four only. A tensor core adds at least four products at once, in any order: the distance
of (b, a) is that of (a, b) to the last bit.

All values are multiplied by 1/8 (the distances by 1/64). Float16 then holds frames of a norm up to 2 000, the raw
coefficients of music among them, while values about 1 still keep their 22 bits.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numba.cuda
import numpy as np
import numpy.typing as npt

from audiosim_kernels.dtw_options import Precision
from audiosim_kernels.dtw_traits import Traits
from audiosim_kernels.ragged import Integers
from audiosim_kernels.ragged_cuda import DeviceRagged

Array: TypeAlias = Any  # on the device
Number: TypeAlias = Any
Kernel: TypeAlias = Any  # numba has no types for what it compiles

cuda: Any = numba.cuda  # numba-cuda replaces the module whose types a checker sees

SCALE = 0.125
_LARGEST_SQUARE = 2000.0**2  # of a frame: 1/64 of it is below 65 504, the largest float16
_LEAST_MEAN_SQUARE = 1 / 16  # of a sequence's values: smaller ones lose bits to float16's smallest exponent
_NORM_SLOTS = 4  # two halves of the left norm, two of the right one
_THREADS = 8  # frames of a block


@dataclass(frozen=True, slots=True)
class Groups:
    """Sequences of about equal lengths, `size` to a group (16 as rows, 8 as columns of a product), on the device."""

    longest: int  # frames of the longest group
    members: Array  # (n_groups, size) int64: index of the sequence, -1 if the group is not full
    lengths: Array  # (n_groups, size) int32, in frames; 0 if there is no member
    offsets: Array  # (n_groups + 1,) int64, in frames: a group's is the longest member's, rounded up
    packed: Array  # 32-bit words

    def __len__(self) -> int:
        return int(self.members.shape[0])


def n_steps(n_dims: int, precision: Precision) -> int:
    """Product sums of 16 terms that a squared distance takes: 2 or 4, or more than tensor cores are worth."""
    n_terms = _NORM_SLOTS + n_dims * (3 if precision == "split" else 1)
    return 2 * -(-n_terms // 32)


def representable(traits: Traits, n_dims: int) -> npt.NDArray[np.bool_]:
    """Whether float16 holds each sequence, (n_sequences,)."""
    mean = traits.energies / (traits.lengths * n_dims)
    return (traits.largest <= _LARGEST_SQUARE) & (mean >= _LEAST_MEAN_SQUARE)


def pack(sequences: DeviceRagged, order: Integers, *, size: int, multiple: int, precision: Precision) -> Groups:
    """Pack the sequences `order`, which are sorted by length, as rows (16 a group) or columns (8).

    `multiple` is that to which the frames of a group are padded; what is padded is zero, and never reaches a result.
    """
    n_groups = -(-len(order) // size)
    members = np.full(n_groups * size, -1, dtype=np.int64)
    members[: len(order)] = order
    members = members.reshape(n_groups, size)
    lengths = np.where(members >= 0, sequences.lengths[members], 0).astype(np.int32)
    frames = -(-lengths.max(axis=1) // multiple) * multiple
    offsets = np.concatenate([[0], np.cumsum(frames, dtype=np.int64)])
    longest = int(frames.max())
    steps = n_steps(sequences.n_dims, precision)
    packed = cuda.device_array(int(offsets[-1]) * steps * 16 * size, dtype=np.float16)
    on_device = cuda.to_device(members), cuda.to_device(lengths), cuda.to_device(offsets)
    grid = (n_groups, -(-longest // _THREADS))
    packer(size, sequences.n_dims, steps, precision == "split")[grid, (_THREADS, size)](
        sequences.frames, sequences.offsets, on_device[0], on_device[2], packed
    )
    return Groups(longest, *on_device, packed.view(np.uint32))


@cache
def packer(size: int, n_dims: int, steps: int, split: bool) -> Kernel:  # noqa: FBT001
    """Build the kernel that packs groups of `size`."""
    is_row = size == 16
    scale = np.float32(SCALE)
    factor = np.float32(1 if is_row else -2)

    @cuda.jit(device=True)
    def halves(value: Number) -> tuple[Number, Number]:
        """Split a number into a float16 and what that leaves, as float16; both as float32."""
        high = np.float32(np.float16(value))
        return high, np.float32(np.float16(np.float32(value - high)))

    @cuda.jit(device=True)
    def address(frame: Number, member: Number, slot: Number) -> Number:
        """Where a lane looks for a slot of a frame: the registers of PTX's `mma.m16n8k16`, four to a load."""
        step, pair = slot // 16, slot % 16 // 2  # a register holds two neighbouring slots
        lane = 4 * (member % 8) + pair % 4
        if is_row:
            word = ((frame * steps + step) * 32 + lane) * 4 + 2 * (pair // 4) + member // 8
        else:
            word = ((frame * (steps // 2) + step // 2) * 32 + lane) * 4 + 2 * (step % 2) + pair // 4
        return 2 * word + slot % 2

    @cuda.jit
    def pack_groups(frames: Array, offsets: Array, members: Array, group_offsets: Array, packed: Array) -> None:
        """Pack one frame of one member of a group."""
        group, member = cuda.blockIdx.x, cuda.threadIdx.y
        frame = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
        target = group_offsets[group] + frame
        if target >= group_offsets[group + 1]:
            return
        for slot in range(steps * 16):
            packed[address(target, member, slot)] = np.float16(0)
        track = members[group, member]
        if track < 0 or frame >= offsets[track + 1] - offsets[track]:
            return
        source = offsets[track] + frame
        norm = 0.0
        for dim in range(n_dims):
            high, low = halves(frames[source, dim] * scale)
            norm += np.float64(high) * np.float64(high)
            first = _NORM_SLOTS + dim
            if split:
                norm += 2 * np.float64(high) * np.float64(low)
                first = _NORM_SLOTS + 2 * n_dims + dim
                crossed = _NORM_SLOTS + 2 * dim
                packed[address(target, member, crossed)] = np.float16(factor * (high if is_row else low))
                packed[address(target, member, crossed + 1)] = np.float16(factor * (low if is_row else high))
            packed[address(target, member, first)] = np.float16(factor * high)
        high, low = halves(np.float32(norm))
        own, other = (0, 2) if is_row else (2, 0)
        packed[address(target, member, own)] = np.float16(high)
        packed[address(target, member, own + 1)] = np.float16(low)
        packed[address(target, member, other)] = np.float16(1)
        packed[address(target, member, other + 1)] = np.float16(1)

    return pack_groups
