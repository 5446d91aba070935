"""An exact warping path in little memory: the forward pass keeps a row now and then, the way back does the rest anew.

The steps of all n x m cells would take n x m bytes. Instead the rows are cut into blocks. Forward, only the accumulated
costs between two blocks are kept. Then, from the last block to the first, the block is computed once more from the row
above it, this time with its steps, and the path is followed to its upper edge. Since the path never turns right on the
way back, only columns up to the place where it enters the block are needed: half of the cells, about, for a path near
the diagonal.

The second pass does the additions of the first in the same order, so the path is the one that a full matrix would give,
ties included. (Divide and conquer after Hirschberg, where a forward and a backward pass meet, needs less memory still
and cannot promise that: the two sum in opposite orders.)
"""

import math
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from audiosim_kernels.paths_cell import LEFT, UP
from audiosim_kernels.ragged import Integers

Steps = npt.NDArray[np.uint8]
Row = TypeVar("Row")

STEPS_PER_COST = 8  # bytes of an accumulated cost; so the rows kept take as much memory as the steps of one block


class Rows(Protocol[Row]):
    """The accumulated costs of a pair, row by row, on one device. A `Row` is that device's own array."""

    shape: tuple[int, int]

    def above_first(self) -> Row:
        """Return what lies above row 0."""
        ...

    def advance(self, above: Row, begin: int, end: int) -> Row:
        """Compute rows begin ... end - 1, given the row above them; return the last."""
        ...

    def steps(self, above: Row, begin: int, end: int, n_columns: int) -> Steps:
        """Compute them again: the arrivals at the cells of their first columns, (end - begin, n_columns)."""
        ...

    def total(self, last: Row) -> float:
        """Return the accumulated cost of the last cell of the last row."""
        ...


def cheapest_path(rows: Rows[Row]) -> tuple[float, Integers]:
    """Accumulated cost of the cheapest path, and its cells (n_steps, 2) from the first to the last."""
    n_rows, n_columns = rows.shape
    height = math.ceil(math.sqrt(STEPS_PER_COST * n_rows))
    begins = range(0, n_rows, height)
    row, rows_above = rows.above_first(), list[Row]()
    for begin in begins:
        rows_above.append(row)
        row = rows.advance(row, begin, min(begin + height, n_rows))
    path, cell = list[tuple[int, int]](), (n_rows - 1, n_columns - 1)
    for begin in reversed(begins):
        steps = rows.steps(rows_above.pop(), begin, cell[0] + 1, cell[1] + 1)
        cell = _follow(steps, begin, cell, path)
    return rows.total(row), np.array(path[::-1], dtype=np.int64)


def _follow(steps: Steps, begin: int, cell: tuple[int, int], path: list[tuple[int, int]]) -> tuple[int, int]:
    """Add the cells of a block to the path, from `cell` backwards; return the first one above the block."""
    row, column = cell
    while row >= begin and column >= 0:  # the path enters the first cell from the left
        path.append((row, column))
        step = steps[row - begin, column]
        row -= step != LEFT
        column -= step != UP
    return int(row), int(column)
