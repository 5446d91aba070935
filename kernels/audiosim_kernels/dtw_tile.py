# pyright: basic
"""Local costs and accumulated costs of a tile: 2 frames of LANES queries against 4 frames of LANES targets.

The frames of a tile lie dimension by dimension, 2 or 4 vectors each, so that the inner loop reads two streams.

Local costs
-----------
``|x - y|^2`` is computed as ``|x|^2 + |y|^2 - 2 x y``: one multiply-add a dimension where the differences take a
subtraction more. This cancels when the frames are alike: the sum is uncertain by about 1e-7 (|x|^2 + |y|^2). So a cell
whose cost is not above a sixteenth of |x|^2 + |y|^2 is computed again from the differences: the error of a cell
stays near 1e-6 of it, and equal frames cost exactly 0. Along a path such errors average out. Where they may not,
for the path has few cells or the same frames over and over, all cells of a pair are computed from the
differences. Which way a cell goes depends on its pair alone. Among standardised MFCC of 20 dimensions fewer than 1 in
10 million go the second way; among raw ones, whose first coefficient is far from 0, most tiles do, and run at half the
speed. Few dimensions are alike so often that their differences are taken at once.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from audiosim_kernels.lanes import (
    all_above,
    anew,
    load,
    maximum,
    minimum,
    multiply_add,
    rarely,
    splat,
    sqrt,
    store,
    where_above,
)

TILE_ROWS, TILE_COLUMNS = 2, 4
ALIKE = np.float32(1 / 16)  # of |x|^2 + |y|^2: costs up to here are computed from the differences
ALWAYS = np.float32(4)  # instead: no cost is above 2 (|x|^2 + |y|^2)
FEW_DIMS = 8  # fewer than these are computed from the differences always

ZERO = np.float32(0)
INFINITY = np.float32(np.inf)


class Addresses(NamedTuple):
    """Where the vectors of a `dtw_vector.Scratch` lie, for the inner loops."""

    query: Any
    query_norms: Any
    target: Any
    target_norms: Any
    alike: Any
    boundary: Any
    bases: Any
    upper: Any
    lower: Any
    band: Any


@njit(nogil=True, forceinline=True, error_model="numpy")
def local_costs(at: Addresses, row: int, column: int, n_dims: int) -> tuple:
    """Squared distances of 2 frames of the queries from 4 of the targets: 4 of the row, then 4 of the next."""
    if n_dims < FEW_DIMS:
        return _differences(at, row, column, n_dims)
    x0, x1 = load(at.query_norms, row), load(at.query_norms, row + 1)
    y0, y1 = load(at.target_norms, column), load(at.target_norms, column + 1)
    y2, y3 = load(at.target_norms, column + 2), load(at.target_norms, column + 3)
    c0, c1, c2, c3 = x0 + y0, x0 + y1, x0 + y2, x0 + y3
    d0, d1, d2, d3 = x1 + y0, x1 + y1, x1 + y2, x1 + y3
    for dim in range(n_dims):
        x, y = row * n_dims + TILE_ROWS * dim, column * n_dims + TILE_COLUMNS * dim
        above, below = load(at.query, x), load(at.query, x + 1)
        frame = load(at.target, y)
        c0, d0 = multiply_add(above, frame, c0), multiply_add(below, frame, d0)
        frame = load(at.target, y + 1)
        c1, d1 = multiply_add(above, frame, c1), multiply_add(below, frame, d1)
        frame = load(at.target, y + 2)
        c2, d2 = multiply_add(above, frame, c2), multiply_add(below, frame, d2)
        frame = load(at.target, y + 3)
        c3, d3 = multiply_add(above, frame, c3), multiply_add(below, frame, d3)
    tile = (c0, c1, c2, c3, d0, d1, d2, d3)
    least = minimum(minimum(minimum(c0, c1), minimum(c2, c3)), minimum(minimum(d0, d1), minimum(d2, d3)))
    # No cell's sum of norms is above the sum of the greatest, rounded alike.
    greatest = maximum(x0, x1) + maximum(maximum(y0, y1), maximum(y2, y3))
    if rarely(not all_above(least, load(at.alike, 0) * greatest)):
        tile = _corrected(tile, at, row, column, n_dims)
    return tile


@njit(nogil=True, error_model="numpy")
def _corrected(tile: tuple, at: Addresses, row: int, column: int, n_dims: int) -> tuple:
    """Costs with those of frames that are alike, or whose norms overflow, replaced by sums of differences."""
    at = Addresses(
        anew(at.query), anew(at.query_norms), anew(at.target), anew(at.target_norms), at.alike,
        at.boundary, at.bases, at.upper, at.lower, at.band,
    )  # fmt: skip
    e0, e1, e2, e3, f0, f1, f2, f3 = _differences(at, row, column, n_dims)
    c0, c1, c2, c3, d0, d1, d2, d3 = tile
    alike = load(at.alike, 0)
    x0, x1 = load(at.query_norms, row), load(at.query_norms, row + 1)
    y0, y1 = load(at.target_norms, column), load(at.target_norms, column + 1)
    y2, y3 = load(at.target_norms, column + 2), load(at.target_norms, column + 3)
    return (
        where_above(c0, alike * (x0 + y0), c0, e0),
        where_above(c1, alike * (x0 + y1), c1, e1),
        where_above(c2, alike * (x0 + y2), c2, e2),
        where_above(c3, alike * (x0 + y3), c3, e3),
        where_above(d0, alike * (x1 + y0), d0, f0),
        where_above(d1, alike * (x1 + y1), d1, f1),
        where_above(d2, alike * (x1 + y2), d2, f2),
        where_above(d3, alike * (x1 + y3), d3, f3),
    )


@njit(nogil=True, error_model="numpy")
def _differences(at: Addresses, row: int, column: int, n_dims: int) -> tuple:
    """Squared distances as in `local_costs`, from the differences."""
    c0 = c1 = c2 = c3 = d0 = d1 = d2 = d3 = splat(ZERO)
    unscale = splat(np.float32(-0.5))
    for dim in range(n_dims):
        x, y = row * n_dims + TILE_ROWS * dim, column * n_dims + TILE_COLUMNS * dim
        above, below = load(at.query, x) * unscale, load(at.query, x + 1) * unscale
        frame = load(at.target, y)
        c0, d0 = _add_square(above - frame, c0), _add_square(below - frame, d0)
        frame = load(at.target, y + 1)
        c1, d1 = _add_square(above - frame, c1), _add_square(below - frame, d1)
        frame = load(at.target, y + 2)
        c2, d2 = _add_square(above - frame, c2), _add_square(below - frame, d2)
        frame = load(at.target, y + 3)
        c3, d3 = _add_square(above - frame, c3), _add_square(below - frame, d3)
    return c0, c1, c2, c3, d0, d1, d2, d3


@njit(nogil=True, forceinline=True)
def _add_square(x: Any, total: Any) -> Any:  # noqa: ANN401
    return multiply_add(x, x, total)


@njit(nogil=True, forceinline=True, error_model="numpy")
def masked(tile: tuple, band: Any) -> tuple:  # noqa: ANN401
    """Make the costs of cells outside the band infinite, and step to the next tile."""
    c0, c1, c2, c3, d0, d1, d2, d3 = tile
    column_step, row_step, limit, p0 = load(band, 0), load(band, 1), load(band, 3), load(band, 4)
    forbidden = splat(INFINITY)
    p1 = p0 - column_step
    p2 = p1 - column_step
    p3 = p2 - column_step
    store(band, 4, p3 - column_step)
    return (
        where_above(p0, limit, forbidden, c0),
        where_above(p1, limit, forbidden, c1),
        where_above(p2, limit, forbidden, c2),
        where_above(p3, limit, forbidden, c3),
        where_above(p0 + row_step, limit, forbidden, d0),
        where_above(p1 + row_step, limit, forbidden, d1),
        where_above(p2 + row_step, limit, forbidden, d2),
        where_above(p3 + row_step, limit, forbidden, d3),
    )


@njit(nogil=True, forceinline=True)
def roots(tile: tuple) -> tuple:
    """Euclidean distances from squared ones."""
    c0, c1, c2, c3, d0, d1, d2, d3 = tile
    return sqrt(c0), sqrt(c1), sqrt(c2), sqrt(c3), sqrt(d0), sqrt(d1), sqrt(d2), sqrt(d3)


@njit(nogil=True, forceinline=True, error_model="numpy")
def extend(tile: tuple, edge: tuple, column: int, symmetric2: bool, ends: bool, at: Addresses) -> tuple:  # noqa: FBT001, PLR0917
    """Accumulate a tile that begins at this column of the block; keep its upper row where pairs may end in it.

    `edge` is what lies left of its upper row, and diagonally before each of its rows; that of the next tile comes back.
    """
    c0, c1, c2, c3, d0, d1, d2, d3 = tile
    left, diagonal, diagonal_below = edge
    left_below = load(at.lower, column)
    up0, up1 = load(at.lower, column + 1), load(at.lower, column + 2)
    up2, up3 = load(at.lower, column + 3), load(at.lower, column + 4)
    a0 = _cell(c0, left, up0, diagonal, symmetric2)
    a1 = _cell(c1, a0, up1, up0, symmetric2)
    a2 = _cell(c2, a1, up2, up1, symmetric2)
    a3 = _cell(c3, a2, up3, up2, symmetric2)
    b0 = _cell(d0, left_below, a0, diagonal_below, symmetric2)
    b1 = _cell(d1, b0, a1, a0, symmetric2)
    b2 = _cell(d2, b1, a2, a1, symmetric2)
    b3 = _cell(d3, b2, a3, a2, symmetric2)
    if ends:
        store(at.upper, column + 1, a0)
        store(at.upper, column + 2, a1)
        store(at.upper, column + 3, a2)
        store(at.upper, column + 4, a3)
    store(at.lower, column + 1, b0)
    store(at.lower, column + 2, b1)
    store(at.lower, column + 3, b2)
    store(at.lower, column + 4, b3)
    return a3, up3, a3


@njit(nogil=True, forceinline=True)
def _cell(cost: Any, left: Any, up: Any, diagonal: Any, symmetric2: bool) -> Any:  # noqa: ANN401, FBT001
    """`dtw_cell.extend` in vectors: cost is taken once for all three ways, and a second time for the diagonal."""
    if symmetric2:
        diagonal = diagonal + cost
    return minimum(minimum(up, diagonal), left) + cost
