# pyright: basic
"""Between the blocks of `dtw_tensor`, whose sequences stand sorted by length, and a tile of a matrix, on the device.

A tile has a row and a column for each sequence of its two sides. Where these are the same sequences, only the pairs
with the lower place in the order by length on the left are wanted, and stand in the tile twice.
"""

from typing import Any, TypeAlias

import numba.cuda
import numpy as np

from audiosim_kernels.dtw_tensor_band import COLUMNS, PAIRS, ROWS
from audiosim_kernels.dtw_tensor_pack import Groups
from audiosim_kernels.dtw_tensor_run import NEAR, UNSCALE
from audiosim_kernels.ragged import Integers

Array: TypeAlias = Any  # on the device
Number: TypeAlias = Any

cuda: Any = numba.cuda  # numba-cuda replaces the module whose types a checker sees


def jobs(rows: Groups, columns: Groups, *, same: bool) -> Integers:
    """Blocks of a tile with a wanted pair, (n_jobs, 2): group of rows, group of columns; about the longest first."""
    row_group, column_group = np.indices((len(rows), len(columns))).reshape(2, -1)[:, ::-1]
    wanted = row_group * ROWS < column_group * COLUMNS + COLUMNS - 1 if same else slice(None)
    return np.stack([row_group[wanted], column_group[wanted]], axis=1)


@cuda.jit(device=True)
def _members(job: Number, pair: Number, jobs: Array, row_members: Array, column_members: Array, same: bool) -> Any:  # noqa: ANN401, FBT001, PLR0917
    """Row and column of one of a block's pairs in the tile; -1 if it is none that is wanted."""
    row, column = row_members[jobs[job, 0], pair // COLUMNS], column_members[jobs[job, 1], pair % COLUMNS]
    turned = jobs[job, 0] * ROWS + pair // COLUMNS >= jobs[job, 1] * COLUMNS + pair % COLUMNS
    if row < 0 or column < 0 or (same and turned):
        return -1, -1
    return row, column


@cuda.jit
def draw_radii(  # noqa: PLR0917 - kernels are called by position
    jobs: Array,
    row_members: Array,
    row_lengths: Array,
    column_members: Array,
    column_lengths: Array,
    radius_of: Array,
    same: bool,  # noqa: FBT001
    radii: Array,
) -> None:
    """Band radius of each of a block's pairs, by the longer sequence; -1 if nobody asked for the pair."""
    job, pair = cuda.blockIdx.x, cuda.threadIdx.x
    radius = np.int32(-1)
    if _members(job, pair, jobs, row_members, column_members, same)[0] >= 0:
        n = row_lengths[jobs[job, 0], pair // COLUMNS]
        radius = np.int32(radius_of[max(n, column_lengths[jobs[job, 1], pair % COLUMNS])])
    radii[job, pair] = radius


@cuda.jit
def spread(  # noqa: PLR0917
    found: Array,
    jobs: Array,
    row_members: Array,
    column_members: Array,
    row_energies: Array,
    column_energies: Array,
    same: bool,  # noqa: FBT001
    tile: Array,
    again: Array,
    n_again: Array,
) -> None:
    """Write the totals of a block into the tile, and list the near-duplicates, which are to be compared again."""
    job, pair = cuda.blockIdx.x, cuda.threadIdx.x
    row, column = _members(job, pair, jobs, row_members, column_members, same)
    if row < 0:
        return
    total = found[job, pair] * UNSCALE
    tile[row, column] = total
    if same:
        tile[column, row] = total
    if np.float64(total) < NEAR * (row_energies[row] + column_energies[column]):
        place = cuda.atomic.add(n_again, 0, 1)
        again[place, 0], again[place, 1] = row, column


def radii_of(jobs_on_device: Array, rows: Groups, columns: Groups, radius_of: Array, *, same: bool) -> Array:
    """Band radii of blocks, (n_jobs, 128)."""
    radii = cuda.device_array((len(jobs_on_device), PAIRS), dtype=np.int32)
    draw_radii[len(radii), PAIRS](
        jobs_on_device, rows.members, rows.lengths, columns.members, columns.lengths, radius_of, same, radii
    )
    return radii
