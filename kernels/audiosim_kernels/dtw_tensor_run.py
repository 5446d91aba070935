# pyright: basic
"""DTW of many pairs on tensor cores: groups of sequences, blocks of pairs, and what must be compared otherwise."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numba.cuda
import numpy as np
import numpy.typing as npt

from audiosim_kernels import dtw_tensor, dtw_tensor_pack
from audiosim_kernels.dtw_options import Precision
from audiosim_kernels.dtw_tensor import N_ROWS
from audiosim_kernels.dtw_tensor_band import COLUMNS, N_COLUMNS, PAIRS, ROWS
from audiosim_kernels.dtw_tensor_pack import SCALE, Groups, n_steps
from audiosim_kernels.dtw_traits import Traits
from audiosim_kernels.ragged import Frames, Integers
from audiosim_kernels.ragged_cuda import DeviceRagged

Array: TypeAlias = Any  # on the device
Radii: TypeAlias = Callable[[slice, Array], Array]  # of some jobs, whose groups are on the device: (n_jobs, 128) int32

cuda: Any = numba.cuda  # numba-cuda replaces the module whose types a checker sees

BUFFER_BYTES = 2**32  # rows between the rounds of the blocks in flight: 6 000 of them at 1 300 frames
LONGEST = 2**15  # frames; the band is followed in 32-bit integers
# A distance from norms has an error of about 1e-7 of the norms. Below this share of them that is too much of it.
NEAR = 1 / 16
UNSCALE = np.float32(SCALE**-2)  # what the kernel's totals are to be multiplied by: a power of two, so exactly


def suits(traits: Traits, n_dims: int, precision: Precision) -> npt.NDArray[np.bool_]:
    """Whether tensor cores can compare each sequence, (n_sequences,)."""
    if precision == "float32" or n_steps(n_dims, precision) not in N_ROWS:
        return np.zeros(len(traits.lengths), dtype=np.bool_)
    return dtw_tensor_pack.representable(traits, n_dims) & (traits.lengths <= LONGEST)


def near_duplicates(totals: Frames, energies: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Whether pairs of summed `energies` are so close that their totals have lost digits: they are to be re-scored."""
    return totals < NEAR * energies


def totals(
    x: DeviceRagged,
    y: DeviceRagged,
    pairs: Integers,
    radii: Integers,
    *,
    diagonal_weight: float,
    precision: Precision,
) -> Frames:
    """Accumulated squared costs, (n_pairs,) float32, of pairs of sequences that suit; radii follow from the lengths."""
    if not len(pairs):
        return np.empty(0, dtype=np.float32)
    plan = _Plan.of(x, y, pairs)
    rows, columns = pack_rows(x, plan.rows, precision), pack_columns(y, plan.columns, precision)
    banded = bool((radii < np.minimum(x.lengths[pairs[:, 0]], y.lengths[pairs[:, 1]]) - 1).any())
    compare = kernel(x.n_dims, precision, diagonal_weight, banded=banded)
    tile_radii = plan.tile_of(radii) if banded else None
    upload = None if tile_radii is None else lambda batch, _jobs: cuda.to_device(tile_radii[batch])
    tiles = np.empty((len(plan.jobs), PAIRS), dtype=np.float32)
    for batch, _, found in batches(compare, rows, columns, plan.jobs, upload):
        found.copy_to_host(tiles[batch])
    return tiles[plan.job, plan.member] * UNSCALE


def kernel(n_dims: int, precision: Precision, diagonal_weight: float, *, banded: bool) -> Any:  # noqa: ANN401
    """Return the kernel for frames of `n_dims` dimensions."""
    steps = n_steps(n_dims, precision)
    return dtw_tensor.kernel(steps, N_ROWS[steps], dtw_tensor.N_WARPS, banded, int(diagonal_weight))


def pack_rows(x: DeviceRagged, order: Integers, precision: Precision) -> Groups:
    """Pack sequences, which are sorted by length, as the left side of blocks."""
    multiple = N_ROWS[n_steps(x.n_dims, precision)]
    return dtw_tensor_pack.pack(x, order, size=ROWS, multiple=multiple, precision=precision)


def pack_columns(y: DeviceRagged, order: Integers, precision: Precision) -> Groups:
    """Pack sequences, which are sorted by length, as the right side of blocks."""
    return dtw_tensor_pack.pack(y, order, size=COLUMNS, multiple=N_COLUMNS, precision=precision)


