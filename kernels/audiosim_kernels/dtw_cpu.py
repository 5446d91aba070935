# pyright: basic
"""DTW on the CPU: one pair after the other, one row after the other, in each of a few threads.

Compiled without numba's disk cache: it does not notice a change in another module, and the recurrence is in one.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from numba import njit

from audiosim_kernels import dtw_cell
from audiosim_kernels.dtw_cell import INFINITY, ZERO
from audiosim_kernels.ragged import Frames, Integers, Ragged

# Neither nnan nor ninf: cells outside the band are infinite.
_SUM = {"reassoc", "contract", "nsz", "arcp", "afn"}
_CHUNKS_PER_THREAD = 8  # pairs differ in length; small shares even the threads' work out

_first_column = njit(nogil=True, error_model="numpy")(dtw_cell.first_column)
_final_column = njit(nogil=True, error_model="numpy")(dtw_cell.final_column)
_local_cost = njit(nogil=True, fastmath=_SUM)(dtw_cell.local_cost)
_extend = njit(nogil=True)(dtw_cell.extend)


def totals(
    sequences: Ragged,
    others: Ragged,
    pairs: Integers,
    radii: Integers,
    *,
    squared: bool,
    diagonal_weight: float,
    n_threads: int = 1,
) -> Frames:
    """Accumulated costs of the pairs, (n_pairs,) float32; arguments as `dtw.distances` has checked them."""
    result = np.empty(len(pairs), dtype=np.float32)
    weight = np.float32(diagonal_weight)

    def compare(share: npt.NDArray[np.intp]) -> None:
        part = slice(int(share[0]), int(share[-1]) + 1)
        _compare(
            sequences.frames, sequences.offsets, others.frames, others.offsets,
            pairs[part], radii[part], squared, weight, result[part],
        )  # fmt: skip

    n_shares = min(len(pairs), 1 if n_threads == 1 else n_threads * _CHUNKS_PER_THREAD)
    shares = np.array_split(np.arange(len(pairs)), n_shares) if n_shares else []
    if n_threads == 1:
        for share in shares:
            compare(share)
        return result
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(compare, shares))
    return result


@njit(nogil=True, error_model="numpy")
def _compare(  # noqa: PLR0917 - kernels are called by position
    x_frames: Frames,
    x_offsets: Integers,
    y_frames: Frames,
    y_offsets: Integers,
    pairs: Integers,
    radii: Integers,
    squared: bool,  # noqa: FBT001
    diagonal_weight: np.float32,
    result: Frames,
) -> None:
    """Compare one pair after the other, in one row buffer."""
    longest = 0
    for pair in range(len(pairs)):
        second = pairs[pair, 1]
        longest = max(longest, y_offsets[second + 1] - y_offsets[second])
    accumulated = np.empty(longest + 1, dtype=np.float32)
    for pair in range(len(pairs)):
        first, second = pairs[pair, 0], pairs[pair, 1]
        x = x_frames[x_offsets[first] : x_offsets[first + 1]]
        y = y_frames[y_offsets[second] : y_offsets[second + 1]]
        result[pair] = _total(x, y, radii[pair], squared, diagonal_weight, accumulated)


@njit(nogil=True, error_model="numpy")
def _total(  # noqa: PLR0917
    x: Frames,
    y: Frames,
    radius: int,
    squared: bool,  # noqa: FBT001
    diagonal_weight: np.float32,
    accumulated: Frames,
) -> np.float32:
    """Accumulated cost of one pair. `accumulated[column + 1]` is the row above until it is overwritten.

    Right of the band the buffer still holds its first infinity, since the bounds never decrease. Left of it
    only the nearest cell is ever read, as a diagonal; that one is made infinite in every row.
    """
    last_row, last_column = len(x) - 1, len(y) - 1
    slack = radius * max(last_row, last_column)
    accumulated[: len(y) + 1] = INFINITY
    left = ZERO  # the path enters the first cell from the left: weight 1, whatever the step pattern
    for row in range(len(x)):
        begin = _first_column(row, last_row, last_column, slack)
        end = _final_column(row, last_row, last_column, slack)
        diagonal = accumulated[begin]
        accumulated[begin] = INFINITY
        for column in range(begin, end + 1):
            up = accumulated[column + 1]
            cost = _local_cost(x, row, y, column, squared)
            left = _extend(cost, left, up, diagonal, diagonal_weight)
            accumulated[column + 1] = left
            diagonal = up
        left = INFINITY
    return accumulated[last_column + 1]
