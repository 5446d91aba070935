# pyright: basic
"""Cosine distances on CUDA: a matrix product by tiles in shared memory, one thread a pair."""

import functools
from typing import Any

import numba.cuda
import numpy as np
import numpy.typing as npt

from audiosim_kernels import cosine_cell
from audiosim_kernels.ragged import Frames, Integers, Ragged

Sums = npt.NDArray[np.float64]

cuda: Any = numba.cuda  # numba-cuda replaces the module whose types a checker sees

THREADS_PER_BLOCK = (16, 16)  # rows, columns
RESULT_BYTES = 2**30  # of one launch

_VALUES = 16  # of each sequence in shared memory at once

cuda.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # a launch for three songs is meant to be small

_distance = cuda.jit(device=True)(cosine_cell.distance)


def fill(
    rows: Ragged, columns: Ragged, row_squares: Sums, column_squares: Sums, result: Frames, *, n_threads: int = 1
) -> None:
    """Write the distance of every row to every column; arguments as `cosine_cpu.fill` takes them."""
    del n_threads  # of the CPU
    x = tuple(map(cuda.to_device, (rows.frames, rows.offsets, row_squares)))
    y = x if columns is rows else tuple(map(cuda.to_device, (columns.frames, columns.offsets, column_squares)))
    n_at_once = max(1, RESULT_BYTES // (4 * len(columns)))
    kernel = _kernel(*THREADS_PER_BLOCK)
    for begin in range(0, len(rows), n_at_once):
        part = slice(begin, min(begin + n_at_once, len(rows)))
        distances = cuda.device_array((part.stop - begin, len(columns)), dtype=np.float32)
        n_blocks = tuple(-(-size // n) for size, n in zip(distances.shape, THREADS_PER_BLOCK, strict=True))
        offsets = x[1][begin : part.stop + 1]
        kernel[n_blocks[::-1], THREADS_PER_BLOCK[::-1]](x[0], offsets, x[2], *y, distances)
        result[part] = distances.copy_to_host()


@functools.cache
def _kernel(n_rows: int, n_columns: int) -> Any:  # noqa: ANN401
    """The kernel for blocks of n_rows x n_columns threads; shared memory has to know its size when it is compiled."""
    # One value more than is used, so that the threads of a warp read from different banks.
    width = _VALUES + 1

    @cuda.jit(device=True)
    def longest(offsets: Integers, begin: int, end: int) -> int:
        """Frames of the longest of some sequences."""
        n_frames = 0
        for sequence in range(begin, min(end, offsets.size - 1)):
            n_frames = max(n_frames, offsets[sequence + 1] - offsets[sequence])
        return n_frames

    @cuda.jit(device=True)
    def load(  # noqa: PLR0917 - kernels are called by position
        frames: Frames, offsets: Integers, first: int, begin: int, n_sequences: int, tile: Sums
    ) -> None:
        """Values begin ... of each flattened sequence, zero beyond its end: the threads of a block share the work."""
        n_dims = frames.shape[1]
        thread = cuda.threadIdx.y * n_columns + cuda.threadIdx.x
        for place in range(thread, n_sequences * _VALUES, n_rows * n_columns):
            sequence, value = first + place // _VALUES, begin + place % _VALUES
            number = np.float32(0)
            if sequence < offsets.size - 1 and value < (offsets[sequence + 1] - offsets[sequence]) * n_dims:
                number = frames[offsets[sequence] + value // n_dims, value % n_dims]
            tile[place // _VALUES, place % _VALUES] = number

    @cuda.jit
    def fill_block(  # noqa: PLR0917
        x_frames: Frames, x_offsets: Integers, x_squares: Sums,
        y_frames: Frames, y_offsets: Integers, y_squares: Sums, result: Frames,
    ) -> None:  # fmt: skip
        """Distance of this thread's pair: products added in the order of `cosine_cpu`."""
        row_tile = cuda.shared.array((n_rows, width), np.float64)
        column_tile = cuda.shared.array((n_columns, width), np.float64)
        first_row, first_column = cuda.blockIdx.y * n_rows, cuda.blockIdx.x * n_columns
        n_frames = min(
            longest(x_offsets, first_row, first_row + n_rows),
            longest(y_offsets, first_column, first_column + n_columns),
        )
        total = 0.0
        for begin in range(0, n_frames * x_frames.shape[1], _VALUES):
            load(x_frames, x_offsets, first_row, begin, n_rows, row_tile)
            load(y_frames, y_offsets, first_column, begin, n_columns, column_tile)
            cuda.syncthreads()
            for value in range(_VALUES):
                total += row_tile[cuda.threadIdx.y, value] * column_tile[cuda.threadIdx.x, value]
            cuda.syncthreads()
        row, column = first_row + cuda.threadIdx.y, first_column + cuda.threadIdx.x
        if row < result.shape[0] and column < result.shape[1]:
            x_begin, y_begin = x_offsets[row], y_offsets[column]
            last = min(x_offsets[row + 1] - x_begin, y_offsets[column + 1] - y_begin) - 1
            result[row, column] = _distance(total, x_squares[x_begin + last], y_squares[y_begin + last])

    return fill_block
