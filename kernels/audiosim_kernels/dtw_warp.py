# pyright: basic
"""DTW on CUDA cores: one warp a pair, any list of pairs, any lengths, by direct differences in float32.

The accumulated costs are float32 too, or float64: the kernel is built for either.

A warp cuts the matrix of its pair into strips of 32 x n_columns columns. A lane keeps the frames of its n_columns
columns in registers and goes down the rows one behind its left neighbour, whose last cell it gets in a shuffle::

    lane      0        1        2
    step 3    row 3    row 2    row 1       the cells of one step depend on none of each other

The last column of a strip passes to the next one through global memory, a row ahead of where it is overwritten. Each
strip visits the rows where its columns meet the band and no others; narrow strips follow a band more closely.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, TypeAlias

import numba.cuda
import numpy as np

from audiosim_kernels import cuda_intrinsics, dtw_cell
from audiosim_kernels.dtw_cell import INFINITY, ZERO
from audiosim_kernels.ragged import Frames, Integers
from audiosim_kernels.ragged_cuda import DeviceRagged, padded

Array: TypeAlias = Any  # on the device
Number: TypeAlias = Any
Kernel: TypeAlias = Any  # numba has no types for what it compiles

cuda: Any = numba.cuda  # numba-cuda replaces the module whose types a checker sees

WARPS_PER_BLOCK = 4
BUFFER_BYTES = (
    2**31
)  # strip boundaries of the pairs in flight: 400 000 pairs of 1 300 frames, more than a GPU runs at once
_ALL_LANES = 0xFFFFFFFF
_REGISTERS = 160  # of a lane's 255, for the frames of its columns

cuda.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # a launch for three songs is meant to be small

_first = cuda.jit(device=True)(dtw_cell.first_column)
_final = cuda.jit(device=True)(dtw_cell.final_column)
_local_cost = cuda.jit(device=True)(dtw_cell.local_cost)
_extend = cuda.jit(device=True)(dtw_cell.extend)


def totals(
    x: DeviceRagged,
    y: DeviceRagged,
    pairs: Integers,
    radii: Integers,
    *,
    squared: bool,
    diagonal_weight: float,
    double: bool = False,
) -> Frames:
    """Accumulated costs of pairs of an x and a y, (n_pairs,) float32; with `double` accumulated in float64."""
    result = np.empty(len(pairs), dtype=np.float32)
    options = {"squared": squared, "diagonal_weight": diagonal_weight, "double": double}
    for batch, _, found in batches(x, y, pairs, radii, **options):
        found.copy_to_host(result[batch])
    return result


def batches(
    x: DeviceRagged,
    y: DeviceRagged,
    pairs: Integers,
    radii: Integers,
    *,
    squared: bool,
    diagonal_weight: float,
    double: bool = False,
) -> Iterator[tuple[slice, Array, Array]]:
    """Compare as many pairs at once as there is memory for: which, and on the device the pairs and their totals."""
    if not len(pairs):
        return
    rows, columns = x.lengths[pairs[:, 0]], y.lengths[pairs[:, 1]]
    banded = bool((radii < np.minimum(rows, columns) - 1).any())
    width = min(columns_per_lane(x.n_dims), _narrow_enough(int(radii.max())) if banded else 32)
    compare = kernel(padded(x.n_dims), width, banded, squared, diagonal_weight, double)
    number = np.dtype(np.float64 if double else np.float32)
    longest = int(rows.max())
    n_at_once = min(len(pairs), max(1, _buffer_bytes() // (number.itemsize * longest)))
    boundary = cuda.device_array((n_at_once, longest), dtype=number)
    for begin in range(0, len(pairs), n_at_once):
        batch = slice(begin, min(begin + n_at_once, len(pairs)))
        chosen = cuda.to_device(pairs[batch])
        result = cuda.device_array(len(chosen), dtype=np.float32)
        n_blocks = -(-len(chosen) // WARPS_PER_BLOCK)
        compare[n_blocks, (32, WARPS_PER_BLOCK)](
            x.frames, x.offsets, y.frames, y.offsets, chosen, cuda.to_device(radii[batch]), boundary, result
        )
        yield batch, chosen, result


def columns_per_lane(n_dims: int) -> int:
    """Columns of which one lane holds the frames: 8 at up to 20 dimensions, 2 at 64."""
    return max(1, min(8, _REGISTERS // padded(n_dims)))


def _narrow_enough(radius: int) -> int:
    """Columns per lane with which a strip is about as wide as half the band, so that little outside it is visited."""
    return max(1, radius // 32)


def _buffer_bytes() -> int:
    """Bytes for the strip boundaries: at most half of what the GPU has left."""
    free = cuda.current_context().get_memory_info().free  # infinite in the simulator
    return int(min(BUFFER_BYTES, free / 2))


@cache
def kernel(  # noqa: C901, PLR0917
    n_dims: int,
    n_columns: int,
    banded: bool,  # noqa: FBT001
    squared: bool,  # noqa: FBT001
    diagonal_weight: float,
    double: bool,  # noqa: FBT001
) -> Kernel:
    """Build the kernel for frames of `n_dims` dimensions, a multiple of 4, and `n_columns` columns a lane.

    What is known here is a constant to the compiler: it unrolls the loops over columns and dimensions, and the local
    arrays become registers.
    """
    strip_width = 32 * n_columns
    number = np.float64 if double else np.float32
    zero, infinity = number(ZERO), number(INFINITY)
    cross = _cross(n_dims, n_columns, banded=banded, squared=squared, diagonal_weight=diagonal_weight)

    @cuda.jit
    def compare(  # noqa: C901, PLR0917 - kernels are called by position
        x_frames: Frames,
        x_offsets: Integers,
        y_frames: Frames,
        y_offsets: Integers,
        pairs: Integers,
        radii: Integers,
        boundary: Array,
        result: Frames,
    ) -> None:
        """Accumulated cost of this warp's pair."""
        lane = cuda.threadIdx.x
        pair = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
        if pair >= result.size:
            return
        x_begin, y_begin = x_offsets[pairs[pair, 0]], y_offsets[pairs[pair, 1]]
        last_row = x_offsets[pairs[pair, 0] + 1] - x_begin - 1
        last_column = y_offsets[pairs[pair, 1] + 1] - y_begin - 1
        slack = radii[pair] * max(last_row, last_column)
        columns = cuda.local.array((n_columns, n_dims), np.float32)
        accumulated = cuda.local.array(n_columns, number)
        row_begin = row_end = 0
        for strip in range(0, last_column + 1, strip_width):
            column = strip + lane * n_columns
            _load_columns(columns, accumulated, y_frames, y_begin + column, y_begin + last_column)
            # Rows that the strip before has visited. In others its last column is infinite.
            known_begin, known_end = row_begin, row_end
            row_begin = _first(strip, last_column, last_row, slack)
            row_end = 1 + _final(min(strip + strip_width - 1, last_column), last_column, last_row, slack)
            diagonal = rightmost = infinity
            if lane == 0 and known_begin < row_begin <= known_end:
                diagonal = boundary[pair, row_begin - 1]
            for step in range(row_begin, row_end + 31):
                row = step - lane
                left = cuda.shfl_up_sync(_ALL_LANES, rightmost, 1)
                if row_begin <= row < row_end:
                    if lane == 0:
                        left = boundary[pair, row] if known_begin <= row < known_end else infinity
                    next_diagonal = left
                    if row + column == 0:
                        left = zero  # the path enters the first cell from the left: weight 1, whatever the steps
                    away = column * last_row - row * last_column
                    rightmost = cross(
                        columns, accumulated, x_frames, x_begin + row, left, diagonal, away, last_row, slack
                    )
                    diagonal = next_diagonal
                    if lane == 31:
                        boundary[pair, row] = rightmost
            cuda.syncwarp(_ALL_LANES)  # lane 0 is about to read what lane 31 has written
        for index in range(n_columns):
            if strip + lane * n_columns + index == last_column:
                result[pair] = accumulated[index]

    return compare


