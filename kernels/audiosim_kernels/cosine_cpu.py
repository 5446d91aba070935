# pyright: basic
"""Cosine distances on the CPU, block by block. Cutting to the shorter sequence is padding both with zeros."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import numpy.typing as npt
from numba import njit

from audiosim_kernels import cosine_cell
from audiosim_kernels.compiled import cached
from audiosim_kernels.cosine_tile import N_COLUMNS, N_ROWS, add_products
from audiosim_kernels.ragged import Frames, Integers, Ragged

Sums = npt.NDArray[np.float64]

_BLOCK = 240  # rows or columns at a time, whole tiles: with _VALUES x 8 bytes 480 KiB, within a second-level cache
_VALUES = 256  # values of each flattened sequence at a time

_distance = njit(nogil=True, error_model="numpy")(cosine_cell.distance)


def fill(
    rows: Ragged, columns: Ragged, row_squares: Sums, column_squares: Sums, result: Frames, *, n_threads: int = 1
) -> None:
    """Write the distance of every row to every column, each pair cut to the shorter of the two.

    The squares are running ones, see `running_squares`. Rows with themselves are computed once and mirrored: the
    products of (a, b) and (b, a) are the same numbers, added in the same order.
    """

    def fill_block(corner: tuple[int, int]) -> None:
        row, column = corner
        block = np.empty((min(_BLOCK, len(rows) - row), min(_BLOCK, len(columns) - column)), dtype=np.float32)
        _finish(
            _dots(rows, row, columns, column),
            rows.offsets[row:], row_squares, columns.offsets[column:], column_squares, block,
        )  # fmt: skip
        result[row : row + _BLOCK, column : column + _BLOCK] = block
        if columns is rows and column > row:
            result[column : column + _BLOCK, row : row + _BLOCK] = block.T

    corners = product(range(0, len(rows), _BLOCK), range(0, len(columns), _BLOCK))
    wanted = [(row, column) for row, column in corners if columns is not rows or column >= row]
    if n_threads == 1:
        for corner in wanted:
            fill_block(corner)
    else:
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(fill_block, wanted))


def running_squares(sequences: Ragged) -> Sums:
    """Squared norm of each sequence up to and including each frame, (n_frames_total,)."""
    squares = np.empty(len(sequences.frames), dtype=np.float64)
    _add_squares(sequences.frames, sequences.offsets, squares)
    return squares


def _dots(rows: Ragged, row: int, columns: Ragged, column: int) -> Sums:
    """Dot products of one block, as (column // 8, row, column % 8): the lanes of a tile lie side by side."""
    row_ends = rows.offsets[row : row + _BLOCK + 1] * rows.n_dims
    column_ends = columns.offsets[column : column + _BLOCK + 1] * columns.n_dims
    n_values = int(min(np.diff(row_ends).max(), np.diff(column_ends).max()))
    sums = np.zeros((_BLOCK // N_COLUMNS, _BLOCK, N_COLUMNS), dtype=np.float64)
    for begin in range(0, n_values, _VALUES):
        size = min(_VALUES, n_values - begin)
        left = np.zeros((_BLOCK // N_ROWS, N_ROWS, size), dtype=np.float64)
        right = np.zeros((_BLOCK // N_COLUMNS, size, N_COLUMNS), dtype=np.float64)
        _pack_rows(rows.frames.reshape(-1), row_ends, begin, left)
        _pack_columns(columns.frames.reshape(-1), column_ends, begin, right)
        _accumulate(left, right, -(-(len(row_ends) - 1) // N_ROWS), -(-(len(column_ends) - 1) // N_COLUMNS), sums)
    return sums


@cached
@njit(nogil=True, error_model="numpy")
def _pack_rows(values: Frames, ends: Integers, begin: int, packed: Sums) -> None:
    """Copy a stretch of each flattened sequence, from value `begin` on, into zeros: rows of a tile together."""
    for row in range(len(ends) - 1):
        for value in range(min(packed.shape[2], ends[row + 1] - ends[row] - begin)):
            packed[row // N_ROWS, row % N_ROWS, value] = values[ends[row] + begin + value]


@cached
@njit(nogil=True, error_model="numpy")
def _pack_columns(values: Frames, ends: Integers, begin: int, packed: Sums) -> None:
    """Copy a stretch of each flattened sequence, from value `begin` on, into zeros: one value of 8 columns together."""
    for column in range(len(ends) - 1):
        for value in range(min(packed.shape[1], ends[column + 1] - ends[column] - begin)):
            packed[column // N_COLUMNS, value, column % N_COLUMNS] = values[ends[column] + begin + value]


@cached
@njit(nogil=True, error_model="numpy")
def _accumulate(rows: Sums, columns: Sums, n_row_tiles: int, n_column_tiles: int, sums: Sums) -> None:
    """Add the products of one stretch of values, tile by tile: the 16 KiB of a tile's columns stay at hand."""
    for column_tile in range(n_column_tiles):
        for row_tile in range(n_row_tiles):
            add_products(  # pyright: ignore[reportCallIssue] - numba passes the first argument
                rows[row_tile].ctypes.data, columns[column_tile].ctypes.data, rows.shape[2],
                sums[column_tile, row_tile * N_ROWS :].ctypes.data,
            )  # fmt: skip


@cached
@njit(nogil=True, error_model="numpy")
def _finish(  # noqa: PLR0917 - kernels are called by position
    dots: Sums,
    row_offsets: Integers,
    row_squares: Sums,
    column_offsets: Integers,
    column_squares: Sums,
    result: Frames,
) -> None:
    """Turn the dot products of one block into distances, by the squared norms of each pair's cut."""
    n_rows, n_columns = result.shape
    last = np.empty(n_columns, dtype=np.int64)  # frame that ends each pair's cut
    row_dots, norms = np.empty(n_columns, dtype=np.float64), np.empty((2, n_columns), dtype=np.float64)
    for row in range(n_rows):
        begin = row_offsets[row]
        length = row_offsets[row + 1] - begin
        if row == 0 or length != begin - row_offsets[row - 1]:
            for column in range(n_columns):
                first = column_offsets[column]
                last[column] = min(length, column_offsets[column + 1] - first) - 1
                norms[1, column] = column_squares[first + last[column]]
        for column in range(n_columns):
            norms[0, column] = row_squares[begin + last[column]]
            row_dots[column] = dots[column // N_COLUMNS, row, column % N_COLUMNS]
        _distances(row_dots, norms[0], norms[1], result[row])


@njit(nogil=True, error_model="numpy")
def _distances(dots: Sums, row_squares: Sums, column_squares: Sums, result: Frames) -> None:
    """One row; apart from what is gathered, so that LLVM makes vectors of it."""
    for column in range(len(result)):
        result[column] = _distance(dots[column], row_squares[column], column_squares[column])


# No fastmath: the order of the additions is the promise, and that of the dot products.
@cached
@njit(nogil=True, error_model="numpy")
def _add_squares(frames: Frames, offsets: Integers, squares: Sums) -> None:
    for sequence in range(len(offsets) - 1):
        total = 0.0
        for frame in range(offsets[sequence], offsets[sequence + 1]):
            for dim in range(frames.shape[1]):
                value = np.float64(frames[frame, dim])
                total += value * value
            squares[frame] = total
