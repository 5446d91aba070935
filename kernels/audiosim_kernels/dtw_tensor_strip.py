# pyright: basic
"""What a warp of `dtw_tensor` does with its strip of rows: load it, move it across a chunk of columns, pass it on.

Arrays of one strip and lane, in registers: `frames` (n_rows, words) of the rows; `accumulated` (n_rows, pairs), the
column left of the next cell; `above` (columns, pairs), the row above a chunk and then its lowest; `corner` (pairs).
"""

from typing import Any, TypeAlias

import numba.cuda
import numpy as np

from audiosim_kernels import cuda_intrinsics
from audiosim_kernels.dtw_cell import INFINITY, ZERO
from audiosim_kernels.dtw_tensor_band import LANE_PAIRS, N_COLUMNS, PAIRS, member, read_corners

Array: TypeAlias = Any  # on the device
Number: TypeAlias = Any
Kernel: TypeAlias = Any  # numba has no types for what it compiles

cuda: Any = numba.cuda  # numba-cuda replaces the module whose types a checker sees

_CHUNK = N_COLUMNS * PAIRS  # values of a row of one chunk, of all lanes
SHARED = 2 * _CHUNK  # values that a warp keeps for the one below: of this tick and of the one before
_TWO = np.float32(2)


@cuda.jit(device=True)
def load(frames: Array, words: Array, at: Number) -> None:
    """Load the frames of a strip's rows."""
    n_steps = frames.shape[1] // 4
    for row in range(frames.shape[0]):
        for step in range(n_steps):
            loaded = cuda_intrinsics.load_constant(words, at + (row * n_steps + step) * 128)
            for word in range(4):
                frames[row, step * 4 + word] = loaded[word]


@cuda.jit(device=True)
def begin(accumulated: Array, corner: Array, final_chunk: Array, top: Number, lane: Number, lengths: Any) -> None:  # noqa: ANN401, PLR0917
    """Left of the first column all is infinite. Note in which chunk each of the lane's pairs ends in this strip."""
    for pair in range(LANE_PAIRS):
        last_row, last_column = read_corners(lengths, lane, pair)
        final_chunk[pair] = last_column // N_COLUMNS if 0 <= last_row - top < accumulated.shape[0] else -1
        corner[pair] = INFINITY
        for row in range(accumulated.shape[0]):
            accumulated[row, pair] = INFINITY


@cuda.jit(device=True)
def read_above(above, shared, boundary, outside, known, warp, lane, tick):  # noqa: ANN001, ANN201, PLR0917
    """Read the row above a chunk: what the warp above stored in the tick before, or the round before."""
    if warp > 0:
        source = np.int32((warp - 1) * SHARED + ((tick + 1) & 1) * _CHUNK + lane * 4)
        for step in range(N_COLUMNS):
            values = cuda_intrinsics.load_shared(shared, np.int32(source + step * PAIRS))
            for pair in range(LANE_PAIRS):
                above[step, pair] = values[pair]
    elif known:
        for step in range(N_COLUMNS):
            values = cuda_intrinsics.load_global(boundary, outside + step * PAIRS)
            for pair in range(LANE_PAIRS):
                above[step, pair] = values[pair]
    else:
        for step in range(N_COLUMNS):
            for pair in range(LANE_PAIRS):
                above[step, pair] = INFINITY


@cuda.jit(device=True)
def write_below(above, shared, boundary, outside, lowest, warp, lane, tick):  # noqa: ANN001, ANN201, PLR0917
    """Store the lowest row of a chunk for the warp below, or for the next round."""
    target = np.int32(warp * SHARED + (tick & 1) * _CHUNK + lane * 4)
    for step in range(N_COLUMNS):
        values = above[step, 0], above[step, 1], above[step, 2], above[step, 3]
        if lowest:
            cuda_intrinsics.store_global(boundary, outside + step * PAIRS, values)
        else:
            cuda_intrinsics.store_shared(shared, np.int32(target + step * PAIRS), values)


@cuda.jit(device=True)
def skip(accumulated: Array, above: Array, corner: Array) -> None:
    """Pass over a chunk that no pair's band meets in this strip."""
    for pair in range(LANE_PAIRS):
        corner[pair] = above[N_COLUMNS - 1, pair]
        for step in range(N_COLUMNS):
            above[step, pair] = INFINITY
        for row in range(accumulated.shape[0]):
            accumulated[row, pair] = INFINITY