def batches(
    compare: Any,  # noqa: ANN401
    rows: Groups,
    columns: Groups,
    jobs: Integers,
    radii: Radii | None,
) -> Iterator[tuple[slice, Array, Array]]:
    """Compare as many blocks at once as there is memory for: which they are, their groups, their totals (n, 128).

    `jobs` (n_jobs, 2) are a group of rows and a group of columns each. The totals are yet to be multiplied by UNSCALE.
    """
    n_at_once = min(len(jobs), max(1, _buffer_bytes() // (4 * PAIRS * columns.longest)))
    boundary = cuda.device_array((n_at_once, columns.longest, PAIRS), dtype=np.float32)
    no_radii = cuda.to_device(np.zeros((1, PAIRS), dtype=np.int32))
    for begin in range(0, len(jobs), n_at_once):
        batch = slice(begin, min(begin + n_at_once, len(jobs)))
        chosen = cuda.to_device(np.ascontiguousarray(jobs[batch]))
        result = cuda.device_array((len(chosen), PAIRS), dtype=np.float32)
        compare[len(chosen), (32, dtw_tensor.N_WARPS)](
            rows.packed, rows.offsets, rows.lengths, columns.packed, columns.offsets, columns.lengths,
            chosen, no_radii if radii is None else radii(batch, chosen), boundary, result,
        )  # fmt: skip
        yield batch, chosen, result


def _buffer_bytes() -> int:
    """Bytes for the rows between rounds: at most half of what the GPU has left."""
    free = cuda.current_context().get_memory_info().free  # infinite in the simulator
    return int(min(BUFFER_BYTES, free / 2))


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which sequences stand in which group, and which blocks of 16 x 8 pairs are to be compared, longest first."""

    rows: Integers  # sequences on the left side, sorted by length
    columns: Integers
    jobs: Integers  # (n_jobs, 2): group of rows, group of columns
    job: Integers  # (n_pairs,): the block of each pair
    member: Integers  # (n_pairs,): its place among the block's 128

    @classmethod
    def of(cls, x: DeviceRagged, y: DeviceRagged, pairs: Integers) -> "_Plan":
        first, second = pairs[:, 0], pairs[:, 1]
        if y is x:
            # The distance is symmetric. With the shorter sequence on the left, only half of all blocks are needed.
            rank = np.empty(len(x), dtype=np.int64)
            rank[np.argsort(x.lengths, kind="stable")] = np.arange(len(x))
            swap = rank[first] > rank[second]
            first, second = np.where(swap, second, first), np.where(swap, first, second)
        rows, row_places = _by_length(x.lengths, first)
        columns, column_places = _by_length(y.lengths, second)
        n_column_groups = -(-len(columns) // COLUMNS)
        n_row_groups = -(-len(rows) // ROWS)
        row_place, column_place = row_places[first], column_places[second]
        key = row_place // ROWS * n_column_groups + column_place // COLUMNS
        wanted = np.zeros(n_row_groups * n_column_groups, dtype=np.bool_)
        wanted[key] = True
        keys = np.flatnonzero(wanted)[::-1]  # groups are sorted by length, so these are about the longest first
        job_of_key = np.empty(len(wanted), dtype=np.int64)
        job_of_key[keys] = np.arange(len(keys))
        jobs = np.stack(np.divmod(keys, n_column_groups), axis=1)
        return cls(rows, columns, jobs, job_of_key[key], row_place % ROWS * COLUMNS + column_place % COLUMNS)

    def tile_of(self, radii: Integers) -> npt.NDArray[np.int32]:
        """Radii by block, (n_jobs, 128); -1 for pairs that nobody asked for."""
        tile = np.full((len(self.jobs), PAIRS), -1, dtype=np.int32)
        tile[self.job, self.member] = radii
        return tile


def _by_length(lengths: Integers, used: Integers) -> tuple[Integers, Integers]:
    """Return the sequences in use, sorted by length, and the place of each sequence among them."""
    present = np.zeros(len(lengths), dtype=np.bool_)
    present[used] = True
    chosen = np.flatnonzero(present)
    order = chosen[np.argsort(lengths[chosen], kind="stable")]
    places = np.full(len(lengths), -1, dtype=np.int64)
    places[order] = np.arange(len(order))
    return order, places
