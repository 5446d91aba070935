"""The recurrence of dynamic time warping, written once in plain Python.

Kernels that walk cell by cell compile these functions for the CPU or the GPU; only the traversal differs. Vectors and
tensor cores state it once more in their own arithmetic (`dtw_tile`, `dtw_tensor`).

The local costs are sums over the dimensions in float32, and so are the accumulated costs: a constant that
is not typed here (0.0) would turn the arithmetic into float64.

The band
--------
An n x m pair has the corners (0, 0) and (n - 1, m - 1). A cell (row, column) is allowed if::

    |row * (m - 1) - column * (n - 1)| <= slack,    slack = radius * (max(n, m) - 1)

in integers, so that both devices and both orders of the pair see exactly the same cells. Dividing by the longer
sequence's last index: at each frame of the longer sequence, its partner in the shorter one lies within
`radius` frames of the straight line between the corners.

A path exists for radius >= 1. Say n >= m (the condition is symmetric). Row i allows every column within one
frame of i (m - 1) / (n - 1), so column floor(i (m - 1) / (n - 1)) among them; from one row to the next
this grows by 0 or 1 since m <= n, and it begins at 0 and ends at m - 1: it is a path. For radius 0 only the cells
exactly on the line are left: a path if n = m, or if one sequence is a single frame, and else none.
For radius >= min(n, m) - 1 every cell is allowed: |row (m - 1) - column (n - 1)| <= (n - 1) (m - 1).
"""

import math
from typing import Any

import numpy as np

ZERO = np.float32(0)
INFINITY = np.float32(np.inf)


def first_column(row: int, last_row: int, last_column: int, slack: int) -> int:
    """First column of `row` inside the band; it never decreases from one row to the next."""
    beyond = row * last_column - slack
    if beyond <= 0:
        return 0
    return (beyond + last_row - 1) // last_row


def final_column(row: int, last_row: int, last_column: int, slack: int) -> int:
    """Last column of `row` inside the band; it never decreases from one row to the next."""
    if last_row == 0:
        return last_column
    return min(last_column, (row * last_column + slack) // last_row)


def local_cost(x: Any, row: int, y: Any, column: int, squared: bool) -> Any:  # noqa: ANN401, FBT001
    """(Squared) Euclidean distance of two frames: exactly symmetric, and 0 for equal frames."""
    total = ZERO
    for dim in range(x.shape[1]):
        difference = x[row, dim] - y[column, dim]
        total += difference * difference
    if squared:
        return total
    return math.sqrt(total)


def extend(cost: Any, left: Any, up: Any, diagonal: Any, diagonal_weight: Any) -> Any:  # noqa: ANN401
    """Cheapest accumulated cost of a cell, given its local cost and its three predecessors.

    Diagonal weight 1 is `symmetric1`, 2 is `symmetric2` (Sakoe & Chiba 1978). Weighing is exact in floating
    point, and swapping `left` and `up` changes nothing: d(a, b) equals d(b, a) to the last bit.
    """
    # The nearest predecessor last: the next cell waits for one addition and one comparison only.
    return min(up + cost, diagonal + diagonal_weight * cost, left + cost)