def advancer(n_steps: int, diagonal_weight: int, *, careful: bool, banded: bool) -> Kernel:
    """Build the function that moves a strip across one chunk; `careful` where bands or sequences end."""
    cross = _crosser(n_steps, diagonal_weight, careful=careful, banded=banded)
    stride = n_steps * 64

    @cuda.jit(device=True)
    def advance(accumulated, above, corner, frames, words, at, top, chunk, ends):  # noqa: ANN001, ANN202, PLR0917
        column = chunk * N_COLUMNS
        # Two calls, for the compiler does not unroll so long a loop: what a column leaves is where the next one finds
        # it, and after two everything is in the register where it was.
        for _ in range(N_COLUMNS // 2):
            cross(accumulated, above, corner, frames, words, at, top, column, ends)
            cross(accumulated, above, corner, frames, words, at + stride, top, column + 1, ends)
            at += 2 * stride
            column += 2

    return advance


def _crosser(n_steps: int, diagonal_weight: int, *, careful: bool, banded: bool) -> Kernel:  # noqa: C901 - as a kernel is
    """Build the function that takes a strip across one column."""
    n_words = 2 * n_steps
    extend = _extender(diagonal_weight)
    local_costs = _local_costs(n_steps)
    load_corners, look = _ends(banded=banded)

    @cuda.jit(device=True)
    def cross(accumulated, above, corner, frames, words, at, top, column, ends):  # noqa: ANN001, ANN202, PLR0917
        """Replace `accumulated` by this column. The columns of `above` move on by one: the lowest cells come last."""
        frame = cuda.local.array(n_words, np.uint32)
        diagonal = cuda.local.array(LANE_PAIRS, np.float32)
        up = cuda.local.array(LANE_PAIRS, np.float32)
        corners = cuda.local.array((LANE_PAIRS, 3), np.int32)
        if careful:
            load_corners(corners, ends)
        for quarter in range(n_words // 4):
            loaded = cuda_intrinsics.load_constant(words, at + quarter * 128)
            for word in range(4):
                frame[quarter * 4 + word] = loaded[word]
        for pair in range(LANE_PAIRS):
            diagonal[pair] = corner[pair]
            up[pair] = above[0, pair]
            # The entry, above the first cell, is none that others could follow.
            corner[pair] = INFINITY if top + column == 0 else up[pair]
        for row in range(accumulated.shape[0]):
            costs = local_costs(frames, row, frame)
            for pair in range(LANE_PAIRS):
                before = accumulated[row, pair]
                # Rounding may leave a little less than zero.
                total = extend(abs(costs[pair]), before, up[pair], diagonal[pair])
                if careful:
                    total = look(total, top + row, column, corners, pair, ends)
                diagonal[pair] = before
                accumulated[row, pair] = up[pair] = total
        for pair in range(LANE_PAIRS):
            for place in range(N_COLUMNS - 1):
                above[place, pair] = above[place + 1, pair]
            above[N_COLUMNS - 1, pair] = up[pair]

    return cross


def _local_costs(n_steps: int) -> Kernel:
    """Build the function that computes the squared distances of a row's and a column's frames, of this lane's pairs."""

    @cuda.jit(device=True)
    def local_costs(frames: Array, row: int, frame: Array) -> Any:  # noqa: ANN401
        costs = ZERO, ZERO, ZERO, ZERO
        for step in range(n_steps):
            left = (
                frames[row, 4 * step],
                frames[row, 4 * step + 1],
                frames[row, 4 * step + 2],
                frames[row, 4 * step + 3],
            )
            costs = cuda_intrinsics.multiply_add(left, (frame[2 * step], frame[2 * step + 1]), costs)
        return costs

    return local_costs


def _extender(diagonal_weight: int) -> Kernel:
    """Build the recurrence of `dtw_cell.extend` for costs >= 0, of which it takes the least of three at once."""

    @cuda.jit(device=True)
    def symmetric1(cost: Number, left: Number, up: Number, diagonal: Number) -> Number:
        return cost + cuda_intrinsics.minimum(left, diagonal, up)

    @cuda.jit(device=True)
    def symmetric2(cost: Number, left: Number, up: Number, diagonal: Number) -> Number:
        return cuda_intrinsics.minimum(left + cost, diagonal + _TWO * cost, up + cost)

    return symmetric1 if diagonal_weight == 1 else symmetric2


def _ends(*, banded: bool) -> tuple[Kernel, Kernel]:
    """Build what knows where the lane's pairs end: one function that loads it, one that looks at a cell."""

    @cuda.jit(device=True)
    def load_corners(corners: Array, ends: Any) -> None:  # noqa: ANN401
        """Last row, last column and slack of the band of each pair."""
        lengths, radii, job, _ = ends
        lane = np.int32(cuda.threadIdx.x)
        for pair in range(LANE_PAIRS):
            corners[pair, 0], corners[pair, 1] = last_row, last_column = read_corners(lengths, lane, pair)
            if banded:
                corners[pair, 2] = radii[job, member(lane, pair)] * max(last_row, last_column)

    @cuda.jit(device=True)
    def look(total: Number, row: int, column: int, corners: Array, pair: int, ends: Any) -> Number:  # noqa: ANN401, PLR0917
        """Make a cell outside the band infinite; read the pair off at its corner."""
        last_row, last_column = corners[pair, 0], corners[pair, 1]
        if banded:
            away = np.int32(np.int32(row * last_column) - np.int32(column * last_row))
            if abs(away) > corners[pair, 2]:
                total = INFINITY
        if row == last_row and column == last_column:
            _, _, job, result = ends
            result[job, member(np.int32(cuda.threadIdx.x), pair)] = total
        return total

    return load_corners, look
