# pyright: basic
"""DTW of LANES pairs at a time: each lane of a vector register holds one pair, and none knows of the others.

The frames of the queries and of the targets lie packed, frame by frame and dimension by dimension, LANES numbers side
by side. The cells are visited in tiles of 2 rows and 4 columns, so that a frame that is loaded is used 2 or 4 times;
tiles run along 2 rows, then down a block of columns whose frames stay in the first-level cache; the last column of a
block is handed to the next. No cell depends on a later frame, so what lies behind the end of a shorter pair
is computed in vain and harms nothing; each pair's total is picked up as its own corner is passed.

The arithmetic is the same for (x, y) and (y, x), to the last bit.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from audiosim_kernels.dtw_tile import (
    INFINITY,
    TILE_COLUMNS,
    TILE_ROWS,
    ZERO,
    Addresses,
    extend,
    local_costs,
    masked,
    roots,
)
from audiosim_kernels.lanes import LANES, address, aligned, load, minimum, multiply_add, splat, store, where_above
from audiosim_kernels.ragged import Frames, Integers

CACHE_BYTES = 24 * 1024  # of a first-level data cache of at least 32 KB, for the frames and costs of a block
MAX_SIDE = 32  # of a square


class Vectors(NamedTuple):
    """Which pairs share a vector: (n_vectors, LANES) int64 each, without gaps; a pair may fill several lanes."""

    queries: Integers
    targets: Integers
    radii: Integers  # frames, as in `dtw_cell`


class _Side(NamedTuple):
    """One side of a vector of pairs, packed."""

    frames: Frames  # (n_frames * n_dims, LANES); of the queries, times -2
    norms: Frames  # (n_frames, LANES): squared
    last: Integers  # (LANES,): index of each sequence's last frame


class _Costs(NamedTuple):
    """Accumulated costs that wait for their successors."""

    boundary: Frames  # (n_rows, LANES): of the column before the block
    bases: Frames  # (n_squares, LANES): what those are relative to, per square
    upper: Frames  # (1 + side, LANES): of the last two rows, in the block and left of it
    lower: Frames


class _Band(NamedTuple):
    """The band of every lane, as in `dtw_cell`, in unsigned integers, and lines that enclose them all."""

    # (5, LANES): per lane, the last row and last column, the slack, twice the slack, and where a row begins.
    # A cell is inside if row * last_column - column * last_row + slack does not exceed twice the slack; what is
    # negative wraps around to above that.
    integers: npt.NDArray[Any]
    lines: npt.NDArray[np.float64]  # least and greatest slope of the bands in columns a row, and half-width in columns


class Scratch(NamedTuple):
    """Working memory of one thread, for sequences up to the lengths that it was made for."""

    query: _Side
    target: _Side
    costs: _Costs
    band: _Band


def scratch(n_rows: int, n_columns: int, n_dims: int) -> Scratch:
    """Allocate for queries of up to `n_rows` and targets of up to `n_columns` frames."""
    n_rows += -n_rows % TILE_ROWS
    n_columns += -n_columns % TILE_COLUMNS
    side = square_side(n_dims)
    # 32 bits hold row * last_column + slack up to 2 * 32 767^2, and are twice as fast as 64.
    unsigned = np.uint32 if max(n_rows, n_columns) < 2**15 else np.uint64
    return Scratch(
        _Side(aligned(n_rows * n_dims), aligned(n_rows), np.empty(LANES, dtype=np.int64)),
        _Side(aligned(n_columns * n_dims), aligned(n_columns), np.empty(LANES, dtype=np.int64)),
        _Costs(aligned(n_rows), aligned(-(-n_rows // side)), aligned(1 + side), aligned(1 + side)),
        _Band(aligned(5, unsigned), np.empty(3, dtype=np.float64)),
    )


def square_side(n_dims: int) -> int:
    """Rows and columns of a square: the frames and accumulated costs of so many columns stay in the first-level cache."""
    fitting = CACHE_BYTES // (64 * (n_dims + 2))
    return min(MAX_SIDE, max(TILE_COLUMNS, fitting // TILE_COLUMNS * TILE_COLUMNS))


@njit(nogil=True, error_model="numpy")
def compare(  # noqa: PLR0917 - kernels are called by position
    x_frames: Frames,
    x_offsets: Integers,
    y_frames: Frames,
    y_offsets: Integers,
    vectors: Vectors,
    squared: bool,  # noqa: FBT001
    symmetric2: bool,  # noqa: FBT001
    scratch: Scratch,
    result: Frames,
) -> None:
    """Accumulated costs of all pairs of all vectors, into `result` (n_vectors, LANES)."""
    for vector in range(len(result)):
        queries, targets = vectors.queries[vector], vectors.targets[vector]
        if vector == 0 or not _equal(queries, vectors.queries[vector - 1]):
            _pack(x_frames, x_offsets, queries, np.float32(-2), TILE_ROWS, scratch.query)
        if vector == 0 or not _equal(targets, vectors.targets[vector - 1]):
            _pack(y_frames, y_offsets, targets, np.float32(1), TILE_COLUMNS, scratch.target)
        banded = _draw_band(vectors.radii[vector], scratch)
        _accumulate(x_frames.shape[1], banded, squared, symmetric2, scratch, result[vector])


@njit(nogil=True)
def _equal(first: Integers, second: Integers) -> bool:
    """Whether the lanes hold the same sequences."""
    same = True
    for lane in range(LANES):
        same &= first[lane] == second[lane]
    return same


# --- packing


@njit(nogil=True, error_model="numpy")
def _pack(  # noqa: PLR0917
    frames: Frames, offsets: Integers, chosen: Integers, factor: np.float32, multiple: int, side: _Side
) -> None:
    """Lay the chosen sequences side by side, their last frames repeated to a common multiple of frames."""
    n_dims = frames.shape[1]
    longest, shared = 0, True
    for lane in range(LANES):
        side.last[lane] = offsets[chosen[lane] + 1] - offsets[chosen[lane]] - 1
        longest = max(longest, side.last[lane] + 1)
        shared &= chosen[lane] == chosen[0]
    n_tiles = -(-longest // multiple)
    packed, norms = address(side.frames), address(side.norms)
    unscale = splat(np.float32(1) / (factor * factor))
    for tile in range(n_tiles):
        for row in range(multiple):
            frame, first = tile * multiple + row, tile * multiple * n_dims + row
            if shared:
                source = offsets[chosen[0]] + min(frame, side.last[0])
                for dim in range(n_dims):
                    store(packed, first + dim * multiple, splat(factor * frames[source, dim]))
            else:
                for lane in range(LANES):
                    source = offsets[chosen[lane]] + min(frame, side.last[lane])
                    for dim in range(n_dims):
                        side.frames[first + dim * multiple, lane] = factor * frames[source, dim]
            norm = splat(ZERO)
            for dim in range(n_dims):
                x = load(packed, first + dim * multiple)
                norm = multiply_add(x, x, norm)
            store(norms, frame, norm * unscale)


# --- the band


@njit(nogil=True, error_model="numpy")
def _draw_band(radii: Integers, scratch: Scratch) -> bool:
    """Fill in the band; return whether it forbids any cell."""
    integers, lines = scratch.band
    lines[0], lines[1], lines[2] = np.inf, 0, 0
    banded = False
    for lane in range(LANES):
        last_row, last_column = scratch.query.last[lane], scratch.target.last[lane]
        slack = radii[lane] * max(last_row, last_column)
        banded |= slack < last_row * last_column
        integers[0, lane], integers[1, lane] = last_row, last_column
        integers[2, lane], integers[3, lane] = slack, 2 * slack
        slope = last_column / last_row if last_row else 0.0
        lines[0], lines[1] = min(lines[0], slope), max(lines[1], slope)
        # One column more than needed, since the slopes are rounded; `masked` decides exactly.
        lines[2] = max(lines[2], 1 + (slack / last_row if last_row else last_column))
    return banded


@njit(nogil=True, forceinline=True, error_model="numpy")
def _reach(row: int, lines: npt.NDArray[np.float64], n_columns: int, banded: bool) -> tuple[int, int]:  # noqa: FBT001
    """Begin and end, in whole tiles, of columns that hold every cell of `row` and the next inside a band."""
    if not banded:
        return 0, n_columns
    begin = max(0, math.floor(lines[0] * row - lines[2]))
    end = min(n_columns, math.ceil(lines[1] * (row + 1) + lines[2]) + 1)
    return begin - begin % TILE_COLUMNS, end + -end % TILE_COLUMNS


@njit(nogil=True, forceinline=True, error_model="numpy")
def _start_row(integers: npt.NDArray[Any], row: int, column: int) -> None:
    """Note where a cell lies between the edges of the band; from there, steps are additions."""
    for lane in range(LANES):
        last_row, last_column, slack = integers[0, lane], integers[1, lane], integers[2, lane]
        integers[4, lane] = row * np.int64(last_column) - column * np.int64(last_row) + np.int64(slack)


# --- the traversal


@njit(nogil=True, error_model="numpy")
def _accumulate(  # noqa: PLR0917
    n_dims: int,
    banded: bool,  # noqa: FBT001
    squared: bool,  # noqa: FBT001
    symmetric2: bool,  # noqa: FBT001
    scratch: Scratch,
    result: Frames,
) -> None:
    """Walk through the squares of one vector of pairs, block of columns by block of columns, into `result` (LANES,)."""
    query, target, costs, band = scratch
    at = Addresses(
        address(query.frames), address(query.norms), address(target.frames), address(target.norms),
        address(costs.boundary), address(costs.bases), address(costs.upper), address(costs.lower),
        address(band.integers),
    )  # fmt: skip
    lines, integers = band.lines, band.integers
    n_rows, n_columns, first_corner = _extent(query.last, target.last)
    side = len(costs.lower) - 1
    for row in range(n_rows):
        store(at.boundary, row, splat(INFINITY))
    for square in range(0, n_rows, side):
        store(at.bases, square // side, splat(ZERO))
    first_row = 0
    for block in range(0, n_columns, side):
        block_end = min(block + side, n_columns)
        while first_row < n_rows and _reach(first_row, lines, n_columns, banded)[1] <= block:
            first_row += TILE_ROWS
        for column in range(1 + side):
            store(at.lower, column, splat(INFINITY))
        # Above and diagonally before the first square: outside the matrix, or outside the band where rows have ended.
        begin, above, diagonal = block, splat(ZERO), (splat(INFINITY), splat(ZERO))
        for square in range(first_row - first_row % side, n_rows, side):
            square_end = min(square + side, n_rows)
            next_diagonal = load(at.boundary, square_end - 1), load(at.bases, square // side)
            rows, columns = (square, square_end), (block, begin, block_end)
            corner, shift = _enter(rows, columns, above, diagonal, side, at)
            diagonal, above = next_diagonal, load(at.bases, square // side)
            for row in range(max(square, first_row), square_end, TILE_ROWS):
                begin, end = _reach(row, lines, n_columns, banded)
                if begin >= block_end:
                    break
                begin, end = max(begin, block), min(end, block_end)
                if banded:
                    _start_row(integers, row, begin)
                ends = row + TILE_ROWS > first_corner
                options = (banded, squared, symmetric2, ends)
                corner = _two_rows(n_dims, row, (block, begin, end), corner, shift, options, at)
                if ends:
                    _pick_corners(row, block, block_end, scratch, result)
            if begin >= block_end:
                break


@njit(nogil=True)
def _extent(last_rows: Integers, last_columns: Integers) -> tuple[int, int, int]:
    """Rows and columns of the longest pair, in whole tiles, and the first row that is a pair's last."""
    n_rows, n_columns, first_corner = 0, 0, last_rows[0]
    for lane in range(LANES):
        n_rows, n_columns = max(n_rows, last_rows[lane] + 1), max(n_columns, last_columns[lane] + 1)
        first_corner = min(first_corner, last_rows[lane])
    return n_rows + n_rows % TILE_ROWS, n_columns + -n_columns % TILE_COLUMNS, first_corner


