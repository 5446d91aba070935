# pyright: basic
"""DTW on CUDA: one thread a pair, one row after the other.

The row buffers lie in global memory as (column, pair), so that the threads of a warp, which work on neighbouring
pairs, touch neighbouring words.
"""

from typing import Any

import numba.cuda
import numpy as np

from audiosim_kernels import dtw_cell
from audiosim_kernels.dtw_cell import INFINITY, ZERO
from audiosim_kernels.ragged import Frames, Integers, Ragged

cuda: Any = numba.cuda  # numba-cuda replaces the module whose types a checker sees

THREADS_PER_BLOCK = 64
BUFFER_BYTES = 2**31  # row buffers of the pairs in flight: 400 000 pairs of 1 300 frames, more than a GPU runs at once

cuda.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # a launch for three songs is meant to be small

_first_column = cuda.jit(device=True)(dtw_cell.first_column)
_final_column = cuda.jit(device=True)(dtw_cell.final_column)
_local_cost = cuda.jit(device=True)(dtw_cell.local_cost)
_extend = cuda.jit(device=True)(dtw_cell.extend)


def totals(
    sequences: Ragged,
    others: Ragged,
    pairs: Integers,
    radii: Integers,
    *,
    squared: bool,
    diagonal_weight: float,
) -> Frames:
    """Accumulated costs of the pairs, (n_pairs,) float32; arguments as `dtw.distances` has checked them."""
    result = np.empty(len(pairs), dtype=np.float32)
    if not len(pairs):
        return result
    x = cuda.to_device(sequences.frames), cuda.to_device(sequences.offsets)
    y = x if others is sequences else (cuda.to_device(others.frames), cuda.to_device(others.offsets))
    longest = int(others.lengths[pairs[:, 1]].max())
    n_at_once = min(len(pairs), max(1, _buffer_bytes() // (4 * (longest + 1))))
    accumulated = cuda.device_array((longest + 1, n_at_once), dtype=np.float32)
    for begin in range(0, len(pairs), n_at_once):
        batch = slice(begin, min(begin + n_at_once, len(pairs)))
        batch_result = cuda.device_array(batch.stop - batch.start, dtype=np.float32)
        n_blocks = -(-batch_result.size // THREADS_PER_BLOCK)
        _compare[n_blocks, THREADS_PER_BLOCK](
            *x, *y, cuda.to_device(pairs[batch]), cuda.to_device(radii[batch]),
            squared, np.float32(diagonal_weight), accumulated, batch_result,
        )  # fmt: skip
        batch_result.copy_to_host(result[batch])
    return result


def _buffer_bytes() -> int:
    """Bytes for the row buffers: at most half of what the GPU has left."""
    free = cuda.current_context().get_memory_info().free  # infinite in the simulator
    return int(min(BUFFER_BYTES, free / 2))


@cuda.jit
def _compare(  # noqa: PLR0917 - kernels are called by position
    x_frames: Frames,
    x_offsets: Integers,
    y_frames: Frames,
    y_offsets: Integers,
    pairs: Integers,
    radii: Integers,
    squared: bool,  # noqa: FBT001
    diagonal_weight: np.float32,
    accumulated: Frames,
    result: Frames,
) -> None:
    """Accumulated cost of this thread's pair; the traversal is that of `dtw_cpu._total`, with its reasons."""
    pair = cuda.grid(1)
    if pair >= result.size:
        return
    first, second = pairs[pair, 0], pairs[pair, 1]
    x = x_frames[x_offsets[first] : x_offsets[first + 1]]
    y = y_frames[y_offsets[second] : y_offsets[second + 1]]
    last_row, last_column = x.shape[0] - 1, y.shape[0] - 1
    slack = radii[pair] * max(last_row, last_column)
    for column in range(last_column + 2):
        accumulated[column, pair] = INFINITY
    left = ZERO
    for row in range(last_row + 1):
        begin = _first_column(row, last_row, last_column, slack)
        end = _final_column(row, last_row, last_column, slack)
        diagonal = accumulated[begin, pair]
        accumulated[begin, pair] = INFINITY
        for column in range(begin, end + 1):
            up = accumulated[column + 1, pair]
            cost = _local_cost(x, row, y, column, squared)
            left = _extend(cost, left, up, diagonal, diagonal_weight)
            accumulated[column + 1, pair] = left
            diagonal = up
        left = INFINITY
    result[pair] = accumulated[last_column + 1, pair]
