# pyright: basic
"""Warping paths and subsequence DTW on CUDA: one block of threads a pair, walking along anti-diagonals.

A strip is as many rows as the block has threads. Thread t owns row t of it and is t columns behind the first thread, so
that the cell above was finished by its neighbour one tick ago (and lies in shared memory) and the one beside it by
itself. The row above a strip is read from, and its last row written to, one row in global memory.
"""

from typing import Any, TypeAlias

import numba.cuda
import numpy as np
import numpy.typing as npt

from audiosim_kernels import dtw_cell, paths_cell
from audiosim_kernels.dtw_options import Measure
from audiosim_kernels.paths_cell import INFINITY, ZERO
from audiosim_kernels.paths_checkpoints import Steps
from audiosim_kernels.ragged import Frames, Integers, Ragged

Totals = npt.NDArray[np.float64]
DeviceRow: TypeAlias = Any

cuda: Any = numba.cuda  # numba-cuda replaces the module whose types a checker sees

THREADS_PER_BLOCK = 256
MOST_THREADS = 256  # shared memory is sized when a kernel is compiled
BUFFER_BYTES = 2**30  # rows of the pairs in flight

cuda.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # a launch for one pair is meant to be small

_first_column = cuda.jit(device=True)(dtw_cell.first_column)
_final_column = cuda.jit(device=True)(dtw_cell.final_column)
_local_cost = cuda.jit(device=True)(dtw_cell.local_cost)
_extend = cuda.jit(device=True)(dtw_cell.extend)
_arrival = cuda.jit(device=True)(paths_cell.arrival)
_origin = cuda.jit(device=True)(paths_cell.origin)


class Rows:
    """The accumulated costs of one pair, as `paths_checkpoints.Rows` says; a row is (m + 1,), as in `paths_cpu`."""

    def __init__(self, x: Frames, y: Frames, measure: Measure, radius: int) -> None:
        self.shape = len(x), len(y)
        slack = radius * (max(self.shape) - 1)
        self._pair = cuda.to_device(x), cuda.to_device(y), slack, measure.squared, measure.diagonal_weight
        self._no_steps = cuda.to_device(np.empty((0, 0), dtype=np.uint8))

    def above_first(self) -> DeviceRow:
        """Infinity: no path comes from there."""
        return cuda.to_device(np.full(self.shape[1] + 1, INFINITY))

    def advance(self, above: DeviceRow, begin: int, end: int) -> DeviceRow:
        """Accumulated costs of row end - 1."""
        row = cuda.device_array_like(above)
        row.copy_to_device(above)
        _advance[1, THREADS_PER_BLOCK](*self._pair, begin, end, row, self._no_steps)
        return row

    def steps(self, above: DeviceRow, begin: int, end: int, n_columns: int) -> Steps:
        """Arrivals at rows begin ... end - 1."""
        row = cuda.device_array(n_columns + 1, dtype=np.float64)
        row.copy_to_device(above[: n_columns + 1])
        steps = cuda.device_array((end - begin, n_columns), dtype=np.uint8)
        _advance[1, THREADS_PER_BLOCK](*self._pair, begin, end, row, steps)
        return steps.copy_to_host()

    def total(self, last: DeviceRow) -> float:
        """Accumulated cost of the last cell."""
        return float(last[-1:].copy_to_host()[0])


