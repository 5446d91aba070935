# pyright: basic
"""DTW of many pairs on tensor cores: groups of sequences, blocks of pairs, and what must be compared otherwise."""

from dataclasses import dataclass
from typing import Any

import numba.cuda
import numpy as np
import numpy.typing as npt

from audiosim_kernels import dtw_tensor, dtw_tensor_pack
from audiosim_kernels.dtw_tensor import N_ROWS
from audiosim_kernels.dtw_tensor_band import COLUMNS, N_COLUMNS, PAIRS, ROWS
from audiosim_kernels.dtw_tensor_pack import SCALE, Groups, Precision, n_steps
from audiosim_kernels.ragged import Frames, Integers, Ragged

cuda: Any = numba.cuda  # numba-cuda replaces the module whose types a checker sees

BUFFER_BYTES = 2**32  # rows between the rounds of the blocks in flight: 6 000 of them at 1 300 frames
LONGEST = 2**15  # frames; the band is followed in 32-bit integers
# A distance from norms has an error of about 1e-7 of the norms. Below this share of them that is too much of it.
_NEAR = 1 / 16


def suits(sequences: Ragged, precision: Precision) -> npt.NDArray[np.bool_]:
    """Whether tensor cores can compare each sequence, (n_sequences,): a property of the sequence alone."""
    if n_steps(sequences.n_dims, precision) not in N_ROWS:
        return np.zeros(len(sequences), dtype=np.bool_)
    return dtw_tensor_pack.representable(sequences) & (sequences.lengths <= LONGEST)


def near_duplicates(totals: Frames, energies: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Whether pairs of summed `energies` are so close that their totals have lost digits: they are to be re-scored."""
    return totals < _NEAR * energies


def totals(
    sequences: Ragged,
    others: Ragged,
    pairs: Integers,
    radii: Integers,
    *,
    diagonal_weight: float,
    precision: Precision,
) -> Frames:
    """Accumulated squared costs, (n_pairs,) float32, of pairs of sequences that suit; radii follow from the lengths."""
    if not len(pairs):
        return np.empty(0, dtype=np.float32)
    plan = _Plan.of(sequences, others, pairs)
    steps = n_steps(sequences.n_dims, precision)
    rows = dtw_tensor_pack.pack(sequences, plan.rows, size=ROWS, multiple=N_ROWS[steps], precision=precision)
    columns = dtw_tensor_pack.pack(others, plan.columns, size=COLUMNS, multiple=N_COLUMNS, precision=precision)
    shorter = np.minimum(sequences.lengths[pairs[:, 0]], others.lengths[pairs[:, 1]])
    banded = bool((radii < shorter - 1).any())
    compare = dtw_tensor.kernel(steps, N_ROWS[steps], dtw_tensor.N_WARPS, banded, int(diagonal_weight))
    tiles = _run(compare, rows, columns, plan.jobs, plan.tile_of(radii) if banded else None)
    return tiles[plan.job, plan.member] * np.float32(SCALE**-2)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which sequences stand in which group, and which blocks of 16 x 8 pairs are to be compared, longest first."""

    rows: Integers  # sequences on the left side, sorted by length
    columns: Integers
    jobs: Integers  # (n_jobs, 2): group of rows, group of columns
    job: Integers  # (n_pairs,): the block of each pair
    member: Integers  # (n_pairs,): its place among the block's 128

    @classmethod
    def of(cls, sequences: Ragged, others: Ragged, pairs: Integers) -> "_Plan":
        first, second = pairs[:, 0], pairs[:, 1]
        if others is sequences:
            # The distance is symmetric. With the shorter sequence on the left, only half of all blocks are needed.
            rank = np.empty(len(sequences), dtype=np.int64)
            rank[np.argsort(sequences.lengths, kind="stable")] = np.arange(len(sequences))
            swap = rank[first] > rank[second]
            first, second = np.where(swap, second, first), np.where(swap, first, second)
        rows, row_places = _by_length(sequences, first)
        columns, column_places = _by_length(others, second)
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


def _by_length(sequences: Ragged, used: Integers) -> tuple[Integers, Integers]:
    """Return the sequences in use, sorted by length, and the place of each sequence among them."""
    chosen = np.unique(used)
    order = chosen[np.argsort(sequences.lengths[chosen], kind="stable")]
    places = np.full(len(sequences), -1, dtype=np.int64)
    places[order] = np.arange(len(order))
    return order, places


def _run(compare: Any, rows: Groups, columns: Groups, jobs: Integers, radii: Any) -> Frames:  # noqa: ANN401
    """Totals by block, (n_jobs, 128), of as many blocks at once as there is memory for."""
    longest = int(np.diff(columns.offsets).max())
    n_at_once = min(len(jobs), max(1, _buffer_bytes() // (4 * PAIRS * longest)))
    boundary = cuda.device_array((n_at_once, longest, PAIRS), dtype=np.float32)
    operands = [
        (group.packed, cuda.to_device(group.offsets), cuda.to_device(group.lengths)) for group in (rows, columns)
    ]
    tiles = np.empty((len(jobs), PAIRS), dtype=np.float32)
    no_radii = cuda.to_device(np.zeros((1, PAIRS), dtype=np.int32))
    for begin in range(0, len(jobs), n_at_once):
        batch = slice(begin, min(begin + n_at_once, len(jobs)))
        result = cuda.device_array((batch.stop - begin, PAIRS), dtype=np.float32)
        compare[batch.stop - begin, (32, dtw_tensor.N_WARPS)](
            *operands[0], *operands[1], cuda.to_device(np.ascontiguousarray(jobs[batch])),
            no_radii if radii is None else cuda.to_device(radii[batch]), boundary, result,
        )  # fmt: skip
        result.copy_to_host(tiles[batch])
    return tiles


def _buffer_bytes() -> int:
    """Bytes for the rows between rounds: at most half of what the GPU has left."""
    free = cuda.current_context().get_memory_info().free  # infinite in the simulator
    return int(min(BUFFER_BYTES, free / 2))
