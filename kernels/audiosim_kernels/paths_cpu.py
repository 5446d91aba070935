# pyright: basic
"""Warping paths and subsequence DTW on the CPU: one row after the other."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from numba import njit

from audiosim_kernels import dtw_cell, paths_cell
from audiosim_kernels.compiled import cached
from audiosim_kernels.dtw_options import Measure
from audiosim_kernels.paths_cell import INFINITY, ZERO
from audiosim_kernels.paths_checkpoints import Steps
from audiosim_kernels.ragged import Frames, Integers, Ragged

Totals = npt.NDArray[np.float64]

# Neither nnan nor ninf: cells outside the band are infinite.
_SUM = {"reassoc", "contract", "nsz", "arcp", "afn"}
_NO_STEPS = np.empty((0, 0), dtype=np.uint8)

_first_column = njit(nogil=True, error_model="numpy")(dtw_cell.first_column)
_final_column = njit(nogil=True, error_model="numpy")(dtw_cell.final_column)
_local_cost = njit(nogil=True, fastmath=_SUM)(dtw_cell.local_cost)
_extend = njit(nogil=True)(dtw_cell.extend)
_arrival = njit(nogil=True)(paths_cell.arrival)
_origin = njit(nogil=True)(paths_cell.origin)


class Rows:
    """The accumulated costs of one pair, as `paths_checkpoints.Rows` says; a row is (m + 1,), see `_advance`."""

    def __init__(self, x: Frames, y: Frames, measure: Measure, radius: int) -> None:
        self.shape = len(x), len(y)
        slack = radius * (max(self.shape) - 1)
        self._pair = x, y, slack, measure.squared, measure.diagonal_weight

    def above_first(self) -> Totals:
        """Infinity: no path comes from there."""
        return np.full(self.shape[1] + 1, INFINITY)

    def advance(self, above: Totals, begin: int, end: int) -> Totals:
        """Accumulated costs of row end - 1."""
        row = above.copy()
        _advance(*self._pair, begin, end, row, _NO_STEPS)
        return row

    def steps(self, above: Totals, begin: int, end: int, n_columns: int) -> Steps:
        """Arrivals at rows begin ... end - 1."""
        steps = np.empty((end - begin, n_columns), dtype=np.uint8)
        _advance(*self._pair, begin, end, above[: n_columns + 1].copy(), steps)
        return steps

    def total(self, last: Totals) -> float:
        """Accumulated cost of the last cell."""
        return float(last[-1])


def matches(
    queries: Ragged, sequences: Ragged, pairs: Integers, measure: Measure, *, n_threads: int = 1
) -> tuple[Totals, Integers]:
    """Accumulated costs (n_pairs,) and places (n_pairs, 2) of the best matches."""
    totals, places = np.empty(len(pairs)), np.empty((len(pairs), 2), dtype=np.int64)

    def match(pair: int) -> None:
        query, sequence = queries[pairs[pair, 0]], sequences[pairs[pair, 1]]
        totals[pair], *place = _match(query, sequence, measure.squared, measure.diagonal_weight)
        places[pair] = place

    if n_threads == 1:
        for pair in range(len(pairs)):
            match(pair)
    else:
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(match, range(len(pairs))))
    return totals, places


@njit(nogil=True)
def _local_costs(x: Frames, row: int, y: Frames, begin: int, end: int, squared: bool, costs: Frames) -> None:  # noqa: FBT001, PLR0917
    """Local costs of one row.

    They are computed apart from the recurrence so that there is one piece of machine code, and one order of summation,
    whether or not steps are recorded.
    """
    for column in range(begin, end):
        costs[column] = _local_cost(x, row, y, column, squared)


@cached
@njit(nogil=True, error_model="numpy")
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
    """Rows begin ... end - 1, as far as `accumulated` reaches; their arrivals too, unless `steps` is empty.

    `accumulated[column + 1]` is the row above until it is overwritten. Right of the band it still holds its first
    infinity, since the bounds never decrease. Left of it only the nearest cell is ever read, as a diagonal; that one
    is made infinite in every row.
    """
    n_columns = len(accumulated) - 1
    costs = np.empty(n_columns, dtype=np.float32)
    for row in range(begin, end):
        first = _first_column(row, len(x) - 1, len(y) - 1, slack)
        stop = min(_final_column(row, len(x) - 1, len(y) - 1, slack) + 1, n_columns)
        _local_costs(x, row, y, first, stop, squared, costs)
        left = ZERO if row == 0 else INFINITY  # the path enters the first cell from the left
        diagonal = accumulated[first]
        accumulated[first] = INFINITY
        for column in range(first, stop):
            up = accumulated[column + 1]
            total = _extend(costs[column], left, up, diagonal, diagonal_weight)
            if steps.size:
                steps[row - begin, column] = _arrival(total, costs[column], left, diagonal, diagonal_weight)
            accumulated[column + 1] = total
            left, diagonal = total, up


@cached
@njit(nogil=True, error_model="numpy")
def _match(x: Frames, y: Frames, squared: bool, diagonal_weight: float) -> tuple[float, int, np.intp]:  # noqa: FBT001
    """Accumulated cost, start and stop in y of the best match of all of x.

    `accumulated[column + 1]` and `starts[column + 1]` are the cheapest path that ends there, and where it began.
    """
    accumulated = np.full(len(y) + 1, INFINITY)
    starts = np.arange(-1, len(y))
    costs = np.empty(len(y), dtype=np.float32)
    _local_costs(x, 0, y, 0, len(y), squared, costs)
    accumulated[1:] = costs  # a match begins anywhere: coming from the left would only add costs
    for row in range(1, len(x)):
        _local_costs(x, row, y, 0, len(y), squared, costs)
        left, left_start = INFINITY, 0
        diagonal, diagonal_start = INFINITY, 0
        for column in range(len(y)):
            up, up_start = accumulated[column + 1], starts[column + 1]
            total = _extend(costs[column], left, up, diagonal, diagonal_weight)
            step = _arrival(total, costs[column], left, diagonal, diagonal_weight)
            start = _origin(step, left_start, up_start, diagonal_start)
            accumulated[column + 1], starts[column + 1] = total, start
            left, left_start = total, start
            diagonal, diagonal_start = up, up_start
    end = np.argmin(accumulated)  # the earliest among equals
    return accumulated[end], starts[end], end
