# pyright: basic
"""Local alignment of two sequences: the stretches that they have in common, on the CPU.

Cells of a matrix have scores, above 0 where two frames go together. A path collects the scores of its cells, and begins
wherever nothing was collected yet::

    total(i, j) = max(0, score(i, j) + max(0, total(i - 1, j - 1),
                                              total(i - 1, j - 2) - penalty, total(i - 2, j - 1) - penalty))

Every step advances in both sequences, by one frame or by two: a frame that is held in one of them collects nothing,
and one sequence may be up to twice as fast as the other.

References
----------
Smith, T. F., & Waterman, M. S. (1981). Identification of common molecular subsequences. Journal of Molecular Biology,
147(1), 195-197.

Serrà, J., Serra, X., & Andrzejak, R. G. (2009). Cross recurrence quantification for cover song identification. New
Journal of Physics, 11, 093017.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from audiosim_kernels.compiled import cached

Matrix = npt.NDArray[np.float32]
Peaks = npt.NDArray[np.float32]
Cells = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int32]

# How a path came to a cell: it begins there, or advanced (rows, columns) by (1, 1), (1, 2) or (2, 1).
_BEGINS, _EVENLY, _WIDE, _TALL = 0, 1, 2, 3
_N_BINS = 1_024
_ZERO = np.float32(0)


def rarities(costs: Matrix) -> Matrix:
    """How seldom frames are as near to one another as those of a cell.

    A share of the cells of its row costs less than a cell, and a share of those of its column; the rarity is minus the
    log of their geometric mean. So a frame like which there are many is never near to anything in particular. In a
    matrix of independent costs the rarity is 1 in the mean.

    Parameters
    ----------
    costs : (n_rows >= 1, n_columns >= 1) float32
        0 to 1; what lies outside is taken for 0 or 1.

    Returns
    -------
    (n_rows, n_columns) float32
        At least 0.

    Raises
    ------
    ValueError
        If the costs have no such shape, or one is NaN.

    Notes
    -----
    Square roots of costs are compared to within 1/1024; cells that are the same to within that share their rank. Time
    is that of two passes over the cells, memory 6 bytes a cell and 4 KB a row and a column.

    Examples
    --------
    >>> rarities(np.array([[0.0, 0.5, 0.5], [0.5, 0.5, 0.5]], np.float32)).round(1)
    array([[1.2, 0.6, 0.6],
           [0.5, 0.7, 0.7]], dtype=float32)
    """
    checked = _checked(costs, "costs")
    if np.isnan(checked).any():
        raise ValueError("costs must be numbers, got NaN")
    return _rarities(checked)


def islands(scores: Matrix, *, penalty: float) -> Peaks:
    """Highest total of every island: the cells whose best paths begin at the same cell.

    Where the sequences have nothing to do with one another, the peaks tell how high totals rise by chance: those above
    some height are spread exponentially, and so the highest one is spread as Gumbel says.

    Parameters
    ----------
    scores : (n_rows >= 1, n_columns >= 1) float32
        Below 0 in the mean; -inf where no path may pass.
    penalty : float, at least 0
        What a step costs that is not diagonal.

    Returns
    -------
    (n_islands,) float32
        Above 0, in the order in which the islands begin.

    Raises
    ------
    ValueError
        If the scores have no such shape, or the penalty is below 0.

    References
    ----------
    Olsen, R., Bundschuh, R., & Hwa, T. (1999). Rapid assessment of extremal statistics for gapped local alignment.
    Proceedings of ISMB, 211-222.

    Examples
    --------
    >>> islands(np.array([[2, -3, -3], [-3, 1, -3], [-3, -3, 0.5]], np.float32), penalty=1.0).tolist()
    [3.5]
    """
    return _islands(_checked(scores, "scores"), _checked_penalty(penalty))


def best_path(scores: Matrix, *, penalty: float) -> tuple[float, Cells]:
    """The path that collects most.

    Parameters
    ----------
    scores, penalty
        As in `islands`.

    Returns
    -------
    total : float
        Of its scores, less its penalties; 0 where no score is above 0.
    path : (n_steps, 2) int64
        Its cells (row, column), in order.

    Raises
    ------
    ValueError
        As `islands` does.

    Notes
    -----
    Among equals it is the path that ends first, by row and then by column, and on the way back prefers diagonal steps.
    Memory is one byte a cell.

    Examples
    --------
    >>> total, path = best_path(np.array([[2, -3, -3], [-3, 1, -3], [-3, -3, 0.5]], np.float32), penalty=1.0)
    >>> total, path.tolist()
    (3.5, [[0, 0], [1, 1], [2, 2]])
    """
    checked = _checked(scores, "scores")
    steps = np.empty(checked.shape, dtype=np.uint8)
    total, i, j = _fill(checked, _checked_penalty(penalty), steps)
    path: list[tuple[int, int]] = []
    while i >= 0:
        path.append((i, j))
        step = steps[i, j]
        if step == _BEGINS:
            break
        i, j = i - (2 if step == _TALL else 1), j - (2 if step == _WIDE else 1)
    return float(total), np.array(path[::-1], dtype=np.int64).reshape(-1, 2)


def _checked(matrix: Matrix, name: str) -> Matrix:
    if matrix.ndim != 2 or not matrix.size:
        raise ValueError(f"{name} must have shape (n_rows >= 1, n_columns >= 1), got {matrix.shape}")
    return np.ascontiguousarray(matrix, dtype=np.float32)


def _checked_penalty(penalty: float) -> np.float32:
    if not penalty >= 0.0:
        raise ValueError(f"penalty must be at least 0, got {penalty}")
    return np.float32(penalty)


@njit(nogil=True)
def _bin_of(cost: np.float32) -> int:
    """Number of a cost's bin; bins are the narrower the smaller the cost."""
    return min(_N_BINS - 1, int(np.sqrt(max(cost, _ZERO)) * np.float32(_N_BINS)))


