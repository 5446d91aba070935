# pyright: basic
"""Dot products of sequences on CUDA: one thread a pair."""

from typing import Any

import numba.cuda
import numpy as np
import numpy.typing as npt

from audiosim_kernels.ragged import Frames, Integers, Ragged

Sums = npt.NDArray[np.float64]

cuda: Any = numba.cuda  # numba-cuda replaces the module whose types a checker sees

THREADS_PER_BLOCK = (16, 16)  # rows, columns

cuda.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # a launch for three songs is meant to be small


def dots(rows: Ragged, columns: Ragged) -> Sums:
    """Dot products (n_rows, n_columns) of the flattened sequences, each pair cut to the shorter of the two."""
    x = cuda.to_device(rows.frames), cuda.to_device(rows.offsets)
    y = x if columns is rows else (cuda.to_device(columns.frames), cuda.to_device(columns.offsets))
    result = cuda.device_array((len(rows), len(columns)), dtype=np.float64)
    n_blocks = tuple(-(-size // threads) for size, threads in zip(result.shape, THREADS_PER_BLOCK, strict=True))
    _dot[n_blocks, THREADS_PER_BLOCK](*x, *y, result)
    return result.copy_to_host()


@cuda.jit
def _dot(x_frames: Frames, x_offsets: Integers, y_frames: Frames, y_offsets: Integers, result: Sums) -> None:
    """Dot product of this thread's pair, added in the order of `cosine_cpu`."""
    row, column = cuda.grid(2)
    if row >= result.shape[0] or column >= result.shape[1]:
        return
    x_begin, y_begin = x_offsets[row], y_offsets[column]
    n_frames = min(x_offsets[row + 1] - x_begin, y_offsets[column + 1] - y_begin)
    total = 0.0
    for frame in range(n_frames):
        for dim in range(x_frames.shape[1]):
            total += np.float64(x_frames[x_begin + frame, dim]) * np.float64(y_frames[y_begin + frame, dim])
    result[row, column] = total
