# pyright: basic
"""DTW of LANES pairs at a time: each lane of a vector register holds one pair, and none knows of the others.

The cells are visited in tiles of 2 rows and 4 columns, so that a frame that is loaded is used 2 or 4 times; tiles run
along 2 rows, then down a block of columns whose frames stay in the first-level cache; the last column of a
block is handed to the next. No cell depends on a later frame, so what lies behind the end of a shorter pair
is computed in vain and harms nothing; each pair's total is picked up as its own corner is passed.

Rounding
--------
A cost that is added to a total a thousand times as large loses three of float32's seven digits. So the blocks are cut
into squares, as many rows as columns, and inside a square accumulated costs are relative to a base, a float32 itself:
the least of what the square begins with, the row above it, the column before it and the cell diagonally before. What
is added up is then at most as large as the costs of a few dozen steps, at any length; rounded to float32, a
sequence's very same cost, over and over, errs by 1e-6 at most, where it would err by 1e-4 in totals at 5 000 frames.
Cells behind the end of a pair have no say: their frames repeat the last one, so a path costs no less there
than it does in the last row or column.

The arithmetic is the same for (x, y) and (y, x), to the last bit: the squares lie alike in both, and it is the
same to take the least of the same numbers in another order.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from audiosim_kernels.compiled import cached
from audiosim_kernels.dtw_tile import (
    ALIKE,
    ALWAYS,
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
from audiosim_kernels.dtw_vector_pack import Side, pack, side
from audiosim_kernels.lanes import LANES, address, aligned, load, minimum, splat, store, where_above
from audiosim_kernels.ragged import Frames, Integers

CACHE_BYTES = 24 * 1024  # of a first-level data cache of at least 32 KB, for the frames and costs of a block
MAX_SIDE = 32  # rows and columns of a square; the error grows with it
FEW_FRAMES = 32  # errors of single cells do not average out along so short a path


class Vectors(NamedTuple):
    """Which pairs share a vector: (n_vectors, LANES) int64 each, without gaps; a pair may fill several lanes."""

    queries: Integers
    targets: Integers
    radii: Integers  # frames, as in `dtw_cell`


class _Costs(NamedTuple):
    """Accumulated costs that wait for their successors."""

    boundary: Frames  # (n_rows, LANES): of the column before the block
    bases: Frames  # (n_squares, LANES): what these are relative to, for the rows of each square
    upper: Frames  # (1 + n_block_columns, LANES): of the last two rows, in the block and left of it
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

    query: Side
    target: Side
    alike: Frames  # (1, LANES): `dtw_tile.ALIKE` or ALWAYS
    costs: _Costs
    band: _Band


def scratch(n_rows: int, n_columns: int, n_dims: int) -> Scratch:
    """Allocate for queries of up to `n_rows` and targets of up to `n_columns` frames."""
    n_rows += -n_rows % TILE_ROWS
    n_columns += -n_columns % TILE_COLUMNS
    n_block = block_columns(n_dims)
    # 32 bits hold row * last_column + slack up to 2 * 32 767^2, and are twice as fast as 64.
    unsigned = np.uint32 if max(n_rows, n_columns) < 2**15 else np.uint64
    return Scratch(
        side(n_rows, n_dims),
        side(n_columns, n_dims),
        aligned(1),
        _Costs(aligned(n_rows), aligned(-(-n_rows // n_block)), aligned(1 + n_block), aligned(1 + n_block)),
        _Band(aligned(5, unsigned), np.empty(3, dtype=np.float64)),
    )


def block_columns(n_dims: int) -> int:
    """Columns whose frames and accumulated costs stay in the first-level cache together; as many rows are a square."""
    fitting = CACHE_BYTES // (4 * LANES * (n_dims + 2))
    return min(MAX_SIDE, max(TILE_COLUMNS, fitting // TILE_COLUMNS * TILE_COLUMNS))


@cached
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
            pack(x_frames, x_offsets, queries, np.float32(-2), TILE_ROWS, scratch.query)
        if vector == 0 or not _equal(targets, vectors.targets[vector - 1]):
            pack(y_frames, y_offsets, targets, np.float32(1), TILE_COLUMNS, scratch.target)
        _judge_likeness(scratch)
        banded = _draw_band(vectors.radii[vector], scratch)
        _accumulate(x_frames.shape[1], (banded, squared, symmetric2), scratch, result[vector])


@njit(nogil=True)
def _equal(first: Integers, second: Integers) -> bool:
    """Whether the lanes hold the same sequences."""
    same = True
    for lane in range(LANES):
        same &= first[lane] == second[lane]
    return same


@njit(nogil=True)
def _judge_likeness(scratch: Scratch) -> None:
    """Choose for each lane how alike frames must be for their cost to be computed from the differences."""
    query, target = scratch.query, scratch.target
    for lane in range(LANES):
        few = max(query.last[lane], target.last[lane]) < FEW_FRAMES
        still = query.still[lane] or target.still[lane]
        scratch.alike[0, lane] = ALWAYS if few or still else ALIKE


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
def _accumulate(n_dims: int, options: tuple, scratch: Scratch, result: Frames) -> None:
    """Walk through the blocks of columns of one vector of pairs, into `result` (LANES,)."""
    query, target, alike, costs, band = scratch
    at = Addresses(
        address(query.frames), address(query.norms), address(target.frames), address(target.norms), address(alike),
        address(costs.boundary), address(costs.bases), address(costs.upper), address(costs.lower),
        address(band.integers),
    )  # fmt: skip
    n_rows, n_columns, first_corner = _extent(query.last, target.last)
    n_block = len(costs.lower) - 1
    for row in range(n_rows):
        store(at.boundary, row, splat(INFINITY))
        store(at.bases, row // n_block, splat(ZERO))
    first_row = 0
    for block in range(0, n_columns, n_block):
        while first_row < n_rows and _reach(first_row, band.lines, n_columns, options[0])[1] <= block:
            first_row += TILE_ROWS
        span = (block, min(block + n_block, n_columns), n_columns)
        _descend(n_dims, (first_row, n_rows, first_corner), span, options, scratch, at, result)


@njit(nogil=True)
def _extent(last_rows: Integers, last_columns: Integers) -> tuple[int, int, int]:
    """Rows and columns of the longest pair, in whole tiles, and the first row that is a pair's last."""
    n_rows, n_columns, first_corner = 0, 0, last_rows[0]
    for lane in range(LANES):
        n_rows, n_columns = max(n_rows, last_rows[lane] + 1), max(n_columns, last_columns[lane] + 1)
        first_corner = min(first_corner, last_rows[lane])
    return n_rows + n_rows % TILE_ROWS, n_columns + -n_columns % TILE_COLUMNS, first_corner