@cuda.jit(device=True)
def _load_columns(columns: Frames, accumulated: Array, frames: Frames, begin: int, final: int) -> None:
    """Load the frames of a lane's columns, the last one again for columns beyond it; above the first row is nothing."""
    for index in range(columns.shape[0]):
        accumulated[index] = INFINITY
        for dim in range(columns.shape[1]):
            columns[index, dim] = frames[min(begin + index, final), dim]


def _cross(n_dims: int, n_columns: int, *, banded: bool, squared: bool, diagonal_weight: float) -> Kernel:
    """Build the function that takes a lane through one row of its columns."""
    weight = np.float32(diagonal_weight)

    @cuda.jit(device=True)
    def cross(  # noqa: PLR0917
        columns: Frames,
        accumulated: Array,
        x_frames: Frames,
        x_row: int,
        left: Number,
        diagonal: Number,
        away: int,
        away_step: int,
        slack: int,
    ) -> Number:
        """Replace the row above in `accumulated` by this one; its last cell.

        `away` says how far the first column is from the line between the corners, as `dtw_cell` measures it.
        """
        frame = cuda.local.array((1, n_dims), np.float32)
        for quarter in range(0, n_dims, 4):
            values = cuda_intrinsics.load_global(x_frames, x_row * n_dims + quarter)
            for part in range(4):
                frame[0, quarter + part] = values[part]
        for index in range(n_columns):
            cost = _local_cost(frame, 0, columns, index, squared)
            up = accumulated[index]
            left = _extend(cost, left, up, diagonal, weight)
            if banded and abs(away) > slack:
                left = INFINITY
            accumulated[index] = left
            diagonal = up
            away += away_step
        return left

    return cross