def matches(queries: Ragged, sequences: Ragged, pairs: Integers, measure: Measure) -> tuple[Totals, Integers]:
    """Accumulated costs (n_pairs,) and places (n_pairs, 2) of the best matches."""
    found = np.empty((len(pairs), 3))
    if len(pairs):
        x = cuda.to_device(queries.frames), cuda.to_device(queries.offsets)
        y = x if sequences is queries else (cuda.to_device(sequences.frames), cuda.to_device(sequences.offsets))
        longest = int(sequences.lengths[pairs[:, 1]].max())
        n_at_once = min(len(pairs), max(1, BUFFER_BYTES // (16 * longest)))
        accumulated = cuda.device_array((n_at_once, longest), dtype=np.float64)
        starts = cuda.device_array((n_at_once, longest), dtype=np.int64)
        for begin in range(0, len(pairs), n_at_once):
            batch = cuda.to_device(pairs[begin : begin + n_at_once])
            batch_found = cuda.device_array((len(batch), 3), dtype=np.float64)
            _match[len(batch), THREADS_PER_BLOCK](
                *x, *y, batch, measure.squared, measure.diagonal_weight, accumulated, starts, batch_found
            )
            found[begin : begin + n_at_once] = batch_found.copy_to_host()
    return found[:, 0], found[:, 1:].astype(np.int64)


@cuda.jit
def _advance(  # noqa: PLR0917 - kernels are called by position
    x: Frames,
    y: Frames,
    slack: int,
    squared: bool,  # noqa: FBT001
    diagonal_weight: float,
    begin: int,
    end: int,
    accumulated: Totals,
    steps: Steps,
) -> None:
    """Rows begin ... end - 1 as `paths_cpu._advance` has them, with its reasons; cells beside the band are infinite.

    One row of costs serves as input and output: thread 0 has read a column when the last thread comes to it.
    """
    thread, height = cuda.threadIdx.x, cuda.blockDim.x
    latest = cuda.shared.array((2, MOST_THREADS), np.float64)  # of each thread, at even and at odd ticks
    last_row, last_column = x.shape[0] - 1, y.shape[0] - 1
    for strip in range(begin, end, height):
        row, strip_last = strip + thread, min(strip + height, end) - 1
        first = _first_column(strip, last_row, last_column, slack)
        stop = min(_final_column(strip_last, last_row, last_column, slack) + 1, accumulated.size - 1)
        # A thread below the last row does nothing, and must not ask for the band of a row that is none.
        row_first = _first_column(min(row, strip_last), last_row, last_column, slack)
        row_final = _final_column(min(row, strip_last), last_row, last_column, slack)
        left = ZERO if row == 0 else INFINITY
        diagonal = INFINITY
        if thread == 0:
            diagonal = accumulated[first]
            accumulated[first] = INFINITY
        for tick in range(stop - first + strip_last - strip):
            column = first + tick - thread
            if row <= strip_last and first <= column < stop:
                up = latest[1 - tick % 2, thread - 1] if thread else accumulated[column + 1]
                total = INFINITY
                if row_first <= column <= row_final:
                    cost = _local_cost(x, row, y, column, squared)
                    total = _extend(cost, left, up, diagonal, diagonal_weight)
                    if steps.size:
                        steps[row - begin, column] = _arrival(total, cost, left, diagonal, diagonal_weight)
                latest[tick % 2, thread] = total
                if row == strip_last:
                    accumulated[column + 1] = total
                left, diagonal = total, up
            cuda.syncthreads()


@cuda.jit
def _match(  # noqa: PLR0917
    x_frames: Frames,
    x_offsets: Integers,
    y_frames: Frames,
    y_offsets: Integers,
    pairs: Integers,
    squared: bool,  # noqa: FBT001
    diagonal_weight: float,
    accumulated: Totals,
    starts: Integers,
    found: Totals,
) -> None:
    """Accumulated cost, start and stop of the best match of this block's pair; see `paths_cpu._match`."""
    pair, thread, height = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
    latest = cuda.shared.array((2, MOST_THREADS), np.float64)
    latest_start = cuda.shared.array((2, MOST_THREADS), np.int64)
    x = x_frames[x_offsets[pairs[pair, 0]] : x_offsets[pairs[pair, 0] + 1]]
    y = y_frames[y_offsets[pairs[pair, 1]] : y_offsets[pairs[pair, 1] + 1]]
    n_columns = y.shape[0]
    for strip in range(0, x.shape[0], height):
        row, strip_last = strip + thread, min(strip + height, x.shape[0]) - 1
        left, left_start = INFINITY, 0
        diagonal, diagonal_start = INFINITY, 0
        for tick in range(n_columns + strip_last - strip):
            column = tick - thread
            if row <= strip_last and 0 <= column < n_columns:
                up = latest[1 - tick % 2, thread - 1] if thread else accumulated[pair, column]
                up_start = latest_start[1 - tick % 2, thread - 1] if thread else starts[pair, column]
                cost = _local_cost(x, row, y, column, squared)
                total, start = np.float64(cost), column
                if row > 0:
                    total = _extend(cost, left, up, diagonal, diagonal_weight)
                    step = _arrival(total, cost, left, diagonal, diagonal_weight)
                    start = _origin(step, left_start, up_start, diagonal_start)
                latest[tick % 2, thread], latest_start[tick % 2, thread] = total, start
                if row == strip_last:
                    accumulated[pair, column], starts[pair, column] = total, start
                left, left_start = total, start
                diagonal, diagonal_start = up, up_start
            cuda.syncthreads()
    if thread == 0:
        end = 0
        for column in range(1, n_columns):
            if accumulated[pair, column] < accumulated[pair, end]:
                end = column
        found[pair, 0], found[pair, 1], found[pair, 2] = accumulated[pair, end], starts[pair, end], end + 1
