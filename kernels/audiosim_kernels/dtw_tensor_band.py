# pyright: basic
"""Where the bands of a block's pairs lie, for `dtw_tensor`: the chunks of columns that a stretch of rows meets."""

from typing import Any, TypeAlias

import numba.cuda
import numpy as np

from audiosim_kernels import dtw_cell

Array: TypeAlias = Any  # on the device
Number: TypeAlias = Any

cuda: Any = numba.cuda  # numba-cuda replaces the module whose types a checker sees

N_COLUMNS = 4  # of a chunk
ROWS = 16  # sequences of a group of rows
COLUMNS = 8
PAIRS = ROWS * COLUMNS
LANE_PAIRS = 4  # pairs of one lane: two rows of the product, 8 apart, and two neighbouring columns
_ALL_LANES = 0xFFFFFFFF
_FAR = 2**30

_first = cuda.jit(device=True)(dtw_cell.first_column)
_final = cuda.jit(device=True)(dtw_cell.final_column)


@cuda.jit(device=True)
def member(lane: Number, pair: Number) -> Number:
    """Where one of a lane's pairs stands among the 16 x 8 of its block."""
    return (lane // 4 + pair // 2 * 8) * COLUMNS + lane % 4 * 2 + pair % 2


@cuda.jit(device=True)
def read_corners(lengths: Any, lane: Number, pair: Number) -> Any:  # noqa: ANN401
    """Last row and column of one of a lane's pairs; -1 where the group has no such member."""
    return lengths[0][lane // 4 + pair // 2 * 8] - 1, lengths[1][lane % 4 * 2 + pair % 2] - 1


@cuda.jit(device=True)
def extent(first_row: Number, final_row: Number, lane: Number, lengths: Any, radii: Array) -> Any:  # noqa: ANN401
    """Chunks begin ... end - 1 that some pair's band meets in these rows, and those that lie within all bands.

    A pair with a radius of -1 was not asked for. All lanes get the same answer.
    """
    outer_begin, outer_end, inner_begin, inner_end = _FAR, 0, 0, _FAR
    for pair in range(LANE_PAIRS):
        last_row, last_column = read_corners(lengths, lane, pair)
        radius = radii[member(lane, pair)]
        if radius >= 0 and first_row <= last_row:
            slack = radius * max(last_row, last_column)
            top, bottom = max(first_row, 0), min(final_row, last_row)
            outer_begin = min(outer_begin, _first(top, last_row, last_column, slack))
            outer_end = max(outer_end, _final(bottom, last_row, last_column, slack) + 1)
            inner_begin = max(inner_begin, _first(bottom, last_row, last_column, slack))
            inner_end = min(inner_end, _final(top, last_row, last_column, slack) + 1)
    outer_begin, outer_end = _least(outer_begin), -_least(-outer_end)
    inner_begin, inner_end = -_least(-inner_begin), _least(inner_end)
    return (
        outer_begin // N_COLUMNS,
        (outer_end + N_COLUMNS - 1) // N_COLUMNS,
        (inner_begin + N_COLUMNS - 1) // N_COLUMNS,
        inner_end // N_COLUMNS,
    )


@cuda.jit(device=True)
def _least(value: Number) -> Number:
    """Least of the values of a warp's lanes."""
    least = np.int32(value)
    for distance in (16, 8, 4, 2, 1):
        least = min(least, cuda.shfl_xor_sync(_ALL_LANES, least, distance))
    return least
