# pyright: basic
"""Lists of the nearest on CUDA: tiles of a matrix are merged, where they lie, into those of its rows or columns."""

from typing import Any, TypeAlias

import numba.cuda
import numpy as np

from audiosim_kernels import nearest_cell
from audiosim_kernels.dtw_cell import INFINITY

Array: TypeAlias = Any  # on the device

cuda: Any = numba.cuda  # numba-cuda replaces the module whose types a checker sees

WARPS_PER_BLOCK = 4
_ALL_LANES = 0xFFFFFFFF

cuda.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # a launch for three songs is meant to be small

_insert = cuda.jit(device=True)(nearest_cell.insert)


def merge(tile: Array, first_candidate: int, own: int, indices: Array, nearest: Array, *, by_column: bool) -> None:
    """Merge the rows of a tile, or its columns, into as many sorted lists.

    The candidates of a list are numbered from `first_candidate`; the one at `own` + the list's place in the tile is the
    sequence itself and is passed over. A list's tiles come in the order of their candidates.
    """
    n_lists = tile.shape[by_column]
    n_blocks = -(-n_lists // WARPS_PER_BLOCK)
    kernel[n_blocks, (32, WARPS_PER_BLOCK)](tile, first_candidate, own, by_column, indices, nearest)


@cuda.jit
def kernel(  # noqa: PLR0917 - kernels are called by position
    tile: Array,
    first_candidate: int,
    own: int,
    by_column: bool,  # noqa: FBT001
    indices: Array,
    nearest: Array,
) -> None:
    """Merge a row or a column into its list: the warp looks at 32 candidates at once, its first lane inserts."""
    lane = cuda.threadIdx.x
    place = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    if place >= nearest.shape[0]:
        return
    n_candidates = tile.shape[0] if by_column else tile.shape[1]
    last = nearest.shape[1] - 1
    for begin in range(0, n_candidates, 32):
        candidate = begin + lane
        distance = INFINITY
        if candidate < n_candidates and candidate != place + own:
            distance = tile[candidate, place] if by_column else tile[place, candidate]
        if cuda.any_sync(_ALL_LANES, distance < nearest[place, last]):
            for source in range(32):
                offered = cuda.shfl_sync(_ALL_LANES, distance, source)
                if lane == 0 and offered < nearest[place, last]:
                    _insert(offered, np.int64(first_candidate + begin + source), nearest, indices, place)
            cuda.syncwarp(_ALL_LANES)  # the other lanes are about to read what the first has written
