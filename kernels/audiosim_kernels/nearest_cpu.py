# pyright: basic
"""Lists of the nearest on the CPU: blocks of a matrix are merged into those of its rows."""

from numba import njit

from audiosim_kernels import nearest_cell
from audiosim_kernels.compiled import cached
from audiosim_kernels.ragged import Frames, Integers

_insert = njit(nogil=True, error_model="numpy")(nearest_cell.insert)


@cached
@njit(nogil=True, error_model="numpy")
def keep_nearest(distances: Frames, first_column: int, own: int, indices: Integers, nearest: Frames) -> None:
    """Merge a block of distances, whose columns begin at `first_column`, into the sorted lists of its rows.

    Column `row + own` of the block is the row itself and is passed over. A row's blocks come in the order of their
    columns.
    """
    last = nearest.shape[1] - 1
    for row in range(distances.shape[0]):
        for column in range(distances.shape[1]):
            if distances[row, column] < nearest[row, last] and column != row + own:
                _insert(distances[row, column], first_column + column, nearest, indices, row)
