# pyright: basic
"""DTW of all pairs of two sides on CUDA, tile by tile: what is computed stays on the device until it is asked for.

A side is cut into blocks of consecutive sequences, a tile is one block against another. Beside the tile in hand, the
device holds the blocks for which there is room. Tiles come row by row, those of one row of blocks in the order of their
columns; where a side is compared with itself, only those on and above the diagonal.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numba.cuda
import numpy as np

from audiosim_kernels import dtw_cuda, dtw_tensor_run, dtw_tensor_tile, dtw_warp, nearest_cuda
from audiosim_kernels.dtw_options import Precision
from audiosim_kernels.dtw_tensor_pack import Groups
from audiosim_kernels.ragged import Frames, Integers, Ragged
from audiosim_kernels.ragged_cuda import DeviceRagged

Array: TypeAlias = Any  # on the device

cuda: Any = numba.cuda  # numba-cuda replaces the module whose types a checker sees

BLOCK_SEQUENCES = 2_048
BLOCK_FRAMES = 2**22  # 340 MB of 20 dimensions, and 1 GB packed for tensor cores in both roles
_THREADS = (8, 32)
_NONE = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about every pair."""

    squared: bool
    diagonal_weight: float
    normalize: bool
    precision: Precision
    radius_of: Integers  # band radius by the frames of a pair's longer sequence

    @property
    def banded(self) -> bool:
        """Whether any pair may have a band that forbids a cell."""
        return bool((self.radius_of < np.arange(len(self.radius_of)) - 1).any())


@dataclass(frozen=True, slots=True)
class Tile:
    """Distances of some rows to some columns, on the device."""

    rows: slice
    columns: slice
    distances: Array
    mirrored: bool  # whether it also stands for the same columns' distances to these rows


def matrix(rows: Ragged, columns: Ragged | None, question: Question, result: Frames) -> int | None:
    """Fill `result` (n_rows, n_columns); return the first place in it, row by row, that left float32."""
    places = _Places()
    for tile in _tiles(rows, columns, question, places):
        found = tile.distances.copy_to_host()
        result[tile.rows, tile.columns] = found
        if tile.mirrored:
            result[tile.columns, tile.rows] = found.T
    return places.first()


def top_k(rows: Ragged, columns: Ragged | None, question: Question, k: int) -> tuple[Integers, Frames, int | None]:
    """Indices and distances (n_rows, k) of the nearest columns, -1 and inf where there are fewer; and as `matrix`."""
    places = _Places()
    indices = cuda.to_device(np.full((len(rows), k), -1, dtype=np.int64))
    nearest = cuda.to_device(np.full((len(rows), k), np.inf, dtype=np.float32))
    for tile in _tiles(rows, columns, question, places):
        # Of the tile's columns, the one that is a row itself; far outside where rows and columns are different things.
        own = tile.rows.start - tile.columns.start if columns is None else -len(rows)
        merge = nearest_cuda.merge
        merge(tile.distances, tile.columns.start, own, indices[tile.rows], nearest[tile.rows], by_column=False)
        if tile.mirrored:
            merge(tile.distances, tile.rows.start, -own, indices[tile.columns], nearest[tile.columns], by_column=True)
    return indices.copy_to_host(), nearest.copy_to_host(), places.first()


class _Places:
    """Where in the matrix totals have left float32: the first place, kept on the device."""

    def __init__(self) -> None:
        self.least = cuda.to_device(np.full(1, _NONE))

    def first(self) -> int | None:
        """Return the first place, if there is one."""
        place = int(self.least.copy_to_host()[0])
        return None if place == _NONE else place


