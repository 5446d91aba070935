# pyright: basic
"""Dot products of sequences on the CPU. Cutting to the shorter sequence is padding both with zeros."""

import numpy as np
import numpy.typing as npt
from numba import njit

from audiosim_kernels.ragged import Frames, Ragged

Sums = npt.NDArray[np.float64]

_FRAME_VALUES = 512  # values of all sequences at work at once
_COLUMNS = 64  # x 512 values x 8 bytes = 256 KiB, within a core's second-level cache


def dots(rows: Ragged, columns: Ragged) -> Sums:
    """Dot products (n_rows, n_columns) of the flattened sequences, each pair cut to the shorter of the two."""
    result = np.zeros((len(rows), len(columns)), dtype=np.float64)
    n_values = min(rows.lengths.max(), columns.lengths.max()) * rows.n_dims
    for begin in range(0, n_values, _FRAME_VALUES):
        end = min(begin + _FRAME_VALUES, n_values)
        left, right = _padded(rows, begin, end), _padded(columns, begin, end)
        for column in range(0, len(columns), _COLUMNS):
            part = slice(column, column + _COLUMNS)
            _accumulate(left, np.ascontiguousarray(right[part].T, dtype=np.float64), result[:, part])
    return result


def _padded(sequences: Ragged, begin: int, end: int) -> Frames:
    """Values begin ... end - 1 of each flattened sequence, (n_sequences, end - begin), zero beyond its end."""
    padded = np.zeros((len(sequences), end - begin), dtype=np.float32)
    values = sequences.frames.ravel()
    for index, (first, last) in enumerate(
        zip(sequences.offsets[:-1] * sequences.n_dims, sequences.offsets[1:] * sequences.n_dims, strict=True)
    ):
        piece = values[first + begin : min(first + end, last)]
        padded[index, : len(piece)] = piece
    return padded


# No fastmath: the order of the additions is the promise.
@njit(nogil=True, error_model="numpy")
def _accumulate(rows: Frames, columns: Sums, result: Sums) -> None:
    """Add the products of one stretch of values; `columns` is (n_values, n_columns), so that pairs share a vector."""
    for row in range(rows.shape[0]):
        sums = result[row]
        for value in range(rows.shape[1]):
            factor = np.float64(rows[row, value])
            for column in range(columns.shape[1]):
                sums[column] += factor * columns[value, column]
