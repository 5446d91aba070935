# pyright: basic
"""DTW of many pairs at once on tensor cores, for squared local costs: the kernel. `dtw_tensor_run` drives it.

The sequences themselves are the rows and columns of a matrix product: one `mma` multiplies one frame of each of 16
sequences with one frame of each of 8 others. A lane then holds the local costs of 4 pairs, always the same ones, and
follows their recurrences in registers: no shuffles, no skew, no cost matrix in memory.

A block compares 16 x 8 pairs. Its warps lie below one another, each on a strip of a few rows, and move to the right
in chunks of columns, each a chunk behind the warp above, whose lowest row it finds in shared memory::

    tick 3     chunk 0    chunk 1    chunk 2    chunk 3
    warp 0                                      now
    warp 1                           now
    warp 2                now

When all columns are done, the warps go on below (a round); the row between two rounds passes through global memory.
Sequences in a block differ in length: a cell never depends on later frames, so the shorter ones are padded, and each
pair is read off at its own corner. With a band, a round visits the chunks that any of its pairs' bands meets.
"""

from functools import cache
from typing import Any, TypeAlias

import numba.cuda
import numpy as np

from audiosim_kernels import dtw_tensor_strip as strips
from audiosim_kernels.dtw_cell import ZERO
from audiosim_kernels.dtw_tensor_band import LANE_PAIRS, N_COLUMNS, PAIRS, extent

Array: TypeAlias = Any  # on the device
Kernel: TypeAlias = Any  # numba has no types for what it compiles

cuda: Any = numba.cuda  # numba-cuda replaces the module whose types a checker sees

N_WARPS = 8
N_ROWS = {2: 8, 4: 6}  # of a warp's strip, by the product sums of a local cost: as many as 255 registers hold
_ALL_LANES = 0xFFFFFFFF


@cache
def kernel(n_steps: int, n_rows: int, n_warps: int, banded: bool, diagonal_weight: int) -> Kernel:  # noqa: FBT001
    """Build the kernel: `n_steps` product sums a local cost, strips of `n_rows` rows, `n_warps` of them at once.

    What is known here is a constant to the compiler: it unrolls the loops over a chunk's columns, a strip's rows and a
    lane's pairs, and the local arrays become registers.
    """
    n_words = 4 * n_steps
    round_rows = n_warps * n_rows
    n_shared = n_warps * strips.SHARED
    move = _mover(n_steps, banded=banded, diagonal_weight=diagonal_weight)

    @cuda.jit
    def compare(  # noqa: PLR0917 - kernels are called by position
        row_words: Array,
        row_offsets: Array,
        row_lengths: Array,
        column_words: Array,
        column_offsets: Array,
        column_lengths: Array,
        jobs: Array,
        radii: Array,
        boundary: Array,
        result: Array,
    ) -> None:
        """Accumulated costs of this block's 16 x 8 pairs."""
        shared = cuda.shared.array(n_shared, np.float32)
        frames = cuda.local.array((n_rows, n_words), np.uint32)
        accumulated = cuda.local.array((n_rows, LANE_PAIRS), np.float32)
        above = cuda.local.array((N_COLUMNS, LANE_PAIRS), np.float32)
        corner = cuda.local.array(LANE_PAIRS, np.float32)  # the cell above and to the left of the chunk
        final_chunk = cuda.local.array(LANE_PAIRS, np.int32)
        lane, warp = np.int32(cuda.threadIdx.x), np.int32(cuda.threadIdx.y)
        job = cuda.blockIdx.x
        row_group, column_group = jobs[job, 0], jobs[job, 1]
        lengths = row_lengths[row_group], column_lengths[column_group]
        ends = lengths, radii, job, result
        row_base = row_offsets[row_group] * (n_steps * 128) + lane * 4
        column_base = column_offsets[column_group] * (n_steps * 64) + lane * 4
        boundary_base = job * boundary.shape[1] * PAIRS + lane * 4
        n_group_rows = np.int32(row_offsets[row_group + 1] - row_offsets[row_group])
        n_chunks = np.int32((column_offsets[column_group + 1] - column_offsets[column_group]) // N_COLUMNS)
        begin = end = np.int32(0)
        for round_row in range(0, n_group_rows, round_rows):
            top = np.int32(round_row + warp * n_rows)
            known_end = end  # up to this chunk the row above the round is known; no round begins before the last one
            begin, end, band = np.int32(0), n_chunks, (0, 0, 0, 0)
            if banded:
                # A row more, since the first cell of a round may follow the last one of the row above.
                outer = extent(round_row - 1, round_row + round_rows - 1, lane, lengths, radii[job])
                begin, end = np.int32(outer[0]), np.int32(outer[1])
                band = extent(top, top + n_rows - 1, lane, lengths, radii[job])
            if top < n_group_rows:
                strips.load(frames, row_words, row_base + top * (n_steps * 128))
            strips.begin(accumulated, corner, final_chunk, top, lane, lengths)
            for tick in range(begin, np.int32(end + n_warps - 1)):
                chunk = np.int32(tick - warp)
                if begin <= chunk < end and top < n_group_rows:
                    outside = boundary_base + chunk * (N_COLUMNS * PAIRS)
                    strips.read_above(above, shared, boundary, outside, chunk < known_end, warp, lane, tick)
                    at = column_base + chunk * (N_COLUMNS * n_steps * 64)
                    move(accumulated, above, corner, frames, column_words, at, top, chunk, final_chunk, band, ends)
                    strips.write_below(above, shared, boundary, outside, warp == n_warps - 1, warp, lane, tick)
                cuda.syncthreads()

    return compare


def _mover(n_steps: int, *, banded: bool, diagonal_weight: int) -> Kernel:
    """Build the function that moves a strip across one chunk: over it, plainly, or with care."""
    advance = strips.advancer(n_steps, diagonal_weight, careful=False, banded=banded)
    advance_carefully = strips.advancer(n_steps, diagonal_weight, careful=True, banded=banded)

    @cuda.jit(device=True)
    def move(accumulated, above, corner, frames, words, at, top, chunk, final_chunk, band, ends):  # noqa: ANN001, ANN202, PLR0917
        if top + chunk == 0:
            for pair in range(LANE_PAIRS):
                above[0, pair] = ZERO  # paths enter the first cell from above, with weight 1
        final = chunk == final_chunk[0] or chunk == final_chunk[1]
        final = final or chunk == final_chunk[2] or chunk == final_chunk[3]
        final = cuda.any_sync(_ALL_LANES, final)
        if banded and (chunk < band[0] or chunk >= band[1]):
            strips.skip(accumulated, above, corner)
        elif final or (banded and (chunk < band[2] or chunk >= band[3])):
            advance_carefully(accumulated, above, corner, frames, words, at, top, chunk, ends)
        else:
            advance(accumulated, above, corner, frames, words, at, top, chunk, ends)

    return move
