# pyright: basic
"""The cheapest warping path inside a corridor of any shape, on the CPU.

`paths` finds the path among all there are, or those of a straight band. Where it is known about where the path runs,
from a coarser alignment, only the cells around that are worth computing: time and memory are those of the corridor.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from audiosim_kernels import dtw_cell, paths_cell
from audiosim_kernels.compiled import cached
from audiosim_kernels.paths_cell import INFINITY, LEFT, UP
from audiosim_kernels.ragged import Frames, Integers

Steps = npt.NDArray[np.uint8]

_SQUARED = False

_local_cost = njit(nogil=True)(dtw_cell.local_cost)
_extend = njit(nogil=True)(dtw_cell.extend)
_arrival = njit(nogil=True)(paths_cell.arrival)


def path_within(a: npt.ArrayLike, b: npt.ArrayLike, first: npt.ArrayLike, stop: npt.ArrayLike) -> Integers:
    """Cheapest path from the first frames of two sequences to their last, inside a corridor.

    Local costs are Euclidean, and a diagonal step costs no more than one along one sequence (symmetric1).

    Parameters
    ----------
    a, b : (n >= 1, n_dims), (m >= 1, n_dims) real
        Finite; rounded to float32.
    first, stop : (n,) int
        Row i of the corridor is made of the columns first[i] to stop[i] - 1. Neither ever decreases, rows that follow
        one another share a column or touch, and (0, 0) and (n - 1, m - 1) lie inside.

    Returns
    -------
    (n_steps, 2) int64
        Frames that correspond, in order. Among paths of equal cost the one that `paths.warping_path` prefers.

    Raises
    ------
    ValueError
        If shapes are others, a value is not finite, or the corridor is not as above.

    Notes
    -----
    Beside the frames, memory is one byte a cell of the corridor. With a corridor of all cells the path is that of
    `paths.warping_path` with the same costs and steps, which takes less memory.

    Examples
    --------
    >>> path_within([[1], [2], [3]], [[1], [1], [3]], [0, 0, 1], [2, 2, 3]).tolist()
    [[0, 0], [1, 1], [2, 2]]
    """
    x, y = _checked_frames(a, "a"), _checked_frames(b, "b")
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"a and b must have the same n_dims, got {x.shape[1]} and {y.shape[1]}")
    begins, ends = _checked_corridor(first, stop, len(x), len(y))
    offsets = np.concatenate([[0], np.cumsum(ends - begins)])
    steps = np.empty(int(offsets[-1]), dtype=np.uint8)
    _fill(x, y, begins, ends, offsets, steps)
    return _follow(begins, offsets, steps, len(x) - 1, len(y) - 1)


def _checked_frames(frames: npt.ArrayLike, name: str) -> Frames:
    array = np.ascontiguousarray(frames, dtype=np.float32)
    if array.ndim != 2 or not array.size:
        raise ValueError(f"{name} must have shape (n_frames >= 1, n_dims >= 1), got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return array


def _checked_corridor(first: npt.ArrayLike, stop: npt.ArrayLike, n: int, m: int) -> tuple[Integers, Integers]:
    begins, ends = (np.ascontiguousarray(bounds, dtype=np.int64) for bounds in (first, stop))
    if begins.shape != (n,) or ends.shape != (n,):
        raise ValueError(f"first and stop must have shape ({n},), got {begins.shape} and {ends.shape}")
    if begins[0] != 0 or ends[-1] != m:
        raise ValueError(f"the corridor must reach from column 0 to {m - 1}, got {begins[0]} to {ends[-1] - 1}")
    ordered = (np.diff(begins) >= 0).all() and (np.diff(ends) >= 0).all()
    # A diagonal step leads from the last column of a row to the first of the next.
    if not (ordered and (begins < ends).all() and (begins[1:] <= ends[:-1]).all()):
        raise ValueError("first and stop must never decrease, and every row must touch the one before it")
    return begins, ends


@cached
@njit(nogil=True, error_model="numpy")
def _fill(  # noqa: PLR0917 - kernels are called by position
    x: Frames, y: Frames, first: Integers, stop: Integers, offsets: Integers, steps: Steps
) -> None:
    """Arrivals at all cells of the corridor, row by row."""
    totals = np.full(len(y) + 1, INFINITY)
    for row in range(len(x)):
        # What lies left of a row is infinite: of the row above only the nearest cell there is still read.
        left = paths_cell.ZERO if row == 0 else INFINITY
        diagonal = totals[first[row]]
        totals[first[row]] = INFINITY
        for column in range(first[row], stop[row]):
            cost, up = _local_cost(x, row, y, column, _SQUARED), totals[column + 1]
            total = _extend(cost, left, up, diagonal, 1.0)
            steps[offsets[row] + column - first[row]] = _arrival(total, cost, left, diagonal, 1.0)
            totals[column + 1] = total
            left, diagonal = total, up


@cached
@njit(nogil=True)
def _follow(first: Integers, offsets: Integers, steps: Steps, row: int, column: int) -> Integers:
    """The path that ends at a cell, from its beginning."""
    path = np.empty((row + column + 1, 2), dtype=np.int64)
    n = 0
    while row >= 0 and column >= 0:
        path[n, 0], path[n, 1] = row, column
        n += 1
        step = steps[offsets[row] + column - first[row]]
        row -= step != LEFT
        column -= step != UP
    return path[:n][::-1].copy()
