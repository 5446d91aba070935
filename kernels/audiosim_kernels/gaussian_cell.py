"""The arithmetic of merged covariances, written once in plain Python and compiled for the CPU and for CUDA.

On the CPU `merged` and `eliminated` are compiled for vectors of pairs, on CUDA for single numbers. Lower triangles are
packed row by row: entry (i, j) lies at ``triangle(i) + j``.
"""

import math
from typing import Any

import numpy.typing as npt

NAN = math.nan


def triangle(row: int) -> int:
    """Where a row of a packed lower triangle begins."""
    return row * (row + 1) // 2


def merged(row: Any, column: Any, row_deviation: Any, column_deviation: Any) -> Any:  # noqa: ANN401
    """One entry of the covariance of an even mixture.

    From halves of both entries, and half the difference of the means in the entry's two dimensions.
    """
    return row + column + row_deviation * column_deviation


def eliminated(entry: Any, left: Any, above: Any) -> Any:  # noqa: ANN401
    """An entry, less what Gaussian elimination takes away for one pivot."""
    return entry - left * above


def inverse(pivot: float) -> float:
    """One over a pivot. What follows a pivot that is not positive is of no use, but must not raise."""
    return 1.0 / pivot if pivot > 0.0 else 0.0


def log_determinant(entries: npt.NDArray[Any], n_dims: int) -> float:
    """Sum of the logarithms of the pivots, on the diagonal of a packed triangle; NaN if one is not positive.

    Logarithms of four pivots are taken at once: a logarithm costs more than all else that is done for a pivot, and four
    numbers of the size of float32 do not leave float64.
    """
    total, product = 0.0, 1.0
    for dim in range(n_dims):
        pivot = entries[dim * (dim + 3) // 2]
        if not pivot > 0.0:
            return NAN
        product *= pivot
        if dim % 4 == 3:
            total += math.log(product)
            product = 1.0
    return total + math.log(product)
