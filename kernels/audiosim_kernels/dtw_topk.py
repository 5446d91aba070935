"""The nearest of every row on the CPU: tiles of a matrix of distances, merged into lists."""

from collections.abc import Callable

import numpy as np

from audiosim_kernels.dtw_options import numbers_of_pairs
from audiosim_kernels.ragged import Frames, Integers

TILE = 512  # rows and columns: enough pairs to fill vectors with like lengths, in 20 MB


def top_k(
    shape: tuple[int, int], k: int, distances: Callable[[Integers, Integers], Frames], *, mirrored: bool
) -> tuple[Integers, Frames]:
    """Indices and distances (n_rows, k) of the nearest columns; -1 and infinite where there are fewer.

    `distances` answers for pairs (n, 2) and their numbers (n,). A mirrored matrix is that of rows with themselves.
    """
    from audiosim_kernels.nearest_cpu import keep_nearest  # noqa: PLC0415 - numba only when needed

    n_rows, n_columns = shape
    indices = np.full((n_rows, k), -1, dtype=np.int64)
    nearest = np.full((n_rows, k), np.inf, dtype=np.float32)
    for row in range(0, n_rows, TILE):
        for column in range(row if mirrored else 0, n_columns, TILE):
            rows, columns = slice(row, min(row + TILE, n_rows)), slice(column, min(column + TILE, n_columns))
            tile = _tile(rows, columns, n_columns, distances, mirrored=mirrored)
            # Of the tile's columns, the one that is a row itself; outside where rows and columns are different things.
            own = row - column if mirrored else n_columns
            keep_nearest(tile, column, own, indices[rows], nearest[rows])
            if mirrored and column > row:
                keep_nearest(np.ascontiguousarray(tile.T), row, -own, indices[columns], nearest[columns])
    return indices, nearest


def _tile(
    rows: slice,
    columns: slice,
    n_columns: int,
    distances: Callable[[Integers, Integers], Frames],
    *,
    mirrored: bool,
) -> Frames:
    """Distances of some rows to some columns; on the diagonal of a mirrored matrix, each pair is asked for once."""
    tile = np.zeros((rows.stop - rows.start, columns.stop - columns.start), dtype=np.float32)
    on_diagonal = mirrored and rows == columns
    first, second = np.triu_indices(len(tile), k=1) if on_diagonal else np.indices(tile.shape).reshape(2, -1)
    pairs = np.stack([first + rows.start, second + columns.start], axis=1)
    found = distances(pairs, numbers_of_pairs(pairs, n_columns, mirrored=mirrored))
    tile[first, second] = found
    if on_diagonal:
        tile[second, first] = found
    return tile