@njit(nogil=True, error_model="numpy")
def _descend(  # noqa: PLR0917
    n_dims: int, rows: tuple, columns: tuple, options: tuple, scratch: Scratch, at: Addresses, result: Frames
) -> None:
    """Walk down the squares of a block, from the first row that reaches it."""
    first_row, n_rows, first_corner = rows
    block, block_end, n_columns = columns
    n_block = len(scratch.costs.lower) - 1
    for column in range(1 + n_block):
        store(at.lower, column, splat(INFINITY))
    # Above the first square, all is outside the matrix, or outside the band where rows have ended.
    base, corner, corner_base = splat(ZERO), splat(INFINITY), splat(ZERO)
    begin = block
    for square in range(first_row - first_row % n_block, n_rows, n_block):
        square_end = min(square + n_block, n_rows)
        next_corner, next_base = load(at.boundary, square_end - 1), load(at.bases, square // n_block)
        around = (base, corner, corner_base)
        base, corner, shift = _enter((square, square_end), (block, begin, block_end), around, n_block, at)
        for row in range(max(square, first_row), square_end, TILE_ROWS):
            begin, end = _reach(row, scratch.band.lines, n_columns, options[0])
            if begin >= block_end:
                return
            begin, end, ends = max(begin, block), min(end, block_end), row + TILE_ROWS > first_corner
            if options[0]:
                _start_row(scratch.band.integers, row, begin)
            corner = _two_rows(n_dims, row, (block, begin, end), (corner, shift), options, ends, at)
            if ends:
                _pick_corners(row, block, block_end, scratch, result)
        corner, corner_base = next_corner, next_base


@njit(nogil=True, error_model="numpy")
def _enter(rows: tuple, columns: tuple, around: tuple, n_block: int, at: Addresses) -> tuple:
    """Choose the base of a square, and make the row above relative to it; the column before is shifted when it is used.

    `around` is the base of the square above, and the cell diagonally before with its own base. Returned are the new
    base, this cell relative to it, and by how much to shift the column before.
    """
    square, square_end = rows
    block, begin, block_end = columns
    base_above, corner, corner_base = around
    base_before = load(at.bases, square // n_block)
    above, before = splat(INFINITY), splat(INFINITY)
    # What lies left of `begin` is of rows further up.
    for column in range(begin - block, block_end - block):
        above = minimum(load(at.lower, 1 + column), above)
    for row in range(square, square_end):
        before = minimum(load(at.boundary, row), before)
    least = minimum(minimum(base_above + above, base_before + before), corner_base + corner)
    base = where_above(splat(INFINITY), least, least, splat(ZERO))  # where all is outside the band, any will do
    store(at.bases, square // n_block, base)
    shift = base_above - base
    for column in range(begin - block, block_end - block):
        store(at.lower, 1 + column, load(at.lower, 1 + column) + shift)
    return base, corner + (corner_base - base), base_before - base


@njit(nogil=True, forceinline=True, error_model="numpy")
def _two_rows(  # noqa: PLR0917
    n_dims: int,
    row: int,
    span: tuple,
    before: tuple,
    options: tuple,
    ends: bool,  # noqa: FBT001
    at: Addresses,
) -> Any:  # noqa: ANN401
    """Accumulate a row and the next along the columns of a block that the band reaches; return the next corner.

    Columns right of these still hold their first infinity, since the edges of the band never turn back. What lies left
    of them is never needed: `_reach` goes a column too far, on both sides, so that the first cell is forbidden where it
    is not the matrix's own. For that reason too the boundary of a row is infinite until the row has begun, and
    again once it has ended.
    """
    block, begin, end = span
    banded, squared, symmetric2 = options
    corner, shift = before
    left, left_below = load(at.boundary, row) + shift, load(at.boundary, row + 1) + shift
    store(at.lower, begin - block, left_below)
    edge = (left, corner, left)
    if row == 0 and begin == 0:
        edge = (splat(ZERO), corner, left)  # the path begins: from the left, with weight 1 in both step patterns
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
    query, target, _, costs, _ = scratch
    base = costs.bases[row // (len(costs.lower) - 1)]
    for lane in range(LANES):
        last_row, last_column = query.last[lane], target.last[lane]
        if row <= last_row < row + TILE_ROWS and block <= last_column < block_end:
            ends = costs.upper if last_row == row else costs.lower
            result[lane] = base[lane] + ends[1 + last_column - block, lane]