@njit(nogil=True, error_model="numpy")
def _enter(rows: tuple, columns: tuple, above: Any, diagonal: tuple, side: int, at: Addresses) -> tuple:  # noqa: ANN401, PLR0917
    """Choose the base of a square, and make what lies above it relative to that.

    `above` is the base of the square above; `diagonal` the cell diagonally before this one, and its base. Returned are
    that cell, and what makes the cells left of the square, relative to the new base.
    """
    square, square_end = rows
    block, begin, block_end = columns
    cell, cell_base = diagonal
    before = load(at.bases, square // side)
    least_above, least_before = splat(INFINITY), splat(INFINITY)
    # Cells before `begin` are of rows further up.
    for column in range(begin - block, block_end - block):
        least_above = minimum(load(at.lower, 1 + column), least_above)
    for row in range(square, square_end):
        least_before = minimum(load(at.boundary, row), least_before)
    least = minimum(minimum(above + least_above, before + least_before), cell_base + cell)
    base = where_above(splat(INFINITY), least, least, splat(ZERO))
    store(at.bases, square // side, base)
    shift = above - base
    for column in range(begin - block, block_end - block):
        store(at.lower, 1 + column, load(at.lower, 1 + column) + shift)
    return cell + (cell_base - base), before - base


@njit(nogil=True, forceinline=True, error_model="numpy")
def _two_rows(n_dims: int, row: int, span: tuple, corner: Any, shift: Any, options: tuple, at: Addresses) -> Any:  # noqa: ANN401, PLR0917
    """Accumulate a row and the next along the columns of a block that the band reaches; return the next corner.

    Columns right of these still hold their first infinity, since the edges of the band never turn back. What lies left
    of them is never needed: `_reach` goes a column too far, on both sides, so that the first cell is forbidden where it
    is not the matrix's own. For that reason too the boundary of a row is infinite until the row has begun, and
    again once it has ended.
    """
    block, begin, end = span
    banded, squared, symmetric2, ends = options
    left, left_below = load(at.boundary, row) + shift, load(at.boundary, row + 1) + shift
    store(at.lower, begin - block, left_below)
    edge = (left, corner, left)
    if row == 0 and begin == 0:
        # Here the path begins, from the left: with weight 1, whatever the step pattern.
        edge = (splat(ZERO), corner, left)
    for column in range(begin, end, TILE_COLUMNS):
        tile = local_costs(at, row, column, n_dims)
        if banded:
            tile = masked(tile, at.band)
        if not squared:
            tile = roots(tile)
        edge = extend(tile, edge, column - block, symmetric2, ends, at)
    store(at.boundary, row, edge[0])
    store(at.boundary, row + 1, load(at.lower, end - block))
    return left_below


@njit(nogil=True, error_model="numpy")
def _pick_corners(row: int, block: int, block_end: int, scratch: Scratch, result: Frames) -> None:
    """Read the totals of the pairs that end in `row` or the next and inside this block."""
    query, target, costs, _ = scratch
    side = len(costs.lower) - 1
    for lane in range(LANES):
        last_row, last_column = query.last[lane], target.last[lane]
        if row <= last_row < row + TILE_ROWS and block <= last_column < block_end:
            ends = costs.upper if last_row == row else costs.lower
            result[lane] = costs.bases[row // side, lane] + ends[1 + last_column - block, lane]
