# pyright: basic
"""Log-determinants of merged covariances on CUDA: one warp a pair, whose packed covariance lies in shared memory.

In the elimination a thread owns every 32nd row of what is left of the triangle. The rows of one column lie in different
banks of memory: consecutive triangular numbers are all different modulo a power of two.
"""

import functools
from typing import Any

import numba.cuda
import numpy as np
import numpy.typing as npt

from audiosim_kernels import gaussian_cell
from audiosim_kernels.gaussian import n_dims_of
from audiosim_kernels.ragged import Frames, Integers

Numbers = npt.NDArray[np.float64]

cuda: Any = numba.cuda  # numba-cuda replaces the module whose types a checker sees

THREADS_PER_PAIR = 32
PAIRS_PER_BLOCK = 4  # fewer where the covariances would not fit
PAIRS_PER_LAUNCH = 2**24  # 384 MB of indices and results

_SHARED_BYTES = 48 * 1024
_HALF = np.float64(0.5)

cuda.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # a launch for three songs is meant to be small

_triangle = cuda.jit(device=True)(gaussian_cell.triangle)
_merged = cuda.jit(device=True)(gaussian_cell.merged)
_eliminated = cuda.jit(device=True)(gaussian_cell.eliminated)
_inverse = cuda.jit(device=True)(gaussian_cell.inverse)
_log_determinant = cuda.jit(device=True)(gaussian_cell.log_determinant)


def log_determinants(rows: Frames, columns: Frames, pairs: Integers, *, n_threads: int = 1) -> Numbers:
    """Log-determinants (n_pairs,) of merged covariances; arguments as `gaussian_cpu.log_determinants` takes them."""
    del n_threads  # of the CPU
    x = cuda.to_device(rows)
    y = x if columns is rows else cuda.to_device(columns)
    n_dims = n_dims_of(rows.shape[1])
    n_at_once = max(1, min(PAIRS_PER_BLOCK, _SHARED_BYTES // (8 * rows.shape[1])))
    kernel = _kernel(n_dims, n_at_once)
    result = np.empty(len(pairs))
    for begin in range(0, len(pairs), PAIRS_PER_LAUNCH):
        part = slice(begin, begin + PAIRS_PER_LAUNCH)
        batch = cuda.to_device(pairs[part])
        found = cuda.device_array(len(batch), dtype=np.float64)
        kernel[-(-len(batch) // n_at_once), (THREADS_PER_PAIR, n_at_once)](x, y, batch, found)
        result[part] = found.copy_to_host()
    return result


@functools.cache
def _kernel(n_dims: int, n_pairs: int) -> Any:  # noqa: ANN401
    """The kernel for blocks of n_pairs; shared memory has to know its size when it is compiled."""
    n_entries = n_dims * (n_dims + 1) // 2

    @cuda.jit
    def compare(x: Frames, y: Frames, pairs: Integers, result: Numbers) -> None:
        """Merge, then eliminate column by column, in the order in which `gaussian_cpu` treats each entry."""
        thread, n_threads, place = cuda.threadIdx.x, cuda.blockDim.x, cuda.threadIdx.y
        pair = cuda.blockIdx.x * n_pairs + place
        # All threads of a block have to come to the barriers: those behind the last pair compute it once more.
        chosen = min(pair, pairs.shape[0] - 1)
        row, column = pairs[chosen, 0], pairs[chosen, 1]
        deviations = cuda.shared.array((n_pairs, n_dims), np.float64)[place]
        entries = cuda.shared.array((n_pairs, n_entries), np.float64)[place]
        for dim in range(thread, n_dims, n_threads):
            deviations[dim] = _HALF * x[row, dim] - _HALF * y[column, dim]
        cuda.syncthreads()
        i = 0
        for entry in range(thread, n_entries, n_threads):  # threads side by side read numbers side by side
            while _triangle(i + 1) <= entry:
                i += 1
            deviation, other_deviation = deviations[i], deviations[entry - _triangle(i)]
            of_row, of_column = _HALF * x[row, n_dims + entry], _HALF * y[column, n_dims + entry]
            entries[entry] = _merged(of_row, of_column, deviation, other_deviation)
        for k in range(n_dims - 1):
            cuda.syncthreads()
            factor = _inverse(entries[_triangle(k) + k])
            for i in range(k + 1 + thread, n_dims, n_threads):
                left = entries[_triangle(i) + k]
                for j in range(k + 1, i + 1):
                    above = entries[_triangle(j) + k] * factor
                    entries[_triangle(i) + j] = _eliminated(entries[_triangle(i) + j], left, above)
        cuda.syncthreads()
        if thread == 0 and pair < pairs.shape[0]:
            result[pair] = _log_determinant(entries, n_dims)

    return compare