@njit(nogil=True)
def _logs(n_all: int) -> Peaks:
    """Logs of the shares of 0, 1/2, 1, ... of so many cells; half a cell more keeps them above 0."""
    logs = np.empty(2 * n_all + 1, dtype=np.float32)
    for twice in range(len(logs)):
        logs[twice] = np.log((0.5 * twice + 0.5) / (n_all + 1.0))
    return logs


@njit(nogil=True)
def _log_shares(counts: Counts, logs: Peaks, shares: Peaks) -> None:
    """Log of the share of cells below each bin, with half of those in it."""
    n_below = 0
    for b in range(_N_BINS):
        shares[b] = logs[2 * n_below + counts[b]]
        n_below += counts[b]


@cached
@njit(nogil=True)
def _rarities(costs: Matrix) -> Matrix:
    """See `rarities`."""
    n_rows, n_columns = costs.shape
    bins = np.empty((n_rows, n_columns), dtype=np.uint16)
    in_row = np.zeros((n_rows, _N_BINS), dtype=np.int32)
    in_column = np.zeros((n_columns, _N_BINS), dtype=np.int32)
    for i in range(n_rows):
        for j in range(n_columns):
            b = _bin_of(costs[i, j])
            bins[i, j] = b
            in_row[i, b] += 1
            in_column[j, b] += 1
    of_column = np.empty((n_columns, _N_BINS), dtype=np.float32)
    logs = _logs(n_rows)
    for j in range(n_columns):
        _log_shares(in_column[j], logs, of_column[j])
    logs = _logs(n_columns)
    of_row = np.empty(_N_BINS, dtype=np.float32)
    result = np.empty((n_rows, n_columns), dtype=np.float32)
    for i in range(n_rows):
        _log_shares(in_row[i], logs, of_row)
        for j in range(n_columns):
            b = bins[i, j]
            result[i, j] = np.float32(-0.5) * (of_row[b] + of_column[j, b])
    return result


@njit(nogil=True)
def _arrival(evenly: np.float32, wide: np.float32, tall: np.float32, penalty: np.float32) -> tuple[np.float32, int]:
    """Total before a cell, and the step by which the best path comes to it."""
    best, step = _ZERO, _BEGINS
    if evenly > best:
        best, step = evenly, _EVENLY
    if wide - penalty > best:
        best, step = wide - penalty, _WIDE
    if tall - penalty > best:
        best, step = tall - penalty, _TALL
    return best, step


@cached
@njit(nogil=True)
def _islands(scores: Matrix, penalty: np.float32) -> Peaks:
    """See `islands`; two columns of zeros lie left of the matrix, and two rows above it."""
    n_rows, n_columns = scores.shape
    totals = np.zeros((3, n_columns + 2), dtype=np.float32)
    homes = np.zeros((3, n_columns + 2), dtype=np.int64)
    peaks, n_islands = np.empty(1_024, dtype=np.float32), 0
    for i in range(n_rows):
        row, above, higher = i % 3, (i - 1) % 3, (i - 2) % 3
        for column in range(2, n_columns + 2):
            wide, tall = totals[above, column - 2], totals[higher, column - 1]
            before, step = _arrival(totals[above, column - 1], wide, tall, penalty)
            total = max(_ZERO, before + scores[i, column - 2])
            totals[row, column] = total
            if total == _ZERO:
                continue
            if step == _BEGINS:
                if n_islands == len(peaks):
                    peaks = np.append(peaks, np.empty_like(peaks))
                home, peaks[n_islands] = n_islands, _ZERO
                n_islands += 1
            elif step == _EVENLY:
                home = homes[above, column - 1]
            elif step == _WIDE:
                home = homes[above, column - 2]
            else:
                home = homes[higher, column - 1]
            homes[row, column] = home
            peaks[home] = max(peaks[home], total)
    return peaks[:n_islands]


@cached
@njit(nogil=True)
def _fill(scores: Matrix, penalty: np.float32, steps: npt.NDArray[np.uint8]) -> tuple[np.float32, int, int]:
    """Steps of all cells; the highest total and its cell, (-1, -1) where there is none above 0."""
    n_rows, n_columns = scores.shape
    totals = np.zeros((3, n_columns + 2), dtype=np.float32)
    highest, at_row, at_column = _ZERO, -1, -1
    for i in range(n_rows):
        row, above, higher = i % 3, (i - 1) % 3, (i - 2) % 3
        for column in range(2, n_columns + 2):
            wide, tall = totals[above, column - 2], totals[higher, column - 1]
            before, step = _arrival(totals[above, column - 1], wide, tall, penalty)
            total = max(_ZERO, before + scores[i, column - 2])
            totals[row, column] = total
            steps[i, column - 2] = step
            if total > highest:
                highest, at_row, at_column = total, i, column - 2
    return highest, at_row, at_column