def _tiles(rows: Ragged, columns: Ragged | None, question: Question, places: _Places) -> Iterator[Tile]:
    left = _Side(rows, question)
    right = left if columns is None else _Side(columns, question)
    radius_of = cuda.to_device(question.radius_of.astype(np.int32))
    for i in range(len(left.parts)):
        for j in range(i if columns is None else 0, len(right.parts)):
            x, y = left.block(i), right.block(j)
            totals = _totals(x, y, question, radius_of)
            grid = tuple(-(-size // n) for size, n in zip(totals.shape, _THREADS, strict=True))
            finish[grid, _THREADS](
                totals, x.sequences.offsets, y.sequences.offsets, question.normalize, x is y,
                x.part.start, y.part.start, right.n_sequences, places.least,
            )  # fmt: skip
            yield Tile(x.part, y.part, totals, mirrored=columns is None and x is not y)


# --- the two sides


@dataclass(frozen=True, slots=True)
class _Block:
    """Consecutive sequences of a side, on the device, and the kernels that suit them."""

    part: slice
    sequences: DeviceRagged
    suited: dtw_cuda.Suited
    energies: Array
    rows: Groups | None  # those that suit tensor cores, packed as the left side of a product
    columns: Groups | None

    @classmethod
    def of(cls, sequences: Ragged, part: slice, suited: dtw_cuda.Suited, precision: Precision) -> "_Block":
        own = dtw_cuda.Suited(suited.tensor[part], suited.double[part], suited.energies[part])
        on_device = DeviceRagged.of(sequences, part)
        order = np.flatnonzero(own.tensor)
        order = order[np.argsort(on_device.lengths[order], kind="stable")]
        rows = dtw_tensor_run.pack_rows(on_device, order, precision) if order.size else None
        columns = dtw_tensor_run.pack_columns(on_device, order, precision) if order.size else None
        return cls(part, on_device, own, cuda.to_device(own.energies), rows, columns)


@dataclass(slots=True)
class _Side:
    sequences: Ragged
    question: Question
    parts: list[slice] = field(init=False)
    suited: dtw_cuda.Suited = field(init=False)
    held: dict[int, _Block] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.parts = parts(self.sequences.offsets)
        self.suited = dtw_cuda.Suited.of(self.sequences, self.question.precision)

    @property
    def n_sequences(self) -> int:
        return len(self.sequences)

    def block(self, number: int) -> _Block:
        """Return a block, on the device; the one that was least lately asked for makes room."""
        block = self.held.pop(number, None)
        if block is None:
            while len(self.held) > 1 and not _has_room(self.sequences, self.parts[number]):
                del self.held[next(iter(self.held))]
            block = _Block.of(self.sequences, self.parts[number], self.suited, self.question.precision)
        self.held[number] = block
        return block


def parts(offsets: Integers) -> list[slice]:
    """Cut a collection into blocks of at most BLOCK_SEQUENCES sequences and BLOCK_FRAMES frames, or of one sequence."""
    found, begin, n_sequences = [], 0, len(offsets) - 1
    while begin < n_sequences:
        fitting = int(np.searchsorted(offsets, offsets[begin] + BLOCK_FRAMES, side="right")) - 1
        end = min(max(fitting, begin + 1), begin + BLOCK_SEQUENCES, n_sequences)
        found.append(slice(begin, end))
        begin = end
    return found


def _has_room(sequences: Ragged, part: slice) -> bool:
    """Whether the block fits into a quarter of what the device has left."""
    n_frames = int(sequences.offsets[part.stop] - sequences.offsets[part.start])
    n_bytes = n_frames * 4 * (sequences.n_dims + 2 * 32)  # float32, and at most 64 float16 in each of two packed forms
    return 4 * n_bytes < cuda.current_context().get_memory_info().free


# --- one tile


def _totals(x: _Block, y: _Block, question: Question, radius_of: Array) -> Array:
    """Accumulated costs (n_rows, n_columns); of a block with itself, those of i < j also stand at (j, i)."""
    tile = cuda.device_array((len(x.sequences), len(y.sequences)), dtype=np.float32)
    rest = ~(x.suited.tensor[:, np.newaxis] & y.suited.tensor)
    if x is y:
        rest = np.triu(rest, k=1)
    pairs = np.argwhere(rest)
    if x.rows is not None and y.columns is not None:
        pairs = np.concatenate([pairs, _on_tensor_cores(x, y, question, radius_of, tile)])
    lengths = np.maximum(x.sequences.lengths[pairs[:, 0]], y.sequences.lengths[pairs[:, 1]])
    radii = question.radius_of[lengths]
    double = x.suited.double[pairs[:, 0]] | y.suited.double[pairs[:, 1]]
    options = {"squared": question.squared, "diagonal_weight": question.diagonal_weight}
    for wide in (False, True):
        chosen = double == wide
        some = np.ascontiguousarray(pairs[chosen])
        for _, batch, found in dtw_warp.batches(x.sequences, y.sequences, some, radii[chosen], **options, double=wide):
            scatter[-(-len(found) // 128), 128](batch, found, x is y, tile)
    return tile


def _on_tensor_cores(x: _Block, y: _Block, question: Question, radius_of: Array, tile: Array) -> Integers:
    """Write the totals of all pairs that suit into the tile; return those that are to be compared again."""
    rows, columns, same = x.rows, y.columns, x is y
    assert rows is not None
    assert columns is not None
    jobs = dtw_tensor_tile.jobs(rows, columns, same=same)
    again = cuda.device_array((tile.size, 2), dtype=np.int32)
    n_again = cuda.to_device(np.zeros(1, dtype=np.int64))
    compare = dtw_tensor_run.kernel(
        x.sequences.n_dims, question.precision, question.diagonal_weight, banded=question.banded
    )

    def radii(_: slice, chosen: Array) -> Array:
        return dtw_tensor_tile.radii_of(chosen, rows, columns, radius_of, same=same)

    for _, chosen, found in dtw_tensor_run.batches(compare, rows, columns, jobs, radii if question.banded else None):
        dtw_tensor_tile.spread[len(found), found.shape[1]](
            found, chosen, rows.members, columns.members, x.energies, y.energies, same, tile, again, n_again
        )
    n_pairs = int(n_again.copy_to_host()[0])
    pairs = again[:n_pairs].copy_to_host() if n_pairs else np.empty((0, 2), dtype=np.int32)
    return pairs.astype(np.int64)


@cuda.jit
def scatter(pairs: Array, totals: Array, same: bool, tile: Array) -> None:  # noqa: FBT001
    """Write the totals of listed pairs where they belong, of a block with itself twice."""
    pair = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if pair < totals.size:
        row, column = pairs[pair, 0], pairs[pair, 1]
        tile[row, column] = totals[pair]
        if same:
            tile[column, row] = totals[pair]


@cuda.jit
def finish(  # noqa: PLR0917 - kernels are called by position
    tile: Array,
    row_offsets: Array,
    column_offsets: Array,
    normalize: bool,  # noqa: FBT001
    same: bool,  # noqa: FBT001
    first_row: int,
    first_column: int,
    n_columns: int,
    least: Array,
) -> None:
    """Turn totals into distances, and note the first place in the matrix where one left float32."""
    row = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    column = cuda.blockIdx.y * cuda.blockDim.y + cuda.threadIdx.y
    if row >= tile.shape[0] or column >= tile.shape[1]:
        return
    total = tile[row, column]
    if same and row == column:
        total = np.float32(0)
    elif not math.isfinite(total):
        cuda.atomic.min(least, 0, (first_row + row) * n_columns + first_column + column)
    if normalize:
        n = row_offsets[row + 1] - row_offsets[row]
        total /= np.float32(n + column_offsets[column + 1] - column_offsets[column])
    tile[row, column] = total
